package dev.keepline.scenarios

import dev.keepline.Envelope
import dev.keepline.EventsOptions
import dev.keepline.KeeplineClient
import dev.keepline.KeeplineConfig
import dev.keepline.Stream
import dev.keepline.awaitOnline
import dev.keepline.catalogue.TestRecord
import dev.keepline.catalogue.TestRecorded
import dev.keepline.soon
import dev.keepline.submit
import dev.keepline.test
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.takeWhile
import kotlinx.coroutines.flow.toList
import java.nio.file.Files
import java.nio.file.Path
import kotlin.io.path.ExperimentalPathApi
import kotlin.io.path.deleteRecursively
import kotlin.time.Duration.Companion.milliseconds

/** A folder, a server, and clients that begin in it. All of it ends with the scenario. */
internal class World {
    private val folder: Path = Files.createTempDirectory("keepline-scenario-")
    private val clients = mutableListOf<KeeplineClient>()
    private val servers = mutableListOf<HostedServer>()

    fun server(vararg args: String): HostedServer = ScenarioHost.server(args.toList()).also { servers += it }

    /** Its port is known, and nobody listens there. */
    fun absentServer(): HostedServer = server().also { it.kill() }

    fun stockServer(): HostedServer = ScenarioHost.stock().also { servers += it }

    fun database(name: String = "queue.db"): String = folder.resolve(name).toString()

    suspend fun open(
        server: HostedServer,
        database: String = "queue.db",
        configure: KeeplineConfig.() -> Unit = {},
    ): KeeplineClient {
        val client = KeeplineClient.open(server.url, database(database)) {
            token(server.token)
            reconnect(50.milliseconds, 500.milliseconds)
            configure()
        }
        return client.also { clients += it }
    }

    suspend fun connected(server: HostedServer, database: String = "queue.db"): KeeplineClient =
        open(server, database).also {
            it.connect()
            it.awaitOnline()
        }

    /** The numbers on the user stream, from its beginning up to a last record that is made for it. */
    suspend fun recorded(server: HostedServer): List<Long> {
        val client = connected(server, "auditor.db")
        client.submit(TestRecord(LAST))
        val seen = soon {
            client.envelopes(Stream.user, EventsOptions(after = 0))
                .map { it.event }
                .takeWhile { it != TestRecorded(LAST, (it as? TestRecorded)?.action) }
                .toList()
        }
        client.shutdown()
        return seen.filterIsInstance<TestRecorded>().map { it.n }
    }

    /** Another process, with a client of its own: see [main]. */
    fun child(server: HostedServer, vararg args: String): Child = Child(listOf(server.url, server.token) + args)

    @OptIn(ExperimentalPathApi::class)
    suspend fun end() {
        clients.forEach { it.shutdown() }
        servers.forEach { it.remove() }
        folder.deleteRecursively()
    }

    private companion object {
        const val LAST = 1_000_000L
    }
}

/** Runs a scenario, and says that it holds. */
internal fun scenario(name: String, block: suspend World.() -> Unit) {
    world(block)
    println("scenario $name kotlin ok")
}

/** Runs a test in a world of its own. */
internal fun world(block: suspend World.() -> Unit): Unit = test {
    val world = World()
    try {
        world.block()
    } finally {
        world.end()
    }
}

internal val Envelope.offset: Long get() = checkNotNull(place).offset
