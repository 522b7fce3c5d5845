package dev.keepline.internal

import dev.keepline.KeeplineJson
import dev.keepline.Line
import dev.keepline.Status
import dev.keepline.Stream
import dev.keepline.catalogue.TestTick
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.test.runTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** What a client holds of the library goes back to it, also where it was never used. */
internal class HandlersTest {
    @Test
    fun aStreamThatNobodyCollectsIsGivenBack() = runTest {
        val scope = CoroutineScope(Dispatchers.Default + Job()).apply { cancel() }
        var isCollected = false
        var isGivenBack = false
        val handlers = Handlers(scope, KeeplineJson) {
            Reserved(flow { isCollected = true }) { isGivenBack = true }
        }
        // The client ends between the stream's opening and its collection.
        handlers.add(Stream.user, EventHandler("test:tick:v1", TestTick.serializer()) {}).join()
        assertFalse(isCollected)
        assertTrue(isGivenBack)
    }

    @Test
    fun theLastStatusStays() {
        val status = MutableStateFlow(Status(Line.Idle))
        status.follow(Status(Line.Closed))
        status.follow(Status(Line.Online()))
        assertEquals(Line.Closed, status.value.line)
    }
}
