package dev.keepline

import kotlinx.serialization.Serializable
import java.util.UUID

/**
 * The id of an action: a UUID as text. It makes an action safe to send twice, and finds its outcome after a restart.
 */
@JvmInline
@Serializable
public value class ActionId(
    /** The UUID, in lower case and with hyphens. */
    public val text: String,
) {
    override fun toString(): String = text

    /** Makes ids. */
    public companion object {
        /** An id of the caller's own, for [SubmitOptions.id]. */
        public fun of(uuid: UUID): ActionId = ActionId(uuid.toString())

        /** A new random id. */
        public fun random(): ActionId = of(UUID.randomUUID())
    }
}
