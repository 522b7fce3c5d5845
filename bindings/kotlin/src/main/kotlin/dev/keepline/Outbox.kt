package dev.keepline

import kotlinx.serialization.json.JsonElement
import kotlin.time.Duration

/** Which rows of the outbox to list, oldest first. */
public data class OutboxFilter(
    /** Only actions without an outcome. */
    val pendingOnly: Boolean = false,
    /** Only this lane. */
    val lane: String? = null,
    /** Only this action. */
    val id: ActionId? = null,
    /** At most so many. */
    val limit: Int = 1_000,
    /** Only what was submitted after this action: for the next page. */
    val after: ActionId? = null,
)

/** A row of the outbox. */
public data class OutboxEntry(
    /** The action's id. */
    val id: ActionId,
    /** Its name. */
    val name: String,
    /** Its payload; for a raw action the array of its arguments. */
    val payload: JsonElement,
    /** Its lane; `null` is the default lane. */
    val lane: String?,
    /** The app's own string. */
    val label: String?,
    /** Where it stands. */
    val state: ActionState,
    /** How many attempts have failed in a way that counts. */
    val attempts: Int,
    /** How long ago it was submitted. */
    val age: Duration,
    /** Its outcome, once it has one. */
    val outcome: Outcome<Reply>?,
    /** What the server said the last time that it did not accept it. */
    val lastError: Outcome.Rejected?,
    /** The server lost this settled action: it was restored from a backup. */
    val rolledBack: Boolean,
)

/** Where an action stands. */
public enum class ActionState {
    /** Never sent. */
    Queued,

    /** Sent, its outcome is not known. */
    Sent,

    /** The server is being asked to void it. */
    Voiding,

    /** Waits for `retry` or `discard`. */
    Parked,

    /** Has its outcome. */
    Settled,
}

/** Something that happened to the queue. */
public sealed interface OutboxChange {
    /** An action was added, or changed its state. */
    public data class Changed(
        /** Its id. */
        val id: ActionId,
    ) : OutboxChange

    /** An action has its outcome. */
    public data class Settled(
        /** Its id. */
        val id: ActionId,
        /** Its outcome. */
        val outcome: Outcome<Reply>,
    ) : OutboxChange

    /** An action is retried under another id. Whoever waits for its outcome waits on. */
    public data class Renamed(
        /** The id until now. */
        val old: ActionId,
        /** The id from now on. */
        val new: ActionId,
    ) : OutboxChange

    /** The server has lost these settled actions: it was restored from a backup. */
    public data class RolledBack(
        /** Their ids. */
        val ids: List<ActionId>,
    ) : OutboxChange

    /** The collector was slow: look at the whole queue again. */
    public data class Lagged(
        /** So many changes are lost to it. */
        val count: Long,
    ) : OutboxChange
}

/** What to do with an account's queue at [KeeplineClient.signOut]. */
public enum class SignOut {
    /** It stays, and goes on when the same account signs in again. */
    Keep,

    /** It is removed. What was sent already may still be applied. */
    Discard,
}
