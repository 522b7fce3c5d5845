package dev.keepline

import kotlinx.serialization.DeserializationStrategy
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.serializer

/** How an action ended. Stored with it, and readable by its id after a restart. */
public sealed interface Outcome<out R> {
    /** The server applied it; a Keepline server once, however often it arrived. */
    public data class Accepted<out R>(
        /** The answer. */
        val reply: R,
    ) : Outcome<R>

    /** The server refused it for good. */
    public data class Rejected(
        /** The stable code. */
        val code: String,
        /** For people. */
        val text: String,
    ) : Outcome<Nothing>

    /** It was never sent, and its time ran out. */
    public data object Expired : Outcome<Nothing>

    /** It was cancelled, discarded or replaced, for certain: it never was and never will be applied. */
    public data object Cancelled : Outcome<Nothing>

    /** It may have been applied, and that cannot be found out any more. */
    public data object Indeterminate : Outcome<Nothing>

    /** An existing server was not asked to acknowledge it: it was written to the line, and nothing more is known. */
    public data object Sent : Outcome<Nothing>
}

/** What came back with [Outcome.Accepted], as it came. */
public data class Reply(
    /**
     * The answer. With an existing Socket.IO server an array of the acknowledgement's arguments. `null` where it was
     * forgotten; the verdict stands.
     */
    val payload: JsonElement?,
    /** Binary attachments of an acknowledgement of an existing server. */
    val attachments: List<ByteArray> = emptyList(),
)

/**
 * The answer as a type. With an existing server one argument is taken for the answer itself where the array does not
 * fit, so the same type serves both kinds of server.
 *
 * @throws SerializationException where the answer has another shape.
 */
public inline fun <reified R> Reply.decode(json: Json = KeeplineJson): R = decode(serializer<R>(), json)

/** As the other `decode`, with a serializer that is known at run time. */
public fun <R> Reply.decode(deserializer: DeserializationStrategy<R>, json: Json = KeeplineJson): R {
    val answer = payload ?: JsonNull
    return try {
        json.decodeFromJsonElement(deserializer, answer)
    } catch (mismatch: SerializationException) {
        val only = (answer as? JsonArray)?.singleOrNull() ?: throw mismatch
        json.decodeFromJsonElement(deserializer, only)
    }
}

internal inline fun <R, S> Outcome<R>.map(convert: (R) -> S): Outcome<S> =
    when (this) {
        is Outcome.Accepted -> Outcome.Accepted(convert(reply))
        is Outcome.Rejected -> this
        Outcome.Expired -> Outcome.Expired
        Outcome.Cancelled -> Outcome.Cancelled
        Outcome.Indeterminate -> Outcome.Indeterminate
        Outcome.Sent -> Outcome.Sent
    }
