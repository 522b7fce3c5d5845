package dev.keepline.android

import dev.keepline.KeeplineClient
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import kotlin.time.Duration

/**
 * Whether the app is on the screen, and what that means for its client: it is suspended while the app is away, and
 * never while somebody looks at it.
 *
 * It knows nothing of Android, so that it is compiled and tested with the package.
 */
internal class Presence(private val client: KeeplineClient) {
    /** Before the app was seen it is away: WorkManager may have started the process for a worker alone. */
    @Volatile
    private var isOnScreen = false

    /** Leaving and the worker both suspend at their end: one after the other, or one would do it under the other. */
    private val away = Mutex()

    /** The app is on the screen. */
    fun arrive() {
        isOnScreen = true
        client.foreground()
    }

    /** The app is not on the screen any more; [sleep] or [flush] follow. */
    fun leave() {
        isOnScreen = false
    }

    /** Gets out what can be got out before [deadline], and suspends, unless the app is back. */
    suspend fun sleep(deadline: Duration): Unit = away.withLock {
        if (isOnScreen) return
        try {
            client.background(deadline)
        } finally {
            stayOnScreen()
        }
    }

    /**
     * Opens the client for as long as it takes to get the queue out, [deadline] at the most, and suspends it again
     * within [suspendMax], also when it is cancelled. Gives whether nothing is pending.
     */
    suspend fun flush(deadline: Duration, suspendMax: Duration): Boolean = away.withLock {
        try {
            client.foreground()
            client.flush(deadline)
        } finally {
            withContext(NonCancellable) { suspendUnlessOnScreen(suspendMax) }
        }
    }

    private suspend fun suspendUnlessOnScreen(deadline: Duration) {
        if (isOnScreen) return
        client.suspend(deadline)
        stayOnScreen()
    }

    /** Who came back in the moment of a suspension said so before it: the last word has to be theirs. */
    private fun stayOnScreen() {
        if (isOnScreen) client.foreground()
    }
}
