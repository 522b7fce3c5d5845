package dev.keepline.internal

import dev.keepline.AuthTrouble
import dev.keepline.Line
import dev.keepline.LineTrouble
import dev.keepline.Status
import dev.keepline.core.CoreAuthTrouble
import dev.keepline.core.CoreLine
import dev.keepline.core.CoreLineTrouble
import dev.keepline.core.CoreStatus
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.update
import kotlin.time.Duration.Companion.milliseconds

/** Takes the next status over. The last one stays: what was on its way when the client ended comes too late. */
internal fun MutableStateFlow<Status>.follow(next: Status): Unit = update { if (it.line == Line.Closed) it else next }

internal fun CoreStatus.toStatus(): Status =
    Status(line.toLine(), pending.toLong(), parked.toLong(), oldestMs?.toLong()?.milliseconds)

private fun CoreLine.toLine(): Line =
    when (this) {
        CoreLine.Idle -> Line.Idle
        CoreLine.Connecting -> Line.Connecting
        is CoreLine.Online -> Line.Online(resumed)
        is CoreLine.Waiting -> Line.Waiting(retryInMs.toLong().milliseconds, attempt.toInt(), reason.toTrouble())
        CoreLine.Offline -> Line.Offline
        CoreLine.Suspended -> Line.Suspended
        is CoreLine.AuthRequired -> Line.AuthRequired(reason.toTrouble(), code)
        CoreLine.Closed -> Line.Closed
    }

private fun CoreLineTrouble.toTrouble(): LineTrouble =
    when (this) {
        CoreLineTrouble.DNS -> LineTrouble.Dns
        CoreLineTrouble.UNREACHABLE -> LineTrouble.Unreachable
        CoreLineTrouble.TLS -> LineTrouble.Tls
        CoreLineTrouble.HANDSHAKE -> LineTrouble.Handshake
        CoreLineTrouble.TIMED_OUT -> LineTrouble.TimedOut
        CoreLineTrouble.LOST -> LineTrouble.Lost
        CoreLineTrouble.SILENT -> LineTrouble.Silent
        CoreLineTrouble.UNANSWERED -> LineTrouble.Unanswered
        CoreLineTrouble.PROTOCOL -> LineTrouble.Protocol
        CoreLineTrouble.DRAINING -> LineTrouble.Draining
        CoreLineTrouble.BUSY -> LineTrouble.Busy
        CoreLineTrouble.DISCONNECTED -> LineTrouble.Disconnected
        CoreLineTrouble.TOKEN_EXPIRED -> LineTrouble.TokenExpired
        CoreLineTrouble.TOKEN_UNAVAILABLE -> LineTrouble.TokenUnavailable
        CoreLineTrouble.NOT_KEEPLINE -> LineTrouble.NotKeepline
        CoreLineTrouble.STORE -> LineTrouble.Store
    }

private fun CoreAuthTrouble.toTrouble(): AuthTrouble =
    when (this) {
        CoreAuthTrouble.TOKEN_MISSING -> AuthTrouble.TokenMissing
        CoreAuthTrouble.TOKEN_REFUSED -> AuthTrouble.TokenRefused
        CoreAuthTrouble.SIGNED_OUT -> AuthTrouble.SignedOut
        CoreAuthTrouble.ACCOUNT_MISMATCH -> AuthTrouble.AccountMismatch
        CoreAuthTrouble.PROTO_UNSUPPORTED -> AuthTrouble.ProtoUnsupported
    }
