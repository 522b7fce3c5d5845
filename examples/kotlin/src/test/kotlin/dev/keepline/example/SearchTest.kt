package dev.keepline.example

import dev.keepline.Line
import dev.keepline.ResetReason
import dev.keepline.Status
import dev.keepline.Stream
import dev.keepline.catalogue.JobCompleted
import dev.keepline.catalogue.JobStarted
import dev.keepline.catalogue.SearchResult
import dev.keepline.catalogue.StartSearch
import dev.keepline.testing.FakeClient
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.test.UnconfinedTestDispatcher
import kotlinx.coroutines.test.runTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNull
import kotlin.test.assertTrue

/** The program's own test: against the fake client, without a server. */
@OptIn(ExperimentalCoroutinesApi::class)
class SearchTest {
    private val job = Stream.job("7")

    private fun result(index: Long) = SearchResult("7", index, "Lines", "the log is\nthe truth", "lines.md", 1.0)

    @Test
    fun aSearchIsSubmittedOfflineAndFindsWhatTheServerHas() = runTest {
        val client = FakeClient()
        client.answers.accept { _: StartSearch -> JobStarted("7") }
        client.goOffline()
        val said = mutableListOf<String>()
        val found = async(UnconfinedTestDispatcher(testScheduler)) { search(client, "log") { said += it } }
        assertTrue(said.single().startsWith("submitted as "))
        assertFalse(found.isCompleted)
        client.goOnline()
        client.send(job, result(0))
        client.send(job, result(1))
        client.send(job, JobCompleted("7", "search"))
        assertEquals(2, found.await())
        assertEquals("Lines: the log is the truth", said.last())
    }

    @Test
    fun aResetBeginsTheCountAnew() = runTest {
        val client = FakeClient()
        client.answers.accept { _: StartSearch -> JobStarted("7") }
        client.goOnline()
        client.send(job, result(0))
        client.reset(job, ResetReason.Trimmed)
        client.send(job, result(1))
        client.send(job, JobCompleted("7", "search"))
        assertEquals(1, search(client, "log") {})
    }

    @Test
    fun aRefusalIsSaid() = runTest {
        val client = FakeClient()
        client.answers.reject<StartSearch>("FORBIDDEN", "not you")
        client.goOnline()
        val said = mutableListOf<String>()
        assertNull(search(client, "log") { said += it })
        assertEquals("refused: FORBIDDEN not you", said.last())
    }

    @Test
    fun theStatusIsInWords() {
        assertEquals("[no network, 2 waiting]", Status(Line.Offline, pending = 2).inWords())
        assertEquals("[online]", Status(Line.Online()).inWords())
    }
}
