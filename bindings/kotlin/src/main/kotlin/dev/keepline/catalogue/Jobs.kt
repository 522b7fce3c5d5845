package dev.keepline.catalogue

import dev.keepline.Action
import dev.keepline.TypedEvent
import dev.keepline.WireName
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonElement

/** The answer to every action that starts a job. */
@Serializable
public data class JobStarted(
    /** The job's id; its events are on the stream `job:<id>`. */
    val job: String,
)

/** Stops a job that still runs. */
@Serializable
@WireName("task:cancel:v1")
public data class TaskCancel(
    /** The job's id. */
    val job: String,
) : Action<TaskCancelled>

/** The answer to [TaskCancel]. */
@Serializable
public data class TaskCancelled(
    /** Whether it was stopped by this; false where it had ended before. */
    val cancelled: Boolean,
)

/** A job was accepted. */
@Serializable
@WireName("job:created:v1")
public data class JobCreated(
    /** The job's id. */
    val job: String,
    /** What it does: `search`, `research`, `model`, `test`. */
    val kind: String,
) : TypedEvent

/** A job ended well. */
@Serializable
@WireName("job:completed:v1")
public data class JobCompleted(
    /** The job's id. */
    val job: String,
    /** What it did. */
    val kind: String,
    /** What came of it, in the shape of its kind. */
    val result: JsonElement? = null,
) : TypedEvent

/** A job ended badly. */
@Serializable
@WireName("job:failed:v1")
public data class JobFailed(
    /** The job's id. */
    val job: String,
    /** What it did. */
    val kind: String,
    /** Why. */
    val error: JobFailure,
) : TypedEvent

/** Why a job failed. */
@Serializable
public data class JobFailure(
    /** A stable code. */
    val code: String,
    /** For people. */
    val message: String = "",
)

/** A job was stopped before its end. */
@Serializable
@WireName("job:cancelled:v1")
public data class JobCancelled(
    /** The job's id. */
    val job: String,
    /** What it did. */
    val kind: String,
) : TypedEvent

/** How far a job is. */
@Serializable
@WireName("job:progress:v1")
public data class JobProgress(
    /** The job's id. */
    val job: String,
    /** Steps done. */
    val done: Long,
    /** Steps in all. */
    val total: Long,
    /** For people. */
    val note: String? = null,
) : TypedEvent
