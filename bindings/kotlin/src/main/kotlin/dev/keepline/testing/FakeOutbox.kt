package dev.keepline.testing

import dev.keepline.ActionId
import dev.keepline.ActionState
import dev.keepline.ControlException
import dev.keepline.OutboxChange
import dev.keepline.OutboxEntry
import dev.keepline.OutboxFilter
import dev.keepline.Outcome
import dev.keepline.OutcomeException
import dev.keepline.Reply
import dev.keepline.SubmitException
import dev.keepline.SubmitOptions
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.onSubscription
import kotlinx.coroutines.flow.transformWhile
import kotlinx.serialization.json.JsonElement
import kotlin.time.Duration

/** The queue of a fake client. */
internal class FakeOutbox(private val line: FakeLine) {
    private class Row(var entry: OutboxEntry, val coalesce: String?) {
        val outcome = CompletableDeferred<Outcome<Reply>>()
    }

    private val rows = LinkedHashMap<ActionId, Row>()

    /** What became of the ids of retried actions. */
    private val renamed = HashMap<ActionId, ActionId>()
    private val published =
        MutableSharedFlow<OutboxChange?>(replay = 0, extraBufferCapacity = WAITING_MAX, BufferOverflow.DROP_OLDEST)
    private var isClosed = false

    /** A `null` is its end. */
    val changes: Flow<OutboxChange> = published
        .onSubscription { if (hasEnded()) emit(null) }
        .transformWhile { change ->
            if (change != null) emit(change)
            change != null
        }

    @Synchronized
    fun add(name: String, payload: JsonElement, options: SubmitOptions): ActionId {
        if (name.isEmpty()) throw SubmitException.BadField("name")
        val bytes = payload.toString().encodeToByteArray().size.toLong()
        if (bytes > ACTION_BYTES_MAX) throw SubmitException.TooLarge(bytes, ACTION_BYTES_MAX)
        val id = options.id ?: ActionId.random()
        rows[id]?.let { present ->
            if (present.entry.name == name && present.entry.payload == payload) return id
            throw SubmitException.IdConflict()
        }
        options.coalesce?.let { key -> replaced(key, options.lane)?.let { settle(it, Outcome.Cancelled) } }
        rows[id] = Row(entry(id, name, payload, options), options.coalesce)
        changed(OutboxChange.Changed(id))
        return id
    }

    private fun replaced(key: String, lane: String?): ActionId? {
        val row = rows.values.firstOrNull { row ->
            row.coalesce == key && row.entry.lane == lane && row.entry.state == ActionState.Queued
        }
        return row?.entry?.id
    }

    private fun entry(id: ActionId, name: String, payload: JsonElement, options: SubmitOptions) =
        OutboxEntry(
            id = id,
            name = name,
            payload = payload,
            lane = options.lane,
            label = options.label,
            state = ActionState.Queued,
            attempts = 0,
            age = Duration.ZERO,
            outcome = null,
            lastError = null,
            rolledBack = false,
        )

    @Synchronized
    fun list(filter: OutboxFilter): List<OutboxEntry> {
        val all = rows.values.map { it.entry }
        val from = filter.after?.let { after -> all.dropWhile { it.id != after }.drop(1) } ?: all
        return from
            .filter { !filter.pendingOnly || it.outcome == null }
            .filter { filter.lane == null || it.lane == filter.lane }
            .filter { filter.id == null || it.id == filter.id }
            .take(filter.limit.coerceAtLeast(0))
    }

    suspend fun outcome(id: ActionId): Outcome<Reply> = waiting(id).await()

    @Synchronized
    private fun waiting(id: ActionId): CompletableDeferred<Outcome<Reply>> {
        if (isClosed) throw OutcomeException.Closed()
        return row(id)?.outcome ?: throw OutcomeException.NotFound()
    }

    /** Asks for the answer to everything that is queued, in its order. */
    fun settleAll(answers: FakeAnswers) {
        val queued = synchronized(this) { rows.values.map { it.entry }.filter { it.state == ActionState.Queued } }
        for (entry in queued) {
            val outcome = answers.answer(entry.name, entry.payload)
            if (outcome == null) sent(entry.id) else settle(entry.id, outcome)
        }
    }

    @Synchronized
    private fun sent(id: ActionId) = update(id) { it.copy(state = ActionState.Sent) }

    @Synchronized
    fun settle(id: ActionId, outcome: Outcome<Reply>) {
        val row = row(id) ?: return
        if (!row.outcome.complete(outcome)) return
        row.entry = row.entry.copy(state = ActionState.Settled, outcome = outcome)
        changed(OutboxChange.Settled(row.entry.id, outcome))
    }

    @Synchronized
    fun park(id: ActionId, code: String) =
        update(id) { it.copy(state = ActionState.Parked, lastError = Outcome.Rejected(code, "")) }

    @Synchronized
    fun cancel(id: ActionId) {
        unsettled(id)
        settle(id, Outcome.Cancelled)
    }

    @Synchronized
    fun retry(id: ActionId): ActionId {
        val old = unsettled(id)
        if (old.state != ActionState.Parked) throw ControlException.NotParked()
        val new = ActionId.random()
        renamed[old.id] = new
        // Whoever waits for its outcome waits on.
        val row = checkNotNull(rows.remove(old.id))
        row.entry = old.copy(id = new, state = ActionState.Queued)
        rows[new] = row
        changed(OutboxChange.Renamed(old.id, new))
        return new
    }

    @Synchronized
    fun discard(id: ActionId) {
        if (unsettled(id).state != ActionState.Parked) throw ControlException.NotParked()
        settle(id, Outcome.Cancelled)
    }

    @Synchronized
    fun clear() {
        rows.keys.toList().forEach { settle(it, Outcome.Cancelled) }
        rows.clear()
    }

    @Synchronized
    fun close() {
        isClosed = true
        rows.values.forEach { it.outcome.completeExceptionally(OutcomeException.Closed()) }
        published.tryEmit(null)
    }

    @Synchronized
    private fun hasEnded(): Boolean = isClosed

    private fun unsettled(id: ActionId): OutboxEntry {
        if (isClosed) throw ControlException.Closed()
        val entry = row(id)?.entry ?: throw ControlException.NotFound()
        if (entry.state == ActionState.Settled) throw ControlException.Settled()
        return entry
    }

    private fun update(id: ActionId, change: (OutboxEntry) -> OutboxEntry) {
        val row = row(id) ?: return
        row.entry = change(row.entry)
        changed(OutboxChange.Changed(row.entry.id))
    }

    private fun row(id: ActionId): Row? = rows[generateSequence(id) { renamed[it] }.last()]

    private fun changed(change: OutboxChange) {
        val states = rows.values.groupingBy { it.entry.state }.eachCount()
        val parked = states[ActionState.Parked]?.toLong() ?: 0
        val settled = states[ActionState.Settled]?.toLong() ?: 0
        line.count(pending = rows.size - parked - settled, parked = parked)
        published.tryEmit(change)
    }

    private companion object {
        /** As the real client, before it knows the server's own limit. */
        const val ACTION_BYTES_MAX = 65_536L

        /** How many changes wait for a slow collector: far more than a test makes. */
        const val WAITING_MAX = 1_024
    }
}
