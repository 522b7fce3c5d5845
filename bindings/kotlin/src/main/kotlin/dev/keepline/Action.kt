package dev.keepline

import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.SerialInfo
import kotlinx.serialization.descriptors.SerialDescriptor

/**
 * What an app asks of the server, with [R] as the type of the reply.
 *
 * An app's own actions are classes like those of the [catalogue][dev.keepline.catalogue]: serialisable, with the name
 * under which the server knows them.
 *
 * ```
 * @Serializable
 * @WireName("note:add:v1")
 * data class AddNote(val text: String) : Action<NoteAdded>
 * ```
 *
 * Properties with a default are written too; those that are `null` are left out.
 */
public interface Action<R>

/**
 * The name of an action or an event on the wire, such as `note:add:v1`.
 *
 * The version belongs to the name: what changes its shape in a way that an older peer cannot read gets another one.
 */
@OptIn(ExperimentalSerializationApi::class)
@SerialInfo
@Target(AnnotationTarget.CLASS)
@Retention(AnnotationRetention.BINARY)
public annotation class WireName(
    /** The name: 1 to 128 bytes. */
    val name: String,
)

/** The [WireName] of a serialisable class; `null` where it has none. */
internal fun SerialDescriptor.wireName(): String? =
    annotations.firstNotNullOfOrNull { it as? WireName }?.name

/** As [wireName], for a class that cannot do without. */
internal fun SerialDescriptor.requireWireName(): String =
    requireNotNull(wireName()) { "$serialName has no @WireName" }
