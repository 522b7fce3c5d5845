use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use keepline::{ActionId, Client, Line, Payload, SignOut, TokenRequests};
use tokio::sync::oneshot;

use crate::{
    CoreCallError, CoreCancel, CoreChangeSource, CoreClosedError, CoreConfig, CoreControlError, CoreEntry,
    CoreEventSource, CoreEventsError, CoreEventsOptions, CoreFilter, CoreOpenError, CoreOutcome,
    CoreOutcomeError, CoreReply, CoreStatus, CoreStatusSource, CoreStoreError, CoreSubmitError,
    CoreSubmitOptions, CoreTokenSource, cancel::unless_cancelled, submit::parse_id,
};

/// The version of this library.
#[uniffi::export]
pub fn core_version() -> Result<String, CoreClosedError> {
    Ok(env!("CARGO_PKG_VERSION").to_owned())
}

/// Opens the database and starts the client.
#[uniffi::export]
pub async fn core_open(config: CoreConfig) -> Result<Arc<CoreClient>, CoreOpenError> {
    // It touches the disk, and whoever polls this future must not wait for that.
    let (opened, opening) = oneshot::channel();
    std::thread::Builder::new()
        .name("keepline-open".to_owned())
        .spawn(move || opened.send(open(&config)))
        .map_err(|_| CoreOpenError::Io)?;
    opening.await.unwrap_or(Err(CoreOpenError::Io)).map(Arc::new)
}

fn open(config: &CoreConfig) -> Result<CoreClient, CoreOpenError> {
    let mut settings = config.build()?;
    let mut questions = None;
    if let Some(token) = &config.token {
        settings = settings.token(token.as_str());
    } else if config.asks_for_tokens {
        let (with_questions, asked) = settings.token_requests();
        (settings, questions) = (with_questions, Some(asked));
    }
    let client = Client::open(settings)?;
    Ok(CoreClient { client, questions: Mutex::new(questions) })
}

/// The client.
#[derive(Debug, uniffi::Object)]
pub struct CoreClient {
    client: Client,
    questions: Mutex<Option<TokenRequests>>,
}

/// What a raw action carries.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CoreArgs {
    /// A JSON array. The place of an attachment holds `{"_placeholder":true,"num":N}`.
    pub json: String,
    /// Binary attachments.
    pub attachments: Vec<Vec<u8>>,
}

impl CoreArgs {
    fn split(self) -> Option<(Payload, Vec<Bytes>)> {
        let args = Payload::parse(self.json).ok()?;
        Some((args, self.attachments.into_iter().map(Into::into).collect()))
    }
}

/// What to do with an account's queue at `sign_out`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CoreSignOut {
    /// It stays.
    Keep,
    /// It is removed.
    Discard,
}

/// Actions.
#[uniffi::export]
impl CoreClient {
    /// Puts an action into the durable queue and gives its id. `payload` is JSON.
    pub async fn submit(
        &self,
        name: String,
        payload: String,
        options: CoreSubmitOptions,
    ) -> Result<String, CoreSubmitError> {
        let payload = Payload::parse(payload).map_err(|_| CoreSubmitError::NotJson)?;
        let submit = options.apply(self.client.submit_json(name, &payload))?;
        Ok(submit.await?.id().to_string())
    }

    /// As `submit`, for an existing Socket.IO server.
    pub async fn submit_raw(
        &self,
        name: String,
        args: CoreArgs,
        options: CoreSubmitOptions,
    ) -> Result<String, CoreSubmitError> {
        let (args, attachments) = args.split().ok_or(CoreSubmitError::NotJson)?;
        let submit = options.apply(self.client.submit_raw(name, &args, attachments))?;
        Ok(submit.await?.id().to_string())
    }

    /// Waits for an action's outcome.
    pub async fn outcome(
        &self,
        id: String,
        cancel: Option<Arc<CoreCancel>>,
    ) -> Result<CoreOutcome, CoreOutcomeError> {
        let submission = self.client.submission(parse_id(&id).ok_or(CoreOutcomeError::NotFound)?);
        let outcome = unless_cancelled(cancel, submission.outcome_raw()).await;
        Ok(outcome.ok_or(CoreOutcomeError::GivenUp)??.into())
    }

    /// Lists the queue.
    pub async fn outbox(&self, filter: CoreFilter) -> Result<Vec<CoreEntry>, CoreStoreError> {
        let Some(filter) = filter.build() else { return Ok(Vec::new()) };
        Ok(self.client.outbox(filter).await?.into_iter().map(Into::into).collect())
    }

    /// What happens to the queue from now on.
    pub fn outbox_changes(&self) -> Result<Arc<CoreChangeSource>, CoreClosedError> {
        Ok(Arc::new(CoreChangeSource::new(self.client.outbox_changes().into_batches())))
    }

    /// Cancels an action.
    pub async fn cancel(&self, id: String) -> Result<(), CoreControlError> {
        Ok(self.client.cancel(known(&id)?).await?)
    }

    /// Puts a parked action back into the queue, and gives the id under which it goes on.
    pub async fn retry(&self, id: String) -> Result<String, CoreControlError> {
        Ok(self.client.retry(known(&id)?).await?.to_string())
    }

    /// Gives a parked action up.
    pub async fn discard(&self, id: String) -> Result<(), CoreControlError> {
        Ok(self.client.discard(known(&id)?).await?)
    }

