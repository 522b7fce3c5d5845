package dev.keepline

/**
 * Gives a token when the client asks for one: before each connection, ahead of the present token's end, and once more
 * after the server refused one.
 *
 * It is asked one call at a time. What it throws counts as "not now": the client asks again after a while;
 * [SignedOutException] means that there is none to be had. After 30 seconds it is cancelled, which counts as "not now"
 * too.
 */
public fun interface TokenProvider {
    /** The token. With [TokenReason.Refused] do not answer from a cache. */
    public suspend fun token(reason: TokenReason): String
}

/** Why a token is asked for. */
public enum class TokenReason {
    /** A connection is being made. */
    Connect,

    /** The present token runs out soon. */
    Expiring,

    /** The server refused the last one. */
    Refused,
}

/** Thrown by a [TokenProvider]: nobody is signed in. The status becomes [Line.AuthRequired], and the queue is kept. */
public class SignedOutException(message: String = "nobody is signed in") : Exception(message)
