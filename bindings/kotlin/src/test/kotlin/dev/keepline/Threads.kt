package dev.keepline

import kotlinx.coroutines.delay
import kotlinx.coroutines.withTimeout
import java.nio.file.Path
import kotlin.io.path.isDirectory
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.readText
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** The threads of the library in this process, by the names that the kernel has. */
internal fun libraryThreads(): List<String> {
    val tasks = Path.of("/proc/self/task")
    if (!tasks.isDirectory()) return emptyList()
    return tasks.listDirectoryEntries()
        // One that ends in this moment has no name any more.
        .mapNotNull { runCatching { it.resolve("comm").readText().trim() }.getOrNull() }
        .filter { it.startsWith("keepline") }
}

/** Fails where a thread of the library is left two seconds after the end of its clients. */
internal suspend fun awaitNoThreads() {
    withTimeout(2.seconds) {
        // The kernel tells nobody that a thread has ended.
        while (libraryThreads().isNotEmpty()) delay(5.milliseconds)
    }
}
