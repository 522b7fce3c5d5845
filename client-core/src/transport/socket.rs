use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{Sink, SinkExt, StreamExt};
use keepline_protocol::{
    engine_io::Packet as EnginePacket,
    socket_io::{Decoder, Packet},
};
use tokio::{io::AsyncWriteExt, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Bytes, Message},
};

use super::{LinkFailure, dial::BoxedIo, handshake::lost};
use crate::{
    engine::LinkEvent,
    limits::{BATCH_BYTES, BATCH_MAX, GOODBYE_TIMEOUT},
    status::LineTrouble,
};

/// An open link: WebSocket messages on one side, Socket.IO packets on the other.
///
/// It answers the server's heartbeat itself. What is pushed is kept in a queue that grows by one batch of the driver
/// at most, because a batch is only pushed while the queue is empty.
pub(super) struct Socket {
    web: WebSocketStream<BoxedIo>,
    decoder: Decoder,
    queue: VecDeque<Message>,
    /// The answer to the last heartbeat. One slot: a flood of them on a blocked line must not fill a queue.
    pong: Option<Message>,
    has_unflushed: bool,
    is_probing: bool,
}

impl Socket {
    pub(super) fn new(web: WebSocketStream<BoxedIo>) -> Self {
        Self {
            web,
            decoder: Decoder::default(),
            queue: VecDeque::new(),
            pong: None,
            has_unflushed: false,
            is_probing: false,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn push(&mut self, packet: Packet) {
        let encoded = packet.encode_after("4");
        self.queue.push_back(Message::text(encoded.text));
        self.queue.extend(encoded.attachments.into_iter().map(Message::Binary));
    }

    /// A WebSocket ping: every end answers one, whatever it speaks on top.
    pub(super) fn probe(&mut self) {
        self.is_probing = true;
        self.queue.push_back(Message::Ping(Bytes::new()));
    }

    /// Writes what waits, then reads what is there, up to a batch.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        events: &mut Vec<LinkEvent>,
    ) -> Result<(), LinkFailure> {
        self.write(cx)?;
        let (mut packets, mut bytes) = (0, 0);
        while packets < BATCH_MAX && bytes < BATCH_BYTES {
            match self.web.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    packets += 1;
                    bytes += message.len();
                    self.note_life(events);
                    self.read(message, events)?;
                }
                Poll::Ready(Some(Err(error))) => return Err(lost(&error).into()),
                Poll::Ready(None) => return Err(LineTrouble::Lost.into()),
                // Writes the answers to the heartbeats just read.
                Poll::Pending => return self.write(cx),
            }
        }
        // What the library has read besides wakes nobody, and this batch may have been the parts of one packet alone.
        cx.waker().wake_by_ref();
        self.write(cx)
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Result<(), LinkFailure> {
        let mut web = Pin::new(&mut self.web);
        while self.pong.is_some() || !self.queue.is_empty() {
            match web.as_mut().poll_ready(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(ready) => ready.map_err(|error| lost(&error))?,
            }
            if let Some(message) = self.pong.take().or_else(|| self.queue.pop_front()) {
                web.as_mut().start_send(message).map_err(|error| lost(&error))?;
                self.has_unflushed = true;
            }
        }
        if self.has_unflushed
            && let Poll::Ready(flushed) = web.poll_flush(cx)
        {
            flushed.map_err(|error| lost(&error))?;
            self.has_unflushed = false;
        }
        Ok(())
    }

    fn note_life(&mut self, events: &mut Vec<LinkEvent>) {
        if self.is_probing {
            self.is_probing = false;
            events.push(LinkEvent::Alive);
        }
    }

    fn read(&mut self, message: Message, events: &mut Vec<LinkEvent>) -> Result<(), LinkFailure> {
        let packet = match message {
            Message::Text(text) => match EnginePacket::decode_text(&text)
                .map_err(|_| LineTrouble::Protocol)?
            {
                EnginePacket::Message(text) => self.decoder.text(&text).map_err(|_| LineTrouble::Protocol)?,
                EnginePacket::Ping(probe) => {
                    self.pong = Some(Message::text(format!("3{probe}")));
                    events.push(LinkEvent::Ping);
                    None
                }
                EnginePacket::Close => return Err(LineTrouble::Lost.into()),
                EnginePacket::Noop => None,
                // A second handshake, an answer to a ping we never send, an upgrade over what is upgraded.
                _ => return Err(LineTrouble::Protocol.into()),
            },
            Message::Binary(bytes) => self.decoder.binary(bytes).map_err(|_| LineTrouble::Protocol)?,
            Message::Close(_) => return Err(LineTrouble::Lost.into()),
            // The library answers pings.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => None,
        };
        events.extend(packet.map(LinkEvent::Packet));
        Ok(())
    }

    /// Writes the rest, closes, and reads to the end: closing with unread bytes would reset the connection and could
    /// take away what the other end has not read yet.
    pub(super) async fn say_goodbye(mut self) {
        let goodbye = async {
            while let Some(message) = self.queue.pop_front() {
                self.web.feed(message).await?;
            }
            self.web.close(None).await?;
            while self.web.next().await.is_some_and(|message| message.is_ok()) {}
            self.web.get_mut().shutdown().await?;
            Ok::<_, tokio_tungstenite::tungstenite::Error>(())
        };
        // A link that cannot be closed in good order is simply dropped.
        let _ = timeout(GOODBYE_TIMEOUT, goodbye).await;
    }
}
