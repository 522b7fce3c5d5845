package dev.keepline.android

import android.content.Context
import androidx.lifecycle.DefaultLifecycleObserver
import androidx.lifecycle.LifecycleOwner
import dev.keepline.ClosedException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.launch
import kotlin.time.Duration.Companion.seconds

/** Tells the client when the app is on the screen and when it has left. Not tested on a device. */
internal class ScreenObserver(context: Context, private val presence: Presence) : DefaultLifecycleObserver {
    private val context = context.applicationContext
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private var leaving: Job? = null

    override fun onStart(owner: LifecycleOwner) {
        unlessClosed { presence.arrive() }
        leaving?.cancel()
        FlushWorker.cancel(context)
    }

    override fun onStop(owner: LifecycleOwner) {
        presence.leave()
        leaving = scope.launch { unlessClosed { presence.sleep(LEAVING_MAX) } }
        // What did not get out in that time gets out when there is a network.
        FlushWorker.enqueue(context)
    }

    private inline fun unlessClosed(block: () -> Unit) {
        try {
            block()
        } catch (_: ClosedException) {
            // The app has shut the client down, and hears of it where it uses it.
        }
    }

    private companion object {
        /** Android lets an app that was left run for some seconds; what takes longer belongs to the worker. */
        val LEAVING_MAX = 5.seconds
    }
}
