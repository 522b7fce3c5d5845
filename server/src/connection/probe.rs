use std::{
    future::{Future, poll_fn},
    pin::Pin,
    time::Duration,
};

use futures_util::SinkExt;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Message;

use super::websocket::{WsStream, poll_message, turn_away};

/// A WebSocket that wants to take a polling session over.
///
/// The client sends `2probe`, is answered `3probe`, lets its last poll come back, and sends `5`. Until then the
/// session stays with polling, and a WebSocket that does anything else is turned away without harm to it.
pub(super) struct Probe {
    deadline: Instant,
    answered: bool,
    stage: Stage,
}

type Stage = Pin<Box<dyn Future<Output = Option<Box<WsStream>>> + Send>>;

/// How far a probe has come.
pub(super) enum Probed {
    /// The client knows that the socket works: its polls have to come back now.
    Answered,
    /// The client has moved.
    Upgraded(Box<WsStream>),
    /// It came to nothing.
    Failed,
}

impl Probe {
    pub(super) fn new(socket: Box<WsStream>, upgrade_timeout: Duration) -> Self {
        let deadline = Instant::now() + upgrade_timeout;
        Self { deadline, answered: false, stage: Box::pin(within(deadline, answer_probe(socket))) }
    }

    /// Whether the client waits for its last poll to come back.
    pub(super) fn answered(&self) -> bool {
        self.answered
    }

    /// The next step. Cancel safe.
    pub(super) async fn step(&mut self) -> Probed {
        match (self.stage.as_mut().await, self.answered) {
            (None, _) => Probed::Failed,
            (Some(socket), false) => {
                self.answered = true;
                self.stage = Box::pin(within(self.deadline, await_upgrade(socket)));
                Probed::Answered
            }
            (Some(socket), true) => Probed::Upgraded(socket),
        }
    }
}

async fn within(
    deadline: Instant,
    stage: impl Future<Output = Option<Box<WsStream>>>,
) -> Option<Box<WsStream>> {
    timeout_at(deadline, stage).await.ok().flatten()
}

async fn answer_probe(mut socket: Box<WsStream>) -> Option<Box<WsStream>> {
    if next_text(&mut socket).await.as_deref() != Some("2probe") {
        turn_away(socket).await;
        return None;
    }
    socket.send(Message::text("3probe")).await.ok()?;
    Some(socket)
}

async fn await_upgrade(mut socket: Box<WsStream>) -> Option<Box<WsStream>> {
    if next_text(&mut socket).await.as_deref() != Some("5") {
        turn_away(socket).await;
        return None;
    }
    Some(socket)
}

async fn next_text(socket: &mut WsStream) -> Option<String> {
    loop {
        match poll_fn(|cx| poll_message(socket, cx)).await?.ok()? {
            Message::Text(text) => return Some(text.as_str().to_owned()),
            Message::Ping(_) | Message::Pong(_) => {}
            _ => return None,
        }
    }
}
