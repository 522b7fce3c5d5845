package dev.keepline.testing

import dev.keepline.ActionState
import dev.keepline.AuthTrouble
import dev.keepline.CallException
import dev.keepline.ClosedException
import dev.keepline.ControlException
import dev.keepline.CursorMode
import dev.keepline.Event
import dev.keepline.EventsException
import dev.keepline.EventsOptions
import dev.keepline.Handler
import dev.keepline.Line
import dev.keepline.LineTrouble
import dev.keepline.OutboxChange
import dev.keepline.Outcome
import dev.keepline.OutcomeException
import dev.keepline.Reply
import dev.keepline.ResetReason
import dev.keepline.Stream
import dev.keepline.SubmitException
import dev.keepline.SubmitOptions
import dev.keepline.call
import dev.keepline.catalogue.JobStarted
import dev.keepline.catalogue.StartSearch
import dev.keepline.catalogue.TestEcho
import dev.keepline.catalogue.TestRecord
import dev.keepline.catalogue.TestTick
import dev.keepline.emit
import dev.keepline.events
import dev.keepline.on
import dev.keepline.submit
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.UnconfinedTestDispatcher
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonPrimitive
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertNotEquals
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.seconds

/** The fake behaves as the real client does, without its library. */
@OptIn(ExperimentalCoroutinesApi::class)
internal class FakeClientTest {
    private val stream = Stream.job("7")

    @Test
    fun whatIsSubmittedOfflineSettlesOnline() = runTest {
        val client = FakeClient()
        client.answers.accept { search: StartSearch -> JobStarted("job of ${search.query}") }
        client.connect()
        assertEquals(Line.Connecting, client.status.value.line)
        client.goOffline()
        assertEquals(LineTrouble.Lost, assertIs<Line.Waiting>(client.status.value.line).reason)
        val sent = client.submit(StartSearch("rust"), SubmitOptions(label = "from the menu"))
        assertEquals(1, client.status.value.pending)
        assertEquals("from the menu", client.outbox().single().label)
        client.goOnline()
        assertEquals(Outcome.Accepted(JobStarted("job of rust")), sent.outcome())
        assertEquals(0, client.status.value.pending)
    }

    @Test
    fun unknownActionsAreRejectedAndRejectionsAreScripted() = runTest {
        val client = FakeClient()
        client.goOnline()
        assertEquals("UNKNOWN_ACTION", assertIs<Outcome.Rejected>(client.submit(TestRecord(1)).outcome()).code)
        client.answers.reject<TestRecord>("FORBIDDEN")
        assertEquals("FORBIDDEN", assertIs<Outcome.Rejected>(client.submit(TestRecord(2)).outcome()).code)
    }

    @Test
    fun anActionIsHeldParkedRetriedAndDiscarded() = runTest {
        val client = FakeClient()
        client.goOnline()
        client.answers.hold<TestRecord>()
        val sent = client.submit(TestRecord(1))
        assertEquals(ActionState.Sent, client.outbox().single().state)
        assertFailsWith<ControlException.NotParked> { client.retry(sent.id) }
        client.park(sent.id)
        assertEquals(1, client.status.value.parked)
        val retried = client.retry(sent.id)
        assertEquals(retried, client.outbox().single().id)
        assertNotEquals(sent.id, retried)
        assertEquals(0, client.status.value.parked)
        client.settle(sent.id, Outcome.Accepted(Reply(JsonNull)))
        assertEquals(Outcome.Accepted(JsonNull), sent.outcome())
        assertFailsWith<ControlException.Settled> { client.discard(sent.id) }
    }

    @Test
    fun changesOfTheQueueAreTold() = runTest {
        val client = FakeClient()
        val changes = async(UnconfinedTestDispatcher(testScheduler)) { client.outboxChanges.toList() }
        val sent = client.submit(TestRecord(1))
        client.cancel(sent.id)
        client.shutdown()
        val expected = listOf(OutboxChange.Changed(sent.id), OutboxChange.Settled(sent.id, Outcome.Cancelled))
        assertEquals(expected, changes.await())
    }

    @Test
    fun anEventIsTakenWhenTheNextIsAskedFor() = runTest {
        val client = FakeClient()
        client.goOnline()
        for (index in 0L..3) client.send(stream, TestTick("7", index))
        // A good end takes the last one.
        assertEquals(listOf(0L, 1), client.events(stream).take(2).toList().map { (it as TestTick).index })
        // A failure does not.
        assertFailsWith<IllegalStateException> { client.events(stream).collect { error("a bad collector") } }
        assertEquals(2, (client.events(stream).first() as TestTick).index)
        // Neither does a cancellation.
        val reached = CompletableDeferred<Unit>()
        val job = launch {
            client.events(stream).collect {
                reached.complete(Unit)
                CompletableDeferred<Unit>().await()
            }
        }
        reached.await()
        assertFailsWith<EventsException.InUse> { client.events(stream).first() }
        job.cancel()
        job.join()
        assertEquals(3, (client.events(stream).first() as TestTick).index)
    }

    @Test
    fun aManualCursorMovesWhenItIsTold() = runTest {
        val client = FakeClient()
        client.goOnline()
        for (index in 0L..2) client.send(stream, TestTick("7", index))
        val manual = EventsOptions(cursor = CursorMode.Manual)
        val envelopes = client.envelopes(stream, manual).take(3).toList()
        assertEquals(1, client.envelopes(stream, manual).first().place?.offset)
        envelopes[1].markTaken()
        assertEquals(3, client.envelopes(stream, manual).first().place?.offset)
        assertEquals(2, client.envelopes(stream, EventsOptions(after = 1)).first().place?.offset)
    }

