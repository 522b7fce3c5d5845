package dev.keepline

import dev.keepline.catalogue.JobCancelled
import dev.keepline.catalogue.JobCompleted
import dev.keepline.catalogue.JobCreated
import dev.keepline.catalogue.JobFailed
import dev.keepline.catalogue.JobProgress
import dev.keepline.catalogue.ModelChunk
import dev.keepline.catalogue.ResearchFinding
import dev.keepline.catalogue.SearchResult
import dev.keepline.catalogue.TestRecorded
import dev.keepline.catalogue.TestTick
import kotlinx.serialization.KSerializer
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json

/** Which names have a type: the catalogue's events, and those that the app registered. */
internal class EventTypes private constructor(private val types: MutableMap<String, KSerializer<out TypedEvent>>) {
    fun register(serializer: KSerializer<out TypedEvent>) {
        types[serializer.descriptor.requireWireName()] = serializer
    }

    fun copy(): EventTypes = EventTypes(HashMap(types))

    fun serializer(name: String): KSerializer<out TypedEvent>? = types[name]

    /** The event in its type; `null` where its name has none, or its payload does not fit. */
    fun decode(name: String, payload: String, json: Json): TypedEvent? =
        serializer(name)?.let { json.decodeOrNull(it, payload) }

    companion object {
        fun none(): EventTypes = EventTypes(HashMap())

        fun catalogue(): EventTypes =
            EventTypes(HashMap()).apply {
                register(JobCreated.serializer())
                register(JobProgress.serializer())
                register(JobCompleted.serializer())
                register(JobFailed.serializer())
                register(JobCancelled.serializer())
                register(SearchResult.serializer())
                register(ResearchFinding.serializer())
                register(ModelChunk.serializer())
                register(TestRecorded.serializer())
                register(TestTick.serializer())
            }
    }
}

/** The event in this type; `null` where the payload does not fit. */
internal fun Json.decodeOrNull(type: KSerializer<out TypedEvent>, payload: String): TypedEvent? =
    try {
        decodeFromString(type, payload)
    } catch (_: SerializationException) {
        null
    } catch (_: IllegalArgumentException) {
        // An `init` block of the type that refuses its values.
        null
    }
