package dev.keepline.internal

import dev.keepline.Envelope
import kotlinx.coroutines.flow.Flow

/**
 * A stream whose consumer is here already, before anybody collects it.
 *
 * Collecting [envelopes] gives the stream back at its end. Where nobody ever does, [giveBack] has to; it may come at
 * any time and more than once.
 */
internal class Reserved(val envelopes: Flow<Envelope>, val giveBack: () -> Unit)
