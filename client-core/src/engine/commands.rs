//! What the app asks for, part by part.

use super::{Cx, Effect, Engine, META_ACCOUNT};
use crate::{
    command::{Command, Hint},
    error::StoreError,
    inbox::{Place, forget_cursors},
    outbox::list,
};

impl Engine {
    pub(super) fn command(&mut self, cx: &mut Cx<'_, '_>, command: Command) -> Result<(), StoreError> {
        match command {
            Command::Submit { action, answer } => {
                let limit = self.limits.as_ref().map(|limits| limits.action_bytes);
                let result = self.outbox.submit(cx, &action, limit)?;
                cx.effects.push_back(Effect::Submitted(answer, result));
            }
            Command::Cancel { id, answer } => {
                let result = self.outbox.cancel(cx, id)?;
                cx.effects.push_back(Effect::Controlled(answer, result));
            }
            Command::Retry { id, answer } => {
                let result = self.outbox.retry(cx, id)?;
                cx.effects.push_back(Effect::Retried(answer, result));
            }
            Command::Discard { id, answer } => {
                let result = self.outbox.discard(cx, id)?;
                cx.effects.push_back(Effect::Controlled(answer, result));
            }
            Command::Outcome { id, answer } => {
                let result = self.outbox.take_outcome(cx, id)?;
                cx.effects.push_back(Effect::OutcomeRead(answer, result));
            }
            Command::Outbox { filter, answer } => {
                let rows = list(cx.tx, cx.now, Some(&self.account), &filter)?;
                cx.effects.push_back(Effect::Listed(answer, rows));
            }
            Command::Call { call, answer } => self.call(cx, *call, answer),
            Command::Emit { args, answer } => {
                let written = self.emit(args);
                cx.effects.push_back(Effect::Emitted(answer, written));
            }
            Command::AckEvent { connection, ack, args } => self.ack_event(connection, ack, args),
            Command::Consume { stream, options, answer } => {
                let result = self.inbox.consume(cx, stream, options)?;
                cx.effects.push_back(Effect::Consuming(answer, result));
            }
            Command::Taken { stream, epoch, offset, freed } => {
                let place = Place { epoch, offset, tag: None };
                self.inbox.taken(cx.now.at, &stream, place);
                self.inbox.freed(cx, &stream, freed);
            }
            Command::Freed { stream, freed } => self.inbox.freed(cx, &stream, freed),
            Command::Release { stream } => self.inbox.release(cx, &stream)?,
            Command::Observe { stream, answer } => {
                let result = self.inbox.observe(stream);
                cx.effects.push_back(Effect::Consuming(answer, result));
            }
            Command::Unobserve { stream } => self.inbox.unobserve(&stream),
            Command::Connect => self.connect(cx)?,
            Command::Disconnect => self.disconnect(cx)?,
            Command::Hint(hint) => self.hint(cx, hint)?,
            Command::SignOut { discard, answer } => {
                self.sign_out(cx, discard)?;
                cx.effects.push_back(Effect::SignedOut(answer));
            }
            Command::Diagnostics { answer } => {
                let report = self.diagnostics(cx)?;
                cx.effects.push_back(Effect::Diagnosed(answer, report));
            }
        }
        Ok(())
    }

    fn hint(&mut self, cx: &mut Cx<'_, '_>, hint: Hint) -> Result<(), StoreError> {
        match hint {
            Hint::NetworkLost => self.network_lost(cx),
            Hint::NetworkAvailable => {
                self.session.no_network = false;
                self.wake(cx)
            }
            Hint::Foreground | Hint::Flush => self.wake(cx),
        }
    }

    /// Keeps or discards the account's rows and cursors, and belongs to nobody afterwards.
    fn sign_out(&mut self, cx: &mut Cx<'_, '_>, discard: bool) -> Result<(), StoreError> {
        self.disconnect(cx)?;
        if discard {
            self.outbox.discard_all(cx)?;
            // What is not stored yet would be stored again when the account is left.
            self.inbox.store_cursors(cx)?;
            forget_cursors(cx.tx, &self.account)?;
            cx.tx.execute("DELETE FROM ledgers WHERE account = ?1", [&self.account])?;
        }
        cx.tx.execute("DELETE FROM meta WHERE key = ?1", [META_ACCOUNT])?;
        self.account = self.options.account.clone().unwrap_or_default();
        let account = self.account.clone();
        self.outbox.switch_account(cx, &account)?;
        self.inbox.switch_account(cx, &account)?;
        self.load_ledger(cx.tx)
    }
}
