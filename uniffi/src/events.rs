use std::sync::Arc;

use keepline::{
    Acknowledge, Args, Batch, Batches, CursorMode, Envelope, Events, Item, Payload, Reset, ResetReason,
    Stream, Tapped,
};

use crate::{CoreCallError, CoreClosedError, CoreEventsError};

/// How a stream is consumed.
#[derive(Debug, Clone, Default, uniffi::Record)]
pub struct CoreEventsOptions {
    /// Whether the app moves the cursor itself, by `ack_up_to`.
    #[uniffi(default = false)]
    pub manual: bool,
    /// A look back: begins after this offset and leaves the stored cursor alone.
    #[uniffi(default = None)]
    pub after: Option<u64>,
}

impl CoreEventsOptions {
    pub(crate) fn apply(&self, stream: &str) -> Result<Events, CoreEventsError> {
        let stream: Stream = stream.parse().map_err(|_| CoreEventsError::BadStream)?;
        let mode = if self.manual { CursorMode::Manual } else { CursorMode::Auto };
        let events = Events::of(stream).cursor(mode);
        Ok(match self.after {
            Some(after) => events.after(after),
            None => events,
        })
    }
}

/// Some events in their order, and what interrupts them. The end has neither.
#[derive(Debug, uniffi::Record)]
pub struct CoreEventBatch {
    /// Its number, for the next pull.
    pub number: u64,
    /// The names of its events, each once.
    pub names: Vec<String>,
    /// The log's incarnation: that of the first event which has a place.
    pub epoch: Option<String>,
    /// When the server wrote them (RFC 3339): what one event after another has in common, once.
    pub times: Vec<String>,
    /// The events.
    pub events: Vec<CoreEvent>,
    /// What comes after them.
    pub then: Option<CoreItem>,
}

/// An event.
#[derive(Debug, uniffi::Record)]
pub struct CoreEvent {
    /// Which of the batch's names is its own.
    pub name: u32,
    /// Its first argument as JSON, `null` where it has none.
    pub payload: String,
    /// Its place in the stream; `None` for an ephemeral event.
    pub offset: Option<u64>,
    /// The log's incarnation, where it is another than the batch's. Without an offset there is none.
    pub epoch: Option<String>,
    /// Which of the batch's times is its own.
    pub time: Option<u32>,
    /// What an existing server sends besides: `None` where one argument is all.
    pub details: Option<CoreEventDetails>,
}

/// What only an existing Socket.IO server sends.
#[derive(Debug, uniffi::Record)]
pub struct CoreEventDetails {
    /// Every argument as JSON.
    pub args: Vec<String>,
    /// Binary attachments.
    pub attachments: Vec<Vec<u8>>,
    /// How to acknowledge it, where the server asked for that.
    pub ack: Option<Arc<CoreSocketAck>>,
}

/// An item of a stream that is no event.
#[derive(Debug, uniffi::Enum)]
pub enum CoreItem {
    /// Continuity was lost.
    Reset {
        /// Where it goes on.
        reset: CoreReset,
    },
    /// The stream was removed.
    Gone,
    /// The server refuses the stream; its cursor stays.
    Refused {
        /// The stable code.
        code: String,
    },
    /// A live tap was slow.
    Lagged {
        /// So many items are lost to it.
        count: u64,
    },
}

/// Where a stream goes on.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CoreReset {
    /// The log's incarnation now.
    pub epoch: String,
    /// The place of the snapshot.
    pub offset: u64,
    /// Why.
    pub reason: CoreResetReason,
    /// What the events up to `offset` add up to, as JSON.
    pub snapshot: Option<String>,
}

/// Why continuity was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CoreResetReason {
    /// The log was trimmed beyond the cursor.
    Trimmed,
    /// The log was begun anew.
    EpochChanged,
    /// The cursor was ahead of the log.
    Ahead,
}

/// Acknowledges one event to an existing server.
#[derive(Debug, uniffi::Object)]
pub struct CoreSocketAck {
    ack: Acknowledge,
}

#[uniffi::export]
impl CoreSocketAck {
    /// Sends the arguments of the acknowledgement, a JSON array. Where the connection is gone, nothing happens.
    pub async fn send(&self, args: String) -> Result<(), CoreCallError> {
        let args = Payload::parse(args).ok().and_then(|array| Args::parse(array.as_str(), Vec::new()).ok());
        let args = args.ok_or(CoreCallError::NotJson)?;
        self.ack.clone().send(args).await;
        Ok(())
    }
}

/// Events by the batch.
#[derive(Debug, uniffi::Object)]
pub struct CoreEventSource {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Consumer(Batches<Item>),
    Observer(Batches<Tapped<Item>>),
    #[cfg(feature = "bench")]
    Generator(crate::bench::Generator),
}

impl CoreEventSource {
    pub(crate) fn consumer(batches: Batches<Item>) -> Self {
        Self { source: Source::Consumer(batches) }
    }

    pub(crate) fn observer(batches: Batches<Tapped<Item>>) -> Self {
        Self { source: Source::Observer(batches) }
    }

    #[cfg(feature = "bench")]
    pub(crate) fn generator(generator: crate::bench::Generator) -> Self {
        Self { source: Source::Generator(generator) }
    }
}

