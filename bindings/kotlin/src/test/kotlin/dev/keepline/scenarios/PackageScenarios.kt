package dev.keepline.scenarios

import dev.keepline.CursorMode
import dev.keepline.Envelope
import dev.keepline.EventsException
import dev.keepline.EventsOptions
import dev.keepline.KeeplineLogs
import dev.keepline.Line
import dev.keepline.LogLevel
import dev.keepline.LogsTakenException
import dev.keepline.OutboxChange
import dev.keepline.SignOut
import dev.keepline.Stream
import dev.keepline.SubmitException
import dev.keepline.Tapped
import dev.keepline.accepted
import dev.keepline.awaitNoThreads
import dev.keepline.awaitOnline
import dev.keepline.awaitStatus
import dev.keepline.call
import dev.keepline.catalogue.JobCompleted
import dev.keepline.catalogue.TestEcho
import dev.keepline.catalogue.TestJob
import dev.keepline.catalogue.TestRecord
import dev.keepline.catalogue.TestRecorded
import dev.keepline.catalogue.TestTick
import dev.keepline.emit
import dev.keepline.events
import dev.keepline.on
import dev.keepline.soon
import dev.keepline.submit
import java.nio.file.Path
import java.util.concurrent.ConcurrentLinkedQueue
import kotlin.io.path.exists
import kotlin.io.path.readText
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Tag

/** What the package itself adds, against a real server. */
@Tag("scenario")
internal class PackageScenarios {
    @Test
    fun aHandlerThatThrowsIsLoggedAndTheStreamGoesOn() = world {
        val client = connected(server())
        val job = client.submit(TestJob(events = 20)).accepted().job
        val seen = ConcurrentLinkedQueue<Long>()
        val done = CompletableDeferred<Unit>()
        val stream = Stream.job(job)
        val bad = client.on<TestTick>(stream) { error("a bad handler") }
        val good = client.on<TestTick>(stream) { seen += it.index }
        val last = client.on<JobCompleted>(stream) { done.complete(Unit) }
        soon { done.await() }
        assertEquals((0L..<20).toList(), seen.toList().map { it - seen.first() })
        assertFailsWith<EventsException.InUse> { client.events(stream).first() }
        listOf(bad, good, last).forEach { it.close() }
        soon { last.join() }
        // What the handlers took does not come again.
        assertTrue(client.envelopes(stream, EventsOptions(after = 0)).take(20).toList().size == 20)
        client.shutdown()
        awaitNoThreads()
    }

    @Test
    fun anEventThatWasNotTakenComesAgain() = world {
        val client = connected(server())
        val stream = Stream.job(client.submit(TestJob(events = 10)).accepted().job)
        val first = soon { client.envelopes(stream).first() }.offset
        assertFailsWith<IllegalStateException> { client.events(stream).collect { error("a bad collector") } }
        assertEquals(first + 1, soon { client.envelopes(stream).first() }.offset)
        val manual = EventsOptions(cursor = CursorMode.Manual)
        val seen = soon { client.envelopes(stream, manual).take(3).toList() }
        assertEquals(first + 2, seen.first().offset)
        seen.last().markTaken()
        assertEquals(first + 2, soon { client.envelopes(stream, manual).first().also { it.markTaken() } }.offset)
    }

    @Test
    fun callsEmitsAndTapsWork() = world {
        val client = connected(server())
        assertEquals(JsonPrimitive("a"), client.call(TestEcho(JsonPrimitive("a")), 20.seconds))
        coroutineScope {
            val tapped = async(start = CoroutineStart.UNDISPATCHED) { client.observe(Stream.user).first() }
            val changes = async(start = CoroutineStart.UNDISPATCHED) {
                client.outboxChanges.first { it is OutboxChange.Settled }
            }
            val consumer = launch(start = CoroutineStart.UNDISPATCHED) { client.events(Stream.user).collect() }
            val sent = client.submit(TestRecord(5))
            sent.accepted()
            assertEquals(sent.id, assertIs<OutboxChange.Settled>(soon { changes.await() }).id)
            val item = assertIs<Tapped.Item<*>>(soon { tapped.await() })
            assertEquals(5, assertIs<TestRecorded>((item.value as Envelope).event).n)
            consumer.cancelAndJoin()
        }
        assertTrue(client.emit(TestRecord(6)))
        assertEquals("0.1.0", client.diagnostics().getValue("version").jsonPrimitive.content)
    }

    @Test
    fun theClientSuspendsAndComesBack() = world {
        val client = connected(server())
        assertTrue(client.flush(20.seconds))
        client.background(5.seconds)
        client.awaitStatus { it.line == Line.Suspended }
        assertFailsWith<SubmitException.Suspended> { client.submit(TestRecord(1)) }
        client.foreground()
        client.awaitOnline()
        client.networkLost()
        client.awaitStatus { it.line == Line.Offline }
        client.networkAvailable()
        client.awaitOnline()
        client.submit(TestRecord(2)).accepted()
        client.signOut(SignOut.Discard)
        assertEquals(emptyList(), client.outbox())
    }

    @Test
    fun nothingOfTheAppRunsOnTheLibrarysThread() = world {
        val server = server()
        withContext(Dispatchers.Unconfined) {
            val client = connected(server)
            val job = client.submit(TestJob(events = 300, intervalMs = 1)).accepted().job
            assertFalse(isOnLibraryThread(), "after an outcome")
            client.events(Stream.job(job)).take(300).collect { assertFalse(isOnLibraryThread(), "in a collector") }
            client.statusChanges.first()
            client.flush(20.seconds)
            assertFalse(isOnLibraryThread(), "after a flush")
        }
    }

    private fun isOnLibraryThread(): Boolean =
        Path.of("/proc/thread-self/comm").let { it.exists() && it.readText().startsWith("keepline") }

    @Test
    fun theLibrarysLinesArriveOnce() = world {
        coroutineScope {
            val line = async(start = CoroutineStart.UNDISPATCHED) { KeeplineLogs.lines(LogLevel.Debug).first() }
            assertFailsWith<LogsTakenException> { KeeplineLogs.lines().first() }
            val server = server()
            val client = connected(server)
            client.shutdown()
            assertTrue(soon { line.await() }.target.startsWith("keepline"))
        }
    }
}
