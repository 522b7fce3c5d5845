package org.example

import dev.keepline.Outcome
import dev.keepline.Stream
import dev.keepline.events
import dev.keepline.submit
import dev.keepline.testing.FakeClient
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.MethodOrderer
import org.junit.jupiter.api.Order
import org.junit.jupiter.api.TestMethodOrder
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Files
import java.nio.file.Path
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** The package as a program finds it that has nothing but the artifact. */
@TestMethodOrder(MethodOrderer.OrderAnnotation::class)
class AppTest {
    @TempDir
    lateinit var folder: Path

    @Test
    @Order(1)
    fun theFakeNeedsNoNativeLibrary() = runBlocking {
        val client = FakeClient { eventType<NoteChanged>() }
        client.answers.accept { note: AddNote -> NoteAdded(note.text.length.toLong()) }
        client.goOnline()
        assertEquals(Outcome.Accepted(NoteAdded(4)), client.submit(AddNote("text")).outcome())
        client.send(Stream.user, NoteChanged(4, "other"))
        assertEquals(NoteChanged(4, "other"), client.events(Stream.user).first())
        assertFalse(isLoaded(), "the library is loaded")
    }

    @Test
    @Order(2)
    fun theRealOneFindsItsLibraryInTheJar() = runBlocking {
        val database = folder.resolve("queue.db").toString()
        val client = openApp(database)
        val sent = client.submit(AddNote("kept"))
        client.shutdown()
        assertTrue(isLoaded() || !Files.exists(MAPS), "the library is not loaded")
        val again = openApp(database)
        assertEquals(sent.id, again.outbox().single().id)
        again.shutdown()
    }

    /** JNA puts the libraries that it finds in jars into files of its own. */
    private fun isLoaded(): Boolean = Files.exists(MAPS) && Files.readString(MAPS).contains("/jna")

    private companion object {
        val MAPS: Path = Path.of("/proc/self/maps")
    }
}
