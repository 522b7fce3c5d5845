package dev.keepline

import kotlin.time.Duration

/** How the line is, and what waits for it. */
public data class Status(
    /** The state of the line. */
    val line: Line,
    /** Actions without an outcome; parked ones not counted. */
    val pending: Long = 0,
    /** Actions that wait for `retry` or `discard`. */
    val parked: Long = 0,
    /** How long the oldest pending action had waited; `null` where nothing is pending. */
    val oldest: Duration? = null,
)

/** The state of the line. */
public sealed interface Line {
    /** Nobody asked for a connection. */
    public data object Idle : Line

    /** Asking for a token, dialling, greeting. */
    public data object Connecting : Line

    /** Actions go out and events come in. */
    public data class Online(
        /** Whether every stream continued where its cursor stood. */
        val resumed: Boolean = false,
    ) : Line

    /** There is no line at the moment, and the client tries again by itself. */
    public data class Waiting(
        /** How long until the next attempt. */
        val retryIn: Duration,
        /** Which attempt that will be, from 1. */
        val attempt: Int,
        /** What went wrong last. */
        val reason: LineTrouble,
    ) : Line

    /** The host said that it has no network. */
    public data object Offline : Line

    /** Every file and socket is closed until [KeeplineClient.foreground] or [KeeplineClient.connect]. */
    public data object Suspended : Line

    /** The app has to act: sign in, then [KeeplineClient.connect]. The queue is kept. */
    public data class AuthRequired(
        /** Why. */
        val reason: AuthTrouble,
        /** The server's code, where it refused the token. */
        val code: String? = null,
    ) : Line

    /** The client was shut down. */
    public data object Closed : Line
}

/** Why there is no line at the moment. */
public enum class LineTrouble {
    /** The name could not be resolved. */
    Dns,

    /** Nobody listens there, or no route leads there. */
    Unreachable,

    /** The certificate does not hold: wrong host, expired, unknown issuer, or not the pinned key. */
    Tls,

    /** The server answered something other than a Socket.IO handshake. */
    Handshake,

    /** No answer in time. */
    TimedOut,

    /** The other end closed the line, or the network did. */
    Lost,

    /** No heartbeat came in time. */
    Silent,

    /** An action was not answered in time. */
    Unanswered,

    /** The other end broke the protocol. */
    Protocol,

    /** The server goes away for a moment and said so. */
    Draining,

    /** The server is too busy and said when to come back. */
    Busy,

    /** The server ended the session. */
    Disconnected,

    /** The token ran out; the next attempt asks for a new one. */
    TokenExpired,

    /** The token provider failed for now. */
    TokenUnavailable,

    /** This database has met a Keepline server and the peer is none now; nothing is sent to it. */
    NotKeepline,

    /** The local database failed and is being opened again. */
    Store,
}

/** Why the app has to act before there can be a line. */
public enum class AuthTrouble {
    /** The config has no token and no provider, and the server wants one. */
    TokenMissing,

    /** The server refused a fresh token. */
    TokenRefused,

    /** The provider said that there is no token to be had. */
    SignedOut,

    /** The token belongs to somebody else than the rows of this database. */
    AccountMismatch,

    /** The server does not speak this version of the protocol. */
    ProtoUnsupported,
}
