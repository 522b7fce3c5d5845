use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use keepline_protocol::Stream;
use tokio::sync::oneshot::{self, error::TryRecvError};

use crate::{
    command::{Command, Freed},
    engine::Delivery,
    error::EventsError,
    shared::Observers,
    stream::{Mailbox, Progress},
};

/// The app's consumers and live taps, as the engine knows them. In order, so that a simulation runs twice the same.
#[derive(Default)]
pub(crate) struct Registry {
    consumers: BTreeMap<Stream, Arc<Mailbox>>,
    observed: BTreeSet<Stream>,
    /// There is an engine, and it knows all of these.
    is_live: bool,
    checks: Vec<Check>,
}

/// A question to the engine whose answer was not read yet.
type Check = (Arc<Mailbox>, oneshot::Receiver<Result<(), EventsError>>);

impl Registry {
    /// A mailbox moved: it is new, its app took something, or it was given back.
    pub(crate) fn moved(&mut self, mailbox: &Arc<Mailbox>, commands: &mut Vec<Command>) {
        let is_known = self.consumers.get(mailbox.stream()).is_some_and(|known| Arc::ptr_eq(known, mailbox));
        match (is_known, mailbox.is_released() || mailbox.has_ended()) {
            (true, false) => report(mailbox, commands),
            (true, true) => {
                report(mailbox, commands);
                commands.push(Command::Release { stream: mailbox.stream().clone() });
                self.consumers.remove(mailbox.stream());
            }
            (false, false) => {
                self.consumers.insert(mailbox.stream().clone(), Arc::clone(mailbox));
                self.consume(mailbox, commands);
            }
            (false, true) => {}
        }
    }

    /// Taps came or went.
    pub(crate) fn taps_moved(&mut self, observers: &mut Observers, commands: &mut Vec<Command>) {
        observers.retain(|_, fanout| !fanout.prune());
        let wanted: BTreeSet<Stream> = observers.keys().cloned().collect();
        if self.is_live {
            let (came, went) = (wanted.difference(&self.observed), self.observed.difference(&wanted));
            commands.extend(came.map(|stream| Command::Observe { stream: stream.clone() }));
            commands.extend(went.map(|stream| Command::Unobserve { stream: stream.clone() }));
        }
        self.observed = wanted;
    }

    /// Hands an item to the durable consumer.
    ///
    /// One whose beginning the engine has not confirmed yet gets nothing: what comes in the turn of its beginning was
    /// for the consumer before it, which stood elsewhere. The engine has not counted it as taken, and it comes again
    /// from the new one's cursor.
    pub(crate) fn deliver(&mut self, stream: &Stream, item: Delivery) {
        if self.checks.iter().any(|(mailbox, _)| mailbox.stream() == stream) {
            return;
        }
        let is_over = matches!(item, Delivery::Gone | Delivery::Refused(_));
        if let Some(mailbox) = self.consumers.get(stream) {
            mailbox.deliver(item);
        }
        if is_over {
            // The engine has forgotten the stream, and another consumer may begin.
            self.consumers.remove(stream);
        }
    }

    /// Reads what the engine answered to new consumers.
    pub(crate) fn serve_checks(&mut self) {
        for (mailbox, mut check) in std::mem::take(&mut self.checks) {
            match check.try_recv() {
                Ok(Err(error)) => {
                    tracing::error!(stream = %mailbox.stream(), %error, "a consumer was refused");
                    mailbox.end();
                    self.consumers.remove(mailbox.stream());
                }
                // A new engine will be asked again.
                Ok(Ok(())) | Err(TryRecvError::Closed) => {}
                Err(TryRecvError::Empty) => self.checks.push((mailbox, check)),
            }
        }
    }

    /// The last word to an engine that is about to be closed: how far everybody is.
    pub(crate) fn reports(&self) -> Vec<Command> {
        let mut commands = Vec::new();
        self.consumers.values().for_each(|mailbox| report(mailbox, &mut commands));
        commands
    }

