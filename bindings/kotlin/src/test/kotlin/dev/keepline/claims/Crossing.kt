package dev.keepline.claims

import dev.keepline.CursorMode
import dev.keepline.EventTypes
import dev.keepline.KeeplineJson
import dev.keepline.Stream
import dev.keepline.catalogue.TestTick
import dev.keepline.core.CoreEventSource
import dev.keepline.internal.EventConversion
import dev.keepline.internal.eventFlow
import kotlin.time.DurationUnit
import kotlin.time.measureTime

/**
 * How many typed events cross from Rust into a flow in a second, from a generator that costs nothing else. Needs a
 * library with the feature `bench`.
 */
internal suspend fun crossing(): Boolean {
    // The first rounds are for the compiler of the JVM.
    val rates = List(WARM_UP + ROUNDS) { round() }.drop(WARM_UP).sorted()
    val median = rates[rates.size / 2]
    measured("crossing_events_per_second", median, "events/s")
    measured("crossing_events_per_second_lowest", rates.first(), "events/s")
    measured("crossing_events_per_second_highest", rates.last(), "events/s")
    return wanted("at least $CROSSING_TARGET typed events a second", median >= CROSSING_TARGET)
}

private suspend fun round(): Long {
    val convert = EventConversion(KeeplineJson, EventTypes.catalogue())
    var next = 1L
    val time = measureTime {
        eventFlow(Stream.job("bench"), CursorMode.Auto, convert) { generate(CROSSING_EVENTS) }.collect {
            check((it.event as TestTick).index == next++) { "an event is missing" }
        }
    }
    check(next == CROSSING_EVENTS + 1) { "events are missing" }
    return (CROSSING_EVENTS / time.toDouble(DurationUnit.SECONDS)).toLong()
}

/** Only the library for benchmarks has it, so that it is not known when this is compiled. */
private fun generate(count: Long): CoreEventSource {
    val functions = Class.forName("dev.keepline.core.Keepline_coreKt").methods
    val generate = functions.firstOrNull { it.name.startsWith("coreGenerate") }
    checkNotNull(generate) { "this library has no generator: build it with the feature bench" }
    return generate.invoke(null, count) as CoreEventSource
}

private const val CROSSING_EVENTS = 1_000_000L
private const val CROSSING_TARGET = 300_000L
private const val WARM_UP = 2
private const val ROUNDS = 5
