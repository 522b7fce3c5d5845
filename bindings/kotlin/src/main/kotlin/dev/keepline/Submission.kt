package dev.keepline

import kotlinx.serialization.DeserializationStrategy
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import kotlinx.serialization.serializer

/**
 * An action in the queue. [R] is the type of its reply.
 *
 * It may be forgotten and found again by [KeeplineClient.submission], also after a restart.
 */
public class Submission<out R> internal constructor(
    /** The action's id. */
    public val id: ActionId,
    internal val json: Json,
    private val read: suspend () -> Outcome<Reply>,
    private val decode: (Reply) -> R,
) {
    /**
     * Waits for the outcome, with the reply in its type. It may be asked for again and again; being cancelled loses
     * nothing. Across a suspension of the client it waits on.
     *
     * @throws OutcomeException `BadReply` where the server accepted the action and the reply does not fit ([outcomeRaw]
     * has it), `NotFound`, or `Closed` once the client is shut down.
     */
    public suspend fun outcome(): Outcome<R> {
        val outcome = read()
        return try {
            outcome.map(decode)
        } catch (mismatch: SerializationException) {
            throw OutcomeException.BadReply(mismatch)
        }
    }

    /**
     * Waits for the outcome, with the reply as it came.
     *
     * @throws OutcomeException `NotFound`, or `Closed` once the client is shut down.
     */
    public suspend fun outcomeRaw(): Outcome<Reply> = read()

    /** The same submission with another type for its reply. */
    public fun <T> typed(deserializer: DeserializationStrategy<T>): Submission<T> =
        Submission(id, json, read) { reply -> reply.decode(deserializer, json) }

    override fun toString(): String = "Submission($id)"
}

/** The same submission with a type for its reply: `client.submission(id).typed<JobStarted>()`. */
public inline fun <reified T> Submission<*>.typed(): Submission<T> = typed(serializer<T>())
