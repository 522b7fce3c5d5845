package org.example

import dev.keepline.Action
import dev.keepline.KeeplineClient
import dev.keepline.TypedEvent
import dev.keepline.WireName
import kotlinx.serialization.Serializable

@Serializable
@WireName("note:add:v1")
data class AddNote(val text: String) : Action<NoteAdded>

@Serializable
data class NoteAdded(val id: Long)

@Serializable
@WireName("note:changed:v1")
data class NoteChanged(val id: Long, val text: String) : TypedEvent

suspend fun openApp(database: String): KeeplineClient =
    KeeplineClient.open("wss://example.org", database) { eventType<NoteChanged>() }
