package dev.keepline.claims

import dev.keepline.scenarios.HostedServer
import dev.keepline.scenarios.ScenarioHost
import io.socket.client.IO
import io.socket.client.Socket
import kotlinx.coroutines.CompletableDeferred
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import org.json.JSONObject
import java.net.URI
import java.util.concurrent.atomic.AtomicLong
import kotlin.time.DurationUnit
import kotlin.time.TimeSource

/**
 * A server's events into typed Kotlin, beside socket.io-client-java with a stock server, turn by turn in one run. The
 * figure that counts is that of a log which has them all, since the stock server too has them at once; the live one
 * waits for the server to commit each.
 */
internal suspend fun endToEnd(): Boolean {
    val keepline = ScenarioHost.server(listOf("--job-log-max", "${2 * EVENTS}"))
    val stock = ScenarioHost.stock(buildJsonObject { put("program", "pair-bench-server") })
    try {
        val (ours, live, theirs) = List(3) { mutableListOf<Long>() }
        repeat(WARM_UPS + TURNS) { turn ->
            val (first, second) = readJob(keepline, EVENTS)
            check(listOf(first, second).all { it.count == EVENTS && it.gaps == 0L }) { "events are missing" }
            val peer = readPeer(stock, EVENTS)
            if (turn >= WARM_UPS) {
                live += first.perSecond
                ours += second.perSecond
                theirs += peer
            }
        }
        val ratio = ours.median().toDouble() / theirs.median()
        measured("end_to_end_events_per_second", ours.median(), "events/s")
        measured("end_to_end_live_events_per_second", live.median(), "events/s")
        measured("socketio_client_java_events_per_second", theirs.median(), "events/s")
        measured("end_to_end_ratio", "%.2f".format(ratio), "x")
        return wanted("at least $TARGET times socket.io-client-java", ratio >= TARGET)
    } finally {
        keepline.remove()
        stock.remove()
    }
}

/** As a user of socket.io-client-java reads events: a listener, and the fields of each. */
private suspend fun readPeer(stock: HostedServer, events: Long): Long {
    val options = IO.Options().apply {
        transports = arrayOf("websocket")
        forceNew = true
    }
    val socket = IO.socket(URI(stock.url), options)
    val isConnected = CompletableDeferred<Unit>()
    val isDone = CompletableDeferred<Unit>()
    val next = AtomicLong()
    socket.on(Socket.EVENT_CONNECT) { isConnected.complete(Unit) }
    socket.on("event") { (event) ->
        val n = (event as JSONObject).getLong("n")
        if (n != next.getAndIncrement()) isDone.completeExceptionally(IllegalStateException("an event is missing"))
        if (n == events - 1) isDone.complete(Unit)
    }
    socket.connect()
    isConnected.await()
    val began = TimeSource.Monotonic.markNow()
    socket.emit("events", JSONObject(mapOf("count" to events, "bytes" to EVENT_BYTES)))
    isDone.await()
    val seconds = began.elapsedNow().toDouble(DurationUnit.SECONDS)
    socket.disconnect()
    return (events / seconds).toLong()
}

private fun List<Long>.median(): Long = sorted()[size / 2]

/** Until the virtual machine compiles nothing any more, of either. */
private const val WARM_UPS = 8
private const val TURNS = 5
private const val TARGET = 2.0