    /// The engine is gone: what was on its way will come again.
    pub(crate) fn rewind(&mut self) {
        self.is_live = false;
        self.checks.clear();
        self.consumers.values().for_each(|mailbox| mailbox.rewind());
    }

    /// The account was signed out.
    pub(crate) fn forget(&self) {
        self.consumers.values().for_each(|mailbox| mailbox.forget());
    }

    /// What to tell a new engine.
    pub(crate) fn introduce(&mut self, commands: &mut Vec<Command>) {
        self.is_live = true;
        let mailboxes: Vec<Arc<Mailbox>> = self.consumers.values().cloned().collect();
        mailboxes.iter().for_each(|mailbox| self.consume(mailbox, commands));
        commands.extend(self.observed.iter().map(|stream| Command::Observe { stream: stream.clone() }));
    }

    pub(crate) fn end(&mut self) {
        std::mem::take(&mut self.consumers).into_values().for_each(|mailbox| mailbox.end());
    }

    fn consume(&mut self, mailbox: &Arc<Mailbox>, commands: &mut Vec<Command>) {
        if !self.is_live {
            return;
        }
        let (answer, check) = oneshot::channel();
        self.checks.push((Arc::clone(mailbox), check));
        let stream = mailbox.stream().clone();
        commands.push(Command::Consume { stream, options: mailbox.options(), answer });
    }
}

fn report(mailbox: &Mailbox, commands: &mut Vec<Command>) {
    let Progress { taken, freed } = mailbox.progress();
    let stream = mailbox.stream().clone();
    match taken {
        Some(spot) => {
            commands.push(Command::Taken { stream, epoch: Some(spot.epoch), offset: spot.offset, freed })
        }
        None if freed != Freed::default() => commands.push(Command::Freed { stream, freed }),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use keepline_protocol::{Epoch, EventMeta, Payload};

    use super::*;
    use crate::{
        command::{Answer, Consume},
        engine::IncomingEvent,
        signals::Signals,
        stream::CursorMode,
    };

    fn mailbox() -> Arc<Mailbox> {
        let options = Consume { after: None, durable: true };
        Mailbox::new(Stream::User, options, CursorMode::Auto, Arc::new(Signals::default()))
    }

    fn event(offset: u64) -> Delivery {
        Delivery::Event(IncomingEvent {
            name: "note:v1".to_owned(),
            args: vec![Payload::null()],
            attachments: Vec::new(),
            meta: EventMeta {
                epoch: Some(Epoch::new("e").unwrap()),
                offset: Some(offset),
                ..EventMeta::default()
            },
            ack: None,
        })
    }

    /// What the engine is asked for a consumer.
    fn begun(commands: Vec<Command>) -> Answer<Result<(), EventsError>> {
        let answers = commands.into_iter().filter_map(|command| match command {
            Command::Consume { answer, .. } => Some(answer),
            _ => None,
        });
        answers.last().unwrap()
    }

    fn offsets(mailbox: &Arc<Mailbox>) -> Vec<u64> {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let mut offsets = Vec::new();
        while let std::task::Poll::Ready(Some(Delivery::Event(event))) = mailbox.poll(&mut cx) {
            offsets.extend(event.meta.offset);
        }
        offsets
    }

    #[test]
    fn a_new_consumer_gets_nothing_that_was_for_the_one_before() {
        let mut registry = Registry::default();
        registry.introduce(&mut Vec::new());
        let (old, new) = (mailbox(), mailbox());
        let mut commands = Vec::new();
        registry.moved(&old, &mut commands);
        begun(commands).send(Ok(())).unwrap();
        registry.serve_checks();
        registry.deliver(&Stream::User, event(1));
        assert_eq!(offsets(&old), [1]);

        // In one turn: an event comes for the old one, which is given back, and the new one begins.
        old.release();
        let mut commands = Vec::new();
        registry.moved(&old, &mut commands);
        registry.moved(&new, &mut commands);
        begun(commands).send(Ok(())).unwrap();
        registry.deliver(&Stream::User, event(3));
        registry.serve_checks();
        registry.deliver(&Stream::User, event(2));
        assert_eq!(offsets(&new), [2]);
    }
}
