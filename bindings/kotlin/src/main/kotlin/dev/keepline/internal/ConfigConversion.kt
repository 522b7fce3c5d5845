package dev.keepline.internal

import dev.keepline.KeeplineConfig
import dev.keepline.LanePolicy
import dev.keepline.OpenException
import dev.keepline.core.CoreConfig
import dev.keepline.core.CoreLane
import dev.keepline.core.CoreLanePolicy
import dev.keepline.core.CorePair
import kotlin.time.Duration

internal fun KeeplineConfig.toCore(): CoreConfig =
    CoreConfig(
        url = url,
        database = database,
        token = token,
        asksForTokens = tokenProvider != null,
        account = account,
        sdk = SDK,
        allowPlainText = allowPlainText,
        path = path,
        namespace = namespace,
        query = query.toPairs(),
        headers = headers.toPairs(),
        auth = auth?.toString(),
        lanes = lanes.map { (lane, policy) -> CoreLane(lane, policy.toCore()) },
        defaultLane = defaultLanePolicy?.toCore(),
        capacityRows = capacity?.first?.unsigned("capacity"),
        capacityBytes = capacity?.second?.unsigned("capacity"),
        diskQuota = diskQuotaBytes?.unsigned("disk_quota"),
        ttlMs = ttl?.unsigned("ttl"),
        attempts = attempts?.toLong()?.unsigned("attempts")?.toUInt(),
        relaxedDurability = relaxedDurability,
        setCorruptAside = setCorruptAside,
        bufferEvents = buffer?.first?.toLong()?.unsigned("buffer")?.toUInt(),
        bufferBytes = buffer?.second?.unsigned("buffer"),
        outcomesRows = outcomesKept?.first?.unsigned("outcomes_kept"),
        outcomesAgeMs = outcomesKept?.second?.unsigned("outcomes_kept"),
        reconnectBaseMs = reconnect?.first?.unsigned("reconnect"),
        reconnectCapMs = reconnect?.second?.unsigned("reconnect"),
        receiveLimit = receiveLimitBytes?.unsigned("receive_limit"),
        extraRootsPem = extraRoots.toList(),
        pinnedKeys = pinnedKeys.toList(),
    )

private fun LanePolicy.toCore(): CoreLanePolicy =
    when (this) {
        LanePolicy.Block -> CoreLanePolicy.BLOCK
        LanePolicy.Skip -> CoreLanePolicy.SKIP
    }

private fun List<Pair<String, String>>.toPairs(): List<CorePair> = map { (name, value) -> CorePair(name, value) }

/** A negative number would become a very large one on its way. */
private fun Long.unsigned(option: String): ULong =
    if (this < 0) throw OpenException.BadConfig(option) else toULong()

private fun Duration.unsigned(option: String): ULong = inWholeMilliseconds.unsigned(option)

/** What is negative is over. */
internal fun Duration.milliseconds(): ULong = inWholeMilliseconds.coerceAtLeast(0).toULong()

private const val SDK = "kotlin/0.1.0"
