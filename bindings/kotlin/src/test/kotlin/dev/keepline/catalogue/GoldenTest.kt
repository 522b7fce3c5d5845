package dev.keepline.catalogue

import dev.keepline.EventTypes
import dev.keepline.KeeplineJson
import dev.keepline.requireWireName
import kotlinx.serialization.KSerializer
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import java.nio.file.Path
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.readText
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNotNull

/** The catalogue against the golden files of the protocol. */
internal class GoldenTest {
    @Serializable
    private class Examples(val examples: List<JsonElement>)

    @Serializable
    private class Golden(val name: String, val payload: Examples, val reply: Examples? = null)

    /** An action's type and its reply's. */
    private class Type<A, R>(val action: KSerializer<A>, val reply: KSerializer<R>) {
        fun check(golden: Golden) {
            assertEquals(golden.name, action.descriptor.requireWireName())
            for (example in golden.payload.examples) {
                val read = KeeplineJson.decodeFromJsonElement(action, example)
                assertEquals(example, KeeplineJson.encodeToJsonElement(action, read), golden.name)
            }
            for (example in assertNotNull(golden.reply).examples) {
                val read = KeeplineJson.decodeFromJsonElement(reply, example)
                assertEquals(example, KeeplineJson.encodeToJsonElement(reply, read), golden.name)
            }
        }
    }

    @Test
    fun everyActionIsWrittenAsTheGoldenFilesSay() {
        val types = listOf(
            Type(StartSearch.serializer(), JobStarted.serializer()),
            Type(StartResearch.serializer(), JobStarted.serializer()),
            Type(PromptModel.serializer(), JobStarted.serializer()),
            Type(TaskCancel.serializer(), TaskCancelled.serializer()),
            Type(TestEcho.serializer(), JsonElement.serializer()),
            Type(TestRecord.serializer(), JsonElement.serializer()),
            Type(TestEmit.serializer(), Emitted.serializer()),
            Type(TestFail.serializer(), JsonElement.serializer()),
            Type(TestJob.serializer(), JobStarted.serializer()),
        ).associateBy { it.action.descriptor.requireWireName() }
        val golden = golden("actions") - SESSION
        assertEquals(golden.keys, types.keys)
        golden.forEach { (name, file) -> types.getValue(name).check(file) }
    }

    @Test
    fun everyEventOfTheGoldenFilesIsReadIntoItsType() {
        val types = EventTypes.catalogue()
        val golden = golden("events") - SESSION
        assertEquals(10, golden.size)
        for ((name, file) in golden) {
            for (example in file.payload.examples) {
                val event = assertNotNull(types.decode(name, example.toString(), KeeplineJson), "$name: $example")
                assertEquals(example.withoutNulls(), types.encode(name, event).withoutDefaults(), name)
            }
        }
    }

    private fun golden(folder: String): Map<String, Golden> =
        Path.of(System.getProperty("keepline.root"), "protocol", "golden", folder).listDirectoryEntries("*.json")
            .map { KeeplineJson.decodeFromString<Golden>(it.readText()) }
            .associateBy { it.name }

    private fun EventTypes.encode(name: String, event: Any): JsonElement {
        @Suppress("UNCHECKED_CAST")
        val serializer = serializer(name) as KSerializer<Any>
        return KeeplineJson.encodeToJsonElement(serializer, event)
    }

    private fun JsonElement.withoutNulls() = JsonObject((this as JsonObject).filterValues { it != JsonNull })

    /** The one default that the protocol leaves out: a tick without filling. */
    private fun JsonElement.withoutDefaults() =
        JsonObject((this as JsonObject).filterNot { (key, value) -> key == "data" && value.toString() == "\"\"" })

    private companion object {
        /** What the client itself says and hears. */
        val SESSION = setOf(
            "session:ready:v1", "auth:expiring:v1", "auth:expired:v1", "server:draining:v1", "auth:refresh:v1",
            "stream:subscribe:v1", "stream:unsubscribe:v1", "ledger:check:v1", "action:void:v1",
        )
    }
}
