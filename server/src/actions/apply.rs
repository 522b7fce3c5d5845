use std::sync::Arc;

use keepline_protocol::{
    ActionAck, ErrorBody, ErrorCode, Payload,
    catalogue::JobStarted,
    socket_io::{Args, Kind as PacketKind, Packet},
};

use super::{ActionContext, ActionError, Actions, error::Kind};
use crate::{
    connection::Frames,
    hub::Outlet,
    ledger::{self, Admission, Claim, Digest, Outcome},
    metrics::Metrics,
    owners::Known,
    storage::{StorageError, Txn, Work},
};

/// What a client asked.
pub(crate) enum Asked {
    /// An action; without a claim it is not in the ledger (a stock client's, at most once).
    Action { name: String, payload: Payload, claim: Option<Claim> },
    /// That an id be settled as void.
    Void(Claim),
}

/// One action on its way through the storage and back to its connection.
pub(crate) struct Application {
    pub(crate) asked: Asked,
    pub(crate) known: Arc<Known>,
    pub(crate) actions: Arc<Actions>,
    pub(crate) outlet: Arc<Outlet>,
    pub(crate) metrics: Arc<Metrics>,
    /// The id under which the client waits for the answer.
    pub(crate) ack: Option<u64>,
    digest: Option<Digest>,
    answer: Option<ActionAck>,
}

/// Where an application belongs.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) known: Arc<Known>,
    pub(crate) actions: Arc<Actions>,
    pub(crate) outlet: Arc<Outlet>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Desk {
    /// The answer to an action that needs neither ledger nor transaction; `None` where it needs them.
    pub(crate) fn answer_at_once(&self, asked: &Asked) -> Option<ActionAck> {
        let Asked::Action { name, payload, claim: None } = asked else { return None };
        let answer = match self.actions.answer_at_once(name, &self.known.owner, payload)? {
            Ok(reply) => accepted(reply),
            Err(ActionError(Kind::Refused(error) | Kind::Later(error))) => ActionAck::refused(error),
            Err(ActionError(Kind::Storage(_))) => not_stored(),
        };
        self.metrics.answered(&answer);
        Some(answer)
    }
}

impl Application {
    pub(crate) fn new(desk: &Desk, asked: Asked, ack: Option<u64>) -> Self {
        let Desk { known, actions, outlet, metrics } = desk.clone();
        // Hashed here, in the connection's task, and not on the one thread that writes.
        let digest = match &asked {
            Asked::Action { name, payload, claim: Some(_) } => Some(Digest::of(name, payload)),
            Asked::Action { .. } | Asked::Void(_) => None,
        };
        outlet.action_taken();
        Self { asked, known, actions, outlet, metrics, ack, digest, answer: None }
    }

    fn apply(&self, tx: &mut Txn<'_>) -> Result<ActionAck, StorageError> {
        match &self.asked {
            Asked::Action { name, payload, claim: None } => Ok(match self.handle(tx, name, payload, None) {
                Ok(reply) => accepted(reply),
                Err(ActionError(Kind::Storage(error))) => return Err(error),
                Err(ActionError(Kind::Refused(error) | Kind::Later(error))) => {
                    tx.take_back()?;
                    ActionAck::refused(error)
                }
            }),
            Asked::Action { name, payload, claim: Some(claim) } => self.admitted(tx, *claim, |tx| {
                Ok(match self.handle(tx, name, payload, Some(*claim)) {
                    Ok(reply) => Ok(Outcome::Applied(reply)),
                    Err(ActionError(Kind::Storage(error))) => return Err(error),
                    Err(ActionError(Kind::Refused(error))) => {
                        tx.take_back()?;
                        Ok(Outcome::Refused(error))
                    }
                    Err(ActionError(Kind::Later(error))) => {
                        tx.take_back()?;
                        Err(error)
                    }
                })
            }),
            Asked::Void(claim) => self.admitted(tx, *claim, |_| Ok(Ok(Outcome::Void))),
        }
    }

    /// The ledger's rules around what makes the outcome.
    fn admitted(
        &self,
        tx: &mut Txn<'_>,
        claim: Claim,
        apply: impl FnOnce(&mut Txn<'_>) -> Result<Result<Outcome, ErrorBody>, StorageError>,
    ) -> Result<ActionAck, StorageError> {
        match ledger::admit(tx, self.known.id, claim, self.digest)? {
            Admission::Known(recorded) => Ok(recorded.ack()),
            Admission::Refused(error) => Ok(ActionAck::refused(error)),
            Admission::Apply => Ok(match apply(tx)? {
                Ok(outcome) => ledger::record(tx, self.known.id, claim.id, self.digest, outcome)?.ack(),
                Err(error) => ActionAck::refused(error),
            }),
        }
    }

    fn handle(
        &self,
        tx: &mut Txn<'_>,
        name: &str,
        payload: &Payload,
        claim: Option<Claim>,
    ) -> Result<Payload, ActionError> {
        let mut context = ActionContext { tx, known: &self.known, action: claim.map(|claim| claim.id) };
        self.actions.handle(name, &mut context, payload)
    }
}

impl Work for Application {
    fn run(&mut self, tx: &mut Txn<'_>) -> Result<(), StorageError> {
        self.answer = Some(self.apply(tx)?);
        Ok(())
    }

    fn finish(self: Box<Self>, result: Result<(), StorageError>) {
        let answer = match (result, self.answer) {
            (Ok(()), Some(answer)) => answer,
            (result, _) => {
                if let Err(error) = result {
                    tracing::warn!(%error, owner = %self.known.owner, "an action was not stored");
                }
                not_stored()
            }
        };
        self.metrics.answered(&answer);
        let started = started(&self.outlet, &answer);
        self.outlet.action_done(self.ack.map(|id| ack_frames(id, &answer)));
        if let Some(job) = started {
            self.outlet.follow(job);
        }
    }
}

/// An acknowledgement as it goes out.
pub(crate) fn ack_frames<T: serde::Serialize>(id: u64, answer: &T) -> Frames {
    let args = Args::ack().value(answer).expect("an answer is JSON").build();
    Packet::root(PacketKind::Ack { id, args }).into()
}

fn not_stored() -> ActionAck {
    ActionAck::refused(ErrorBody::new(ErrorCode::Unavailable, "not stored; try again"))
}

fn accepted(reply: Payload) -> ActionAck {
    ActionAck {
        ok: true,
        reply: Some(reply),
        error: None,
        position: None,
        tag: None,
        dup: false,
        forgotten: false,
    }
}

/// The job that a stock client started, whose events it then gets without asking.
fn started(outlet: &Outlet, answer: &ActionAck) -> Option<String> {
    if !outlet.follows() || !answer.ok {
        return None;
    }
    answer.reply.as_ref()?.decode::<JobStarted>().ok().map(|started| started.job)
}
