package dev.keepline

import dev.keepline.catalogue.TestRecord
import dev.keepline.catalogue.TestTick
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.job
import kotlinx.serialization.Contextual
import kotlinx.serialization.Serializable
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.JsonPrimitive
import org.junit.jupiter.api.io.TempDir
import java.net.InetAddress
import java.net.ServerSocket
import java.nio.file.Files
import java.nio.file.Path
import java.util.Date
import java.util.concurrent.Executor
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.atomic.AtomicInteger
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime

/** What a program may do wrong: it gets an exception that names it, goes on living, and loses nothing. */
internal class BadInputTest {
    @TempDir
    lateinit var folder: Path

    /** Nobody listens there. */
    private val nowhere = ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { "ws://127.0.0.1:${it.localPort}" }

    private suspend fun open(configure: KeeplineConfig.() -> Unit = {}): KeeplineClient =
        KeeplineClient.open(nowhere, folder.resolve("queue.db").toString()) {
            reconnect(10.milliseconds, 50.milliseconds)
            configure()
        }

    /** The queue still works, and what was in it is there. */
    private suspend fun KeeplineClient.checkIntact(rows: Int = 0) {
        assertEquals(rows, outbox(OutboxFilter(pendingOnly = true)).size)
        submit(TestRecord(7))
        assertEquals(rows + 1, outbox(OutboxFilter(pendingOnly = true)).size)
        assertTrue(measureTime { shutdown() } < 5.seconds)
        awaitNoThreads()
    }

    @Serializable
    @WireName("app:bad:v1")
    private data class NoSerializer(@Contextual val at: Date) : Action<String>

    @Serializable
    @WireName("app:bad:v1")
    private data class NotANumber(val value: Double) : Action<String>

    @WireName("app:bad:v1")
    private class NotSerializable : Action<String>

    @Serializable
    private data class Nameless(val n: Int) : Action<String>

    @Test
    fun anUnserialisablePayload() = test {
        val client = open()
        assertIs<SerializationException>(
            assertFailsWith<SubmitException.NotJson> { client.submit(NoSerializer(Date(0))) }.cause,
        )
        assertFailsWith<SubmitException.NotJson> { client.submit(NotANumber(Double.NaN)) }
        assertFailsWith<SubmitException.NotJson> { client.submit(NotSerializable()) }
        val halfOfAPair = JsonPrimitive("\uD800")
        assertFailsWith<SubmitException.NotJson> { client.submit("app:bad:v1", halfOfAPair) }
        assertFailsWith<CallException.NotJson> { client.call(NotANumber(Double.NaN), 1.seconds) }
        assertFailsWith<CallException.NotJson> { client.emit(NotANumber(Double.NaN)) }
        assertFailsWith<IllegalArgumentException> { client.submit(Nameless(1)) }
        client.checkIntact()
    }

    @Test
    fun aWrongUrl() = test {
        for (url in listOf("", "no url", "ftp://127.0.0.1", "ws://example.org", "wss://example.org?token=x")) {
            assertFailsWith<OpenException.BadUrl>(url) {
                KeeplineClient.open(url, folder.resolve("queue.db").toString())
            }
        }
        awaitNoThreads()
    }

    @Test
    fun aWrongOption() = test {
        suspend fun refused(configure: KeeplineConfig.() -> Unit): String =
            assertFailsWith<OpenException.BadConfig> { open(configure) }.option
        assertEquals("capacity", refused { capacity(-1, 1) })
        assertEquals("ttl", refused { ttl = (-1).seconds })
        assertEquals("pinned_keys", refused { pinnedKey("abc") })
        assertEquals("text", refused { account = "\uD800" })
        open().checkIntact()
    }

    @Test
    fun aWrongDatabase() = test {
        val file = folder.resolve("queue.db")
        Files.writeString(file, "no database".repeat(1_000))
        assertFailsWith<OpenException.Corrupt> { open() }
        assertTrue(Files.readString(file).startsWith("no database"))
        open { setCorruptAside = true }.checkIntact()
    }

    @Test
    fun aDatabaseThatIsInUse() = test {
        val client = open()
        assertFailsWith<OpenException.InUse> { open() }
        client.checkIntact()
    }

