package dev.keepline

import kotlinx.serialization.Serializable

/** An ordered log of events: the user's own, or a job's. */
@JvmInline
@Serializable
public value class Stream(
    /** `user`, or `job:` and the job's id. */
    public val name: String,
) {
    override fun toString(): String = name

    /** Makes streams. */
    public companion object {
        /** What concerns the signed-in user. With an existing Socket.IO server every event comes here. */
        public val user: Stream = Stream("user")

        /** The events of a job, by the id that its action's reply has. */
        public fun job(id: String): Stream = Stream("job:$id")
    }
}

/** Which events of a stream to consume, and who moves the cursor. */
public data class EventsOptions(
    /** Who says that an event was taken. */
    val cursor: CursorMode = CursorMode.Auto,
    /** A look back: begins after this offset and leaves the stored cursor alone. `null`: from the stored cursor on. */
    val after: Long? = null,
)

/** Who moves the cursor of a stream. */
public enum class CursorMode {
    /** An event counts as taken when the collector asks for the one after it. */
    Auto,

    /** An event counts as taken when the app calls [Envelope.markTaken]. */
    Manual,
}
