use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use keepline_protocol::{Action, ActionId, Event as EventType, Stream, socket_io::Args};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use crate::{
    command::{Answer, Call, CallReply, Command},
    config::Config,
    driver::{Driver, Errand, Refusal, Refused},
    error::{CallError, ControlError, EventsError, OpenError, StoreError, SubmitError},
    handlers::{Handler, Handlers},
    outbox::{Filter, OutboxEntry},
    outcome::{Reply, decode_answer},
    shared::{OutboxChange, Shared, within},
    signals::Wish,
    status::{Line, Status},
    stream::{Batches, CursorMode, EventStream, Events, Item, ManualStream, Observer},
    submission::{Submission, Submit, check_name, payload_of, raw_args},
    tap::Tap,
};

/// A handle on the client: cheap to clone, usable from any thread and any async runtime.
///
/// No method blocks. Dropping a future of a method gives up waiting and nothing else: what it asked for may or may
/// not happen.
///
/// Dropping the last handle shuts the client down without waiting for it; what is in the queue stays there for the
/// next time. Submissions, streams and taps do not count as handles.
#[derive(Clone, Debug)]
pub struct Client {
    handle: Handle,
    handlers: Handlers,
}

/// What to do with an account's queue and cursors at [`Client::sign_out`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignOut {
    /// They stay, and go on when the same account signs in again.
    Keep,
    /// They are removed. What was sent already may still be applied.
    Discard,
}

