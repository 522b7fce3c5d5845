// What a server with `--dev` knows besides, for tests and for people who try things.
package dev.keepline.catalogue

import dev.keepline.Action
import dev.keepline.Stream
import dev.keepline.TypedEvent
import dev.keepline.WireName
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonElement

/** Answers with what it was given. */
@JvmInline
@Serializable
@WireName("test:echo:v1")
public value class TestEcho(
    /** Anything. */
    public val payload: JsonElement,
) : Action<JsonElement>

/** Appends [TestRecorded] to the user stream in the action's own transaction. */
@Serializable
@WireName("test:record:v1")
public data class TestRecord(
    /** Any number. */
    val n: Long,
) : Action<JsonElement>

/** A [TestRecord] was applied. */
@Serializable
@WireName("test:recorded:v1")
public data class TestRecorded(
    /** The number that was recorded. */
    val n: Long,
    /** The id of the action that did it; `null` where a stock client sent none. */
    val action: String? = null,
) : TypedEvent

/** Emits events on a stream. */
@Serializable
@WireName("test:emit:v1")
public data class TestEmit(
    /** Where. */
    val stream: Stream,
    /** The events' name. */
    val name: String,
    /** The events' payload. */
    val payload: JsonElement,
    /** How many. */
    val count: Int = 1,
) : Action<Emitted>

/** The answer to [TestEmit]. */
@Serializable
public data class Emitted(
    /** The offset of the last event emitted. */
    val head: Long,
)

/** Fails with a code, a number of times, then succeeds. */
@Serializable
@WireName("test:fail:v1")
public data class TestFail(
    /** The code to fail with. */
    val code: String,
    /** Whether it may pass. */
    val retryable: Boolean = false,
    /** How many times, counted for each action id; for ever without it. */
    val times: Int? = null,
) : Action<JsonElement>

/** A job that emits [TestTick] at a steady pace. */
@Serializable
@WireName("test:job:v1")
public data class TestJob(
    /** How many events. */
    val events: Long,
    /** The pause between two, in milliseconds. */
    @SerialName("interval_ms") val intervalMs: Long = 0,
    /** How many bytes of filling each has. */
    val bytes: Int = 0,
) : Action<JobStarted>

/** One beat of a [TestJob]. */
@Serializable
@WireName("test:tick:v1")
public data class TestTick(
    /** The job it belongs to. */
    val job: String,
    /** Its number, from 0. */
    val index: Long,
    /** The filling. */
    val data: String = "",
) : TypedEvent
