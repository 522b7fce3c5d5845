package dev.keepline

import java.nio.file.Path
import kotlin.io.path.readText
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue

/** Each code is one of `docs/errors.md`, in the table of its operation; and each code there has its exception. */
internal class ErrorCodesTest {
    private val document = Path.of(System.getProperty("keepline.root"), "docs", "errors.md").readText()

    @Test
    fun everyOperationHasTheCodesOfItsTable() {
        val exceptions = mapOf(
            "OpenError" to listOf(
                OpenException.BadUrl(), OpenException.BadConfig("ttl"), OpenException.InUse(),
                OpenException.StoreBusy(), OpenException.Corrupt(), OpenException.NewerSchema(9),
                OpenException.DiskFull(), OpenException.WrongKey(), OpenException.Io(),
            ),
            "SubmitError" to listOf(
                SubmitException.NotJson(), SubmitException.TooLarge(2, 1), SubmitException.BadField("lane"),
                SubmitException.QueueFull(), SubmitException.TooManyLanes(), SubmitException.IdConflict(),
                SubmitException.DiskFull(), SubmitException.Suspended(), SubmitException.StoreFailed(),
                SubmitException.Closed(),
            ),
            "ControlError" to listOf(
                ControlException.NotFound(), ControlException.Settled(), ControlException.NotParked(),
                ControlException.Suspended(), ControlException.StoreFailed(), ControlException.Closed(),
            ),
            "OutcomeError" to
                listOf(OutcomeException.NotFound(), OutcomeException.BadReply(), OutcomeException.Closed()),
            "CallError" to listOf(
                CallException.NotJson(), CallException.TooLarge(2, 1), CallException.BadField("name"),
                CallException.NotOnline(), CallException.Busy(), CallException.TimedOut(),
                CallException.Rejected("FORBIDDEN", ""), CallException.BadReply(), CallException.Closed(),
            ),
            "EventsError" to listOf(
                EventsException.InUse(), EventsException.TooMany(), EventsException.Suspended(),
                EventsException.StoreFailed(), EventsException.Closed(),
            ),
            "StoreError" to listOf(
                StoreException.DiskFull(), StoreException.Busy(), StoreException.Corrupt(), StoreException.Io(),
                StoreException.Suspended(), StoreException.Closed(),
            ),
        )
        for ((error, all) in exceptions) assertEquals(codes(error), all.map { it.code }.toSet(), error)
    }

    @Test
    fun theMessageBeginsWithTheCode() {
        assertTrue(SubmitException.TooLarge(2, 1).message.orEmpty().startsWith("TOO_LARGE: "))
    }

    /** The codes in the table under `### \`NAME\`: …` of the client's part. */
    private fun codes(error: String): Set<String> {
        val table = document.substringAfter("## From the client").substringAfter("### `$error`").substringBefore("\n#")
        return Regex("^\\| `([A-Z_]+)`", RegexOption.MULTILINE).findAll(table).map { it.groupValues[1] }.toSet()
    }
}
