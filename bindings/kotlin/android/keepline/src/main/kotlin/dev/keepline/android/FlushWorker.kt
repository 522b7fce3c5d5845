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
import dev.keepline.KeeplineClient
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
        val client = client ?: return Result.retry()
        return try {
            // A suspended client has its files closed; this opens it for as long as the work takes.
            client.foreground()
            val isEmpty = client.flush(FLUSH_MAX)
            client.suspend(SUSPEND_MAX)
            if (isEmpty) Result.success() else Result.retry()
        } catch (_: ClosedException) {
            Result.success()
        }
    }

    internal companion object {
        /** The process's client: WorkManager makes workers by itself, and gives them nothing. */
        @Volatile
        var client: KeeplineClient? = null

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
    }
}
