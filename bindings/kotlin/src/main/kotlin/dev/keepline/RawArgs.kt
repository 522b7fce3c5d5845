package dev.keepline

import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/**
 * The arguments of a raw action, for an existing Socket.IO server: any number, with binary attachments.
 *
 * ```
 * RawArgs(listOf(JsonPrimitive("room"), attachment(0)), listOf(picture))
 * ```
 */
public data class RawArgs(
    /** The arguments. The place of each attachment is marked by [attachment]. */
    val values: List<JsonElement>,
    /** The attachments, at most 10. */
    val attachments: List<ByteArray> = emptyList(),
) {
    /** Arguments without attachments. */
    public constructor(vararg values: JsonElement) : this(values.asList())
}

/** Marks the place of a binary attachment among the arguments: its number in the list of attachments, from 0. */
public fun attachment(number: Int): JsonElement =
    JsonObject(mapOf("_placeholder" to JsonPrimitive(true), "num" to JsonPrimitive(number)))
