package dev.keepline

import dev.keepline.internal.NativeClient
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.serialization.DeserializationStrategy
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlin.time.Duration

/**
 * One line to a server, a durable queue of what the app did, and every event that it missed.
 *
 * ```
 * val client = KeeplineClient.open("wss://example.org", "queue.db") { token(token) }
 * client.connect()
 * val sent = client.submit(StartSearch("rust"))
 * ```
 *
 * It is safe for any thread and any coroutine, and no method blocks. A cancelled coroutine gives up waiting and nothing
 * else; a [submit] that is under way goes on until the action is durable or refused.
 *
 * Apps write against this interface, so that a test can put [FakeClient][dev.keepline.testing.FakeClient] in its place.
 */
public interface KeeplineClient : AutoCloseable {
    /** How payloads are written and read. */
    public val json: Json

    // Actions

    /**
     * Puts an action into the durable queue. When it returns, the action survives the death of the process and of the
     * power. It needs no line, not even a first one ever.
     *
     * Being cancelled does not tear it: it is done before the cancellation shows.
     *
     * @throws SubmitException where nothing was kept.
     */
    public suspend fun submit(
        name: String,
        payload: JsonElement,
        options: SubmitOptions = SubmitOptions(),
    ): Submission<Reply>

    /**
     * As [submit], for an existing Socket.IO server: several arguments and binary attachments. A Keepline server takes
     * one argument and no attachment.
     *
     * @throws SubmitException where nothing was kept.
     */
    public suspend fun submitRaw(
        name: String,
        args: RawArgs,
        options: SubmitOptions = SubmitOptions(),
    ): Submission<Reply>

    /** The submission with this id, for instance after a restart. Whether there is one shows when it is asked for. */
    public fun submission(id: ActionId): Submission<Reply>

    /**
     * The queue: what is pending, parked or settled, oldest first.
     *
     * @throws StoreException where the database cannot be read.
     */
    public suspend fun outbox(filter: OutboxFilter = OutboxFilter()): List<OutboxEntry>

    /** What happens to the queue from the beginning of the collection on. It ends when the client is shut down. */
    public val outboxChanges: Flow<OutboxChange>

    /**
     * Cancels an action: for certain and at once where it was never sent; else the server is asked to void it, and the
     * outcome says whether that came in time.
     *
     * @throws ControlException where it cannot be.
     */
    public suspend fun cancel(id: ActionId)

    /**
     * Puts a parked action back into the queue, and gives the id under which it goes on.
     *
     * @throws ControlException where it cannot be.
     */
    public suspend fun retry(id: ActionId): ActionId

    /**
     * Gives a parked action up: like [cancel], and its lane moves on.
     *
     * @throws ControlException where it cannot be.
     */
    public suspend fun discard(id: ActionId)

    /**
     * Sends an action now, without the queue, and waits for the reply. After being cancelled it may have happened.
     *
     * @throws CallException where there is no reply; after `TimedOut` it may have happened.
     */
    public suspend fun callRaw(name: String, args: RawArgs, timeout: Duration): Reply

    /**
     * Writes an action to the line, if there is one, and forgets it. Gives whether it was handed to the line; whether
     * it arrived is not known.
     */
    public suspend fun emitRaw(name: String, args: RawArgs): Boolean

    // Events

    /**
     * The stream with places and times: collecting it becomes the one durable consumer, from the stored cursor on. See
     * [events], which gives the same without them.
     *
     * The collection ends when the client is shut down. It waits across a suspension.
     *
     * @throws EventsException from the collection: `InUse` while somebody else collects it, `TooMany`, `BadStream`.
     */
    public fun envelopes(stream: Stream, options: EventsOptions = EventsOptions()): Flow<Envelope>

    /**
     * A live tap on a stream, beside its consumer or without one: what passes while it is collected. It moves no
     * cursor; a slow collector is told how many items it has missed.
     *
     * @throws EventsException from the collection: `TooMany`, `BadStream`, `Closed`.
     */
    public fun observe(stream: Stream): Flow<Tapped<Envelope>>

