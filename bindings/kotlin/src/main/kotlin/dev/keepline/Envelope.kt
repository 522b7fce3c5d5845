package dev.keepline

/** An event with its place in the stream. */
public class Envelope(
    /** The stream. */
    public val stream: Stream,
    /** The event. */
    public val event: Event,
    /** Where it stands; `null` for an ephemeral event and for every event of an existing Socket.IO server. */
    public val place: Place? = null,
    /** When the server wrote it (RFC 3339). */
    public val time: String? = null,
    private val take: (Place) -> Unit = {},
) {
    /**
     * With [CursorMode.Manual]: everything up to this event counts as taken. Elsewhere, and after the collection has
     * ended, it does nothing.
     */
    public fun markTaken() {
        place?.let(take)
    }

    override fun toString(): String = "Envelope($stream, ${place?.offset}, ${event::class.simpleName})"
}

/** An event's place in its stream. */
public data class Place(
    /** The log's incarnation; offsets of another one mean nothing. */
    val epoch: String,
    /** Counted from 1 without a hole. */
    val offset: Long,
)

/** What a live tap gives. */
public sealed interface Tapped<out T> {
    /** An item. */
    public data class Item<out T>(
        /** The item. */
        val value: T,
    ) : Tapped<T>

    /** The collector was slow. */
    public data class Lagged(
        /** So many items are lost to it. */
        val count: Long,
    ) : Tapped<Nothing>
}
