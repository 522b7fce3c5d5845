package dev.keepline

import kotlin.time.Duration

/** What may be said with a submit. */
public data class SubmitOptions(
    /**
     * The lane: actions of one lane reach the server in order, lanes are independent of each other. `null` is the
     * default lane. At most 1,000 named lanes have something in them.
     */
    val lane: String? = null,
    /** How long it may wait without having been sent, at most 30 days; `null`: as the config says (24 hours). */
    val ttl: Duration? = null,
    /** A string of the app's own, at most 256 bytes, shown in lists of the queue. */
    val label: String? = null,
    /** It replaces an earlier action of its lane with the same key that was never sent. */
    val coalesce: String? = null,
    /** An id of the caller's own: submitting the same action under the same id again is safe. */
    val id: ActionId? = null,
    /** Whether an existing Socket.IO server is asked for an acknowledgement. */
    val ack: AckMode = AckMode.Required,
)

/** Whether an existing Socket.IO server answers an action. */
public enum class AckMode {
    /** An acknowledgement settles it. */
    Required,

    /** It settles as [Outcome.Sent] when it was written to the line. */
    None,
}
