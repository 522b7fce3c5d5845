package dev.keepline.testing

import dev.keepline.Action
import dev.keepline.Outcome
import dev.keepline.Reply
import dev.keepline.wireNameOf
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.serializer
import java.util.concurrent.ConcurrentHashMap

/**
 * How the server of a [FakeClient] answers. An action without an answer here is rejected with `UNKNOWN_ACTION`, as a
 * server does that does not know it.
 */
public class FakeAnswers internal constructor(
    /** How payloads are read and replies written. */
    public val json: Json,
) {
    private val answers = ConcurrentHashMap<String, (JsonElement) -> Outcome<Reply>?>()

    /** Accepts actions of a type, with a reply made of each. */
    public inline fun <reified A : Action<R>, reified R> accept(crossinline reply: (A) -> R) {
        val action = serializer<A>()
        answer(wireNameOf(action)) { payload ->
            val answered = reply(json.decodeFromJsonElement(action, payload))
            Outcome.Accepted(Reply(json.encodeToJsonElement(serializer<R>(), answered)))
        }
    }

    /** Rejects actions of a type. */
    public inline fun <reified A : Action<*>> reject(code: String, text: String = "") {
        answer(wireNameOf(serializer<A>())) { Outcome.Rejected(code, text) }
    }

    /** Leaves actions of a type without an answer: they stay pending until [FakeClient.settle]. */
    public inline fun <reified A : Action<*>> hold() {
        answer(wireNameOf(serializer<A>())) { null }
    }

    /** Answers actions of a name; `null` leaves them pending. */
    public fun answer(name: String, answer: (payload: JsonElement) -> Outcome<Reply>?) {
        answers[name] = answer
    }

    internal fun answer(name: String, payload: JsonElement): Outcome<Reply>? {
        val answer = answers[name] ?: return Outcome.Rejected("UNKNOWN_ACTION", "the test has no answer for $name")
        return answer(payload)
    }
}
