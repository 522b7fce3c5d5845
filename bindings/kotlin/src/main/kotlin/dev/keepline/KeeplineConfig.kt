package dev.keepline

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.serialization.KSerializer
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.serializer
import kotlin.time.Duration

/**
 * What may be said when a client is opened. What is not said keeps its default.
 *
 * ```
 * KeeplineClient.open("wss://example.org", "queue.db") {
 *     tokenProvider { reason -> session.token(fresh = reason == TokenReason.Refused) }
 *     eventType<NoteChanged>()
 * }
 * ```
 */
public class KeeplineConfig(
    /**
     * The server: scheme, host and port, such as `wss://example.org`. Plain text goes to loopback only, unless
     * [allowPlainText] says otherwise. A path is no namespace: see [namespace] and [path].
     */
    public val url: String,
    /** The database's file. It and its folder are made where there is none. */
    public val database: String,
) {
    /** Whom the queue belongs to; `null`: learned from the first session. */
    public var account: String? = null

    /** Whether plain text (`ws`) may go beyond loopback. */
    public var allowPlainText: Boolean = false

    /** Where the engine listens; `/socket.io/` otherwise. */
    public var path: String? = null

    /** The Socket.IO namespace; `/` otherwise. */
    public var namespace: String? = null

    /** More keys for the CONNECT payload, beside Keepline's own. */
    public var auth: JsonObject? = null

    /** What happens to the default lane when its head cannot be delivered; it [skips][LanePolicy.Skip] otherwise. */
    public var defaultLanePolicy: LanePolicy? = null

    /** How large the file may grow by submits, in bytes; twice the capacity and 32 MiB otherwise. */
    public var diskQuotaBytes: Long? = null

    /** How long an action waits that was never sent; 24 hours otherwise, at most 30 days. */
    public var ttl: Duration? = null

    /** How often an action that failed in a way that may pass is tried before it is parked; 10 times otherwise. */
    public var attempts: Int? = null

    /** Whether a power cut may lose the last commits. The app's death alone loses nothing either way. */
    public var relaxedDurability: Boolean = false

    /** Whether a corrupt database is moved aside and a new one made, instead of [OpenException.Corrupt]. */
    public var setCorruptAside: Boolean = false

    /** The largest packet that is read, in bytes; 1 MiB otherwise. */
    public var receiveLimitBytes: Long? = null

    /** How payloads are written and read: for contextual serializers, for instance. */
    public var json: Json = KeeplineJson

    /** Where the token provider and handlers run. */
    public var dispatcher: CoroutineDispatcher = Dispatchers.Default

    internal var token: String? = null
    internal var tokenProvider: TokenProvider? = null
    internal val query = mutableListOf<Pair<String, String>>()
    internal val headers = mutableListOf<Pair<String, String>>()
    internal val lanes = mutableMapOf<String, LanePolicy>()
    internal val extraRoots = mutableListOf<String>()
    internal val pinnedKeys = mutableListOf<String>()
    internal val eventTypes = EventTypes.catalogue()
    internal var capacity: Pair<Long, Long>? = null
    internal var buffer: Pair<Int, Long>? = null
    internal var outcomesKept: Pair<Long, Duration>? = null
    internal var reconnect: Pair<Duration, Duration>? = null

    /** A token that never changes. It is never written to disk, and shows in no log. */
    public fun token(token: String) {
        this.token = token
        tokenProvider = null
    }

    /** Who gives tokens. */
    public fun tokenProvider(provider: TokenProvider) {
        tokenProvider = provider
        token = null
    }

    /** A pair for the query of the dial. */
    public fun query(name: String, value: String) {
        query += name to value
    }

    /** A header of the dial. */
    public fun header(name: String, value: String) {
        headers += name to value
    }

    /** What happens to a named lane when its head cannot be delivered; it [blocks][LanePolicy.Block] otherwise. */
    public fun lanePolicy(lane: String, policy: LanePolicy) {
        lanes[lane] = policy
    }

    /** How many actions without an outcome, and bytes of payload, the queue holds; 10,000 and 50 MiB otherwise. */
    public fun capacity(rows: Long, bytes: Long) {
        capacity = rows to bytes
    }

    /** How many events and bytes of each stream wait for a slow app; 1,024 and 4 MiB otherwise. */
    public fun buffer(events: Int, bytes: Long) {
        buffer = events to bytes
    }

    /** How many outcomes that the app has taken are kept, and how long; 1,000 and 7 days otherwise. */
    public fun outcomesKept(rows: Long, age: Duration) {
        outcomesKept = rows to age
    }

    /** The first and the longest delay between two attempts to connect; 0.5 and 10 seconds otherwise. */
    public fun reconnect(base: Duration, cap: Duration) {
        reconnect = base to cap
    }

    /** Trusts another root for TLS, given as PEM. */
    public fun extraRoot(pem: String) {
        extraRoots += pem
    }

    /**
     * Narrows TLS to servers with this key: the SHA-256 of the certificate's SubjectPublicKeyInfo, as 64 hex digits.
     * Pin a backup key too.
     */
    public fun pinnedKey(sha256: String) {
        pinnedKeys += sha256
    }

    /**
     * Has events of an app's own type arrive typed. Without it they arrive as [Event.Raw].
     *
     * @throws IllegalArgumentException where the type has no [WireName].
     */
    public inline fun <reified T : TypedEvent> eventType(): Unit = eventType(serializer<T>())

    /** As the other `eventType`, with a serializer that is known at run time. */
    public fun eventType(serializer: KSerializer<out TypedEvent>) {
        eventTypes.register(serializer)
    }

    override fun toString(): String = "KeeplineConfig($url, $database)"
}

/** What happens to a lane whose head cannot be delivered. */
public enum class LanePolicy {
    /** It waits for `retry` or `discard`. */
    Block,

    /** The head is parked, and the lane moves on. */
    Skip,
}
