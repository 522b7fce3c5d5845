package dev.keepline

import dev.keepline.core.CoreLogLevel
import dev.keepline.core.CoreLogLine
import dev.keepline.core.CoreLogSource
import dev.keepline.core.coreLogs
import dev.keepline.internal.awaiting
import dev.keepline.internal.guarded
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.sync.Mutex
import java.util.logging.Level
import java.util.logging.Logger

/**
 * What the library says of itself, of every client in the process. Neither payloads nor tokens appear in it.
 *
 * ```
 * scope.launch { KeeplineLogs.forward() }
 * ```
 */
public object KeeplineLogs {
    private val turn = Mutex()
    private var source: CoreLogSource? = null

    /**
     * The lines, from now on. One collector at a time; while there is none, the last 1,024 lines wait. The level of the
     * first collection holds for the process.
     *
     * @throws LogsTakenException from the collection, while somebody else collects them.
     */
    public fun lines(level: LogLevel = LogLevel.Info): Flow<LogLine> = flow {
        if (!turn.tryLock()) throw LogsTakenException()
        try {
            val source = source ?: guarded({ LogsTakenException() }) { coreLogs(level.toCore()) }.also { source = it }
            while (true) {
                val batch = awaiting { source.nextLines(LINES_MAX) }
                if (batch.lost > 0uL) emit(LogLine(LogLevel.Warning, "keepline", "${batch.lost} lines are lost"))
                batch.lines.forEach { emit(it.toLine()) }
            }
        } finally {
            turn.unlock()
        }
    }

    /**
     * Writes the lines into a logger of java.util.logging, until it is cancelled.
     *
     * @throws LogsTakenException while somebody else collects them.
     */
    public suspend fun forward(
        level: LogLevel = LogLevel.Info,
        logger: Logger = Logger.getLogger("dev.keepline"),
    ): Nothing {
        lines(level).collect { line -> logger.log(line.level.toLevel(), "${line.target}: ${line.text}") }
        error("the lines have no end")
    }

    /** How many lines come at once; a burst of a reconnection has some ten. */
    private const val LINES_MAX = 128u
}

/** A line of the log. */
public data class LogLine(
    /** How bad it is. */
    val level: LogLevel,
    /** The module that says it. */
    val target: String,
    /** What it says, with its fields. */
    val text: String,
)

/** How much is logged. */
public enum class LogLevel {
    /** Something is wrong here. */
    Error,

    /** Something is wrong elsewhere. */
    Warning,

    /** What happens to the line. */
    Info,

    /** Each step. */
    Debug,
}

private fun LogLevel.toCore(): CoreLogLevel =
    when (this) {
        LogLevel.Error -> CoreLogLevel.ERROR
        LogLevel.Warning -> CoreLogLevel.WARNING
        LogLevel.Info -> CoreLogLevel.INFO
        LogLevel.Debug -> CoreLogLevel.DEBUG
    }

private fun LogLevel.toLevel(): Level =
    when (this) {
        LogLevel.Error -> Level.SEVERE
        LogLevel.Warning -> Level.WARNING
        LogLevel.Info -> Level.INFO
        LogLevel.Debug -> Level.FINE
    }

private fun CoreLogLine.toLine(): LogLine =
    LogLine(
        when (level) {
            CoreLogLevel.ERROR -> LogLevel.Error
            CoreLogLevel.WARNING -> LogLevel.Warning
            CoreLogLevel.INFO -> LogLevel.Info
            CoreLogLevel.DEBUG -> LogLevel.Debug
        },
        target,
        text,
    )
