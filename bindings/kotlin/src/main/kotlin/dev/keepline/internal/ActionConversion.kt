package dev.keepline.internal

import dev.keepline.AckMode
import dev.keepline.ActionId
import dev.keepline.ActionState
import dev.keepline.OutboxChange
import dev.keepline.OutboxEntry
import dev.keepline.OutboxFilter
import dev.keepline.Outcome
import dev.keepline.RawArgs
import dev.keepline.Reply
import dev.keepline.SignOut
import dev.keepline.SubmitOptions
import dev.keepline.core.CoreAckMode
import dev.keepline.core.CoreActionState
import dev.keepline.core.CoreArgs
import dev.keepline.core.CoreChange
import dev.keepline.core.CoreEntry
import dev.keepline.core.CoreFilter
import dev.keepline.core.CoreOutcome
import dev.keepline.core.CoreRejection
import dev.keepline.core.CoreReply
import dev.keepline.core.CoreSignOut
import dev.keepline.core.CoreSubmitOptions
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlin.time.Duration.Companion.milliseconds

internal fun SubmitOptions.toCore(): CoreSubmitOptions =
    CoreSubmitOptions(
        lane = lane,
        // The core refuses a time of zero, which a negative one would be.
        ttlMs = ttl?.milliseconds(),
        label = label,
        coalesce = coalesce,
        id = id?.text,
        ack = if (ack == AckMode.None) CoreAckMode.NONE else null,
    )

internal fun RawArgs.toCore(): CoreArgs = CoreArgs(JsonArray(values).toString(), attachments)

internal fun SignOut.toCore(): CoreSignOut =
    when (this) {
        SignOut.Keep -> CoreSignOut.KEEP
        SignOut.Discard -> CoreSignOut.DISCARD
    }

internal fun OutboxFilter.toCore(): CoreFilter =
    CoreFilter(
        pendingOnly = pendingOnly,
        lane = lane,
        id = id?.text,
        limit = limit.coerceAtLeast(0).toUInt(),
        after = after?.text,
    )

internal fun CoreReply.toReply(json: Json): Reply =
    Reply(payload?.let(json::parseToJsonElement), attachments)

internal fun CoreRejection.toRejected(): Outcome.Rejected = Outcome.Rejected(code, text)

internal fun CoreOutcome.toOutcome(json: Json): Outcome<Reply> =
    when (this) {
        is CoreOutcome.Accepted -> Outcome.Accepted(reply.toReply(json))
        is CoreOutcome.Rejected -> rejection.toRejected()
        CoreOutcome.Expired -> Outcome.Expired
        CoreOutcome.Cancelled -> Outcome.Cancelled
        CoreOutcome.Indeterminate -> Outcome.Indeterminate
        CoreOutcome.Sent -> Outcome.Sent
    }

internal fun CoreEntry.toEntry(json: Json): OutboxEntry =
    OutboxEntry(
        id = ActionId(id),
        name = name,
        payload = json.parseToJsonElement(payload),
        lane = lane,
        label = label,
        state = state.toState(),
        attempts = attempts.toInt(),
        age = ageMs.toLong().milliseconds,
        outcome = outcome?.toOutcome(json),
        lastError = lastError?.toRejected(),
        rolledBack = rolledBack,
    )

private fun CoreActionState.toState(): ActionState =
    when (this) {
        CoreActionState.QUEUED -> ActionState.Queued
        CoreActionState.SENT -> ActionState.Sent
        CoreActionState.VOIDING -> ActionState.Voiding
        CoreActionState.PARKED -> ActionState.Parked
        CoreActionState.SETTLED -> ActionState.Settled
    }

internal fun CoreChange.toChange(json: Json): OutboxChange =
    when (this) {
        is CoreChange.Changed -> OutboxChange.Changed(ActionId(id))
        is CoreChange.Settled -> OutboxChange.Settled(ActionId(id), outcome.toOutcome(json))
        is CoreChange.Renamed -> OutboxChange.Renamed(ActionId(old), ActionId(new))
        is CoreChange.RolledBack -> OutboxChange.RolledBack(ids.map(::ActionId))
        is CoreChange.Lagged -> OutboxChange.Lagged(count.toLong())
    }

internal fun String.toJsonObject(json: Json): JsonObject =
    json.parseToJsonElement(this) as? JsonObject ?: JsonObject(emptyMap())
