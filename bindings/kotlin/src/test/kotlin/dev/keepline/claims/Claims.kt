package dev.keepline.claims

import dev.keepline.test
import kotlin.system.exitProcess

/**
 * Measures a claim, prints its values, and exits with 0 only if it holds: see `kotlin_claim` in scripts/lib/kotlin.sh.
 */
internal fun main(args: Array<String>) {
    val claim: suspend () -> Boolean = when (args.firstOrNull()) {
        "ten-lines" -> suspend { tenLines(classPath = args[1]) }
        "cycles" -> ::cycles
        "events" -> ::events
        "crossing" -> ::crossing
        "end-to-end" -> ::endToEnd
        else -> error("unknown claim: ${args.joinToString()}")
    }
    var holds = false
    test(CLAIM_MAX) { holds = claim() }
    exitProcess(if (holds) 0 else 1)
}

/** Prints a value that was measured. */
internal fun measured(name: String, value: Any, unit: String) {
    println("$name: $value $unit")
}

/** Prints what has to hold, and gives whether it does. */
internal fun wanted(what: String, holds: Boolean): Boolean {
    println("${if (holds) "holds" else "DOES NOT HOLD"}: $what")
    return holds
}
