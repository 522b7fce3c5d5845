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

/** The status of a fake client: its line goes where the test says. */
internal class FakeLine {
    private val current = MutableStateFlow(Status(Line.Idle))
    private val published =
        MutableSharedFlow<Status>(replay = 1, extraBufferCapacity = WAITING_MAX, BufferOverflow.DROP_OLDEST)
            .apply { tryEmit(current.value) }

    val status: StateFlow<Status> = current.asStateFlow()
    val changes: Flow<Status> = published.transformWhile {
        emit(it)
        it.line != Line.Closed
    }

    /** Gives whether that changed anything; nothing changes after the end. */
    @Synchronized
    fun set(line: Line): Boolean {
        val present = current.value
        if (present.line == Line.Closed || present.line == line) return false
        update(present.copy(line = line))
        return true
    }

    @Synchronized
    fun count(pending: Long, parked: Long) {
        update(current.value.copy(pending = pending, parked = parked))
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