impl Client {
    /// Opens the database and starts the client on a thread of its own. It touches the disk, and not the network
    /// before [`connect`](Self::connect).
    ///
    /// # Errors
    /// See [`OpenError`]; nothing on disk was changed.
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let (client, driver) = Self::with_driver(config)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|_| OpenError::Io)?;
        let run = move || {
            runtime.block_on(driver.run());
            // A resolver that hangs must not keep the thread.
            runtime.shutdown_background();
        };
        std::thread::Builder::new().name("keepline".to_owned()).spawn(run).map_err(|_| OpenError::Io)?;
        Ok(client)
    }

    /// Opens the database, and leaves it to the caller to run the client: for programs that have a tokio runtime (with
    /// time and I/O) and want to say where it runs. Nothing happens before [`Driver::run`] is polled.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn with_driver(config: Config) -> Result<(Self, Driver), OpenError> {
        Driver::open(config)
    }

    pub(crate) fn new(handle: Handle) -> Self {
        let handlers = Handlers::new(handle.downgrade());
        Self { handle, handlers }
    }

    // Actions

    /// Puts an action into the durable queue. Await it; `Ok` means that it survives the death of the process and of
    /// the power. Options are set before:
    ///
    /// ```no_run
    /// # async fn sample(client: keepline::Client) -> Result<(), keepline::SubmitError> {
    /// use keepline::catalogue::StartSearch;
    ///
    /// let search = StartSearch { query: "rust".to_owned(), limit: None };
    /// let sent = client.submit(search).lane("searches").label("from the menu").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Dropping the future before it is done leaves open whether the action is in the queue; an id of one's own
    /// ([`Submit::id`]) makes it safe to submit again.
    pub fn submit<A: Action>(&self, action: A) -> Submit<A::Reply> {
        Submit::typed(self.handle.clone(), A::NAME, payload_of(&action))
    }

    /// As [`submit`](Self::submit), with a name known at run time. The reply comes as it is.
    pub fn submit_json(&self, name: impl Into<String>, payload: &impl Serialize) -> Submit<Reply> {
        Submit::typed(self.handle.clone(), name, payload_of(payload))
    }

    /// As [`submit`](Self::submit), for an existing Socket.IO server: several arguments and binary attachments.
    ///
    /// `args` has to be an array as JSON, so a tuple, an array or a `Vec`. The place of an attachment is marked by
    /// [`Attachment`](crate::Attachment). A Keepline server takes one argument and no attachment.
    pub fn submit_raw(
        &self,
        name: impl Into<String>,
        args: &impl Serialize,
        attachments: Vec<Bytes>,
    ) -> Submit<Reply> {
        Submit::raw(self.handle.clone(), name, raw_args(args, attachments))
    }

    /// The submission with this id, for instance after a restart. Whether there is one shows when it is asked for.
    pub fn submission(&self, id: ActionId) -> Submission<Reply> {
        Submission::new(id, self.handle.downgrade())
    }

    /// The queue: what is pending, parked or settled, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] where the database cannot be read.
    pub async fn outbox(&self, filter: Filter) -> Result<Vec<OutboxEntry>, StoreError> {
        self.handle.command(|answer| Command::Outbox { filter, answer }).await
    }

    /// What happens to the queue from now on.
    pub fn outbox_changes(&self) -> Tap<OutboxChange> {
        self.handle.shared.changes()
    }

    /// Cancels an action: at once where it was never sent, else the server is asked to void it, and the outcome says
    /// whether that came in time.
    ///
    /// A void keeps its place in the lane, as an action does: the server takes it only after what stands before it, or a
    /// late frame of what stands behind could overtake. In a lane that blocks, a cancelled action behind a parked one
    /// therefore stays pending until that one is retried or discarded.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn cancel(&self, id: ActionId) -> Result<(), ControlError> {
        self.handle.command(|answer| Command::Cancel { id, answer }).await
    }

    /// Puts a parked action back into the queue. It goes on under the id that is returned.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn retry(&self, id: ActionId) -> Result<ActionId, ControlError> {
        self.handle.command(|answer| Command::Retry { id, answer }).await
    }

    /// Gives a parked action up: like [`cancel`](Self::cancel), and its lane moves on.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn discard(&self, id: ActionId) -> Result<(), ControlError> {
        self.handle.command(|answer| Command::Discard { id, answer }).await
    }

    /// Sends an action now, without the queue, and waits for the reply.
    ///
    /// # Errors
    /// See [`CallError`]: after `TimedOut` it may have happened.
    pub async fn call<A: Action>(&self, action: A, timeout: Duration) -> Result<A::Reply, CallError> {
        let payload = payload_of(&action)?;
        let reply = self.call_args(A::NAME, Args::event(A::NAME).payload(&payload).build(), timeout).await?;
        decode_answer(&reply.payload).map_err(|_| CallError::BadReply)
    }

    /// As [`call`](Self::call), with a name known at run time and with several arguments: see
    /// [`submit_raw`](Self::submit_raw).
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call_raw(
        &self,
        name: &str,
        args: &impl Serialize,
        attachments: Vec<Bytes>,
        timeout: Duration,
    ) -> Result<Reply, CallError> {
        let args = event_args(name, args, attachments)?;
        let CallReply { payload, attachments } = self.call_args(name, args, timeout).await?;
        Ok(Reply { payload: Some(payload), attachments })
    }

    /// Writes an action to the line, if there is one, and forgets it. Gives whether it was handed to the line; whether
    /// it arrived is not known.
    pub async fn emit<A: Action>(&self, action: A) -> bool {
        let Ok(payload) = payload_of::<_, SubmitError>(&action) else { return false };
        self.emit_args(A::NAME, Args::event(A::NAME).payload(&payload).build()).await
    }

    /// As [`emit`](Self::emit), with a name known at run time and with several arguments.
    pub async fn emit_raw(&self, name: &str, args: &impl Serialize, attachments: Vec<Bytes>) -> bool {
        match event_args(name, args, attachments) {
            Ok(args) => self.emit_args(name, args).await,
            Err(_) => false,
        }
    }

    // Events

    /// Becomes the one durable consumer of a stream. A [`Stream`] is enough; [`Events`] says more.
    ///
    /// # Errors
    /// `InUse` where the stream has its consumer, `TooMany`, `Closed`.
    pub fn events(&self, events: impl Into<Events>) -> Result<EventStream, EventsError> {
        let mailbox = self.handle.shared.consume(events.into())?;
        Ok(EventStream::new(mailbox, self.handle.downgrade()))
    }

    /// As [`events`](Self::events), by the batch: for the bindings to other languages.
    ///
    /// # Errors
    /// As for [`events`](Self::events).
    pub fn event_batches(&self, events: impl Into<Events>) -> Result<Batches<Item>, EventsError> {
        let events = events.into();
        let is_manual = events.mode == CursorMode::Manual;
        // What was taken is said by the batch.
        let stream = self.events(events.cursor(CursorMode::Manual))?;
        Ok(if is_manual { Batches::new(ManualStream(stream)) } else { Batches::new(stream) })
    }

    /// A live tap on a stream, beside its consumer or without one; see [`Observer`] for where it begins.
    ///
    /// # Errors
    /// `TooMany` beyond the streams of one connection or the taps of one stream, `Closed`.
    pub fn observe(&self, stream: Stream) -> Result<Observer, EventsError> {
        let tap = self.handle.shared.observe(&stream)?;
        Ok(Observer::new(stream, tap, self.handle.downgrade()))
    }

    /// Calls `handler` for each event of this type on a stream, until the returned [`Handler`] is dropped.
    ///
    /// The handlers of a stream together are its one durable consumer. They run on one thread of their own, one at a
    /// time, in the order of the stream; an event counts as taken when all of its handlers have returned. A handler
    /// that panics is logged and the stream goes on. Events that no handler wants are taken too.
    ///
    /// # Errors
    /// As for [`events`](Self::events).
    pub fn on<T: EventType + 'static>(
        &self,
        stream: Stream,
        handler: impl FnMut(T) + Send + 'static,
    ) -> Result<Handler, EventsError> {
        self.handlers.on(&self.handle, stream, handler)
    }

    // The line

    /// How the line is and what waits for it, now.
    pub fn status(&self) -> Status {
        let mut status = self.handle.shared.status();
        if self.handle.errands.is_closed() {
            status.line = Line::Closed;
        }
        status
    }

    /// The status now and each one that follows. It ends after `Closed`.
    pub fn status_changes(&self) -> Tap<Status> {
        self.handle.shared.statuses()
    }

    /// A report for support as JSON: versions, the last 50 states, counters. No payload, no token, no account. `Null`
    /// where the client is suspended or shut down.
    pub async fn diagnostics(&self) -> serde_json::Value {
        let (answer, answered) = oneshot::channel();
        self.handle.tell(Errand::Command(Command::Diagnostics { answer })).await;
        answered.await.unwrap_or_default()
    }

    /// From now on there should be a line. Tries at once, asks for a token again where the status was
    /// `AuthRequired`, and opens a suspended client.
    pub fn connect(&self) {
        self.handle.shared.signals.wish(Wish::Connect);
    }

    /// From now on there should be none. The queue is kept, and submits are taken.
    pub fn disconnect(&self) {
        self.handle.shared.signals.wish(Wish::Disconnect);
    }

    /// The host has a network again: a wait is cut short, and a line that looks alive is probed.
    pub fn network_available(&self) {
        self.handle.shared.signals.wish(Wish::NetworkAvailable);
    }

    /// The host has no network: nothing is tried until [`network_available`](Self::network_available).
    pub fn network_lost(&self) {
        self.handle.shared.signals.wish(Wish::NetworkLost);
    }

    /// The app is on the screen again: opens a suspended client, cuts a wait short, probes the line.
    pub fn foreground(&self) {
        self.handle.shared.signals.wish(Wish::Foreground);
    }

    /// The app left the screen: gets out what can be got out, then [suspends](Self::suspend) before `deadline` has
    /// passed. A [`foreground`](Self::foreground) or [`connect`](Self::connect) that is called after it wins, and the
    /// future ends at once.
    pub async fn background(&self, deadline: Duration) {
        self.suspend_within(deadline, true).await;
    }

    /// Tries to get the queue out. Gives whether nothing is pending; `false` when `deadline` has passed before, or
    /// when there is no client any more. Parked actions do not count.
    pub async fn flush(&self, deadline: Duration) -> bool {
        let (answer, answered) = oneshot::channel();
        self.handle.tell(Errand::Flush { within: deadline, answer }).await;
        answered.await.unwrap_or(false)
    }

    /// Closes every file and socket and releases the database's lock, within about `deadline`. Streams, taps and
    /// whoever waits for an outcome wait on; other calls give `Suspended` until [`foreground`](Self::foreground) or
    /// [`connect`](Self::connect).
    pub async fn suspend(&self, deadline: Duration) {
        self.suspend_within(deadline, false).await;
    }

    /// Ends the account's use of this database: disconnects, forgets whose session it was, and keeps or discards the
    /// account's rows and cursors.
    ///
    /// # Errors
    /// [`StoreError`] where that could not be written.
    pub async fn sign_out(&self, rows: SignOut) -> Result<(), StoreError> {
        let discard = rows == SignOut::Discard;
        let said = self.handle.shared.signals.moment();
        self.handle.ask(|answer| Errand::SignOut { said, discard, answer }).await
    }

    /// Shuts down in good order: stores what the app has taken, says goodbye on the line, closes the database. Every
    /// other handle is closed with it. Takes two seconds at the most when the line does not answer.
    pub async fn shutdown(&self) {
        let (answer, answered) = oneshot::channel();
        self.handle.tell(Errand::Shutdown { answer }).await;
        // An error means that it was shut down already.
        let _ = answered.await;
    }

    async fn suspend_within(&self, within: Duration, flush_first: bool) {
        let (answer, answered) = oneshot::channel();
        let said = self.handle.shared.signals.moment();
        self.handle.tell(Errand::Suspend { said, within, flush_first, answer }).await;
        let _ = answered.await;
    }

    async fn call_args(&self, name: &str, args: Args, timeout: Duration) -> Result<CallReply, CallError> {
        check_name(name).map_err(|_| CallError::BadField { field: "name" })?;
        let (bytes, limit) = (args.bytes() as u64, self.handle.shared.action_bytes_max);
        if bytes > limit + name.len() as u64 + ENVELOPE_BYTES {
            return Err(CallError::TooLarge { bytes, limit });
        }
        let call = Box::new(Call { args, timeout: within(timeout) });
        self.handle.command(|answer| Command::Call { call, answer }).await
    }

    async fn emit_args(&self, name: &str, args: Args) -> bool {
        if check_name(name).is_err() {
            return false;
        }
        let (answer, answered) = oneshot::channel();
        self.handle.tell(Errand::Command(Command::Emit { args, answer })).await;
        answered.await.unwrap_or(false)
    }
}

