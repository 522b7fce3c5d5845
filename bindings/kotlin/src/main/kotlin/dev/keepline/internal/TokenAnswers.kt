package dev.keepline.internal

import dev.keepline.SignedOutException
import dev.keepline.TokenProvider
import dev.keepline.TokenReason
import dev.keepline.core.CoreTokenQuestion
import dev.keepline.core.CoreTokenReason
import dev.keepline.core.CoreTokenSource
import dev.keepline.core.CoreTokenTrouble
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.withTimeoutOrNull
import java.util.logging.Level
import java.util.logging.Logger
import kotlin.time.Duration.Companion.seconds

/**
 * How long a provider has. The core waits no longer either; an answer after that would be one to a question that nobody
 * asks any more, and the next question would wait behind it.
 */
private val ANSWER_MAX = 30.seconds

/** Asks the app's provider whatever the client asks, one question at a time, until the client is shut down. */
internal suspend fun answerQuestions(source: CoreTokenSource, provider: TokenProvider) {
    source.use {
        var asked: CoreTokenQuestion? = null
        try {
            while (true) {
                // Kept at once: what comes of a wait is lost where this coroutine is cancelled in that moment.
                awaiting { source.nextQuestion().also { asked = it } }
                val question = asked ?: break
                question.use { answer(it, provider) }
            }
        } finally {
            asked?.close()
            source.end()
        }
    }
}

private suspend fun answer(question: CoreTokenQuestion, provider: TokenProvider) {
    val trouble = try {
        val token = withTimeoutOrNull(ANSWER_MAX) { provider.token(question.reason().toReason()) }
        if (token != null) {
            question.resolve(token)
            return
        }
        LOGGER.warning("the token provider did not answer within $ANSWER_MAX")
        CoreTokenTrouble.UNAVAILABLE
    } catch (_: SignedOutException) {
        CoreTokenTrouble.SIGNED_OUT
    } catch (failure: Throwable) {
        // The provider's own cancellations count as its failures; this coroutine's end it.
        if (failure is CancellationException) currentCoroutineContext().ensureActive()
        LOGGER.log(Level.WARNING, "the token provider failed", failure)
        CoreTokenTrouble.UNAVAILABLE
    }
    question.reject(trouble)
}

private fun CoreTokenReason.toReason(): TokenReason =
    when (this) {
        CoreTokenReason.CONNECT -> TokenReason.Connect
        CoreTokenReason.EXPIRING -> TokenReason.Expiring
        CoreTokenReason.REFUSED -> TokenReason.Refused
    }

private val LOGGER = Logger.getLogger("dev.keepline")
