package dev.keepline.internal

import dev.keepline.Envelope
import dev.keepline.Event
import dev.keepline.Handler
import dev.keepline.Stream
import dev.keepline.TypedEvent
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Job
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.takeWhile
import kotlinx.coroutines.launch
import kotlinx.serialization.DeserializationStrategy
import kotlinx.serialization.json.Json
import java.util.logging.Level
import java.util.logging.Logger

/** A function for events of a name. */
internal class EventHandler<T : Any>(
    private val name: String,
    private val type: DeserializationStrategy<T>,
    private val handler: suspend (T) -> Unit,
) {
    /** Hands the event over where it is of this name. What the handler throws is logged. */
    suspend fun offer(event: Event.Raw, json: Json) {
        if (event.name != name) return
        try {
            handler(json.decodeFromJsonElement(type, event.payload))
        } catch (failure: Throwable) {
            // The handler's own cancellations count as its failures; those of this coroutine end it.
            if (failure is CancellationException) currentCoroutineContext().ensureActive()
            LOGGER.log(Level.WARNING, "a handler of $name failed", failure)
        }
    }
}

/**
 * The handlers of a client. Those of a stream together are its one consumer: a coroutine that runs while there are any.
 *
 * [reserve] becomes a stream's consumer at once, and gives its events untyped: each handler has its own type.
 */
internal class Handlers(
    private val scope: CoroutineScope,
    private val json: Json,
    private val reserve: (Stream) -> Flow<Envelope>,
) {
    private class Served(val job: Job, val handlers: List<EventHandler<*>>, val isBusy: Boolean)

    private val served = HashMap<Stream, Served>()

    @Synchronized
    fun add(stream: Stream, handler: EventHandler<*>): Handler {
        val present = served[stream]?.takeIf { it.job.isActive }
        val job = present?.job ?: serve(stream, reserve(stream))
        served[stream] = Served(job, present?.handlers.orEmpty() + handler, present?.isBusy ?: false)
        job.start()
        return Added(job) { remove(stream, handler) }
    }

    private fun serve(stream: Stream, envelopes: Flow<Envelope>): Job =
        // It begins once its handler is in the table.
        scope.launch(start = CoroutineStart.LAZY) {
            envelopes.takeWhile { hand(stream, it.event) }.collect()
        }

    /** Gives whether anybody wants the next event. */
    private suspend fun hand(stream: Stream, event: Event): Boolean {
        val handlers = begin(stream)
        when (event) {
            is Event.Raw -> handlers.forEach { it.offer(event, json) }
            is Event.Reset -> LOGGER.warning("continuity of $stream was lost; its handlers go on after ${event.offset}")
            is Event.Refused -> LOGGER.warning("the server refuses $stream: ${event.code}; its handlers end")
            is Event.Gone -> LOGGER.info("$stream is gone; its handlers end")
            is TypedEvent -> error("handlers get events untyped")
        }
        return finish(stream)
    }

    @Synchronized
    private fun begin(stream: Stream): List<EventHandler<*>> {
        // Without handlers it was cancelled in this moment, and the event is not taken.
        val present = served[stream] ?: throw CancellationException("the last handler was closed")
        served[stream] = Served(present.job, present.handlers, isBusy = true)
        return present.handlers
    }

    @Synchronized
    private fun finish(stream: Stream): Boolean {
        val present = served[stream] ?: return false
        if (present.handlers.isEmpty()) {
            served -= stream
            return false
        }
        served[stream] = Served(present.job, present.handlers, isBusy = false)
        return true
    }

    @Synchronized
    private fun remove(stream: Stream, handler: EventHandler<*>) {
        val present = served[stream] ?: return
        val left = present.handlers - handler
        if (left.isEmpty() && !present.isBusy) {
            served -= stream
            present.job.cancel()
        } else {
            served[stream] = Served(present.job, left, present.isBusy)
        }
    }

    private class Added(private val job: Job, private val remove: () -> Unit) : Handler {
        override fun close() = remove()

        override suspend fun join() = job.join()
    }
}

private val LOGGER = Logger.getLogger("dev.keepline")
