package dev.keepline.catalogue

import dev.keepline.Action
import dev.keepline.TypedEvent
import dev.keepline.WireName
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable

/** Asks a language model; its answer streams in pieces. */
@Serializable
@WireName("model:prompt:v1")
public data class PromptModel(
    /** What to ask. */
    val prompt: String,
    /** Which model; the server's default without it. */
    val model: String? = null,
    /** How long the answer may be, in tokens. */
    @SerialName("max_tokens") val maxTokens: Int? = null,
) : Action<JobStarted>

/** One piece of a model's answer. */
@Serializable
@WireName("model:chunk:v1")
public data class ModelChunk(
    /** The job it belongs to. */
    val job: String,
    /** Its number among the pieces, from 0. */
    val index: Long,
    /** The text to append. */
    val text: String,
) : TypedEvent
