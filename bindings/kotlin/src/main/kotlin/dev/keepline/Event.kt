package dev.keepline

import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.serializer

/**
 * An item of a stream.
 *
 * ```
 * client.events(Stream.job(job)).collect { event ->
 *     when (event) {
 *         is SearchResult -> show(event)
 *         is Event.Reset -> rebuildFrom(event.snapshot)
 *         else -> {}
 *     }
 * }
 * ```
 */
public sealed interface Event {
    /**
     * An event of a name or version that no registered type has, or whose payload does not fit its type: with every
     * argument as it came. [decode] gives it a type.
     */
    public data class Raw(
        /** Its name. */
        val name: String,
        /**
         * Every argument; an event of a Keepline server has one. The place of an attachment holds
         * `{"_placeholder":true,"num":N}`.
         */
        val args: List<JsonElement>,
        /** Binary attachments. */
        val attachments: List<ByteArray> = emptyList(),
        /** How to acknowledge it, where the server asked for that. */
        val acknowledge: Acknowledge? = null,
    ) : Event {
        /** The first argument; `null` as JSON where it has none. */
        val payload: JsonElement get() = args.firstOrNull() ?: JsonNull
    }

    /** Continuity was lost: discard what was built up, take the snapshot, go on from here. */
    public data class Reset(
        /** The log's incarnation now. */
        val epoch: String,
        /** The place of the snapshot: the next event stands right after it. */
        val offset: Long,
        /** Why. */
        val reason: ResetReason,
        /** What the events up to [offset] add up to, where the server keeps such a thing. */
        val snapshot: JsonElement? = null,
    ) : Event

    /** The stream ended and was removed, and its cursor with it. Nothing comes after it. */
    public data object Gone : Event

    /**
     * The server does not give this stream and would say so again. Nothing comes after it. Its cursor stays: collect
     * the stream again once the reason is gone.
     */
    public data class Refused(
        /** The stable code, such as `FORBIDDEN`. */
        val code: String,
    ) : Event
}

/**
 * An event with a type: one of the [catalogue][dev.keepline.catalogue], or an app's own that was registered by
 * [KeeplineConfig.eventType].
 *
 * ```
 * @Serializable
 * @WireName("note:changed:v1")
 * data class NoteChanged(val id: Long, val text: String) : TypedEvent
 * ```
 */
public interface TypedEvent : Event

/** Why continuity was lost. */
public enum class ResetReason {
    /** The log was trimmed beyond the cursor. */
    Trimmed,

    /** The log was begun anew. */
    EpochChanged,

    /** The cursor was ahead of the log: the server was restored from a backup. */
    Ahead,
}

/** Acknowledges one event to an existing Socket.IO server that asked for it. It moves no cursor. */
public fun interface Acknowledge {
    /** Sends the arguments. Where the connection on which the event came is gone, nothing happens. */
    public suspend fun send(args: List<JsonElement>)
}

/**
 * The event as a type of the app's own, by its [WireName]; `null` where it has another name.
 *
 * @throws SerializationException where the name is right and the payload is not.
 */
public inline fun <reified T : Any> Event.Raw.decode(json: Json = KeeplineJson): T? {
    val serializer = serializer<T>()
    return if (serializer.descriptor.hasWireName(name)) json.decodeFromJsonElement(serializer, payload) else null
}
