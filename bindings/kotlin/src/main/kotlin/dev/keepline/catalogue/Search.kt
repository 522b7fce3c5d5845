package dev.keepline.catalogue

import dev.keepline.Action
import dev.keepline.TypedEvent
import dev.keepline.WireName
import kotlinx.serialization.Serializable

/** Searches the server's documents; results stream in as they are found. */
@Serializable
@WireName("search:start:v1")
public data class StartSearch(
    /** Words to look for. */
    val query: String,
    /** How many results at most; the server's default without it. */
    val limit: Int? = null,
) : Action<JobStarted>

/** One document found. */
@Serializable
@WireName("search:result:v1")
public data class SearchResult(
    /** The job it belongs to. */
    val job: String,
    /** Its number among the results, from 0. */
    val index: Long,
    /** The document's title. */
    val title: String,
    /** Text around what was found. */
    val snippet: String,
    /** Where the document lies, relative to the searched folder. */
    val source: String,
    /** The higher, the better the match. */
    val score: Double,
) : TypedEvent
