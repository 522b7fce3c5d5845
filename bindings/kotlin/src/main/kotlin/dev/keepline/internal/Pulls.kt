package dev.keepline.internal

import dev.keepline.ClosedException
import dev.keepline.CursorMode
import dev.keepline.Envelope
import dev.keepline.OutboxChange
import dev.keepline.Place
import dev.keepline.Status
import dev.keepline.Stream
import dev.keepline.Tapped
import dev.keepline.core.CoreChangeSource
import dev.keepline.core.CoreEventSource
import dev.keepline.core.CoreItem
import dev.keepline.core.CoreStatusSource
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.serialization.json.Json

/**
 * How many items a pull asks for. A pull costs the same for one item as for many; more than this brings nothing, and a
 * stored cursor lags by one batch at the most.
 */
internal const val PULL_MAX = 128u

/**
 * Pulls a stream's events while it is collected. How many of a batch were taken is told with the next pull: an event is
 * taken when the collector comes back for the one after it.
 */
internal fun eventFlow(
    stream: Stream,
    cursor: CursorMode,
    convert: EventConversion,
    open: () -> CoreEventSource,
): Flow<Envelope> = flow {
    open().use { source ->
        val take = if (cursor == CursorMode.Manual) source.taker() else NOTHING
        val isAuto = cursor == CursorMode.Auto
        var held = 0uL
        var taken = 0u
        try {
            while (true) {
                val used = if (isAuto) taken else 0u
                val batch = awaiting { source.nextEvents(held, used, PULL_MAX) }
                held = batch.number
                taken = 0u
                val then = batch.then
                if (batch.events.isEmpty() && then == null) break
                val converted = convert.ofBatch(stream, batch, take)
                for (event in batch.events) {
                    emit(converted.envelope(event))
                    taken++
                }
                if (then != null) {
                    convert.envelope(stream, then, take)?.let { emit(it) }
                    taken++
                }
            }
        } catch (end: Throwable) {
            // The collector has what it wanted, the last event included.
            if (endedEarly(end)) taken++
            throw end
        } finally {
            source.end(held, if (isAuto) taken else 0u)
        }
    }
}

/** Moves the cursor up to a place, for as long as the source is open. */
private fun CoreEventSource.taker(): (Place) -> Unit = { place ->
    if (!uniffiIsDestroyed) {
        try {
            ackUpTo(place.offset.toULong())
        } catch (_: IllegalStateException) {
            // It was closed in this moment: the collection has ended, and with it the cursor's moves.
        }
    }
}

private val NOTHING: (Place) -> Unit = {}

internal fun tapFlow(stream: Stream, convert: EventConversion, open: () -> CoreEventSource): Flow<Tapped<Envelope>> =
    flow {
        open().use { source ->
            var held = 0uL
            try {
                while (true) {
                    val batch = awaiting { source.nextEvents(held, PULL_MAX, PULL_MAX) }
                    held = batch.number
                    val then = batch.then
                    if (batch.events.isEmpty() && then == null) break
                    val converted = convert.ofBatch(stream, batch, NOTHING)
                    batch.events.forEach { emit(Tapped.Item(converted.envelope(it))) }
                    if (then is CoreItem.Lagged) emit(Tapped.Lagged(then.count.toLong()))
                    then?.let { convert.envelope(stream, it, NOTHING) }?.let { emit(Tapped.Item(it)) }
                }
            } finally {
                source.end(held, 0u)
            }
        }
    }

/** Where the client was shut down before, [open] throws that, and [last] alone is left to tell. */
internal fun statusFlow(last: () -> Status, open: () -> CoreStatusSource): Flow<Status> = flow {
    val opened = unlessClosed(open)
    if (opened == null) {
        emit(last())
        return@flow
    }
    opened.use { source ->
        var held = 0uL
        try {
            while (true) {
                val batch = awaiting { source.nextStatuses(held, PULL_MAX) }
                held = batch.number
                if (batch.statuses.isEmpty()) break
                batch.statuses.forEach { emit(it.toStatus()) }
            }
        } finally {
            source.end()
        }
    }
}

/** Where the client was shut down before, [open] throws that, and there is nothing to tell. */
internal fun outboxFlow(json: Json, open: () -> CoreChangeSource): Flow<OutboxChange> = flow {
    unlessClosed(open)?.use { source ->
        var held = 0uL
        try {
            while (true) {
                val batch = awaiting { source.nextChanges(held, PULL_MAX) }
                held = batch.number
                if (batch.changes.isEmpty()) break
                batch.changes.forEach { emit(it.toChange(json)) }
            }
        } finally {
            source.end()
        }
    }
}

private inline fun <T : Any> unlessClosed(open: () -> T): T? =
    try {
        open()
    } catch (_: ClosedException) {
        null
    }
