mod batches;
mod event;
mod mailbox;

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::Stream as _;
use keepline_protocol::Stream;

pub(crate) use self::{
    batches::ManualStream,
    mailbox::{Mailbox, Progress},
};
pub use self::{
    batches::{Batch, Batches},
    event::{Acknowledge, Envelope, Event, Item, Place},
    mailbox::CursorMode,
};
use crate::{
    client::WeakHandle,
    command::Consume,
    engine::{Arrival, Delivery},
    tap::{Tap, Tapped},
};

/// Which stream to consume, and how.
///
/// A [`Stream`] alone is enough for [`Client::events`](crate::Client::events); this says more:
///
/// ```
/// use keepline::{CursorMode, Events, Stream};
///
/// let manual = Events::of(Stream::User).cursor(CursorMode::Manual);
/// let from_the_beginning = Events::of(Stream::job("7")).after(0);
/// ```
#[derive(Debug, Clone)]
pub struct Events {
    pub(crate) stream: Stream,
    pub(crate) mode: CursorMode,
    pub(crate) options: Consume,
}

impl Events {
    /// From the stored cursor on. Where there is none yet, a job's stream begins at its beginning, and the user
    /// stream where it stood at the first session.
    pub fn of(stream: Stream) -> Self {
        Self { stream, mode: CursorMode::Auto, options: Consume { after: None, durable: true } }
    }

    /// Who moves the cursor.
    pub fn cursor(mut self, mode: CursorMode) -> Self {
        self.mode = mode;
        self
    }

    /// A look back: begins after this offset and leaves the stored cursor alone.
    pub fn after(mut self, offset: u64) -> Self {
        self.options = Consume { after: Some(offset), durable: false };
        self
    }
}

impl From<Stream> for Events {
    fn from(stream: Stream) -> Self {
        Self::of(stream)
    }
}

/// The one durable consumer of a stream: every event in order and without a hole, from the stored cursor on.
///
/// An event counts as taken when the app asks for the one after it, unless the cursor is
/// [manual](CursorMode::Manual). What is taken is stored in groups of at most 128 events or 100 ms, so after the death
/// of the process the last group may come again, with the same offsets; within one life of the process nothing comes
/// twice, as long as it was taken.
///
/// [`end`](Self::end) takes the last event handed out and gives the stream back. Dropping it gives the stream back
/// without taking that event, so that it comes again to the next consumer. The stream does not keep the client open:
/// it ends when the last [`Client`](crate::Client) is gone or shut down. Across `suspend` it waits.
///
/// It is also a [`futures_util::Stream`] of [`Event`]s.
pub struct EventStream {
    mailbox: Arc<Mailbox>,
    client: WeakHandle,
}

impl EventStream {
    pub(crate) fn new(mailbox: Arc<Mailbox>, client: WeakHandle) -> Self {
        Self { mailbox, client }
    }

    /// The next item with the catalogue's types; `None` at the end. Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        self.next_item().await.map(Event::from)
    }

    /// The next item as it came, with place, time and every argument; `None` at the end. Cancel safe.
    pub async fn next_item(&mut self) -> Option<Item> {
        std::future::poll_fn(|cx| self.poll_item(cx)).await
    }

    /// Everything handed out so far counts as taken. For [`CursorMode::Manual`]; in auto mode it takes the last item
    /// early.
    pub fn ack(&mut self) {
        self.mailbox.take();
    }

    /// Everything up to this offset counts as taken, as far as it was handed out. Lower than before: nothing changes.
    pub fn ack_up_to(&mut self, offset: u64) {
        self.mailbox.take_up_to(offset);
    }

    /// Which stream this is.
    pub fn stream(&self) -> &Stream {
        self.mailbox.stream()
    }

    /// Takes the last item handed out, unless the cursor is manual, and gives the stream back.
    pub fn end(self) {
        self.mailbox.finish();
    }

    pub(crate) fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.mailbox.poll(cx).map(|item| item.map(|item| to_item(self.mailbox.stream(), item, &self.client)))
    }

    /// What waits in one piece; see [`Mailbox::poll_batch`].
    fn poll_items(&mut self, cx: &mut Context<'_>, max: usize, items: &mut Vec<Item>) -> Poll<()> {
        let Self { mailbox, client } = self;
        mailbox.poll_batch(cx, max, |arrival| items.push(to_item(mailbox.stream(), arrival, client)))
    }
}

impl futures_util::Stream for EventStream {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.get_mut().poll_item(cx).map(|item| item.map(Event::from))
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.mailbox.release();
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("stream", self.mailbox.stream()).finish_non_exhaustive()
    }
}

/// A live tap on a stream: what passes while it exists. It moves no cursor, and a slow one loses the oldest items and
/// is told how many.
///
/// Alone, it begins at what comes next: where the stream ends when the server first answers for it, whatever the stored
/// cursor says. From there on nothing is missed, across lost lines too. Beside a consumer it sees what the consumer is
/// given from then on; what a consumer that begins anew pulls once more it does not see again. It ends after
/// [`Item::Gone`] and [`Item::Refused`].
///
/// It is also a [`futures_util::Stream`].
#[derive(Debug)]
pub struct Observer {
    stream: Stream,
    tap: Tap<Arrival>,
    client: WeakHandle,
}

impl Observer {
    pub(crate) fn new(stream: Stream, tap: Tap<Arrival>, client: WeakHandle) -> Self {
        Self { stream, tap, client }
    }

    /// The next item; `None` once the client is shut down or the stream has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Tapped<Item>> {
        let tapped = self.tap.next().await?;
        Some(self.convert(tapped))
    }

    /// The same tap by the batch.
    pub fn into_batches(self) -> Batches<Tapped<Item>> {
        Batches::new(self)
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Tapped<Item>>> {
        Pin::new(&mut self.tap).poll_next(cx).map(|tapped| tapped.map(|tapped| self.convert(tapped)))
    }

    fn convert(&self, tapped: Tapped<Arrival>) -> Tapped<Item> {
        match tapped {
            Tapped::Item(item) => Tapped::Item(to_item(&self.stream, item, &self.client)),
            Tapped::Lagged(count) => Tapped::Lagged(count),
        }
    }
}

impl futures_util::Stream for Observer {
    type Item = Tapped<Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Tapped<Item>>> {
        self.get_mut().poll_item(cx)
    }
}

fn to_item(stream: &Stream, arrival: Arrival, client: &WeakHandle) -> Item {
    match arrival.item {
        Delivery::Event(event) => Item::Event(Envelope::new(stream.clone(), arrival.epoch, event, client)),
        Delivery::Reset(reset) => Item::Reset(reset),
        Delivery::Gone => Item::Gone,
        Delivery::Refused(code) => Item::Refused(code),
    }
}
