package dev.keepline.testing

import dev.keepline.Line
import dev.keepline.Status
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.transformWhile

/** The line of a fake client: what the app wants, what the test allows, and the status that comes of it. */
internal class FakeLine {
    private val current = MutableStateFlow(Status(Line.Idle))
    private val published =
        MutableSharedFlow<Status>(replay = 1, extraBufferCapacity = WAITING_MAX, BufferOverflow.DROP_OLDEST)
            .apply { tryEmit(current.value) }
    private var isWanted = false
    private var hasNetwork = true
    private var isSuspended = false

    val status: StateFlow<Status> = current.asStateFlow()
    val changes: Flow<Status> = published.transformWhile {
        emit(it)
        it.line != Line.Closed
    }

    @Synchronized
    fun set(line: Line) {
        if (current.value.line != Line.Closed) update(current.value.copy(line = line))
    }

    @Synchronized
    fun count(pending: Long, parked: Long) {
        update(current.value.copy(pending = pending, parked = parked))
    }

    @Synchronized
    fun connect() {
        isWanted = true
        isSuspended = false
        if (hasNetwork && current.value.line !is Line.Online) set(Line.Connecting)
        refresh()
    }

    @Synchronized
    fun disconnect() {
        isWanted = false
        refresh()
    }

    @Synchronized
    fun networkLost() {
        hasNetwork = false
        refresh()
    }

    @Synchronized
    fun networkAvailable() {
        hasNetwork = true
        refresh()
    }

    @Synchronized
    fun suspend() {
        isSuspended = true
        refresh()
    }

    @Synchronized
    fun resume() {
        isSuspended = false
        refresh()
    }

    private fun refresh() {
        val present = current.value.line
        val line = when {
            isSuspended -> Line.Suspended
            !isWanted -> Line.Idle
            !hasNetwork -> Line.Offline
            present is Line.Online -> present
            else -> Line.Online(resumed = false)
        }
        set(line)
    }

    private fun update(status: Status) {
        if (status == current.value) return
        current.value = status
        published.tryEmit(status)
    }

    private companion object {
        /** How many statuses wait for a slow collector: far more than a test makes. */
        const val WAITING_MAX = 1_024
    }
}