    /// Sends an action now, without the queue, and waits for the reply.
    pub async fn call(
        &self,
        name: String,
        args: CoreArgs,
        timeout_ms: u64,
        cancel: Option<Arc<CoreCancel>>,
    ) -> Result<CoreReply, CoreCallError> {
        let (args, attachments) = args.split().ok_or(CoreCallError::NotJson)?;
        let call = self.client.call_raw(&name, &args, attachments, Duration::from_millis(timeout_ms));
        Ok(unless_cancelled(cancel, call).await.ok_or(CoreCallError::GivenUp)??.into())
    }

    /// Writes an action to the line, if there is one, and forgets it.
    pub async fn emit(&self, name: String, args: CoreArgs) -> Result<bool, CoreCallError> {
        let (args, attachments) = args.split().ok_or(CoreCallError::NotJson)?;
        Ok(self.client.emit_raw(&name, &args, attachments).await)
    }
}

/// Events.
#[uniffi::export]
impl CoreClient {
    /// Becomes the one durable consumer of a stream: `user`, or `job:` and an id.
    pub fn events(
        &self,
        stream: String,
        options: CoreEventsOptions,
    ) -> Result<Arc<CoreEventSource>, CoreEventsError> {
        let batches = self.client.event_batches(options.apply(&stream)?)?;
        Ok(Arc::new(CoreEventSource::consumer(batches)))
    }

    /// A live tap on a stream.
    pub fn observe(&self, stream: String) -> Result<Arc<CoreEventSource>, CoreEventsError> {
        let stream = stream.parse().map_err(|_| CoreEventsError::BadStream)?;
        let batches = self.client.observe(stream)?.into_batches();
        Ok(Arc::new(CoreEventSource::observer(batches)))
    }
}

/// The line.
#[uniffi::export]
impl CoreClient {
    /// How the line is, now.
    pub fn status(&self) -> Result<CoreStatus, CoreClosedError> {
        Ok(self.client.status().into())
    }

    /// The status now and each one that follows.
    pub fn status_changes(&self) -> Result<Arc<CoreStatusSource>, CoreClosedError> {
        Ok(Arc::new(CoreStatusSource::new(self.client.status_changes().into_batches())))
    }

    /// The questions for a token, once; `None` where the config does not ask, or after the first call.
    pub fn token_questions(&self) -> Result<Option<Arc<CoreTokenSource>>, CoreClosedError> {
        let questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(questions.map(|questions| Arc::new(CoreTokenSource::new(questions))))
    }

    /// A report for support, as JSON.
    pub async fn diagnostics(&self) -> Result<String, CoreClosedError> {
        Ok(self.client.diagnostics().await.to_string())
    }

    /// From now on there should be a line.
    pub fn connect(&self) -> Result<(), CoreClosedError> {
        self.open_client().map(Client::connect)
    }

    /// From now on there should be none.
    pub fn disconnect(&self) -> Result<(), CoreClosedError> {
        self.open_client().map(Client::disconnect)
    }

    /// The host has a network again.
    pub fn network_available(&self) -> Result<(), CoreClosedError> {
        self.open_client().map(Client::network_available)
    }

    /// The host has no network.
    pub fn network_lost(&self) -> Result<(), CoreClosedError> {
        self.open_client().map(Client::network_lost)
    }

    /// The app is on the screen again.
    pub fn foreground(&self) -> Result<(), CoreClosedError> {
        self.open_client().map(Client::foreground)
    }

    /// The app left the screen: gets out what it can, then suspends.
    pub async fn background(&self, deadline_ms: u64) -> Result<(), CoreClosedError> {
        self.open_client()?.background(Duration::from_millis(deadline_ms)).await;
        Ok(())
    }

    /// Tries to get the queue out. Gives whether nothing is pending; `false` too where it was given up.
    pub async fn flush(
        &self,
        deadline_ms: u64,
        cancel: Option<Arc<CoreCancel>>,
    ) -> Result<bool, CoreClosedError> {
        let flush = self.open_client()?.flush(Duration::from_millis(deadline_ms));
        Ok(unless_cancelled(cancel, flush).await.unwrap_or(false))
    }

    /// Closes every file and socket.
    pub async fn suspend(&self, deadline_ms: u64) -> Result<(), CoreClosedError> {
        self.open_client()?.suspend(Duration::from_millis(deadline_ms)).await;
        Ok(())
    }

    /// Ends the account's use of this database.
    pub async fn sign_out(&self, rows: CoreSignOut) -> Result<(), CoreStoreError> {
        let rows = match rows {
            CoreSignOut::Keep => SignOut::Keep,
            CoreSignOut::Discard => SignOut::Discard,
        };
        Ok(self.client.sign_out(rows).await?)
    }

    /// Shuts down in good order. Once more does nothing.
    pub async fn shutdown(&self) -> Result<(), CoreClosedError> {
        self.client.shutdown().await;
        Ok(())
    }
}

impl CoreClient {
    /// The intentions of the Rust client never fail; the other languages' users expect to hear of a client that was
    /// shut down.
    fn open_client(&self) -> Result<&Client, CoreClosedError> {
        if self.client.status().line == Line::Closed {
            return Err(CoreClosedError::Closed);
        }
        Ok(&self.client)
    }
}

fn known(id: &str) -> Result<ActionId, CoreControlError> {
    parse_id(id).ok_or(CoreControlError::NotFound)
}
