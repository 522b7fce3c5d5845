package dev.keepline.catalogue

import dev.keepline.Action
import dev.keepline.TypedEvent
import dev.keepline.WireName
import kotlinx.serialization.Serializable

/** Looks into a topic with several searches and reports. */
@Serializable
@WireName("research:start:v1")
public data class StartResearch(
    /** What to look into. */
    val topic: String,
    /** How many rounds of questions; the server's default without it. */
    val depth: Int? = null,
) : Action<JobStarted>

/** One question answered. */
@Serializable
@WireName("research:finding:v1")
public data class ResearchFinding(
    /** The job it belongs to. */
    val job: String,
    /** Its number among the findings, from 0. */
    val index: Long,
    /** The question asked. */
    val question: String,
    /** What was found. */
    val text: String,
    /** The documents it stands on. */
    val sources: List<String>,
) : TypedEvent