    /**
     * Calls [handler] for each event of a name on a stream, until the returned [Handler] is closed. See [on].
     *
     * @throws EventsException where the stream cannot be opened.
     */
    public fun <T : Any> handle(
        stream: Stream,
        name: String,
        type: DeserializationStrategy<T>,
        handler: suspend (T) -> Unit,
    ): Handler

    // The line

    /** How the line is and what waits for it. Its last value is [Line.Closed]. */
    public val status: StateFlow<Status>

    /** The status at the beginning of the collection and each one that follows. It ends after [Line.Closed]. */
    public val statusChanges: Flow<Status>

    /** A report for support: versions, the last 50 states, counters. No payload, no token, no account. */
    public suspend fun diagnostics(): JsonObject

    /**
     * From now on there should be a line. Tries at once, asks for a token again where the status was
     * [Line.AuthRequired], and opens a suspended client. What comes of it is the [status].
     *
     * @throws ClosedException where the client was shut down.
     */
    public fun connect()

    /**
     * From now on there should be none. The queue is kept, and submits are taken.
     *
     * @throws ClosedException where the client was shut down.
     */
    public fun disconnect()

    /**
     * The host has a network again: a wait is cut short, and a line that looks alive is probed.
     *
     * @throws ClosedException where the client was shut down.
     */
    public fun networkAvailable()

    /**
     * The host has no network: nothing is tried until [networkAvailable].
     *
     * @throws ClosedException where the client was shut down.
     */
    public fun networkLost()

    /**
     * The app is on the screen again: opens a suspended client, cuts a wait short, probes the line.
     *
     * @throws ClosedException where the client was shut down.
     */
    public fun foreground()

    /**
     * The app left the screen: gets out what can be got out, then [suspends][suspend] before [deadline] has passed.
     *
     * @throws ClosedException where the client was shut down.
     */
    public suspend fun background(deadline: Duration)

    /**
     * Tries to get the queue out. Gives whether nothing is pending; `false` when [deadline] has passed before. Parked
     * actions do not count.
     *
     * @throws ClosedException where the client was shut down.
     */
    public suspend fun flush(deadline: Duration): Boolean

    /**
     * Closes every file and socket and releases the database's lock, within about [deadline]. Streams, taps and whoever
     * waits for an outcome wait on; other calls give `Suspended` until [foreground] or [connect].
     *
     * @throws ClosedException where the client was shut down.
     */
    public suspend fun suspend(deadline: Duration)

    /**
     * Ends the account's use of this database: disconnects, forgets whose session it was, and keeps or discards the
     * account's rows and cursors.
     *
     * @throws StoreException where that could not be written.
     */
    public suspend fun signOut(rows: SignOut)

    /**
     * Shuts down in good order: stores what was taken, says goodbye on the line, closes the database. It takes two
     * seconds at the most, also when the coroutine is cancelled. Once more does nothing.
     */
    public suspend fun shutdown()

    /** Begins a [shutdown] and does not wait for it. What is in the queue stays there. */
    override fun close()

    /** Opens clients. */
    public companion object {
        /**
         * Opens the database and starts the client. It touches the disk, and not the network before [connect]. One
         * client opens a database at a time.
         *
         * @throws OpenException where it cannot be; nothing on disk was changed.
         */
        public suspend fun open(config: KeeplineConfig): KeeplineClient = NativeClient.open(config)

        /** As the other `open`, with the options in a block. */
        public suspend fun open(
            url: String,
            database: String,
            configure: KeeplineConfig.() -> Unit = {},
        ): KeeplineClient = open(KeeplineConfig(url, database).apply(configure))
    }
}

/** A handler of events that was given to [on]. */
public interface Handler : AutoCloseable {
    /**
     * No further event is handed to it. An event that it is busy with is finished and taken. When the last handler of a
     * stream is closed, the stream is given back a moment later: [join] waits for that.
     */
    override fun close()

    /** Waits until the stream has no handlers any more, or has ended. */
    public suspend fun join()
}
