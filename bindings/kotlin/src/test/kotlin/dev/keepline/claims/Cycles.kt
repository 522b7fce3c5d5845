package dev.keepline.claims

import dev.keepline.KeeplineClient
import dev.keepline.Outcome
import dev.keepline.awaitNoThreads
import dev.keepline.catalogue.TestRecord
import dev.keepline.libraryThreads
import dev.keepline.submit
import java.nio.file.Files
import java.nio.file.Path
import kotlin.io.path.readLines
import kotlin.time.Duration
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.minutes

/** Opens, uses and shuts down a client many times: what it had is given back. */
internal suspend fun cycles(): Boolean {
    val folder = Files.createTempDirectory("keepline-cycles-")
    val database = folder.resolve("queue.db").toString()
    var early = 0L
    for (number in 1..CYCLES) {
        cycle(database)
        if (number == EARLY) early = resident()
        if (number % EARLY == 0) measured("resident_after_$number", resident(), "KiB")
    }
    awaitNoThreads()
    folder.toFile().deleteRecursively()
    val late = resident()
    val growth = 100.0 * (late - early) / early
    measured("cycles", CYCLES, "cycles")
    measured("resident_growth", "%.1f".format(growth), "%")
    measured("threads_left", libraryThreads().size, "threads")
    return wanted("memory after $CYCLES within 10 % of that after $EARLY, no thread left", growth <= GROWTH_MAX)
}

private suspend fun cycle(database: String) {
    val client = KeeplineClient.open("ws://127.0.0.1:9", database) {
        token("a token")
        outcomesKept(10, 1.days)
    }
    val sent = client.submit(TestRecord(1))
    client.cancel(sent.id)
    check(sent.outcome() == Outcome.Cancelled)
    client.shutdown()
}

/** What of this process lies in memory, in KiB, after the garbage is gone. */
private fun resident(): Long {
    System.gc()
    val line = Path.of("/proc/self/status").readLines().first { it.startsWith("VmRSS:") }
    return line.filter { it.isDigit() }.toLong()
}

/** How long a claim may take; the longest is this one. */
internal val CLAIM_MAX: Duration = 30.minutes

private const val CYCLES = 10_000
private const val EARLY = 1_000
private const val GROWTH_MAX = 10.0
