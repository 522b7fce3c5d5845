package dev.keepline.scenarios

import dev.keepline.ActionId
import dev.keepline.ActionState
import dev.keepline.LanePolicy
import dev.keepline.Outcome
import dev.keepline.SubmitException
import dev.keepline.SubmitOptions
import dev.keepline.accepted
import dev.keepline.awaitOnline
import dev.keepline.awaitStatus
import dev.keepline.catalogue.TestFail
import dev.keepline.catalogue.TestRecord
import dev.keepline.soon
import dev.keepline.submit
import dev.keepline.typed
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonPrimitive
import org.junit.jupiter.api.Tag
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertTrue

@Tag("scenario")
internal class QueueScenarios {
    @Test
    fun submitsOfflineAndDeliversAfterReconnect() = scenario("submits_offline_and_delivers_after_reconnect") {
        val server = absentServer()
        val client = open(server)
        client.connect()
        val sent = (1L..3).map { client.submit(TestRecord(it)) }
        server.start()
        sent.forEach { it.accepted() }
        assertEquals(listOf(1L, 2, 3), recorded(server))
    }

    @Test
    fun survivesAKillAndDeliversOnce() = scenario("survives_a_kill_and_delivers_once") {
        val server = absentServer()
        val child = child(server, "submit", database(), "20")
        assertEquals("submitted", child.line())
        child.kill()
        server.start()
        val client = open(server)
        val rows = client.outbox()
        assertEquals(20, rows.size)
        client.connect()
        rows.forEach { client.submission(it.id).accepted() }
        assertEquals((1L..20).toList(), recorded(server))
    }

    @Test
    fun surfacesARejectionAsAnOutcome() = scenario("surfaces_a_rejection_as_an_outcome") {
        val sent = connected(server()).submit(TestFail("FORBIDDEN"))
        val rejected = assertIs<Outcome.Rejected>(soon { sent.outcome() })
        assertEquals("FORBIDDEN", rejected.code)
    }

    @Test
    fun parksAndRetries() = scenario("parks_and_retries") {
        val strict = SubmitOptions(lane = "strict")
        val client = open(server()) {
            attempts = 1
            lanePolicy("strict", LanePolicy.Block)
        }
        client.connect()

        val once = client.submit(TestFail("UNAVAILABLE", retryable = true, times = 1), strict)
        client.awaitStatus { it.parked == 1L }
        val row = client.outbox().single { it.id == once.id }
        assertEquals(ActionState.Parked, row.state)
        assertEquals("UNAVAILABLE", row.lastError?.code)
        client.submission(client.retry(once.id)).typed<JsonElement?>().accepted()
        once.accepted()

        val always = client.submit(TestFail("UNAVAILABLE", retryable = true), strict)
        client.awaitStatus { it.parked == 1L }
        client.discard(always.id)
        assertEquals(Outcome.Cancelled, soon { always.outcome() })
        client.awaitStatus { it.parked == 0L }
    }

    @Test
    fun cancelsAQueuedAction() = scenario("cancels_a_queued_action") {
        val server = absentServer()
        val client = open(server)
        val sent = client.submit(TestRecord(1))
        client.cancel(sent.id)
        assertEquals(Outcome.Cancelled, soon { sent.outcome() })
        server.start()
        client.connect()
        client.awaitOnline()
        assertEquals(emptyList(), recorded(server))
    }

    @Test
    fun refusesAnOversizeAction() = scenario("refuses_an_oversize_action") {
        val client = open(absentServer())
        val refused = assertFailsWith<SubmitException.TooLarge> {
            client.submit("note:add:v1", JsonPrimitive("x".repeat(70_000)))
        }
        assertEquals(70_002L to 65_536L, refused.bytes to refused.limit)
        assertTrue(client.outbox().isEmpty())
    }

    @Test
    fun reattachesToASubmissionAfterRestart() = scenario("reattaches_to_a_submission_after_restart") {
        val server = absentServer()
        val id = ActionId.random()
        val before = open(server)
        before.submit(TestRecord(1), SubmitOptions(label = "from the menu", id = id))
        before.shutdown()
        val client = open(server)
        val row = client.outbox().single { it.label == "from the menu" }
        assertEquals(id, row.id)
        server.start()
        client.connect()
        client.submission(row.id).typed<JsonElement>().accepted()
    }
}