#[uniffi::export]
impl CoreEventSource {
    /// Waits for events. `held` is the number of the last batch that arrived, 0 before the first, and `taken` how
    /// many of its items the app took: 0 where it moves the cursor itself.
    pub async fn next_events(
        &self,
        held: u64,
        taken: u32,
        max: u32,
    ) -> Result<CoreEventBatch, CoreClosedError> {
        let (taken, max) = (taken as usize, max as usize);
        Ok(match &self.source {
            Source::Consumer(batches) => from_items(&*batches.pull(held, taken, max).await),
            Source::Observer(batches) => from_tapped(&*batches.pull(held, taken, max).await),
            #[cfg(feature = "bench")]
            Source::Generator(generator) => generator.next_events(held, max),
        })
    }

    /// Everything up to this offset counts as taken, as far as it was handed out.
    pub fn ack_up_to(&self, offset: u64) -> Result<(), CoreClosedError> {
        if let Source::Consumer(batches) = &self.source {
            batches.ack_up_to(offset);
        }
        Ok(())
    }

    /// Takes what the app took of the batch `held` and gives the stream back; who waits gets the end.
    pub fn end(&self, held: u64, taken: u32) -> Result<(), CoreClosedError> {
        match &self.source {
            Source::Consumer(batches) => batches.end(held, taken as usize),
            Source::Observer(batches) => batches.end(held, taken as usize),
            #[cfg(feature = "bench")]
            Source::Generator(_) => {}
        }
        Ok(())
    }
}

fn from_items(batch: &Batch<Item>) -> CoreEventBatch {
    let mut converted = empty(batch.number, batch.items.len());
    for item in &batch.items {
        add(&mut converted, item);
    }
    converted
}

fn from_tapped(batch: &Batch<Tapped<Item>>) -> CoreEventBatch {
    let mut converted = empty(batch.number, batch.items.len());
    for tapped in &batch.items {
        match tapped {
            Tapped::Item(item) => add(&mut converted, item),
            Tapped::Lagged(count) => converted.then = Some(CoreItem::Lagged { count: *count }),
        }
    }
    converted
}

fn empty(number: u64, events: usize) -> CoreEventBatch {
    let events = Vec::with_capacity(events);
    CoreEventBatch { number, names: Vec::new(), epoch: None, times: Vec::new(), events, then: None }
}

fn add(batch: &mut CoreEventBatch, item: &Item) {
    match item {
        Item::Event(event) => batch.add(event),
        Item::Reset(reset) => batch.then = Some(CoreItem::Reset { reset: reset.into() }),
        Item::Gone => batch.then = Some(CoreItem::Gone),
        Item::Refused(code) => batch.then = Some(CoreItem::Refused { code: code.as_str().to_owned() }),
    }
}

impl CoreEventBatch {
    /// What is the same in many events of a batch crosses once.
    fn add(&mut self, event: &Envelope) {
        let epoch = event.place.as_ref().map(|place| place.epoch.as_str());
        if self.epoch.is_none() {
            self.epoch = epoch.map(str::to_owned);
        }
        let converted = CoreEvent {
            name: index_of(&mut self.names, event.name()),
            payload: event.payload().unwrap_or("null").to_owned(),
            offset: event.place.as_ref().map(|place| place.offset),
            epoch: epoch.filter(|epoch| self.epoch.as_deref() != Some(epoch)).map(str::to_owned),
            time: event.time().map(|time| index_of_last(&mut self.times, time)),
            details: details(event),
        };
        self.events.push(converted);
    }
}

/// Where a text stands in a list that holds each once. A stream has few names.
fn index_of(texts: &mut Vec<String>, text: &str) -> u32 {
    match texts.iter().position(|known| known == text) {
        Some(index) => number(index),
        None => push(texts, text),
    }
}

/// The same for a list that holds a text again where another lies between.
fn index_of_last(texts: &mut Vec<String>, text: &str) -> u32 {
    match texts.last() {
        Some(last) if last == text => number(texts.len() - 1),
        _ => push(texts, text),
    }
}

fn push(texts: &mut Vec<String>, text: &str) -> u32 {
    texts.push(text.to_owned());
    number(texts.len() - 1)
}

/// Never beyond: a batch has no more events than a `u32` counts.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn details(event: &Envelope) -> Option<CoreEventDetails> {
    let mut args = event.args();
    let is_plain = args.next().is_some() && args.next().is_none();
    if is_plain && event.attachments().is_empty() && event.ack.is_none() {
        return None;
    }
    Some(CoreEventDetails {
        args: event.args().map(str::to_owned).collect(),
        attachments: event.attachments().iter().map(|bytes| bytes.to_vec()).collect(),
        ack: event.ack.clone().map(|ack| Arc::new(CoreSocketAck { ack })),
    })
}

impl From<&Reset> for CoreReset {
    fn from(reset: &Reset) -> Self {
        Self {
            epoch: reset.epoch.as_str().to_owned(),
            offset: reset.offset,
            reason: match reset.reason {
                ResetReason::Trimmed => CoreResetReason::Trimmed,
                ResetReason::EpochChanged => CoreResetReason::EpochChanged,
                ResetReason::Ahead => CoreResetReason::Ahead,
            },
            snapshot: reset.snapshot.as_ref().map(|snapshot| snapshot.as_str().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_in_a_batch_once_and_a_time_once_in_a_row() {
        let (mut names, mut times) = (Vec::new(), Vec::new());
        let texts = ["a", "a", "b", "a"];
        assert_eq!(texts.map(|text| index_of(&mut names, text)), [0, 0, 1, 0]);
        assert_eq!(names, ["a", "b"]);
        assert_eq!(texts.map(|text| index_of_last(&mut times, text)), [0, 0, 1, 2]);
        assert_eq!(times, ["a", "b", "a"]);
    }
}
