package dev.keepline.scenarios

import dev.keepline.KeeplineClient
import dev.keepline.Stream
import dev.keepline.catalogue.TestRecord
import dev.keepline.soon
import dev.keepline.submit
import dev.keepline.test
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.take
import java.nio.file.Path
import java.util.concurrent.TimeUnit

/** A JVM of its own that runs [main]. */
internal class Child(args: List<String>) {
    private val process = ProcessBuilder(listOf(java(), "-cp", classpath(), "dev.keepline.scenarios.ChildKt") + args)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start()
    private val output = process.inputStream.bufferedReader()

    /** The next line that it prints; `null` at its end. */
    fun line(): String? = output.readLine()

    fun remainingLines(): List<String> = output.readLines()

    /** SIGKILL. */
    fun kill() {
        process.destroyForcibly().waitFor()
    }

    fun exitCode(): Int {
        check(process.waitFor(30, TimeUnit.SECONDS)) { "the child does not end" }
        return process.exitValue()
    }

    private companion object {
        fun java(): String = Path.of(System.getProperty("java.home"), "bin", "java").toString()

        // Surefire hands on the class path in a property of its own.
        fun classpath(): String =
            System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
    }
}

/** `URL TOKEN submit DATABASE COUNT`, or `URL TOKEN read DATABASE JOB COUNT`. */
internal fun main(args: Array<String>): Unit = test {
    val (url, token, what, database) = args
    val client = KeeplineClient.open(url, database) { token(token) }
    client.connect()
    when (what) {
        "submit" -> {
            for (n in 1..args[4].toLong()) client.submit(TestRecord(n))
            println("submitted")
            awaitCancellation()
        }
        "read" -> {
            soon { client.envelopes(Stream.job(args[4])).take(args[5].toInt()).collect { println(it.offset) } }
            client.shutdown()
        }
        else -> error("unknown: $what")
    }
}
