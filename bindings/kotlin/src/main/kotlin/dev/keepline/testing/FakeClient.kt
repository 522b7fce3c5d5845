package dev.keepline.testing

import dev.keepline.ActionId
import dev.keepline.CallException
import dev.keepline.ClosedException
import dev.keepline.Envelope
import dev.keepline.Event
import dev.keepline.EventTypes
import dev.keepline.EventsException
import dev.keepline.EventsOptions
import dev.keepline.Handler
import dev.keepline.KeeplineClient
import dev.keepline.KeeplineConfig
import dev.keepline.Line
import dev.keepline.LineTrouble
import dev.keepline.OutboxChange
import dev.keepline.OutboxEntry
import dev.keepline.OutboxFilter
import dev.keepline.Outcome
import dev.keepline.RawArgs
import dev.keepline.Reply
import dev.keepline.ResetReason
import dev.keepline.SignOut
import dev.keepline.Status
import dev.keepline.StoreException
import dev.keepline.Stream
import dev.keepline.Submission
import dev.keepline.SubmitException
import dev.keepline.SubmitOptions
import dev.keepline.Tapped
import dev.keepline.TypedEvent
import dev.keepline.internal.EventHandler
import dev.keepline.internal.Handlers
import dev.keepline.requireWireName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.serialization.DeserializationStrategy
import kotlinx.serialization.KSerializer
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.serializer
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * A client for the tests of apps, in Kotlin alone: no native library, no network, no database, no waiting.
 *
 * The test plays the server and the network. It begins idle; `connect` makes it [Line.Connecting], and the test decides
 * what becomes of that. What is submitted while there is no line waits, and settles by the test's [answers] once there
 * is one. Events reach the app while there is a line.
 *
 * ```
 * val client = FakeClient()
 * client.answers.accept { search: StartSearch -> JobStarted("7") }
 * client.goOnline()
 * client.send(Stream.job("7"), SearchResult("7", 0, "Lines", "…", "lines.md", 1.0))
 * ```
 *
 * @param configure as for [KeeplineClient.open]: the app's own event types, for instance, and the dispatcher on which
 * handlers run.
 */
public class FakeClient(configure: KeeplineConfig.() -> Unit = {}) : KeeplineClient {
    private val config = KeeplineConfig("ws://fake.invalid", "fake").apply(configure)
    private val scope = CoroutineScope(SupervisorJob() + config.dispatcher)
    private val fakeLine = FakeLine()
    private val queue = FakeOutbox(fakeLine)
    private val streams = FakeStreams(config.json) { fakeLine.status.value.line is Line.Online }
    private val types = config.eventTypes.copy()
    private val handlers = Handlers(scope, config.json) { streams.consumeNow(it, EventTypes.none()) }
    private val emits = CopyOnWriteArrayList<Pair<String, RawArgs>>()

    override val json: Json = config.json
    override val status: StateFlow<Status> = fakeLine.status
    override val statusChanges: Flow<Status> = fakeLine.changes
    override val outboxChanges: Flow<OutboxChange> = queue.changes

    // What the test says

    /** How the server answers actions. */
    public val answers: FakeAnswers = FakeAnswers(config.json)

    /** What was emitted while there was a line, as names and arguments. */
    public val emitted: List<Pair<String, RawArgs>> get() = emits.toList()

    /** The line is up, whether or not the app has asked for it: actions go out and events come in. */
    public fun goOnline(resumed: Boolean = true): Unit = setLine(Line.Online(resumed))

    /** The line is lost: actions stay in the queue, and events wait for the next time online. */
    public fun goOffline(reason: LineTrouble = LineTrouble.Lost): Unit =
        setLine(Line.Waiting(retryIn = 1.seconds, attempt = 1, reason))

    /** Any other state of the line. Online, what is pending settles; [Line.Closed] shuts the client down. */
    public fun setLine(line: Line) {
        if (line == Line.Closed) return close()
        if (fakeLine.set(line)) streams.lineChanged()
        settle()
    }

    /** Gives a pending action its outcome, whatever the line and the answers say. */
    public fun settle(id: ActionId, outcome: Outcome<Reply>): Unit = queue.settle(id, outcome)

    /** Parks a pending action: it waits for `retry` or `discard`. */
    public fun park(id: ActionId, code: String = "UNAVAILABLE"): Unit = queue.park(id, code)

    /** Appends an event to a stream. */
    public inline fun <reified T : TypedEvent> send(stream: Stream, event: T): Unit =
        send(stream, event, serializer<T>())

    /** As the other `send`, with a serializer that is known at run time. */
    public fun <T : TypedEvent> send(stream: Stream, event: T, serializer: KSerializer<T>): Unit =
        send(stream, serializer.descriptor.requireWireName(), json.encodeToJsonElement(serializer, event))

