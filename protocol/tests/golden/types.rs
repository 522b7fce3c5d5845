//! Each golden file is read into its type and written back.

use keepline_protocol::{catalogue::*, engine_io::Handshake, *};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::files::{Examples, Word, folder};

/// A type of the wire by its name in the golden files.
pub(crate) struct WireType {
    pub(crate) name: &'static str,
    rewrite: fn(&str) -> Result<String, serde_json::Error>,
}

macro_rules! wire_types {
    ($($type:ty,)*) => { &[$(WireType { name: stringify!($type), rewrite: rewrite::<$type> },)*] };
}

/// Every type that has a golden file, and no other.
pub(crate) const WIRE_TYPES: &[WireType] = wire_types![
    ActionAck,
    ActionId,
    ActionMeta,
    AuthExpired,
    AuthExpiring,
    AuthRefresh,
    AuthRefreshed,
    ConnectAuth,
    ConnectCode,
    ConnectRefused,
    ConnectRefusedData,
    Connected,
    Emitted,
    Epoch,
    ErrorBody,
    ErrorCode,
    EventMeta,
    Handshake,
    JobCancelled,
    JobCompleted,
    JobCreated,
    JobFailed,
    JobFailure,
    JobProgress,
    JobStarted,
    LedgerCheck,
    LedgerChecked,
    LedgerCursor,
    LedgerMark,
    LedgerReady,
    LedgerStatus,
    Limits,
    ModelChunk,
    Payload,
    PromptModel,
    ResearchFinding,
    Reset,
    ResetReason,
    SearchResult,
    ServerDraining,
    SessionAck<AuthRefreshed>,
    SessionAck<LedgerChecked>,
    SessionAck<Subscribed>,
    SessionAck<Unsubscribed>,
    SessionReady,
    StartResearch,
    StartSearch,
    Stream,
    StreamCursor,
    StreamReady,
    StreamStatus,
    Subscribe,
    Subscribed,
    Tag,
    TaskCancel,
    TaskCancelled,
    TestEcho,
    TestEmit,
    TestFail,
    TestJob,
    TestRecord,
    TestRecorded,
    TestTick,
    Token,
    Unsubscribe,
    Unsubscribed,
    VoidRequest,
];

fn rewrite<T: Serialize + DeserializeOwned>(text: &str) -> Result<String, serde_json::Error> {
    serde_json::to_string(&serde_json::from_str::<T>(text)?)
}

/// Every list of examples in the golden files, with the file's path for the report of a failure.
pub(crate) fn all_examples() -> Vec<(String, Examples)> {
    let words = folder::<Word>("actions").into_iter().chain(folder("events"));
    let of_words = words.flat_map(|(path, word)| {
        let path = path.display().to_string();
        [Some(word.payload), word.reply].into_iter().flatten().map(move |examples| (path.clone(), examples))
    });
    let types = folder::<Examples>("types");
    of_words.chain(types.into_iter().map(|(path, examples)| (path.display().to_string(), examples))).collect()
}

#[test]
fn every_example_reads_and_writes_back_the_same() {
    for (path, examples) in all_examples() {
        let wire_type = WIRE_TYPES.iter().find(|wire_type| wire_type.name == examples.name);
        let wire_type = wire_type.unwrap_or_else(|| panic!("{path}: no type {}", examples.name));
        let rewritten = |value: &Value| {
            let text = (wire_type.rewrite)(&value.to_string());
            let text = text.unwrap_or_else(|error| panic!("{path}: {error}: {value}"));
            serde_json::from_str::<Value>(&text).expect("it was just written")
        };
        assert!(!examples.examples.is_empty(), "{path}");
        for example in &examples.examples {
            assert_eq!(rewritten(example), *example, "{path}");
        }
        for read in &examples.reads {
            assert_ne!(read.wire, read.same_as, "{path}: nothing to show");
            assert_eq!(rewritten(&read.wire), read.same_as, "{path}");
        }
    }
}
