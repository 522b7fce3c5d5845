//! What a run explores: the world around the ledger, and the rules that are played in it.
//!
//! A configuration is a pair. The *world* says what may happen (lines break, servers are restored, databases are
//! copied) and how much of it; it is kept small enough for every reachable state to be visited. The *rules* say how
//! client and server behave; [`Rules::PUBLISHED`] are those of Keepline, and each variant changes one of them.

/// One run: what may happen, and how the two ends answer it.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// What may happen, and how much of it.
    pub world: World,
    /// How client and server behave.
    pub rules: Rules,
}

/// What may happen. Loss of the line, duplication, reordering and frames that arrive long after are always on: the
/// network keeps every frame for ever and hands it over as often and as late as it likes.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// Actions submitted in all, by the original and by its copies.
    pub submits: u8,
    /// Actions applied in all from the owner's other devices, which have databases of their own.
    pub others: u8,
    /// Rows of one lane that may be unsettled and sent at once.
    pub window: u8,
    /// Lanes; actions go to them in turn.
    pub lanes: u8,
    /// What the lane does with an action that could not be delivered.
    pub policy: Policy,
    /// A handler may fail with an error that may pass.
    pub errors: bool,
    /// A handler may refuse for good.
    pub refusals: bool,
    /// The app may cancel and discard.
    pub cancel: bool,
    /// How often one action may be retried under a new id.
    pub retries: u8,
    /// The server forgets old entries: the floor rises.
    pub prune: bool,
    /// The client's database is saved once and may be restored.
    pub restore: bool,
    /// The client's database may be copied to a second device, once.
    pub clone: bool,
    /// How often the server may be restored from its backup.
    pub rollbacks: u8,
    /// Check in every state that each submission can still end in an outcome. It makes a run about twice as long.
    pub check_progress: bool,
}

impl World {
    /// One device, one lane, a good server: the ground that each configuration extends.
    pub const CALM: Self = Self {
        submits: 2,
        others: 0,
        window: 3,
        lanes: 1,
        policy: Policy::Block,
        errors: false,
        refusals: false,
        cancel: false,
        retries: 0,
        prune: false,
        restore: false,
        clone: false,
        rollbacks: 0,
        check_progress: true,
    };
}

/// What a lane does with an action that could not be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// It is parked and blocks the lane until the app decides.
    Block,
    /// It is voided at the server, and the lane moves on.
    Skip,
}

/// How client and server behave.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What the server remembers of applied actions.
    pub memory: Memory,
    /// The server's restore ends every session, and no frame of theirs is acted on afterwards. That comes by itself
    /// where connections end with the process that holds the storage; it needs a fence where storage fails over
    /// under processes that keep running.
    pub session_fence: bool,
    /// When a row takes its mark.
    pub mark: MarkTaken,
    /// Rule 2: an action whose mark is below the floor is not applied.
    pub refuse_below_floor: bool,
    /// Rule 3: an action whose predecessor is not in the ledger is not applied.
    pub refuse_out_of_order: bool,
    /// Whom a frame names as its predecessor.
    pub prev: Prev,
    /// Whether a void names its predecessor as an action does.
    pub void_names_prev: bool,
    /// Who settles a row that was once sent and is not wanted any more.
    pub void: VoidedBy,
    /// The id under which a voided action is retried.
    pub retry_id: RetryId,
    /// The position that the answer to a known id carries.
    pub dup_position: DupPosition,
    /// What a client does when it connects to a server whose history is not the one it knows.
    pub comparison: Comparison,
    /// What becomes of a retried row whose mark the rollback has cut.
    pub cut_retry: CutRetry,
    /// Whether a parked row's void is sent again once the rollback has cut it.
    pub void_again: bool,
    /// Whether a settled cancel's void is sent again once the rollback has cut it.
    pub cancel_again: bool,
}

impl Rules {
    /// The rules of Keepline.
    pub const PUBLISHED: Self = Self {
        memory: Memory::Ledger,
        session_fence: true,
        mark: MarkTaken::AtSubmit,
        refuse_below_floor: true,
        refuse_out_of_order: true,
        prev: Prev::NearestUnsettled,
        void_names_prev: true,
        void: VoidedBy::Server,
        retry_id: RetryId::Derived,
        dup_position: DupPosition::OfTheEntry,
        comparison: Comparison::Full,
        cut_retry: CutRetry::Indeterminate,
        void_again: true,
        cancel_again: true,
    };
}

/// What the server remembers of applied actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Entries above a floor, and what was below it is known to be unknown.
    Ledger,
    /// Recent ids, and what is not among them is taken for new.
    IdWindow,
    /// The highest sequence number seen, one sequence a database.
    HighWaterMark,
}

/// When a row takes its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkTaken {
    /// With the submit, in its transaction.
    AtSubmit,
    /// When the row is first sent.
    AtFirstSend,
}

/// Whom a frame names as its predecessor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prev {
    /// The nearest row before it in the lane that is not settled here.
    NearestUnsettled,
    /// As published, but rows whose void is known count as unsettled.
    NearestUnsettledOrVoided,
    /// The row just before it, and nobody where that one is settled.
    ImmediateOnly,
}

/// Who settles a row that was once sent and is not wanted any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoidedBy {
    /// The server stores a void, unless there is an outcome already, and answers with what is stored.
    Server,
    /// The client drops the row by itself.
    Client,
}

/// The id under which a voided action is retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryId {
    /// A function of the voided id alone, so that copies retry under the same one.
    Derived,
    /// Drawn anew by each copy.
    Random,
}

/// The position that the answer to a known id carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DupPosition {
    /// Where its entry stands.
    OfTheEntry,
    /// Where the ledger stands by now.
    OfTheHead,
}

/// What a client does when it connects to a server whose history is not the one it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// It cuts its marks and tells the app, after `rolled_back` and after `unverifiable` alike.
    Full,
    /// It does so after `rolled_back` only.
    RolledBackOnly,
    /// Nothing: it takes the new position and goes on.
    None,
}

/// What becomes of a retried row whose mark the rollback has cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutRetry {
    /// It ends as indeterminate: the void that made the retry safe is gone.
    Indeterminate,
    /// It is sent again with its mark lowered.
    SentAgain,
}
