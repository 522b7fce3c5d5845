package dev.keepline.internal

import dev.keepline.CallException
import dev.keepline.ClosedException
import dev.keepline.ControlException
import dev.keepline.EventsException
import dev.keepline.KeeplineException
import dev.keepline.LogsTakenException
import dev.keepline.OpenException
import dev.keepline.OutcomeException
import dev.keepline.StoreException
import dev.keepline.SubmitException
import dev.keepline.core.CoreCallException
import dev.keepline.core.CoreClosedException
import dev.keepline.core.CoreControlException
import dev.keepline.core.CoreEventsException
import dev.keepline.core.CoreLogsException
import dev.keepline.core.CoreOpenException
import dev.keepline.core.CoreOutcomeException
import dev.keepline.core.CoreStoreException
import dev.keepline.core.CoreSubmitException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.withContext
import java.nio.charset.CharacterCodingException
import kotlin.coroutines.ContinuationInterceptor

/**
 * Waits for the library. Where the caller has no dispatcher (`suspend fun main`), or none that changes threads, what
 * comes after the wait would run on the library's own thread, inside its callback, and hold up the whole client.
 */
internal suspend fun <T> awaiting(call: suspend () -> T): T {
    val dispatcher = currentCoroutineContext()[ContinuationInterceptor]
    val staysOnThread = dispatcher == null || dispatcher === Dispatchers.Unconfined
    return if (staysOnThread) withContext(Dispatchers.Default) { call() } else call()
}

/**
 * Calls into the library, and gives its errors as the package's own. [closed] is the one of this operation for a client
 * that was shut down: its handle is gone then, which the generated code takes for a mistake of the program.
 */
internal inline fun <T> guarded(closed: () -> KeeplineException, block: () -> T): T =
    try {
        block()
    } catch (cancelled: CancellationException) {
        // It is an IllegalStateException on the JVM.
        throw cancelled
    } catch (_: IllegalStateException) {
        throw closed()
    } catch (unpaired: CharacterCodingException) {
        // A string with half of a surrogate pair has no UTF-8.
        throw closed().forMalformedText(unpaired)
    } catch (failure: Exception) {
        throw failure.toPublic()
    }

internal fun KeeplineException.forMalformedText(cause: CharacterCodingException): KeeplineException =
    when (this) {
        is SubmitException -> SubmitException.NotJson(cause)
        is CallException -> CallException.NotJson(cause)
        is ControlException -> ControlException.NotFound()
        is OutcomeException -> OutcomeException.NotFound()
        is EventsException -> EventsException.BadStream()
        is OpenException -> OpenException.BadConfig("text")
        is StoreException, is ClosedException, is LogsTakenException -> this
    }

internal fun Exception.toPublic(): Exception =
    when (this) {
        is CoreClosedException -> ClosedException()
        is CoreOpenException -> toPublic()
        is CoreSubmitException -> toPublic()
        is CoreControlException -> toPublic()
        is CoreOutcomeException -> toPublic()
        is CoreCallException -> toPublic()
        is CoreEventsException -> toPublic()
        is CoreStoreException -> toPublic()
        is CoreLogsException -> LogsTakenException()
        else -> this
    }

private fun CoreOpenException.toPublic(): OpenException =
    when (this) {
        is CoreOpenException.BadUrl -> OpenException.BadUrl()
        is CoreOpenException.BadConfig -> OpenException.BadConfig(option)
        is CoreOpenException.InUse -> OpenException.InUse()
        is CoreOpenException.StoreBusy -> OpenException.StoreBusy()
        is CoreOpenException.Corrupt -> OpenException.Corrupt()
        is CoreOpenException.NewerSchema -> OpenException.NewerSchema(found.toInt())
        is CoreOpenException.DiskFull -> OpenException.DiskFull()
        is CoreOpenException.WrongKey -> OpenException.WrongKey()
        is CoreOpenException.Io -> OpenException.Io()
    }

private fun CoreSubmitException.toPublic(): SubmitException =
    when (this) {
        is CoreSubmitException.NotJson -> SubmitException.NotJson()
        is CoreSubmitException.TooLarge -> SubmitException.TooLarge(bytes.toLong(), limit.toLong())
        is CoreSubmitException.BadField -> SubmitException.BadField(field)
        is CoreSubmitException.QueueFull -> SubmitException.QueueFull()
        is CoreSubmitException.TooManyLanes -> SubmitException.TooManyLanes()
        is CoreSubmitException.IdConflict -> SubmitException.IdConflict()
        is CoreSubmitException.DiskFull -> SubmitException.DiskFull()
        is CoreSubmitException.Suspended -> SubmitException.Suspended()
        is CoreSubmitException.Store -> SubmitException.StoreFailed()
        is CoreSubmitException.Closed -> SubmitException.Closed()
    }

private fun CoreControlException.toPublic(): ControlException =
    when (this) {
        is CoreControlException.NotFound -> ControlException.NotFound()
        is CoreControlException.Settled -> ControlException.Settled()
        is CoreControlException.NotParked -> ControlException.NotParked()
        is CoreControlException.Suspended -> ControlException.Suspended()
        is CoreControlException.Store -> ControlException.StoreFailed()
        is CoreControlException.Closed -> ControlException.Closed()
    }

private fun CoreOutcomeException.toPublic(): Exception =
    when (this) {
        is CoreOutcomeException.NotFound -> OutcomeException.NotFound()
        is CoreOutcomeException.BadReply -> OutcomeException.BadReply()
        is CoreOutcomeException.Closed -> OutcomeException.Closed()
        // Only a call with a cancel object can be given up, and none is passed here.
        is CoreOutcomeException.GivenUp -> CancellationException("given up")
    }

private fun CoreCallException.toPublic(): Exception =
    when (this) {
        is CoreCallException.NotJson -> CallException.NotJson()
        is CoreCallException.TooLarge -> CallException.TooLarge(bytes.toLong(), limit.toLong())
        is CoreCallException.BadField -> CallException.BadField(field)
        is CoreCallException.NotOnline -> CallException.NotOnline()
        is CoreCallException.Busy -> CallException.Busy()
        is CoreCallException.TimedOut -> CallException.TimedOut()
        is CoreCallException.Rejected -> CallException.Rejected(rejection, text)
        is CoreCallException.BadReply -> CallException.BadReply()
        is CoreCallException.Closed -> CallException.Closed()
        is CoreCallException.GivenUp -> CancellationException("given up")
    }

private fun CoreEventsException.toPublic(): EventsException =
    when (this) {
        is CoreEventsException.InUse -> EventsException.InUse()
        is CoreEventsException.TooMany -> EventsException.TooMany()
        is CoreEventsException.BadStream -> EventsException.BadStream()
        is CoreEventsException.Suspended -> EventsException.Suspended()
        is CoreEventsException.Store -> EventsException.StoreFailed()
        is CoreEventsException.Closed -> EventsException.Closed()
    }

private fun CoreStoreException.toPublic(): StoreException =
    when (this) {
        is CoreStoreException.Full -> StoreException.DiskFull()
        is CoreStoreException.Busy -> StoreException.Busy()
        is CoreStoreException.Corrupt -> StoreException.Corrupt()
        is CoreStoreException.Io -> StoreException.Io()
        is CoreStoreException.Suspended -> StoreException.Suspended()
        is CoreStoreException.Closed -> StoreException.Closed()
    }
