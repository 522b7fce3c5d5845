package dev.keepline.internal

import dev.keepline.ActionId
import dev.keepline.CallException
import dev.keepline.ClosedException
import dev.keepline.ControlException
import dev.keepline.CursorMode
import dev.keepline.Envelope
import dev.keepline.EventTypes
import dev.keepline.EventsException
import dev.keepline.EventsOptions
import dev.keepline.Handler
import dev.keepline.KeeplineClient
import dev.keepline.KeeplineConfig
import dev.keepline.Line
import dev.keepline.OpenException
import dev.keepline.OutboxChange
import dev.keepline.OutboxEntry
import dev.keepline.OutboxFilter
import dev.keepline.OutcomeException
import dev.keepline.RawArgs
import dev.keepline.Reply
import dev.keepline.SignOut
import dev.keepline.Status
import dev.keepline.StoreException
import dev.keepline.Stream
import dev.keepline.Submission
import dev.keepline.SubmitException
import dev.keepline.SubmitOptions
import dev.keepline.Tapped
import dev.keepline.core.CoreClientInterface
import dev.keepline.core.Disposable
import dev.keepline.core.coreOpen
import dev.keepline.core.keepThreadsKnown
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.serialization.DeserializationStrategy
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import java.util.concurrent.atomic.AtomicReference
import kotlin.time.Duration

/**
 * The client over the native library: each call is converted, handed over, and its answer converted back.
 *
 * What it runs beside the app (the status, the token provider, handlers) lives in [scope], which ends with the client.
 */
