package dev.keepline.testing

import dev.keepline.CursorMode
import dev.keepline.Envelope
import dev.keepline.Event
import dev.keepline.EventTypes
import dev.keepline.EventsException
import dev.keepline.EventsOptions
import dev.keepline.Place
import dev.keepline.ResetReason
import dev.keepline.Stream
import dev.keepline.Tapped
import dev.keepline.internal.Reserved
import dev.keepline.internal.endedEarly
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.FlowCollector
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.update
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement

/** The event streams of a fake client: each a list that a test appends to, with a cursor. They come online. */
internal class FakeStreams(private val json: Json, private val isOnline: () -> Boolean) {
    private class Item(val event: Event, val place: Place?)

    private class Log {
        val items = ArrayList<Item>()
        var cursor = 0
        var consumer: Any? = null
    }

    private val logs = HashMap<Stream, Log>()
    private var isClosed = false

    /** Counts what happens here, for those who wait. */
    private val moved = MutableStateFlow(0L)

    fun append(stream: Stream, event: Event) = add(stream) { offset ->
        Item(event, if (event is Event.Gone) null else Place(EPOCH, offset))
    }

    // What was lost lies before it.
    fun reset(stream: Stream, reason: ResetReason, snapshot: JsonElement?) = add(stream) { offset ->
        Item(Event.Reset(EPOCH, offset, reason, snapshot), Place(EPOCH, offset))
    }

    fun close() {
        synchronized(this) { isClosed = true }
        lineChanged()
    }

    fun lineChanged() = moved.update { it + 1 }

    /** The one consumer, from its collection on. */
    fun consume(stream: Stream, options: EventsOptions, types: EventTypes): Flow<Envelope> = flow {
        val consumer = Any()
        take(stream, consumer)
        try {
            collectInto(this, stream, options, types)
        } finally {
            release(stream, consumer)
        }
    }

    /** The one consumer, from now on. */
    fun consumeNow(stream: Stream, types: EventTypes): Reserved {
        val consumer = Any()
        take(stream, consumer)
        val envelopes = flow {
            try {
                collectInto(this, stream, EventsOptions(), types)
            } finally {
                release(stream, consumer)
            }
        }
        return Reserved(envelopes) { release(stream, consumer) }
    }

    private suspend fun collectInto(
        collector: FlowCollector<Envelope>,
        stream: Stream,
        options: EventsOptions,
        types: EventTypes,
    ) {
        val move: (Int) -> Unit = if (options.after == null) { index -> moveCursor(stream, index) } else { _ -> }
        val isAuto = options.cursor == CursorMode.Auto
        var next = start(stream, options.after)
        try {
            while (true) {
                val item = await(stream, next) ?: break
                val beyond = next + 1
                collector.emit(envelope(stream, item, types) { if (!isAuto) move(beyond) })
                next = beyond
                if (isAuto) move(next)
                if (item.event is Event.Gone) break
            }
        } catch (end: Throwable) {
            if (isAuto && endedEarly(end)) move(next + 1)
            throw end
        }
    }

    fun observe(stream: Stream, types: EventTypes): Flow<Tapped<Envelope>> = flow {
        var next = synchronized(this@FakeStreams) { log(stream).items.size }
        while (true) {
            val item = await(stream, next) ?: break
            emit(Tapped.Item(envelope(stream, item, types) {}))
            next++
        }
    }

    /** The item at an index, once there is one and a line; `null` at the end. */
    private suspend fun await(stream: Stream, index: Int): Item? {
        moved.first { synchronized(this) { isClosed || (isOnline() && log(stream).items.size > index) } }
        return synchronized(this) { if (isClosed) null else log(stream).items[index] }
    }

    private fun envelope(stream: Stream, item: Item, types: EventTypes, take: (Place) -> Unit): Envelope {
        val event = item.event
        val typed = (event as? Event.Raw)?.let { types.decode(it.name, it.payload.toString(), json) }
        return Envelope(stream, typed ?: event, item.place, time = null, take)
    }

    private fun add(stream: Stream, item: (offset: Long) -> Item) {
        synchronized(this) {
            val items = log(stream).items
            val last = items.lastOrNull { it.place != null }?.place?.offset ?: 0
            items += item(last + 1)
        }
        moved.update { it + 1 }
    }

    @Synchronized
    private fun take(stream: Stream, consumer: Any) {
        if (isClosed) throw EventsException.Closed()
        val log = log(stream)
        if (log.consumer != null) throw EventsException.InUse()
        log.consumer = consumer
    }

    @Synchronized
    private fun release(stream: Stream, consumer: Any) {
        val log = log(stream)
        if (log.consumer === consumer) log.consumer = null
    }

    @Synchronized
    private fun moveCursor(stream: Stream, index: Int) {
        val log = log(stream)
        log.cursor = maxOf(log.cursor, index)
    }

    @Synchronized
    private fun start(stream: Stream, after: Long?): Int {
        val log = log(stream)
        if (after == null) return log.cursor
        return log.items.indexOfFirst { (it.place?.offset ?: 0) > after }.let { if (it < 0) log.items.size else it }
    }

    private fun log(stream: Stream): Log = logs.getOrPut(stream) { Log() }

    private companion object {
        const val EPOCH = "fake"
    }
}
