package dev.keepline.scenarios

import dev.keepline.KeeplineJson
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonArray
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse

/** The program that starts and kills real servers; see `tests/scenarios.md` of the project. */
internal object ScenarioHost {
    private val address by lazy {
        checkNotNull(System.getenv("KEEPLINE_SCENARIO_HOST")) { "KEEPLINE_SCENARIO_HOST is not set" }
    }
    private val http = HttpClient.newHttpClient()

    fun server(args: List<String> = emptyList()): HostedServer {
        val body = buildJsonObject { putJsonArray("args") { args.forEach { add(JsonPrimitive(it)) } } }
        return HostedServer(KeeplineJson.decodeFromString(post("/servers", body)))
    }

    /** A stock Socket.IO server on Node. */
    fun stock(body: JsonObject = JsonObject(emptyMap())): HostedServer =
        HostedServer(KeeplineJson.decodeFromString(post("/stock", body)))

    fun post(path: String, body: JsonObject = JsonObject(emptyMap())): String = send(path, "POST", body)

    fun delete(path: String): String = send(path, "DELETE", null)

    private fun send(path: String, method: String, body: JsonObject?): String {
        val publisher = body?.let { HttpRequest.BodyPublishers.ofString(it.toString()) }
            ?: HttpRequest.BodyPublishers.noBody()
        val request = HttpRequest.newBuilder(URI(address + path))
            .header("content-type", "application/json")
            .method(method, publisher)
            .build()
        val answer = http.send(request, HttpResponse.BodyHandlers.ofString())
        check(answer.statusCode() in 200..299) { "$method $path: ${answer.statusCode()} ${answer.body()}" }
        return answer.body()
    }
}

/** A server process that the host looks after. */
internal class HostedServer(private var started: Started) {
    @Serializable
    class Started(val id: String, val url: String, val token: String? = null)

    @Serializable
    private class Issued(val token: String)

    /** Without a code it was ended by a signal. */
    @Serializable
    private class Ended(val code: Int? = null)

    val url: String get() = started.url

    /** Of the subject `dev`, good for an hour. */
    val token: String get() = started.token ?: tokenFor("dev", "1h")

    fun start() {
        started = KeeplineJson.decodeFromString(ScenarioHost.post("/servers/${started.id}/start"))
    }

    /** SIGKILL. */
    fun kill() {
        ScenarioHost.post("/servers/${started.id}/kill")
    }

    /** SIGTERM, and its end; fails where it ends with an error. */
    fun stop() {
        val ended = KeeplineJson.decodeFromString<Ended>(ScenarioHost.post("/servers/${started.id}/stop"))
        check(ended.code == 0) { "the server ended with the code ${ended.code}" }
    }

    /** SIGSTOP: it listens, and answers nothing until it is thawed. */
    fun freeze() {
        ScenarioHost.post("/servers/${started.id}/freeze")
    }

    /** SIGCONT. */
    fun thaw() {
        ScenarioHost.post("/servers/${started.id}/thaw")
    }

    fun tokenFor(subject: String, ttl: String): String {
        val body = buildJsonObject {
            put("sub", subject)
            put("ttl", ttl)
        }
        return KeeplineJson.decodeFromString<Issued>(ScenarioHost.post("/servers/${started.id}/token", body)).token
    }

    fun remove() {
        ScenarioHost.delete("/servers/${started.id}")
    }
}
