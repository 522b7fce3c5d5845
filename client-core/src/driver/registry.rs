use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use keepline_protocol::{Epoch, Stream};
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
    tap_checks: Vec<TapCheck>,
}

type TapCheck = (Stream, oneshot::Receiver<Result<(), EventsError>>);

/// A question to the engine whose answer was not read yet.
type Check = (Arc<Mailbox>, oneshot::Receiver<Result<(), EventsError>>);

impl Registry {
    /// A mailbox moved: it is new, its app took something, or it was given back.
    pub(crate) fn moved(&mut self, mailbox: &Arc<Mailbox>, commands: &mut Vec<Command>) {
        let is_known = self.consumers.get(mailbox.stream()).is_some_and(|known| Arc::ptr_eq(known, mailbox));
        if is_known {
            if report(mailbox, commands) {
                commands.push(Command::Release { stream: mailbox.stream().clone() });
                self.consumers.remove(mailbox.stream());
            }
        } else if !mailbox.is_released() && !mailbox.has_ended() {
            self.consumers.insert(mailbox.stream().clone(), Arc::clone(mailbox));
            self.consume(mailbox, commands);
        }
    }

    /// Taps went. To be said before what came: what goes makes room for it.
    pub(crate) fn taps_went(&mut self, observers: &mut Observers, commands: &mut Vec<Command>) {
        observers.retain(|_, fanout| !fanout.prune());
        let is_live = self.is_live;
        self.observed.retain(|stream| {
            let is_wanted = observers.contains_key(stream);
            if is_live && !is_wanted {
                commands.push(Command::Unobserve { stream: stream.clone() });
            }
            is_wanted
        });
    }

    /// Taps came.
    pub(crate) fn taps_came(&mut self, observers: &Observers, commands: &mut Vec<Command>) {
        for stream in observers.keys() {
            if self.observed.insert(stream.clone()) {
                self.observe(stream.clone(), commands);
            }
        }
    }

    /// The engine has forgotten the stream.
    pub(crate) fn tap_ended(&mut self, stream: &Stream) {
        self.observed.remove(stream);
    }

    /// Hands items to the durable consumer.
    pub(crate) fn deliver(&mut self, stream: &Stream, epoch: Option<Epoch>, items: Vec<Delivery>) {
        let is_over = items.last().is_some_and(Delivery::is_last);
        if let Some(mailbox) = self.consumers.get(stream) {
            mailbox.deliver(epoch, items);
        }
        if is_over {
            // The engine has forgotten the stream, and another consumer may begin.
            self.consumers.remove(stream);
        }
    }

    /// Reads what the engine answered to new taps. One that it has no room for ends.
    pub(crate) fn serve_tap_checks(&mut self, observers: &mut Observers) {
        for (stream, mut check) in std::mem::take(&mut self.tap_checks) {
            match check.try_recv() {
                Ok(Err(error)) => {
                    tracing::error!(%stream, %error, "a tap was refused");
                    observers.remove(&stream);
                    self.observed.remove(&stream);
                }
                // A new engine will be asked again.
                Ok(Ok(())) | Err(TryRecvError::Closed) => {}
                Err(TryRecvError::Empty) => self.tap_checks.push((stream, check)),
            }
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
        for mailbox in self.consumers.values() {
            report(mailbox, &mut commands);
        }
        commands
    }

    /// The engine is gone: what was on its way will come again.
    pub(crate) fn rewind(&mut self) {
        self.is_live = false;
        self.checks.clear();
        self.tap_checks.clear();
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
        for stream in self.observed.clone() {
            self.observe(stream, commands);
        }
    }

    pub(crate) fn end(&mut self) {
        std::mem::take(&mut self.consumers).into_values().for_each(|mailbox| mailbox.end());
    }

    fn observe(&mut self, stream: Stream, commands: &mut Vec<Command>) {
        if !self.is_live {
            return;
        }
        let (answer, check) = oneshot::channel();
        self.tap_checks.push((stream.clone(), check));
        commands.push(Command::Observe { stream, answer });
    }

    fn consume(&mut self, mailbox: &Arc<Mailbox>, commands: &mut Vec<Command>) {
        if !self.is_live {
            return;
        }
        let (answer, check) = oneshot::channel();
        self.checks.push((Arc::clone(mailbox), check));
        // The app's thread counts the references to its own copy, one for each event.
        let stream = mailbox.stream().detached();
        commands.push(Command::Consume { stream, options: mailbox.options(), answer });
    }
}

/// Says how far the app has got, and gives whether it is done with the stream.
fn report(mailbox: &Mailbox, commands: &mut Vec<Command>) -> bool {
    let Progress { taken, freed, is_over } = mailbox.progress();
    let stream = mailbox.stream().clone();
    match taken {
        Some(spot) => {
            commands.push(Command::Taken { stream, epoch: Some(spot.epoch), offset: spot.offset, freed })
        }
        None if freed != Freed::default() => commands.push(Command::Freed { stream, freed }),
        None => {}
    }
    is_over
}

#[cfg(test)]
mod tests {
    use std::{
        hint,
        sync::atomic::{AtomicBool, Ordering},
        task::{Context, Waker},
        thread,
    };

    use keepline_protocol::socket_io::Args;

    use super::*;
    use crate::{command::Consume, engine::IncomingEvent, signals::Signals, stream::CursorMode};

    fn event() -> Delivery {
        Delivery::Event(IncomingEvent::new(Args::event("e").build(), None))
    }

    /// Whether the driver hears of an end that comes while it looks at what the app took before.
    fn is_heard(head_start: u32) -> bool {
        let signals = Arc::new(Signals::default());
        let options = Consume { after: None, durable: true };
        let mailbox = Mailbox::new(Stream::User, options, CursorMode::Auto, Arc::clone(&signals));
        let (mut registry, mut commands) = (Registry::default(), Vec::new());
        registry.moved(&mailbox, &mut commands);
        mailbox.deliver(None, vec![event()]);
        assert!(mailbox.poll(&mut Context::from_waker(Waker::noop())).is_ready());
        let said = signals.take();
        let (is_ready, is_off) = (AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                is_ready.store(true, Ordering::Release);
                while !is_off.load(Ordering::Acquire) {
                    hint::spin_loop();
                }
                mailbox.finish();
            });
            while !is_ready.load(Ordering::Acquire) {
                thread::yield_now();
            }
            is_off.store(true, Ordering::Release);
            (0..head_start).for_each(|_| hint::spin_loop());
            for moved in said.mailboxes {
                registry.moved(&moved, &mut commands);
            }
        });
        for moved in signals.take().mailboxes {
            registry.moved(&moved, &mut commands);
        }
        commands.iter().any(|command| matches!(command, Command::Release { .. }))
    }

    #[test]
    fn an_end_that_comes_while_the_mailbox_is_looked_at_is_heard() {
        let missed = (0..1_000).filter(|run| !is_heard(run % 32)).count();
        assert_eq!(missed, 0);
    }
}