    /** Appends an event of any name. */
    public fun send(stream: Stream, name: String, payload: JsonElement): Unit =
        streams.append(stream, Event.Raw(name, listOf(payload)))

    /** Tells that continuity was lost. The next event stands right after it. */
    public fun reset(stream: Stream, reason: ResetReason, snapshot: JsonElement? = null): Unit =
        streams.reset(stream, reason, snapshot)

    /** Ends a stream as removed. */
    public fun gone(stream: Stream): Unit = streams.append(stream, Event.Gone)

    // What the app sees

    override suspend fun submit(name: String, payload: JsonElement, options: SubmitOptions): Submission<Reply> =
        submitted(name, payload, options)

    override suspend fun submitRaw(name: String, args: RawArgs, options: SubmitOptions): Submission<Reply> =
        submitted(name, JsonArray(args.values), options)

    private fun submitted(name: String, payload: JsonElement, options: SubmitOptions): Submission<Reply> {
        when (status.value.line) {
            Line.Closed -> throw SubmitException.Closed()
            Line.Suspended -> throw SubmitException.Suspended()
            else -> {}
        }
        val id = queue.add(name, payload, options)
        settle()
        return submission(id)
    }

    override fun submission(id: ActionId): Submission<Reply> =
        Submission(id, json, read = { queue.outcome(id) }, decode = { it })

    override suspend fun outbox(filter: OutboxFilter): List<OutboxEntry> =
        when (status.value.line) {
            Line.Closed -> throw StoreException.Closed()
            Line.Suspended -> throw StoreException.Suspended()
            else -> queue.list(filter)
        }

    override suspend fun cancel(id: ActionId): Unit = queue.cancel(id)

    override suspend fun retry(id: ActionId): ActionId = queue.retry(id).also { settle() }

    override suspend fun discard(id: ActionId): Unit = queue.discard(id)

    override suspend fun callRaw(name: String, args: RawArgs, timeout: Duration): Reply {
        when (status.value.line) {
            Line.Closed -> throw CallException.Closed()
            is Line.Online -> {}
            else -> throw CallException.NotOnline()
        }
        return when (val outcome = answers.answer(name, args.values.firstOrNull() ?: JsonNull)) {
            is Outcome.Accepted -> outcome.reply
            is Outcome.Rejected -> throw CallException.Rejected(outcome.code, outcome.text)
            else -> throw CallException.TimedOut()
        }
    }

    override suspend fun emitRaw(name: String, args: RawArgs): Boolean {
        if (status.value.line !is Line.Online) return false
        emits += name to args
        return true
    }

    override fun envelopes(stream: Stream, options: EventsOptions): Flow<Envelope> =
        streams.consume(stream, options, types)

    override fun observe(stream: Stream): Flow<Tapped<Envelope>> = streams.observe(stream, types)

    override fun <T : Any> handle(
        stream: Stream,
        name: String,
        type: DeserializationStrategy<T>,
        handler: suspend (T) -> Unit,
    ): Handler {
        if (status.value.line == Line.Closed) throw EventsException.Closed()
        return handlers.add(stream, EventHandler(name, type, handler))
    }

    /** Nothing to report. */
    override suspend fun diagnostics(): JsonObject = JsonObject(emptyMap())

    /** Idle or suspended it begins to connect, and it stays with that until [goOnline]. */
    override fun connect(): Unit = open {
        if (status.value.line == Line.Idle || status.value.line == Line.Suspended) setLine(Line.Connecting)
    }

    override fun disconnect(): Unit = open { setLine(Line.Idle) }

    /** Offline it begins to connect. */
    override fun networkAvailable(): Unit = open {
        if (status.value.line == Line.Offline) setLine(Line.Connecting)
    }

    override fun networkLost(): Unit = open { setLine(Line.Offline) }

    /** Suspended it begins to connect. */
    override fun foreground(): Unit = open {
        if (status.value.line == Line.Suspended) setLine(Line.Connecting)
    }

    override suspend fun background(deadline: Duration): Unit = open { setLine(Line.Suspended) }

    override suspend fun flush(deadline: Duration): Boolean = open { status.value.pending == 0L }

    override suspend fun suspend(deadline: Duration): Unit = open { setLine(Line.Suspended) }

    /** Disconnects; with [SignOut.Discard] the queue is emptied. */
    override suspend fun signOut(rows: SignOut) {
        if (status.value.line == Line.Closed) throw StoreException.Closed()
        setLine(Line.Idle)
        if (rows == SignOut.Discard) queue.clear()
    }

    override suspend fun shutdown(): Unit = close()

    override fun close() {
        fakeLine.set(Line.Closed)
        queue.close()
        streams.close()
        scope.cancel()
    }

    private fun settle() {
        if (status.value.line is Line.Online) queue.settleAll(answers)
    }

    private inline fun <T> open(block: () -> T): T =
        if (status.value.line == Line.Closed) throw ClosedException() else block()
}