/// Brackets, quotes and commas around a name and its payload.
const ENVELOPE_BYTES: u64 = 64;

fn event_args(name: &str, args: &impl Serialize, attachments: Vec<Bytes>) -> Result<Args, CallError> {
    let args: Args = raw_args(args, attachments)?;
    Ok(Args::event(name).args(&args).attachments(args.attachments().to_vec()).build())
}

/// What every public object of the client holds.
#[derive(Clone)]
pub(crate) struct Handle {
    errands: mpsc::Sender<Errand>,
    pub(crate) shared: Arc<Shared>,
}

impl Handle {
    pub(crate) fn new(errands: mpsc::Sender<Errand>, shared: Arc<Shared>) -> Self {
        Self { errands, shared }
    }

    pub(crate) fn downgrade(&self) -> WeakHandle {
        WeakHandle { errands: self.errands.downgrade(), shared: Arc::clone(&self.shared) }
    }

    /// Sends an errand whose answer the caller waits for by itself.
    pub(crate) async fn tell(&self, errand: Errand) {
        // Where the driver is gone, the dropped answer says so.
        let _ = self.errands.send(errand).await;
    }

    /// Sends a command and waits for its answer.
    pub(crate) async fn command<T, E: Refused>(
        &self,
        command: impl FnOnce(Answer<Result<T, E>>) -> Command,
    ) -> Result<T, E> {
        self.ask(|answer| Errand::Command(command(answer))).await
    }