    @Test
    fun aClientThatWasShutDown() = test {
        val client = open()
        val sent = client.submit(TestRecord(1))
        client.shutdown()
        client.shutdown()
        client.close()
        assertEquals(Line.Closed, client.status.value.line)
        assertEquals(listOf<Line>(Line.Closed), soon { client.statusChanges.toList() }.map { it.line })
        assertEquals(emptyList(), soon { client.outboxChanges.toList() })
        assertFailsWith<SubmitException.Closed> { client.submit(TestRecord(2)) }
        assertFailsWith<OutcomeException.Closed> { sent.outcome() }
        assertFailsWith<CallException.Closed> { client.call(TestRecord(2), 1.seconds) }
        assertFailsWith<ControlException.Closed> { client.cancel(sent.id) }
        assertFailsWith<StoreException.Closed> { client.outbox() }
        assertFailsWith<EventsException.Closed> { client.events(Stream.user).first() }
        assertFailsWith<EventsException.Closed> { client.on<TestTick>(Stream.user) {} }
        assertFailsWith<ClosedException> { client.connect() }
        assertFailsWith<ClosedException> { client.diagnostics() }
        assertFailsWith<ClosedException> { client.flush(1.seconds) }
        open().checkIntact(rows = 1)
    }

    @Test
    fun aClientThatWasClosedWithoutWaiting() = test {
        val client = open()
        val sent = client.submit(TestRecord(1))
        client.connect()
        client.close()
        assertFailsWith<OutcomeException.Closed> { soon { sent.outcome() } }
        soon { client.status.first { it.line == Line.Closed } }
        awaitNoThreads()
        open().checkIntact(rows = 1)
    }

    @Test
    fun anOpeningThatIsGivenUp() = test {
        val opening = async {
            coroutineContext.job.cancel()
            open()
        }
        assertFailsWith<CancellationException> { opening.await() }
        opening.join()
        // Nobody has it, and nobody holds the database.
        open().checkIntact()
    }

    @Test
    fun aHandlerThatIsClosedBeforeItBegan() = test {
        val waiting = LinkedBlockingQueue<Runnable>()
        val client = open { dispatcher = Executor { waiting.add(it) }.asCoroutineDispatcher() }
        val handler = client.on<TestTick>(Stream.user) {}
        handler.close()
        // It collects once it runs, which is after its end.
        while (true) waiting.poll()?.run() ?: break
        soon { handler.join() }
        val mine = client.on<TestTick>(Stream.user) {}
        mine.close()
        client.shutdown()
    }

    @Test
    fun aProviderThatThrows() = test {
        val asked = AtomicInteger()
        val client = open {
            tokenProvider {
                asked.incrementAndGet()
                error("a bad provider")
            }
        }
        client.submit(TestRecord(1))
        client.connect()
        client.awaitStatus { (it.line as? Line.Waiting)?.reason == LineTrouble.TokenUnavailable }
        client.awaitStatus { asked.get() > 1 }
        client.checkIntact(rows = 1)
    }

    @Test
    fun aProviderThatIsSignedOut() = test {
        val client = open { tokenProvider { throw SignedOutException() } }
        client.connect()
        val status = client.awaitStatus { it.line is Line.AuthRequired }
        assertEquals(AuthTrouble.SignedOut, assertIs<Line.AuthRequired>(status.line).reason)
        client.checkIntact()
    }

    @Test
    fun aProviderThatNeverAnswers() = test {
        val isAsked = CompletableDeferred<Unit>()
        val client = open {
            tokenProvider {
                isAsked.complete(Unit)
                awaitCancellation()
            }
        }
        client.submit(TestRecord(1))
        client.connect()
        soon { isAsked.await() }
        client.checkIntact(rows = 1)
    }

    @Test
    fun idsAndNamesThatAreNone() = test {
        val client = open()
        assertFailsWith<OutcomeException.NotFound> { client.submission(ActionId("no id")).outcome() }
        assertFailsWith<ControlException.NotFound> { client.cancel(ActionId("\uD800")) }
        assertFailsWith<EventsException.BadStream> { client.events(Stream("no stream")).first() }
        assertEquals("name", assertFailsWith<SubmitException.BadField> { client.submit("", JsonPrimitive(1)) }.field)
        val noTime = SubmitOptions(ttl = -Duration.INFINITE)
        assertEquals("ttl", assertFailsWith<SubmitException.BadField> { client.submit(TestRecord(1), noTime) }.field)
        val noId = SubmitOptions(id = ActionId("no id"))
        assertEquals("id", assertFailsWith<SubmitException.BadField> { client.submit(TestRecord(1), noId) }.field)
        assertEquals(emptyList(), client.outbox(OutboxFilter(id = ActionId("no id"))))
        client.checkIntact()
    }
}
