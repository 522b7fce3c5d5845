//! What a server with `--dev` knows besides, for tests and for people who try things.

use serde::{Deserialize, Serialize};

use super::JobStarted;
use crate::{Action, ErrorCode, Event, Payload, Stream};

/// Answers with what it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct TestEcho(pub Payload);

impl Action for TestEcho {
    const NAME: &'static str = "test:echo:v1";
    type Reply = Payload;
}

/// Appends [`TestRecorded`] to the user stream in the action's own transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestRecord {
    /// Any number.
    pub n: i64,
}

impl Action for TestRecord {
    const NAME: &'static str = "test:record:v1";
    type Reply = Payload;
}

/// A [`TestRecord`] was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestRecorded {
    /// The number that was recorded.
    pub n: i64,
    /// The id of the action that did it; absent where a stock client sent none.
    #[serde(default)]
    pub action: Option<String>,
}

impl Event for TestRecorded {
    const NAME: &'static str = "test:recorded:v1";
}

/// Emits events on a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestEmit {
    /// Where.
    pub stream: Stream,
    /// The events' name.
    pub name: String,
    /// The events' payload.
    pub payload: Payload,
    /// How many.
    #[serde(default = "one")]
    pub count: u32,
}

impl Action for TestEmit {
    const NAME: &'static str = "test:emit:v1";
    type Reply = Emitted;
}

/// The answer to [`TestEmit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Emitted {
    /// The offset of the last event emitted.
    pub head: u64,
}

/// Fails with a code, a number of times, then succeeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestFail {
    /// The code to fail with.
    pub code: ErrorCode,
    /// Whether it may pass.
    #[serde(default)]
    pub retryable: bool,
    /// How many times, counted for each action id; for ever without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

impl Action for TestFail {
    const NAME: &'static str = "test:fail:v1";
    type Reply = Payload;
}

/// A job that emits [`TestTick`] at a steady pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestJob {
    /// How many events.
    pub events: u64,
    /// The pause between two, in milliseconds.
    #[serde(default)]
    pub interval_ms: u64,
    /// How many bytes of filling each has.
    #[serde(default)]
    pub bytes: u32,
}

impl Action for TestJob {
    const NAME: &'static str = "test:job:v1";
    type Reply = JobStarted;
}

/// One beat of a [`TestJob`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestTick {
    /// The job it belongs to.
    pub job: String,
    /// Its number, from 0.
    pub index: u64,
    /// The filling.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub data: String,
}

impl Event for TestTick {
    const NAME: &'static str = "test:tick:v1";
}

fn one() -> u32 {
    1
}