    /// Sends an errand and waits for its answer.
    async fn ask<T, E: Refused>(&self, errand: impl FnOnce(Answer<Result<T, E>>) -> Errand) -> Result<T, E> {
        let (answer, answered) = oneshot::channel();
        self.tell(errand(answer)).await;
        match answered.await {
            Ok(result) => result,
            // A dropped answer: the driver is gone, or the transaction that held the command failed.
            Err(_) => Err(E::refused(self.failure().await)),
        }
    }

    async fn failure(&self) -> Refusal {
        let (answer, answered) = oneshot::channel();
        self.tell(Errand::Failure { answer }).await;
        answered.await.unwrap_or(Refusal::Closed)
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// A handle that does not keep the client open.
#[derive(Clone)]
pub(crate) struct WeakHandle {
    errands: mpsc::WeakSender<Errand>,
    shared: Arc<Shared>,
}

impl WeakHandle {
    pub(crate) async fn tell(&self, errand: Errand) {
        if let Some(handle) = self.upgrade() {
            handle.tell(errand).await;
        }
    }

    pub(crate) fn upgrade(&self) -> Option<Handle> {
        Some(Handle { errands: self.errands.upgrade()?, shared: Arc::clone(&self.shared) })
    }
}

impl std::fmt::Debug for WeakHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WeakHandle").finish_non_exhaustive()
    }
}
