use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::{
    Action, ActionAck, ActionMeta, AuthExpired, AuthExpiring, AuthRefresh, AuthRefreshed, ConnectAuth,
    ConnectRefused, Connected, Event, EventMeta, LedgerCheck, LedgerChecked, ServerDraining, SessionReady,
    Subscribe, Subscribed, Unsubscribe, Unsubscribed, VoidRequest,
    catalogue::{
        JobCancelled, JobCompleted, JobCreated, JobFailed, JobProgress, ModelChunk, PromptModel,
        ResearchFinding, SearchResult, StartResearch, StartSearch, TaskCancel, TestEcho, TestEmit, TestFail,
        TestJob, TestRecord, TestRecorded, TestTick,
    },
    names,
};

/// What stands under one name.
pub(super) struct Word {
    pub(super) name: &'static str,
    pub(super) role: Role,
    pub(super) payload: Schema,
}

/// Who says it, and what is answered.
pub(super) enum Role {
    /// By the client; in the ledger.
    Action { reply: Schema },
    /// By the client; of the session alone.
    SessionAction { answer: Schema },
    /// By the server, on a stream.
    Event,
    /// By the server; of the session alone.
    SessionEvent,
}

/// Every word, in the order of the documentation.
pub(super) fn words(types: &mut SchemaGenerator) -> Vec<Word> {
    let mut words = Words { types, words: Vec::new() };
    words.action::<StartSearch>();
    words.action::<StartResearch>();
    words.action::<PromptModel>();
    words.action::<TaskCancel>();
    words.action::<TestEcho>();
    words.action::<TestRecord>();
    words.action::<TestEmit>();
    words.action::<TestFail>();
    words.action::<TestJob>();
    words.session_action::<Subscribe, Subscribed>(names::STREAM_SUBSCRIBE);
    words.session_action::<Unsubscribe, Unsubscribed>(names::STREAM_UNSUBSCRIBE);
    words.session_action::<AuthRefresh, AuthRefreshed>(names::AUTH_REFRESH);
    words.session_action::<LedgerCheck, LedgerChecked>(names::LEDGER_CHECK);
    // Its answer is an action's: the outcome of the id that was to be voided, of whatever action that was.
    let reply = words.types.subschema_for::<crate::Payload>();
    words.word::<VoidRequest>(names::ACTION_VOID, Role::Action { reply });
    words.event::<JobCreated>();
    words.event::<JobProgress>();
    words.event::<JobCompleted>();
    words.event::<JobFailed>();
    words.event::<JobCancelled>();
    words.event::<SearchResult>();
    words.event::<ResearchFinding>();
    words.event::<ModelChunk>();
    words.event::<TestRecorded>();
    words.event::<TestTick>();
    words.word::<SessionReady>(names::SESSION_READY, Role::SessionEvent);
    words.word::<AuthExpiring>(names::AUTH_EXPIRING, Role::SessionEvent);
    words.word::<AuthExpired>(names::AUTH_EXPIRED, Role::SessionEvent);
    words.word::<ServerDraining>(names::SERVER_DRAINING, Role::SessionEvent);
    words.words
}

/// Types that stand on the wire beside the words' payloads.
pub(super) fn beside(types: &mut SchemaGenerator) {
    types.subschema_for::<ActionMeta>();
    types.subschema_for::<ActionAck>();
    types.subschema_for::<EventMeta>();
    types.subschema_for::<ConnectAuth>();
    types.subschema_for::<Connected>();
    types.subschema_for::<ConnectRefused>();
}

struct Words<'a> {
    types: &'a mut SchemaGenerator,
    words: Vec<Word>,
}

impl Words<'_> {
    fn action<A: Action + JsonSchema>(&mut self)
    where
        A::Reply: JsonSchema,
    {
        let reply = self.types.subschema_for::<A::Reply>();
        self.word::<A>(A::NAME, Role::Action { reply });
    }

    fn session_action<A: JsonSchema, R: JsonSchema>(&mut self, name: &'static str) {
        let answer = self.types.subschema_for::<R>();
        self.word::<A>(name, Role::SessionAction { answer });
    }

    fn event<E: Event + JsonSchema>(&mut self) {
        self.word::<E>(E::NAME, Role::Event);
    }

    fn word<P: JsonSchema>(&mut self, name: &'static str, role: Role) {
        let payload = self.types.subschema_for::<P>();
        self.words.push(Word { name, role, payload });
    }
}
