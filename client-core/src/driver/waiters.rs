use std::collections::BTreeMap;

use keepline_protocol::ActionId;
use tokio::sync::oneshot::{self, error::TryRecvError};

use crate::{
    command::{Answer, Command},
    error::{ControlError, OutcomeError},
    outcome::Outcome,
};

/// Who waits for which outcome.
///
/// A waiter is listed before the engine is asked for the stored outcome, and every outcome that settles passes by the
/// list, so an outcome cannot fall between the two. The list outlives the engine: a new one is asked again.
#[derive(Default)]
pub(crate) struct Waiters {
    waiting: BTreeMap<ActionId, Vec<Waiter>>,
    checks: Vec<Check>,
    /// When to look for waiters that have gone, in entries.
    prune_at: usize,
}

type Waiter = Answer<Result<Outcome, OutcomeError>>;

/// A question to the engine whose answer was not read yet.
type Check = (ActionId, oneshot::Receiver<Result<Option<Outcome>, ControlError>>);

impl Waiters {
    /// Lists a waiter; gives what to ask of the engine.
    pub(crate) fn wait(&mut self, id: ActionId, waiter: Waiter) -> Command {
        if self.waiting.len() >= self.prune_at {
            self.prune();
        }
        let waiters = self.waiting.entry(id).or_default();
        waiters.retain(|waiter| !waiter.is_closed());
        waiters.push(waiter);
        self.check(id)
    }

    /// An outcome arrived. Gives whether somebody took it.
    pub(crate) fn settle(&mut self, id: ActionId, outcome: &Outcome) -> bool {
        let waiters = self.waiting.remove(&id).unwrap_or_default();
        let served = waiters.into_iter().filter_map(|waiter| waiter.send(Ok(outcome.clone())).ok()).count();
        served > 0
    }

    /// The action goes on under another id, and so does the waiting for it.
    pub(crate) fn rename(&mut self, old: ActionId, new: ActionId) {
        if let Some(mut moved) = self.waiting.remove(&old) {
            self.waiting.entry(new).or_default().append(&mut moved);
        }
    }

    /// Serves waiters from what the engine answered.
    pub(crate) fn serve_checks(&mut self) {
        for (id, mut check) in std::mem::take(&mut self.checks) {
            match check.try_recv() {
                Ok(Ok(Some(outcome))) => drop(self.settle(id, &outcome)),
                Ok(Err(ControlError::NotFound)) => {
                    for waiter in self.waiting.remove(&id).unwrap_or_default() {
                        let _ = waiter.send(Err(OutcomeError::NotFound));
                    }
                }
                // Not settled yet, or not to be known before the engine is open again.
                Ok(_) | Err(TryRecvError::Closed) => {}
                Err(TryRecvError::Empty) => self.checks.push((id, check)),
            }
        }
    }

    /// What to ask of a new engine.
    pub(crate) fn ask_again(&mut self) -> Vec<Command> {
        self.prune();
        self.checks.clear();
        let ids: Vec<ActionId> = self.waiting.keys().copied().collect();
        ids.into_iter().map(|id| self.check(id)).collect()
    }

    fn check(&mut self, id: ActionId) -> Command {
        let (answer, check) = oneshot::channel();
        self.checks.push((id, check));
        Command::Outcome { id, answer }
    }

    /// Apps give up waiting, for instance after a time of their own; what is left of them must not pile up.
    fn prune(&mut self) {
        self.waiting.retain(|_, waiters| {
            waiters.retain(|waiter| !waiter.is_closed());
            !waiters.is_empty()
        });
        self.prune_at = (2 * self.waiting.len()).max(PRUNE_MIN);
    }
}

const PRUNE_MIN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer_of(command: Command) -> Answer<Result<Option<Outcome>, ControlError>> {
        match command {
            Command::Outcome { answer, .. } => answer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_outcome_reaches_its_waiter_whichever_comes_first() {
        let mut waiters = Waiters::default();
        let id = ActionId::random();
        // It was stored before.
        let (waiter, mut waiting) = oneshot::channel();
        answer_of(waiters.wait(id, waiter)).send(Ok(Some(Outcome::Expired))).unwrap();
        waiters.serve_checks();
        assert_eq!(waiting.try_recv(), Ok(Ok(Outcome::Expired)));
        // It settles between the question and the answer.
        let (waiter, mut waiting) = oneshot::channel();
        let answer = answer_of(waiters.wait(id, waiter));
        assert!(waiters.settle(id, &Outcome::Cancelled));
        answer.send(Ok(Some(Outcome::Cancelled))).unwrap();
        waiters.serve_checks();
        assert_eq!(waiting.try_recv(), Ok(Ok(Outcome::Cancelled)));
        // It settles later.
        let (waiter, mut waiting) = oneshot::channel();
        answer_of(waiters.wait(id, waiter)).send(Ok(None)).unwrap();
        waiters.serve_checks();
        assert_eq!(waiting.try_recv(), Err(TryRecvError::Empty));
        waiters.settle(id, &Outcome::Sent);
        assert_eq!(waiting.try_recv(), Ok(Ok(Outcome::Sent)));
    }

    #[test]
    fn waiting_outlives_the_engine_and_a_retry() {
        let mut waiters = Waiters::default();
        let (old, new) = (ActionId::random(), ActionId::random());
        let (waiter, mut waiting) = oneshot::channel();
        drop(waiters.wait(old, waiter));
        waiters.serve_checks();
        waiters.rename(old, new);
        let [again] = waiters.ask_again().try_into().unwrap();
        assert!(matches!(&again, Command::Outcome { id, .. } if *id == new));
        answer_of(again).send(Ok(Some(Outcome::Expired))).unwrap();
        waiters.serve_checks();
        assert_eq!(waiting.try_recv(), Ok(Ok(Outcome::Expired)));
    }

    #[test]
    fn an_unknown_id_is_an_error_and_waiters_that_went_are_forgotten() {
        let mut waiters = Waiters::default();
        let id = ActionId::random();
        let (waiter, mut waiting) = oneshot::channel();
        answer_of(waiters.wait(id, waiter)).send(Err(ControlError::NotFound)).unwrap();
        waiters.serve_checks();
        assert_eq!(waiting.try_recv(), Ok(Err(OutcomeError::NotFound)));
        let (waiter, waiting) = oneshot::channel();
        answer_of(waiters.wait(id, waiter)).send(Ok(None)).unwrap();
        waiters.serve_checks();
        drop(waiting);
        assert!(waiters.ask_again().is_empty());
        assert!(!waiters.settle(id, &Outcome::Expired));
    }
}
