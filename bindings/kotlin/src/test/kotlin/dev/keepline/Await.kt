package dev.keepline

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** How long a test waits for what has to happen: generous, since the machine may be busy. */
internal val SOON = 30.seconds

/** Waits for something that has to happen soon. */
internal suspend fun <T> soon(block: suspend CoroutineScope.() -> T): T = withTimeout(SOON, block)

/** Runs a test that has to end. */
internal fun test(within: Duration = 90.seconds, block: suspend CoroutineScope.() -> Unit) {
    runBlocking(Dispatchers.Default) { withTimeout(within, block) }
}

/** Waits until the status is like this. */
internal suspend fun KeeplineClient.awaitStatus(isWanted: (Status) -> Boolean): Status =
    soon { statusChanges.first(isWanted) }

/** Waits until there is a line. */
internal suspend fun KeeplineClient.awaitOnline(): Status = awaitStatus { it.line is Line.Online }

/** The outcome in the type of the reply, which has to be an accepted one. */
internal suspend fun <R> Submission<R>.accepted(): R =
    when (val outcome = soon { outcome() }) {
        is Outcome.Accepted -> outcome.reply
        else -> error("not accepted: $outcome")
    }
