package dev.keepline.internal

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
    private val reserve: (Stream) -> Reserved,
) {
    private class Served(val consumer: Consumer, val handlers: List<EventHandler<*>>, val isBusy: Boolean)

    private val served = HashMap<Stream, Served>()

    @Synchronized
    fun add(stream: Stream, handler: EventHandler<*>): Handler {
        val present = served[stream]?.takeIf { it.consumer.job.isActive }
        val consumer = present?.consumer ?: serve(stream, reserve(stream))
        served[stream] = Served(consumer, present?.handlers.orEmpty() + handler, present?.isBusy ?: false)
        consumer.job.start()
        return Added(consumer) { remove(stream, handler) }
    }

    private fun serve(stream: Stream, reserved: Reserved): Consumer {
        // It begins once its handler is in the table.
        val job = scope.launch(start = CoroutineStart.LAZY) {
            reserved.envelopes.takeWhile { hand(stream, it.event) }.collect()
        }
        // One that is cancelled before it began collects nothing: the client ended, or the handler was closed.
        job.invokeOnCompletion { reserved.giveBack() }
        return Consumer(job, reserved)
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
        served[stream] = Served(present.consumer, present.handlers, isBusy = true)
        return present.handlers
    }

    @Synchronized
    private fun finish(stream: Stream): Boolean {
        val present = served[stream] ?: return false
        if (present.handlers.isEmpty()) {
            served -= stream
            return false
        }
        served[stream] = Served(present.consumer, present.handlers, isBusy = false)
        return true
    }

    @Synchronized
    private fun remove(stream: Stream, handler: EventHandler<*>) {
        val present = served[stream] ?: return
        val left = present.handlers - handler
        if (left.isEmpty() && !present.isBusy) {
            served -= stream
            present.consumer.job.cancel()
        } else {
            served[stream] = Served(present.consumer, left, present.isBusy)
        }
    }

    /** What collects a stream for its handlers. */
    private class Consumer(val job: Job, private val reserved: Reserved) {
        suspend fun join() {
            job.join()
            // What runs at the end of a job may run a moment after it.
            reserved.giveBack()
        }
    }

    private class Added(private val consumer: Consumer, private val remove: () -> Unit) : Handler {
        override fun close() = remove()

        override suspend fun join() = consumer.join()
    }
}

private val LOGGER = Logger.getLogger("dev.keepline")
