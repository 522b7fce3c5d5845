package dev.keepline.claims

import dev.keepline.scenarios.ScenarioHost
import kotlinx.coroutines.delay
import kotlinx.coroutines.withTimeout
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.TimeUnit
import kotlin.io.path.exists
import kotlin.io.path.readBytes
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** The README's program, compiled as it stands there: its server is started only after the action is durable. */
internal suspend fun tenLines(classPath: String): Boolean {
    val server = ScenarioHost.server(listOf("--corpus", "${System.getProperty("keepline.root")}/docs"))
    val (url, token) = server.url to server.token
    server.kill()
    val folder = Files.createTempDirectory("keepline-ten-lines-")
    val java = Path.of(System.getProperty("java.home"), "bin", "java").toString()
    val program = ProcessBuilder(java, "-cp", classPath, "MainKt")
        .apply { environment() += mapOf("KEEPLINE_URL" to url, "KEEPLINE_TOKEN" to token) }
        .directory(folder.toFile())
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start()
    try {
        withTimeout(60.seconds) { while (!isQueued(folder)) delay(20.milliseconds) }
        measured("queued_before_the_server_ran", 1, "actions")
        server.start()
        val lines = program.inputStream.bufferedReader().readLines()
        val hasEnded = program.waitFor(30, TimeUnit.SECONDS) && program.exitValue() == 0
        measured("events_printed", lines.size, "lines")
        return wanted("the outcome and the events came, and the program ended well", hasEnded && lines.isNotEmpty())
    } finally {
        program.destroyForcibly()
        server.remove()
        folder.toFile().deleteRecursively()
    }
}

/** Whether the action's name is in a committed page of the database: nothing else tells from outside the program. */
private fun isQueued(folder: Path): Boolean =
    listOf("queue.db", "queue.db-wal").map(folder::resolve).any { file ->
        file.exists() && file.readBytes().toString(Charsets.ISO_8859_1).contains("search:start:v1")
    }
