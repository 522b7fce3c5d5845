package dev.keepline.internal

import dev.keepline.Acknowledge
import dev.keepline.CursorMode
import dev.keepline.Envelope
import dev.keepline.Event
import dev.keepline.EventTypes
import dev.keepline.EventsOptions
import dev.keepline.Place
import dev.keepline.ResetReason
import dev.keepline.Stream
import dev.keepline.core.CoreEvent
import dev.keepline.core.CoreEventBatch
import dev.keepline.core.CoreEventDetails
import dev.keepline.core.CoreEventsOptions
import dev.keepline.core.CoreItem
import dev.keepline.core.CoreReset
import dev.keepline.core.CoreResetReason
import dev.keepline.core.CoreSocketAck
import dev.keepline.decodeOrNull
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement

/** Gives events their types. */
internal class EventConversion(private val json: Json, private val types: EventTypes) {
    /** What makes envelopes of a batch's events. */
    fun ofBatch(stream: Stream, batch: CoreEventBatch, take: (Place) -> Unit): BatchConversion =
        BatchConversion(stream, batch, take, json, types)

    /** What interrupts the events of a batch; `null` for the lag of a tap, which its own flow tells of. */
    fun envelope(stream: Stream, item: CoreItem, take: (Place) -> Unit): Envelope? =
        when (item) {
            is CoreItem.Reset -> {
                val reset = item.reset.toReset()
                Envelope(stream, reset, Place(reset.epoch, reset.offset), null, take)
            }
            CoreItem.Gone -> Envelope(stream, Event.Gone)
            is CoreItem.Refused -> Envelope(stream, Event.Refused(item.code))
            is CoreItem.Lagged -> null
        }

    private fun CoreReset.toReset(): Event.Reset =
        Event.Reset(epoch, offset.toLong(), reason.toReason(), snapshot?.let(json::parseToJsonElement))
}

/** Gives the events of one batch their types. What is the same in many of them is looked up once. */
internal class BatchConversion(
    private val stream: Stream,
    private val batch: CoreEventBatch,
    private val take: (Place) -> Unit,
    private val json: Json,
    types: EventTypes,
) {
    private val serializers = batch.names.map(types::serializer)

    fun envelope(event: CoreEvent): Envelope =
        Envelope(stream, event(event), place(event), event.time?.let { batch.times[it.toInt()] }, take)

    private fun place(event: CoreEvent): Place? {
        val offset = event.offset ?: return null
        val epoch = event.epoch ?: batch.epoch ?: return null
        return Place(epoch, offset.toLong())
    }

    private fun event(event: CoreEvent): Event {
        val index = event.name.toInt()
        // More than one argument, or an attachment, would be lost in a typed event.
        val details = event.details ?: return typed(index, event) ?: raw(index, event)
        return details.toRaw(batch.names[index])
    }

    private fun typed(index: Int, event: CoreEvent): Event? =
        serializers[index]?.let { json.decodeOrNull(it, event.payload) }

    private fun raw(index: Int, event: CoreEvent): Event.Raw =
        Event.Raw(batch.names[index], listOf(json.parseToJsonElement(event.payload)))

    private fun CoreEventDetails.toRaw(name: String): Event.Raw =
        Event.Raw(name, args.map(json::parseToJsonElement), attachments, ack?.let(::SocketAcknowledge))
}

internal fun EventsOptions.toCore(): CoreEventsOptions =
    CoreEventsOptions(manual = cursor == CursorMode.Manual, after = after?.coerceAtLeast(0)?.toULong())

private fun CoreResetReason.toReason(): ResetReason =
    when (this) {
        CoreResetReason.TRIMMED -> ResetReason.Trimmed
        CoreResetReason.EPOCH_CHANGED -> ResetReason.EpochChanged
        CoreResetReason.AHEAD -> ResetReason.Ahead
    }

private class SocketAcknowledge(private val ack: CoreSocketAck) : Acknowledge {
    override suspend fun send(args: List<JsonElement>) {
        awaiting { ack.send(JsonArray(args).toString()) }
    }
}
