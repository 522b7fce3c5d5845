package dev.keepline.scenarios

import dev.keepline.Envelope
import dev.keepline.Event
import dev.keepline.EventsOptions
import dev.keepline.KeeplineClient
import dev.keepline.RawArgs
import dev.keepline.ResetReason
import dev.keepline.Stream
import dev.keepline.TypedEvent
import dev.keepline.WireName
import dev.keepline.accepted
import dev.keepline.attachment
import dev.keepline.awaitOnline
import dev.keepline.catalogue.JobCompleted
import dev.keepline.catalogue.SearchResult
import dev.keepline.catalogue.StartSearch
import dev.keepline.catalogue.TestEmit
import dev.keepline.catalogue.TestJob
import dev.keepline.catalogue.TestRecord
import dev.keepline.catalogue.TestTick
import dev.keepline.decode
import dev.keepline.events
import dev.keepline.soon
import dev.keepline.submit
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.takeWhile
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.flow.transformWhile
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.coroutines.yield
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put
import org.junit.jupiter.api.Tag
import java.util.concurrent.atomic.AtomicInteger
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.microseconds

@Tag("scenario")
internal class StreamScenarios {
    @Test
    fun connectsAndStreamsASearch() = scenario("connects_and_streams_a_search") {
        val client = connected(server("--corpus", "${System.getProperty("keepline.root")}/docs"))
        val started = client.submit(StartSearch("outbox")).accepted()
        val seen = soon { client.envelopes(Stream.job(started.job)).through { it.event is JobCompleted }.toList() }
        assertTrue(seen.any { it.event is SearchResult })
        assertEquals((1L..seen.size).toList(), seen.map { it.offset })
    }

    @Test
    fun resumesAJobFromAnotherProcess() = scenario("resumes_a_job_from_another_process") {
        val server = server()
        val job = connected(server).submit(TestJob(events = 200, intervalMs = 5)).accepted().job
        val child = child(server, "read", database("other.db"), job, "50")
        val offsets = child.remainingLines().map { it.toLong() }
        assertEquals(0, child.exitCode())
        assertEquals(50, offsets.size)
        val rest = soon {
            connected(server, "other.db").envelopes(Stream.job(job)).through { it.event is JobCompleted }.toList()
        }
        val all = offsets + rest.map { it.offset }
        assertEquals((1L..all.size).toList(), all)
        assertTrue(all.size > 200)
    }

    @Test
    fun resetsWhenTheLogWasTrimmed() = scenario("resets_when_the_log_was_trimmed") {
        val server = server("--job-log-max", "100")
        val client = connected(server)
        val stream = Stream.job(client.submit(TestJob(events = 2_000, intervalMs = 2)).accepted().job)
        soon { client.events(stream).first { it is TestTick && it.index >= 500 } }
        val seen = soon {
            connected(server, "other.db").envelopes(stream, EventsOptions(after = 10))
                .through { it.event is JobCompleted }.toList()
        }
        val reset = assertIs<Event.Reset>(seen.first().event)
        assertEquals(ResetReason.Trimmed, reset.reason)
        assertNotNull(reset.snapshot)
        assertTrue(reset.offset > 10)
        assertEquals(List(seen.size - 1) { reset.offset + 1 + it }, seen.drop(1).map { it.offset })
    }

    @Serializable
    @WireName("app:note:v1")
    data class Note(val id: Long, val text: String) : TypedEvent

    @Test
    fun deliversCustomTypedEvents() = scenario("delivers_custom_typed_events") {
        val client = open(server()) { eventType<Note>() }
        coroutineScope {
            val notes = async(start = CoroutineStart.UNDISPATCHED) {
                client.events(Stream.user).filterIsInstance<Note>().take(3).toList()
            }
            client.connect()
            client.awaitOnline()
            val payload = buildJsonObject {
                put("id", 7)
                put("text", "a note")
            }
            client.submit(TestEmit(Stream.user, "app:note:v1", payload, count = 3)).accepted()
            assertEquals(List(3) { Note(7, "a note") }, soon { notes.await() })
        }
    }

    @Test
    fun cancellingTheCallerLosesNothing() = scenario("cancelling_the_caller_loses_nothing") {
        val server = server()
        val client = connected(server)
        everySecondWaitIsGivenUp(client)
        coroutineScope {
            val callers = (1L..50).map { n ->
                launch(start = CoroutineStart.UNDISPATCHED) { client.submit(TestRecord(n)) }
            }
            // Each has begun; now its caller goes away.
            callers.forEach { it.cancel() }
            assertTrue(callers.any { it.isCancelled }, "no caller was cancelled")
            callers.forEach { it.join() }
        }
        client.outbox().filter { it.name == "test:record:v1" }.forEach { client.submission(it.id).accepted() }
        assertEquals((1L..50).toList(), recorded(server))
    }

    /** Reads a job of 500 events, and goes away from every second wait as soon as it has begun. */
    private suspend fun everySecondWaitIsGivenUp(client: KeeplineClient) {
        val stream = Stream.job(client.submit(TestJob(events = 500, intervalMs = 1)).accepted().job)
        val indexes = mutableListOf<Long>()
        var givenUp = 0
        var mayRepeat = false
        var isOver = false
        val take: (Event) -> Unit = { event ->
            if (event is TestTick && !(mayRepeat && event.index == indexes.lastOrNull())) indexes += event.index
            mayRepeat = false
            isOver = isOver || event is JobCompleted
        }
        while (!isOver) {
            // Cut short at a random place of a wait: nothing was handed out, or what was in hand comes again.
            if (withTimeoutOrNull(100.microseconds) { client.events(stream).onEach(take).first() } == null) {
                givenUp++
                mayRepeat = true
            }
            if (!isOver) soon { client.events(stream).take(7).takeWhile { it.also(take) !is JobCompleted }.collect() }
        }
        assertTrue(givenUp > 0, "no wait was given up")
        assertEquals((indexes.first()..<indexes.first() + 500).toList(), indexes)
    }

    @Test
    fun talksToAStockSocketioServer() = scenario("talks_to_a_stock_socketio_server") {
        val stock = stockServer()
        val asked = AtomicInteger()
        val client = KeeplineClient.open(stock.url, database()) {
            tokenProvider { "good-${asked.incrementAndGet()}" }
        }
        coroutineScope {
            val ticks = async(start = CoroutineStart.UNDISPATCHED) {
                client.events(Stream.user).filterIsInstance<Event.Raw>().take(3).toList()
            }
            yield()
            client.connect()
            val text = buildJsonObject { put("text", "hello") }
            val echo = client.submitRaw("echo", RawArgs(text)).accepted()
            assertEquals(JsonArray(listOf(text)), echo.payload)
            assertEquals(text, echo.decode())

            val bytes = byteArrayOf(0, 1, -1)
            val binary = client.submitRaw("binary", RawArgs(listOf(attachment(0)), listOf(bytes))).accepted()
            assertContentEquals(bytes, binary.attachments.single())

            client.submitRaw("events", RawArgs(buildJsonObject { put("count", 3) }))
            val seen = soon { ticks.await() }
            assertEquals(listOf("tick", "tick", "tick"), seen.map { it.name })
            assertEquals(listOf(1, 2, 3), seen.map { it.payload.jsonObject.getValue("n").jsonPrimitive.int })
        }
        client.shutdown()
        // It ends with an error where a handler got what it does not expect.
        stock.stop()
    }

    /** Everything up to the first that is wanted, and that one too. */
    private fun Flow<Envelope>.through(isLast: (Envelope) -> Boolean) = transformWhile {
        emit(it)
        !isLast(it)
    }
}
