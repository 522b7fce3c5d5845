package dev.keepline.example

import dev.keepline.KeeplineClient
import dev.keepline.Line
import dev.keepline.Status
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.distinctUntilChangedBy
import kotlinx.coroutines.launch
import kotlin.system.exitProcess

/** `search URL TOKEN WORD...`: searches, with the state of the line on the way. */
suspend fun main(args: Array<String>) {
    if (args.size < 3) {
        System.err.println("usage: search URL TOKEN WORD...")
        exitProcess(2)
    }
    val (url, token) = args
    val database = System.getenv("KEEPLINE_DATABASE") ?: "search.db"
    val client = KeeplineClient.open(url, database) { token(token) }
    val found = coroutineScope {
        val watch = launch { client.statusChanges.distinctUntilChangedBy { it.line }.collect { println(it.inWords()) } }
        client.connect()
        search(client, args.drop(2).joinToString(" "), ::println).also {
            client.shutdown()
            watch.join()
        }
    }
    println(if (found == null) "no answer" else "$found found")
    exitProcess(if (found == null) 1 else 0)
}

/** What a person wants to know of the line. */
fun Status.inWords(): String {
    val queue = if (pending == 0L) "" else ", $pending waiting"
    return "[" + line.inWords() + queue + "]"
}

private fun Line.inWords(): String =
    when (this) {
        Line.Idle -> "not connected"
        Line.Connecting -> "connecting"
        is Line.Online -> "online"
        is Line.Waiting -> "no line ($reason), trying again in $retryIn"
        Line.Offline -> "no network"
        Line.Suspended -> "asleep"
        is Line.AuthRequired -> "sign in again ($reason)"
        Line.Closed -> "closed"
    }
