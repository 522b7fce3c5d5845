package dev.keepline.scenarios

import dev.keepline.AuthTrouble
import dev.keepline.CallException
import dev.keepline.Line
import dev.keepline.OutcomeException
import dev.keepline.Stream
import dev.keepline.accepted
import dev.keepline.awaitOnline
import dev.keepline.awaitStatus
import dev.keepline.call
import dev.keepline.catalogue.TestEcho
import dev.keepline.catalogue.TestRecord
import dev.keepline.events
import dev.keepline.soon
import dev.keepline.submit
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.yield
import kotlinx.serialization.json.JsonNull
import org.junit.jupiter.api.Tag
import java.util.concurrent.atomic.AtomicInteger
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime

@Tag("scenario")
internal class LineScenarios {
    @Test
    fun reportsStatusChanges() = scenario("reports_status_changes") {
        val server = server()
        val client = open(server)
        coroutineScope {
            val collected = async(start = CoroutineStart.UNDISPATCHED) { client.statusChanges.toList() }
            client.connect()
            client.awaitOnline()
            server.kill()
            client.awaitStatus { (it.line as? Line.Waiting)?.let { waiting -> waiting.attempt >= 1 } ?: false }
            server.start()
            client.awaitOnline()
            client.shutdown()
            val seen = soon { collected.await() }.map { it.line::class.simpleName }
            val wanted = ArrayDeque(listOf("Idle", "Connecting", "Online", "Waiting", "Online", "Closed"))
            seen.forEach { if (it == wanted.firstOrNull()) wanted.removeFirst() }
            assertEquals(emptyList(), wanted.toList(), "of $seen")
            assertEquals("Closed", seen.last())
        }
        assertEquals(Line.Closed, client.status.value.line)
    }

    @Test
    fun refreshesAnExpiredToken() = scenario("refreshes_an_expired_token") {
        val server = server()
        val tokens = listOf(server.tokenFor("ann", "2s"), server.tokenFor("ann", "1h"))
        val asked = AtomicInteger()
        val asking = AtomicInteger()
        val again = CompletableDeferred<Unit>()
        val twiceAtATime = CompletableDeferred<Unit>()
        val client = open(server) {
            tokenProvider {
                if (asking.incrementAndGet() > 1) twiceAtATime.complete(Unit)
                val number = asked.getAndIncrement()
                yield()
                asking.decrementAndGet()
                if (number > 0) again.complete(Unit)
                tokens[number.coerceAtMost(1)]
            }
        }
        client.connect()
        soon { again.await() }
        client.submit(TestRecord(1)).accepted()
        assertTrue(asked.get() >= 2)
        assertFalse(twiceAtATime.isCompleted)
    }

    @Test
    fun stopsAtAuthRequiredAndKeepsTheQueue() = scenario("stops_at_auth_required_and_keeps_the_queue") {
        val server = server()
        val client = open(server) { token("no token at all") }
        val sent = client.submit(TestRecord(1))
        client.connect()
        val stopped = client.awaitStatus { it.line is Line.AuthRequired }
        assertEquals(AuthTrouble.TokenRefused, assertIs<Line.AuthRequired>(stopped.line).reason)
        assertEquals(1, client.status.value.pending)
        assertEquals(null, client.outbox().single().outcome)
        client.shutdown()
        val again = open(server)
        again.connect()
        again.submission(sent.id).accepted()
    }

    @Test
    fun shutsDownWithCallsInFlight() = scenario("shuts_down_with_calls_in_flight") {
        val server = server()
        val client = connected(server)
        coroutineScope {
            // It listens and answers nothing.
            server.freeze()
            val sent = client.submit(TestRecord(1))
            fun begin(wait: suspend () -> Any) =
                async(start = CoroutineStart.UNDISPATCHED) { runCatching { wait() } }
            val waits = listOf(
                begin { client.call(TestEcho(JsonNull), 1.minutes) },
                begin { sent.outcome() },
                begin { client.events(Stream.user).toList() },
                begin { client.flush(1.minutes) },
            )
            // The call got as far as the line: it is not `NotOnline`.
            assertIs<Line.Online>(client.status.value.line)
            waits.forEach { assertFalse(it.isCompleted) }
            assertTrue(measureTime { soon { client.shutdown() } } < 5.seconds)
            val (call, outcome, events, flush) = waits.map { soon { it.await() } }
            val ended = assertIs<CallException>(call.exceptionOrNull())
            assertTrue(ended is CallException.Closed || ended is CallException.TimedOut, "$ended")
            assertIs<OutcomeException.Closed>(outcome.exceptionOrNull())
            assertEquals(emptyList<Any>(), events.getOrThrow())
            assertEquals(false, flush.getOrThrow())
            server.thaw()
        }
    }
}
