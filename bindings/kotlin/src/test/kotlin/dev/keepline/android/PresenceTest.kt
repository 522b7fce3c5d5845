package dev.keepline.android

import dev.keepline.KeeplineClient
import dev.keepline.Line
import dev.keepline.testing.FakeClient
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.UnconfinedTestDispatcher
import kotlinx.coroutines.test.runTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNotEquals
import kotlin.test.assertTrue
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** The client is suspended while the app is away, and never while somebody looks at it. */
@OptIn(ExperimentalCoroutinesApi::class)
internal class PresenceTest {
    /** Its waits end when the test says so. */
    private class SlowClient(private val fake: FakeClient = FakeClient()) : KeeplineClient by fake {
        val flushed = CompletableDeferred<Boolean>()
        var duringSuspend: () -> Unit = {}

        override suspend fun flush(deadline: Duration): Boolean = flushed.await()

        override suspend fun background(deadline: Duration) {
            flushed.await()
            fake.background(deadline)
        }

        override suspend fun suspend(deadline: Duration) {
            duringSuspend()
            fake.suspend(deadline)
        }
    }

    private val client = SlowClient()
    private val presence = Presence(client)
    private val line get() = client.status.value.line

    @Test
    fun theWorkerSuspendsTheClientOfAnAppThatIsAway() = runTest(UnconfinedTestDispatcher()) {
        val flush = async { presence.flush(1.seconds, 1.seconds) }
        client.flushed.complete(true)
        assertTrue(flush.await())
        assertEquals(Line.Suspended, line)
    }

    @Test
    fun theWorkerLeavesTheClientToAnAppThatCameBack() = runTest(UnconfinedTestDispatcher()) {
        val flush = async { presence.flush(1.seconds, 1.seconds) }
        presence.arrive()
        client.flushed.complete(true)
        flush.await()
        assertNotEquals(Line.Suspended, line)
    }

    @Test
    fun theAppComesBackInTheMomentOfTheSuspension() = runTest(UnconfinedTestDispatcher()) {
        client.duringSuspend = presence::arrive
        client.flushed.complete(true)
        presence.flush(1.seconds, 1.seconds)
        assertNotEquals(Line.Suspended, line)
    }

    @Test
    fun aWorkerThatIsStoppedSuspendsTheClient() = runTest(UnconfinedTestDispatcher()) {
        val work = launch { presence.flush(1.seconds, 1.seconds) }
        work.cancelAndJoin()
        assertEquals(Line.Suspended, line)
    }

    @Test
    fun aWorkerThatIsStoppedByTheAppsReturnLeavesTheClient() = runTest(UnconfinedTestDispatcher()) {
        val work = launch { presence.flush(1.seconds, 1.seconds) }
        presence.arrive()
        work.cancelAndJoin()
        assertNotEquals(Line.Suspended, line)
    }

    @Test
    fun theWorkerWaitsForTheLeavingAndTheReturnEndsBoth() = runTest(UnconfinedTestDispatcher()) {
        presence.arrive()
        presence.leave()
        val leaving = launch { presence.sleep(1.seconds) }
        val work = launch { presence.flush(1.seconds, 1.seconds) }
        presence.arrive()
        leaving.cancelAndJoin()
        work.cancelAndJoin()
        assertNotEquals(Line.Suspended, line)
        presence.leave()
        client.flushed.complete(true)
        presence.sleep(1.seconds)
        assertEquals(Line.Suspended, line)
    }
}
