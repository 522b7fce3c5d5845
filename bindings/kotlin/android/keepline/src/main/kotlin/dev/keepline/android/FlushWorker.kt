package dev.keepline.android

import android.content.Context
import androidx.work.BackoffPolicy
import androidx.work.Constraints
import androidx.work.CoroutineWorker
import androidx.work.ExistingWorkPolicy
import androidx.work.NetworkType
import androidx.work.OneTimeWorkRequestBuilder
import androidx.work.WorkManager
import androidx.work.WorkerParameters
import dev.keepline.ClosedException
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/**
 * Gets the queue out while the app is away, once there is a network. Not tested on a device.
 *
 * It needs the process's client, which `Application.onCreate` has opened before any worker runs.
 */
public class FlushWorker(context: Context, parameters: WorkerParameters) : CoroutineWorker(context, parameters) {
    override suspend fun doWork(): Result {
        val presence = presence ?: return Result.retry()
        return try {
            // Stopped by the system or by the app's return, it is cancelled in here.
            if (presence.flush(FLUSH_MAX, SUSPEND_MAX)) Result.success() else Result.retry()
        } catch (_: ClosedException) {
            Result.success()
        }
    }

    internal companion object {
        /** That of the process's client: WorkManager makes workers by itself, and gives them nothing. */
        @Volatile
        var presence: Presence? = null

        private const val NAME = "keepline-flush"

        /** A worker is stopped after ten minutes; a queue that long goes on with the next. */
        private val FLUSH_MAX = 5.minutes
        private val SUSPEND_MAX = 5.seconds
        private const val BACKOFF_SECONDS = 30L

        fun enqueue(context: Context) {
            val constraints = Constraints.Builder().setRequiredNetworkType(NetworkType.CONNECTED).build()
            val work = OneTimeWorkRequestBuilder<FlushWorker>()
                .setConstraints(constraints)
                .setBackoffCriteria(BackoffPolicy.EXPONENTIAL, BACKOFF_SECONDS, TimeUnit.SECONDS)
                .build()
            WorkManager.getInstance(context).enqueueUniqueWork(NAME, ExistingWorkPolicy.REPLACE, work)
        }

        /** Ends the work where it waits and where it runs: an app on the screen gets its queue out by itself. */
        fun cancel(context: Context) {
            WorkManager.getInstance(context).cancelUniqueWork(NAME)
        }
    }
}