internal class NativeClient private constructor(
    private val core: CoreClientInterface,
    config: KeeplineConfig,
) : KeeplineClient {
    override val json: Json = config.json
    private val scope = CoroutineScope(SupervisorJob() + config.dispatcher + CoroutineName("keepline"))
    private val convert = EventConversion(json, config.eventTypes.copy())
    private val currentStatus = MutableStateFlow(open { core.status() }.toStatus())
    private val handlers = Handlers(scope, json, ::reserve)
    private val ending = AtomicReference<Job?>()

    override val status: StateFlow<Status> = currentStatus.asStateFlow()
    override val statusChanges: Flow<Status> =
        statusFlow(last = { currentStatus.value.copy(line = Line.Closed) }) { open { core.statusChanges() } }
    override val outboxChanges: Flow<OutboxChange> = outboxFlow(json) { open { core.outboxChanges() } }

    init {
        scope.launch { statusChanges.collect { currentStatus.follow(it) } }
        config.tokenProvider?.let { provider ->
            open { core.tokenQuestions() }?.let { questions ->
                val answering = scope.launch { answerQuestions(questions, provider) }
                // It may end before it began.
                answering.invokeOnCompletion { questions.close() }
            }
        }
    }

    override suspend fun submit(name: String, payload: JsonElement, options: SubmitOptions): Submission<Reply> =
        submitted { core.submit(name, payload.toString(), options.toCore()) }

    override suspend fun submitRaw(name: String, args: RawArgs, options: SubmitOptions): Submission<Reply> =
        submitted { core.submitRaw(name, args.toCore(), options.toCore()) }

    /** Not cancellable: what was handed over is durable or refused when this ends. */
    private suspend fun submitted(submit: suspend () -> String): Submission<Reply> =
        submission(ActionId(withContext(NonCancellable) { guarded({ SubmitException.Closed() }) { awaiting(submit) } }))

    override fun submission(id: ActionId): Submission<Reply> =
        Submission(
            id,
            json,
            read = {
                guarded({ OutcomeException.Closed() }) { awaiting { core.outcome(id.text, null) } }.toOutcome(json)
            },
            decode = { it },
        )

    override suspend fun outbox(filter: OutboxFilter): List<OutboxEntry> =
        guarded({ StoreException.Closed() }) { awaiting { core.outbox(filter.toCore()) } }.map { it.toEntry(json) }

    override suspend fun cancel(id: ActionId): Unit =
        guarded({ ControlException.Closed() }) { awaiting { core.cancel(id.text) } }

    override suspend fun retry(id: ActionId): ActionId =
        ActionId(guarded({ ControlException.Closed() }) { awaiting { core.retry(id.text) } })

    override suspend fun discard(id: ActionId): Unit =
        guarded({ ControlException.Closed() }) { awaiting { core.discard(id.text) } }

    override suspend fun callRaw(name: String, args: RawArgs, timeout: Duration): Reply =
        guarded({ CallException.Closed() }) {
            awaiting { core.call(name, args.toCore(), timeout.milliseconds(), null) }
        }.toReply(json)

    override suspend fun emitRaw(name: String, args: RawArgs): Boolean =
        guarded({ CallException.Closed() }) { awaiting { core.emit(name, args.toCore()) } }

    override fun envelopes(stream: Stream, options: EventsOptions): Flow<Envelope> =
        eventFlow(stream, options.cursor, convert) {
            guarded({ EventsException.Closed() }) { core.events(stream.name, options.toCore()) }
        }

    override fun observe(stream: Stream): Flow<Tapped<Envelope>> =
        tapFlow(stream, convert) { guarded({ EventsException.Closed() }) { core.observe(stream.name) } }

    override fun <T : Any> handle(
        stream: Stream,
        name: String,
        type: DeserializationStrategy<T>,
        handler: suspend (T) -> Unit,
    ): Handler = handlers.add(stream, EventHandler(name, type, handler))

    /** A stream for handlers, opened at once: what is wrong with it shows in their call, and not in the log. */
    private fun reserve(stream: Stream): Reserved {
        val source = guarded({ EventsException.Closed() }) { core.events(stream.name, EventsOptions().toCore()) }
        val envelopes = eventFlow(stream, CursorMode.Auto, EventConversion(json, EventTypes.none())) { source }
        return Reserved(envelopes) { source.close() }
    }

    override suspend fun diagnostics(): JsonObject = open { awaiting { core.diagnostics() } }.toJsonObject(json)

    override fun connect(): Unit = open { core.connect() }

    override fun disconnect(): Unit = open { core.disconnect() }

    override fun networkAvailable(): Unit = open { core.networkAvailable() }

    override fun networkLost(): Unit = open { core.networkLost() }

    override fun foreground(): Unit = open { core.foreground() }

    override suspend fun background(deadline: Duration): Unit =
        open { awaiting { core.background(deadline.milliseconds()) } }

    override suspend fun flush(deadline: Duration): Boolean =
        open { awaiting { core.flush(deadline.milliseconds(), null) } }

    override suspend fun suspend(deadline: Duration): Unit =
        open { awaiting { core.suspend(deadline.milliseconds()) } }

    override suspend fun signOut(rows: SignOut): Unit =
        guarded({ StoreException.Closed() }) { awaiting { core.signOut(rows.toCore()) } }

    override suspend fun shutdown() {
        withContext(NonCancellable) { end().join() }
    }

    override fun close() {
        end()
    }

    /** The end, which the first call begins. Nothing cancels it, and it ends by itself within two seconds. */
    private fun end(): Job {
        ending.get()?.let { return it }
        val job = ENDINGS.launch(start = CoroutineStart.LAZY) {
            try {
                core.shutdown()
            } finally {
                currentStatus.update { it.copy(line = Line.Closed) }
                (core as? Disposable)?.destroy()
                scope.cancel()
            }
        }
        if (!ending.compareAndSet(null, job)) {
            job.cancel()
            return checkNotNull(ending.get())
        }
        job.start()
        return job
    }

    private inline fun <T> open(block: () -> T): T = guarded({ ClosedException() }, block)

    companion object {
        /** Where clients end: apart from what ends with them. It holds no thread and nothing else of its own. */
        private val ENDINGS = CoroutineScope(Dispatchers.Default + CoroutineName("keepline-end"))

        init {
            keepThreadsKnown()
        }

        suspend fun open(config: KeeplineConfig): KeeplineClient {
            val client = NativeClient(opened(config), config)
            if (!currentCoroutineContext().isActive) client.shutdown()
            currentCoroutineContext().ensureActive()
            return client
        }

        /** Not cancellable: a client that nobody has would keep the database. */
        private suspend fun opened(config: KeeplineConfig): CoreClientInterface =
            withContext(NonCancellable) { guarded({ OpenException.Io() }) { awaiting { coreOpen(config.toCore()) } } }
    }
}
