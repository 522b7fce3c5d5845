package dev.keepline.internal

import dev.keepline.Event
import dev.keepline.EventTypes
import dev.keepline.KeeplineJson
import dev.keepline.Place
import dev.keepline.Stream
import dev.keepline.catalogue.TestTick
import dev.keepline.core.CoreEvent
import dev.keepline.core.CoreEventBatch
import dev.keepline.core.CoreEventDetails
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs

internal class BatchConversionTest {
    @Test
    fun whatTheEventsOfABatchHaveInCommonIsGivenToEach() {
        val batch = CoreEventBatch(
            number = 1u,
            names = listOf("test:tick:v1", "note:v1"),
            epoch = "a",
            times = listOf("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"),
            events = listOf(
                event(name = 0u, """{"job":"7","index":3}""", offset = 1u, time = 0u),
                event(name = 1u, "4", offset = 2u, time = 0u),
                event(name = 1u, "5", offset = 1u, epoch = "b", time = 1u),
                event(name = 0u, """{"of":"another shape"}"""),
                event(name = 1u, "6", details = CoreEventDetails(listOf("6", "7"), emptyList(), null)),
            ),
            then = null,
        )
        val converted = EventConversion(KeeplineJson, EventTypes.catalogue()).ofBatch(Stream.user, batch) {}
        val envelopes = batch.events.map(converted::envelope)
        assertEquals(3, assertIs<TestTick>(envelopes[0].event).index)
        assertEquals(
            listOf("note:v1", "note:v1", "test:tick:v1", "note:v1"),
            envelopes.drop(1).map { assertIs<Event.Raw>(it.event).name },
        )
        assertEquals(listOf(Place("a", 1), Place("a", 2), Place("b", 1), null, null), envelopes.map { it.place })
        assertEquals(listOf(0, 0, 1, null, null).map { it?.let(batch.times::get) }, envelopes.map { it.time })
        assertEquals(2, assertIs<Event.Raw>(envelopes[4].event).args.size)
    }

    private fun event(
        name: UInt,
        payload: String,
        offset: ULong? = null,
        epoch: String? = null,
        time: UInt? = null,
        details: CoreEventDetails? = null,
    ) = CoreEvent(name, payload, offset, epoch, time, details)
}
