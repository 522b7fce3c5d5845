package dev.keepline

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.map
import kotlinx.serialization.KSerializer
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.serializer
import kotlin.time.Duration

/**
 * Puts an action into the durable queue. When it returns, the action survives the death of the process and of the
 * power. It needs no line, not even a first one ever.
 *
 * Being cancelled does not tear it: it is done before the cancellation shows.
 *
 * @throws SubmitException where nothing was kept; `NotJson` where the action's serializer fails.
 * @throws IllegalArgumentException where the action's class has no [WireName].
 */
public suspend inline fun <reified A : Action<R>, reified R> KeeplineClient.submit(
    action: A,
    options: SubmitOptions = SubmitOptions(),
): Submission<R> {
    val written = write(action, SubmitException::NotJson) { serializer<A>() }
    return submit(written.name, written.payload, options).typed<R>()
}

/**
 * Sends an action now, without the queue, and waits for the reply. After being cancelled it may have happened.
 *
 * @throws CallException where there is no reply; after `TimedOut` it may have happened.
 */
public suspend inline fun <reified A : Action<R>, reified R> KeeplineClient.call(action: A, timeout: Duration): R {
    val written = write(action, CallException::NotJson) { serializer<A>() }
    val reply = callRaw(written.name, RawArgs(listOf(written.payload)), timeout)
    return try {
        reply.decode<R>(json)
    } catch (mismatch: SerializationException) {
        throw CallException.BadReply(mismatch)
    }
}

/**
 * Writes an action to the line, if there is one, and forgets it. Gives whether it was handed to the line; whether it
 * arrived is not known.
 *
 * @throws CallException `NotJson` where the action's serializer fails.
 */
public suspend inline fun <reified A : Action<*>> KeeplineClient.emit(action: A): Boolean {
    val written = write(action, CallException::NotJson) { serializer<A>() }
    return emitRaw(written.name, RawArgs(listOf(written.payload)))
}

/**
 * Every event of a stream, in order and without a hole, from the stored cursor on. Collecting it becomes the stream's
 * one durable consumer.
 *
 * An event counts as taken when the collector asks for the one after it. A collection that ends by itself (`first`,
 * `takeWhile` and their like) has taken the last one too; one that was cancelled or failed has not, and it comes again
 * to the next collector. An operator that runs ahead of the collector, such as `buffer`, takes what it has buffered.
 *
 * A [Reset][Event.Reset] tells that continuity was lost. The collection ends when the client is shut down.
 *
 * @throws EventsException from the collection: `InUse` while somebody else collects it, `TooMany`, `BadStream`.
 */
public fun KeeplineClient.events(stream: Stream, options: EventsOptions = EventsOptions()): Flow<Event> =
    envelopes(stream, options).map { it.event }

/**
 * Calls [handler] for each event of a type on a stream, until the returned [Handler] is closed.
 *
 * All handlers of a stream together are its one durable consumer. They run one at a time, in the order of the stream;
 * an event counts as taken when all of its handlers have returned. One that throws is logged, and the stream goes on.
 * Events that no handler wants are taken too.
 *
 * @throws EventsException where the stream cannot be opened.
 * @throws IllegalArgumentException where the type has no [WireName].
 */
public inline fun <reified T : Any> KeeplineClient.on(stream: Stream, noinline handler: suspend (T) -> Unit): Handler {
    val serializer = serializer<T>()
    return handle(stream, wireNameOf(serializer), serializer, handler)
}

@PublishedApi
internal class Written(val name: String, val payload: JsonElement)

/** The action's name and payload. A class without a serializer is found out here, too. */
@PublishedApi
internal inline fun <A> KeeplineClient.write(
    action: A,
    refused: (SerializationException) -> KeeplineException,
    serializer: () -> KSerializer<A>,
): Written =
    try {
        val known = serializer()
        Written(wireNameOf(known), json.encodeToJsonElement(known, action))
    } catch (failure: SerializationException) {
        throw refused(failure)
    }

@PublishedApi
internal fun wireNameOf(serializer: KSerializer<*>): String = serializer.descriptor.requireWireName()
