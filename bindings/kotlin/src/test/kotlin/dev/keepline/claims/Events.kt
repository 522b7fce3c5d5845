package dev.keepline.claims

import dev.keepline.KeeplineClient
import dev.keepline.Stream
import dev.keepline.accepted
import dev.keepline.awaitOnline
import dev.keepline.catalogue.JobCompleted
import dev.keepline.catalogue.TestJob
import dev.keepline.catalogue.TestTick
import dev.keepline.scenarios.HostedServer
import dev.keepline.scenarios.ScenarioHost
import dev.keepline.submit
import kotlinx.coroutines.flow.takeWhile
import java.nio.file.Files
import kotlin.time.DurationUnit
import kotlin.time.TimeSource

/** A job's events into Kotlin, every one of them and in order: live, and once more from the server's log. */
internal suspend fun events(): Boolean {
    val server = ScenarioHost.server(listOf("--job-log-max", "${2 * EVENTS}"))
    try {
        val (live, logged) = readJob(server, EVENTS)
        measured("events_live", live.count, "events")
        measured("events_from_the_log", logged.count, "events")
        measured("events_out_of_order_or_missing", live.gaps + logged.gaps, "events")
        measured("events_live_per_second", live.perSecond, "events/s")
        measured("events_from_the_log_per_second", logged.perSecond, "events/s")
        val isWhole = listOf(live, logged).all { it.count == EVENTS && it.gaps == 0L }
        return wanted("$EVENTS events in order, none missing", isWhole)
    } finally {
        server.remove()
    }
}

/** What was read of a job. */
internal class Read(val count: Long, val gaps: Long, val perSecond: Long)

/** Starts a job, and reads its ticks twice: as they are made, and by another client when the log has them all. */
internal suspend fun readJob(server: HostedServer, events: Long): Pair<Read, Read> {
    lateinit var job: String
    val live = connected(server) { client ->
        job = client.submit(TestJob(events, bytes = EVENT_BYTES)).accepted().job
        client.readTicks(job)
    }
    return live to connected(server) { it.readTicks(job) }
}

/** A client with a database of its own. */
private suspend fun <T> connected(server: HostedServer, block: suspend (KeeplineClient) -> T): T {
    val folder = Files.createTempDirectory("keepline-claim-")
    val client = KeeplineClient.open(server.url, folder.resolve("queue.db").toString()) { token(server.token) }
    try {
        client.connect()
        client.awaitOnline()
        return block(client)
    } finally {
        client.shutdown()
        folder.toFile().deleteRecursively()
    }
}

/** The time is that between asking for the stream and its last event. */
private suspend fun KeeplineClient.readTicks(job: String): Read {
    val began = TimeSource.Monotonic.markNow()
    var count = 0L
    var gaps = 0L
    var offset = 0L
    envelopes(Stream.job(job)).takeWhile { it.event !is JobCompleted }.collect { envelope ->
        if (envelope.place?.offset != offset + 1) gaps++
        offset = envelope.place?.offset ?: offset
        if (envelope.event is TestTick) count++
    }
    return Read(count, gaps, (count / began.elapsedNow().toDouble(DurationUnit.SECONDS)).toLong())
}

internal const val EVENTS = 100_000L

/** The filling of each event, here and with the peer. */
internal const val EVENT_BYTES = 64