    @Test
    fun aResetAndTheEndOfAStreamArrive() = runTest {
        val client = FakeClient()
        client.goOnline()
        client.reset(stream, ResetReason.Trimmed, JsonPrimitive("so far"))
        client.send(stream, "app:other:v1", JsonPrimitive(1))
        client.gone(stream)
        val seen = client.envelopes(stream).toList()
        assertEquals(ResetReason.Trimmed, assertIs<Event.Reset>(seen[0].event).reason)
        assertEquals("app:other:v1", assertIs<Event.Raw>(seen[1].event).name)
        assertEquals(seen[0].place!!.offset + 1, seen[1].place!!.offset)
        assertEquals(Event.Gone, seen[2].event)
        assertEquals(3, seen.size)
    }

    @Test
    fun handlersOfAStreamAreItsConsumerAndOneThatFailsDisturbsNobody() = runTest {
        val client = FakeClient { dispatcher = UnconfinedTestDispatcher(testScheduler) }
        client.goOnline()
        val seen = mutableListOf<Long>()
        val bad = client.on<TestTick>(stream) { error("a bad handler") }
        val good = client.on<TestTick>(stream) { seen += it.index }
        for (index in 0L..2) client.send(stream, TestTick("7", index))
        client.send(stream, "app:other:v1", JsonNull)
        runCurrent()
        assertEquals(listOf(0L, 1, 2), seen)
        assertFailsWith<EventsException.InUse> { client.events(stream).first() }
        bad.close()
        good.close()
        good.join()
        client.send(stream, TestTick("7", 3))
        assertEquals(TestTick("7", 3), client.events(stream).first())
    }

    @Test
    fun theLineGoesWhereTheTestSaysAndEventsWaitForIt() = runTest {
        val client = FakeClient()
        client.send(stream, TestTick("7", 0))
        val first = async(UnconfinedTestDispatcher(testScheduler)) { client.events(stream).first() }
        assertFalse(first.isCompleted)
        client.goOnline(resumed = false)
        assertEquals(Line.Online(resumed = false), client.status.value.line)
        assertEquals(TestTick("7", 0), first.await())
        client.networkLost()
        client.connect()
        assertEquals(Line.Offline, client.status.value.line)
        client.networkAvailable()
        assertEquals(Line.Connecting, client.status.value.line)
        client.suspend(1.seconds)
        assertFailsWith<SubmitException.Suspended> { client.submit(TestRecord(1)) }
        client.foreground()
        assertEquals(Line.Connecting, client.status.value.line)
        client.setLine(Line.AuthRequired(AuthTrouble.SignedOut))
        assertIs<Line.AuthRequired>(client.status.value.line)
        client.disconnect()
        assertEquals(Line.Idle, client.status.value.line)
        client.setLine(Line.Closed)
        assertFailsWith<ClosedException> { client.connect() }
    }

    @Test
    fun aHandlerThatClosesItselfTakesItsEvent() = runTest {
        val client = FakeClient { dispatcher = UnconfinedTestDispatcher(testScheduler) }
        client.goOnline()
        client.send(stream, TestTick("7", 0))
        client.send(stream, TestTick("7", 1))
        val first = CompletableDeferred<TestTick>()
        val itself = CompletableDeferred<Handler>()
        val handler = client.on<TestTick>(stream) {
            itself.await().close()
            first.complete(it)
        }
        itself.complete(handler)
        handler.join()
        assertEquals(0, first.await().index)
        assertEquals(TestTick("7", 1), client.events(stream).first())
    }

    @Test
    fun callsAndEmitsNeedALine() = runTest {
        val client = FakeClient()
        client.answers.accept { echo: TestEcho -> echo.payload }
        assertFailsWith<CallException.NotOnline> { client.call(TestEcho(JsonPrimitive(1)), 1.seconds) }
        assertFalse(client.emit(TestRecord(1)))
        client.goOnline()
        assertEquals(JsonPrimitive(1), client.call(TestEcho(JsonPrimitive(1)), 1.seconds))
        assertTrue(client.emit(TestRecord(1)))
        assertEquals("test:record:v1", client.emitted.single().first)
        val refused = assertFailsWith<CallException.Rejected> { client.call(TestRecord(1), 1.seconds) }
        assertEquals("UNKNOWN_ACTION", refused.rejection)
    }

    @Test
    fun everythingEndsWithTheClient() = runTest {
        val client = FakeClient()
        client.goOnline()
        client.answers.hold<TestRecord>()
        val sent = client.submit(TestRecord(1))
        val dispatcher = UnconfinedTestDispatcher(testScheduler)
        val outcome = async(dispatcher) { runCatching { sent.outcome() } }
        val events = async(dispatcher) { client.events(stream).toList() }
        val lines = async(dispatcher) { client.statusChanges.toList() }
        client.shutdown()
        assertIs<OutcomeException.Closed>(outcome.await().exceptionOrNull())
        assertEquals(emptyList(), events.await())
        assertEquals(Line.Closed, lines.await().last().line)
        assertEquals(listOf<Line>(Line.Closed), client.statusChanges.toList().map { it.line })
        assertEquals(emptyList(), client.outboxChanges.toList())
        assertFailsWith<SubmitException.Closed> { client.submit(TestRecord(2)) }
        assertFailsWith<ClosedException> { client.connect() }
        assertFailsWith<EventsException.Closed> { client.events(stream).first() }
    }
}
