package dev.keepline.example

import dev.keepline.Event
import dev.keepline.KeeplineClient
import dev.keepline.Outcome
import dev.keepline.Stream
import dev.keepline.catalogue.JobCompleted
import dev.keepline.catalogue.JobFailed
import dev.keepline.catalogue.SearchResult
import dev.keepline.catalogue.StartSearch
import dev.keepline.events
import dev.keepline.submit
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.takeWhile

/**
 * Searches the server's documents, and says what it sees by [say]. It works offline too: the search is durable once it
 * is submitted, and goes on when there is a line.
 *
 * Gives how many documents were found; `null` where the server refused, or the search failed.
 */
suspend fun search(client: KeeplineClient, query: String, say: (String) -> Unit): Int? {
    val sent = client.submit(StartSearch(query))
    say("submitted as ${sent.id}")
    val started = when (val outcome = sent.outcome()) {
        is Outcome.Accepted -> outcome.reply
        is Outcome.Rejected -> return null.also { say("refused: ${outcome.code} ${outcome.text}") }
        else -> return null.also { say("not done: $outcome") }
    }
    var found: Int? = 0
    client.events(Stream.job(started.job))
        .onEach { event ->
            when (event) {
                is SearchResult -> found = (found ?: 0) + 1
                // The server's log was trimmed in between: what was counted no longer counts.
                is Event.Reset -> found = 0
                is JobFailed, is Event.Gone, is Event.Refused -> found = null
                else -> {}
            }
            if (event is SearchResult) say("${event.title}: ${event.snippet.replace('\n', ' ')}")
        }
        .takeWhile { it !is JobCompleted && it !is JobFailed && it !is Event.Gone && it !is Event.Refused }
        .collect()
    return found
}
