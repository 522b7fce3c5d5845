package dev.keepline.android

import android.content.Context
import androidx.lifecycle.ProcessLifecycleOwner
import dev.keepline.KeeplineClient
import dev.keepline.KeeplineConfig
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import java.io.File

/** A client that follows the app: its screen, its network, its sleep. Not tested on a device. */
public object KeeplineAndroid {
    /**
     * Opens a client whose database is not backed up, and tells it from then on when the app comes and goes and when
     * the network does. One client a process: call it where the `Application` begins, and keep what it gives.
     *
     * @throws dev.keepline.OpenException as [KeeplineClient.open].
     */
    public suspend fun open(
        context: Context,
        url: String,
        configure: KeeplineConfig.() -> Unit = {},
    ): KeeplineClient {
        val client = KeeplineClient.open(url, database(context).path, configure)
        val presence = Presence(client)
        FlushWorker.presence = presence
        NetworkObserver(context, client).begin()
        // Observers are added on the main thread.
        withContext(Dispatchers.Main) {
            ProcessLifecycleOwner.get().lifecycle.addObserver(ScreenObserver(context, presence))
        }
        return client
    }

    /** Where the database lies: a backup that is restored on another device must not have it. */
    public fun database(context: Context): File = File(context.noBackupFilesDir, "keepline/queue.db")
}
