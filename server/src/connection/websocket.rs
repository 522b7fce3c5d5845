//! A session over a WebSocket.
//!
//! One task owns the socket and never waits for one direction while the other could go on: a peer that does not
//! read cannot keep this end from reading its pong, and the other way round.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use keepline_protocol::engine_io::Packet;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, Sleep, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Utf8Bytes,
        error::ProtocolError,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode as WireCode},
    },
};

use super::{
    CloseCode, CloseReason, EngineConfig, Frames, Message,
    counted::Counted,
    heartbeat::{Beat, Heartbeat},
    link::Pipe,
    queue::{PushError, QueueLimit, Weigh},
};

/// The server's end of a WebSocket.
pub(super) type WsStream = WebSocketStream<Counted>;

/// Speaks WebSocket on a connection that has just left HTTP.
pub(super) async fn wrap(upgraded: Upgraded, config: &EngineConfig) -> Box<WsStream> {
    let limits = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(config.max_payload))
        .max_frame_size(Some(config.max_payload));
    Box::new(WebSocketStream::from_raw_socket(Counted::new(upgraded), Role::Server, Some(limits)).await)
}

/// The next message. Whoever reads from the socket does it by this.
pub(super) fn poll_message(
    socket: &mut WsStream,
    cx: &mut Context<'_>,
) -> Poll<Option<tungstenite::Result<tungstenite::Message>>> {
    let next = ready!(socket.poll_next_unpin(cx));
    if let Some(Ok(message)) = &next {
        socket.get_mut().account(message.len());
    }
    Poll::Ready(next)
}

/// What a session brings with it when a WebSocket begins to carry it.
pub(super) struct Carried<'a> {
    pub(super) pipe: &'a Pipe,
    pub(super) beat: Heartbeat,
    /// A ping that is due and has not been sent.
    pub(super) ping_due: bool,
    pub(super) close_timeout: Duration,
}

/// Carries a session until it ends, and says why it did. The socket is closed then.
pub(super) async fn run(socket: Box<WsStream>, carried: Carried<'_>) -> CloseReason {
    let Carried { pipe, beat, ping_due, close_timeout } = carried;
    let alarm = Box::pin(sleep_until(beat.deadline()));
    let rest = if ping_due { VecDeque::from([ping()]) } else { VecDeque::new() };
    let mut pump = Pump {
        socket,
        pipe,
        beat,
        alarm,
        close_timeout,
        close_at: None,
        rest,
        unflushed: 0,
        largest: 0,
        held: None,
    };
    let reason = poll_fn(|cx| pump.poll(cx)).await;
    pipe.end(reason);
    if let Some(code) = pump.code(reason) {
        // On the heap, so that a connection does not hold the room for it all its life.
        Box::pin(say_goodbye(pump.socket, code)).await;
    }
    reason
}

/// Tells a socket that is no session's that it is not wanted.
pub(super) async fn turn_away(socket: Box<WsStream>) {
    say_goodbye(socket, WireCode::Normal).await;
}

struct Pump<'a> {
    socket: Box<WsStream>,
    pipe: &'a Pipe,
    beat: Heartbeat,
    alarm: Pin<Box<Sleep>>,
    close_timeout: Duration,
    /// Set once the session is closing: what has not gone out then stays.
    close_at: Option<Instant>,
    /// What is left of the frames that are being written.
    rest: VecDeque<tungstenite::Message>,
    /// How many bytes were written and not flushed, or a few more.
    unflushed: usize,
    /// How much the socket's buffers have had to hold at once.
    largest: usize,
    /// A message for which the application has no room yet.
    held: Option<Message>,
}

impl Pump<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        if let Poll::Ready(reason) = self.poll_read(cx) {
            return Poll::Ready(reason);
        }
        if let Poll::Ready(reason) = self.poll_end(cx) {
            return Poll::Ready(reason);
        }
        // A ping that is due goes out with the rest.
        if let Poll::Ready(reason) = self.poll_alarm(cx) {
            return Poll::Ready(reason);
        }
        self.poll_write(cx)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        for _ in 0..READ_BURST {
            if let Some(held) = self.held.take()
                && let Err(PushError::Full(held)) = self.pipe.incoming.try_push(held)
            {
                let weight = held.weight();
                self.held = Some(held);
                ready!(self.pipe.incoming.poll_room(weight, cx));
                continue;
            }
            match ready!(poll_message(&mut self.socket, cx)) {
                Some(Ok(message)) => {
                    self.largest = self.largest.max(message.len());
                    if let Some(reason) = self.handle_message(message) {
                        return Poll::Ready(reason);
                    }
                }
                Some(Err(error)) => return Poll::Ready(reason_of(&error)),
                None => return Poll::Ready(CloseReason::Lost),
            }
        }
        // Others have a turn before the rest of the burst.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn handle_message(&mut self, message: tungstenite::Message) -> Option<CloseReason> {
        match message {
            tungstenite::Message::Text(text) => self.handle_text(&text),
            tungstenite::Message::Binary(bytes) => {
                // A small one is copied, because it would keep the whole read buffer alive.
                let small = bytes.len() < READ_BUFFER_BYTES;
                self.held = Some(Message::Binary(if small { Bytes::copy_from_slice(&bytes) } else { bytes }));
                None
            }
            tungstenite::Message::Close(_) => Some(CloseReason::Peer),
            tungstenite::Message::Ping(_)
            | tungstenite::Message::Pong(_)
            | tungstenite::Message::Frame(_) => None,
        }
    }

    fn handle_text(&mut self, text: &str) -> Option<CloseReason> {
        match Packet::decode_text(text) {
            Ok(Packet::Message(message)) => {
                self.held = Some(Message::Text(message.into_owned()));
                None
            }
            Ok(Packet::Pong(_)) => {
                self.beat.handle_pong(Instant::now());
                None
            }
            Ok(Packet::Close) => Some(CloseReason::Peer),
            // The reference implementation takes these without a word.
            Ok(Packet::Upgrade | Packet::Noop) => None,
            // Only a server opens and pings.
            Ok(Packet::Open(_) | Packet::Ping(_) | Packet::Binary(_)) | Err(_) => {
                Some(CloseReason::Malformed)
            }
        }
    }

    /// Notices that the application closes the session.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        if self.close_at.is_none() && self.pipe.outgoing.poll_ended(cx).is_ready() {
            self.close_at = Some(Instant::now() + self.close_timeout);
        }
        if self.pipe.abort.get().is_some() { Poll::Ready(CloseReason::Server) } else { Poll::Pending }
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        loop {
            let deadline = self.close_at.map_or(self.beat.deadline(), |at| at.min(self.beat.deadline()));
            if self.alarm.deadline() != deadline {
                self.alarm.as_mut().reset(deadline);
            }
            ready!(self.alarm.as_mut().poll(cx));
            let now = Instant::now();
            if self.close_at.is_some_and(|at| at <= now) {
                return Poll::Ready(CloseReason::Server);
            }
            match self.beat.handle_timeout(now) {
                Beat::Wait => {}
                Beat::Ping => {
                    self.shrink(cx);
                    self.rest.push_back(ping());
                }
                // The pong may be behind what the application has not taken.
                Beat::TimedOut if self.held.is_some() => self.beat.handle_unread(now),
                Beat::TimedOut => return Poll::Ready(CloseReason::PingTimeout),
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        loop {
            // Not ready means that the socket takes no more: the write buffer holds at most its size and one frame.
            if ready!(self.socket.poll_ready_unpin(cx)).is_err() {
                return Poll::Ready(CloseReason::Lost);
            }
            if let Some(next) = self.rest.pop_front() {
                self.unflushed += next.len() + FRAME_HEADER_BYTES;
                self.largest = self.largest.max(self.unflushed);
                if self.socket.start_send_unpin(next).is_err() {
                    return Poll::Ready(CloseReason::Lost);
                }
                continue;
            }
            let taken =
                self.pipe.outgoing.poll_pop_some(TAKEN_MAX, cx, |frames| push_frames(frames, &mut self.rest));
            match taken {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) => {
                    return self.poll_flush(cx).map(|lost| lost.unwrap_or(CloseReason::Server));
                }
                Poll::Pending => {
                    // A burst is no reason to hold memory for as long as the connection lives.
                    self.rest.shrink_to(REST_SLOTS_KEPT);
                    return match self.poll_flush(cx) {
                        Poll::Ready(Some(lost)) => Poll::Ready(lost),
                        Poll::Ready(None) | Poll::Pending => Poll::Pending,
                    };
                }
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Option<CloseReason>> {
        if self.unflushed > 0 {
            if ready!(self.socket.poll_flush_unpin(cx)).is_err() {
                return Poll::Ready(Some(CloseReason::Lost));
            }
            self.unflushed = 0;
        }
        Poll::Ready(None)
    }

    /// Gives back what the socket's buffers have grown to. They never shrink by themselves, and a connection that
    /// has once carried something large is idle most of its life like the others. It only happens with a ping: a
    /// busy connection would need them again at once.
    fn shrink(&mut self, cx: &mut Context<'_>) {
        if self.largest <= READ_BUFFER_BYTES || !self.socket.get_ref().is_all_given_out() {
            return;
        }
        // Nothing waits to be written after this, not even an answer of the WebSocket's own.
        if !matches!(self.socket.poll_flush_unpin(cx), Poll::Ready(Ok(()))) {
            return;
        }
        let limits = *self.socket.get_config();
        let stream = self.socket.get_mut().take();
        let fresh = WebSocketStream::from_raw_socket(stream, Role::Server, Some(limits));
        if let Some(fresh) = fresh.now_or_never() {
            *self.socket = fresh;
        }
        (self.largest, self.unflushed) = (0, 0);
        // The new one has to be polled before it can wake anybody.
        cx.waker().wake_by_ref();
    }

    /// What the peer is told; `None` where nobody listens.
    fn code(&self, reason: CloseReason) -> Option<WireCode> {
        match reason {
            CloseReason::Lost | CloseReason::PingTimeout => None,
            CloseReason::Malformed | CloseReason::Overlap => Some(WireCode::Protocol),
            CloseReason::TooLarge => Some(WireCode::Size),
            CloseReason::Peer => Some(WireCode::Normal),
            CloseReason::Server => Some(match self.pipe.abort.get() {
                None => WireCode::Normal,
                Some(CloseCode::GoingAway) => WireCode::Away,
                Some(CloseCode::Protocol) => WireCode::Protocol,
                Some(CloseCode::Policy) => WireCode::Policy,
                Some(CloseCode::TooLarge) => WireCode::Size,
                Some(CloseCode::Internal) => WireCode::Error,
                Some(CloseCode::TryLater) => WireCode::Again,
            }),
        }
    }
}

/// Says why and waits until the peer has hung up too. Closing a socket with unread input resets the connection, and
/// a peer in the middle of a large frame would then never see the reason; so its input is read and thrown away, in
/// one small buffer and for a short time only.
async fn say_goodbye(mut socket: Box<WsStream>, code: WireCode) {
    let goodbye = async {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static("") };
        // Where the peer closed first the answer is written already and this only flushes it.
        let _ = WsStream::close(&mut socket, Some(frame)).await;
        let stream = socket.get_mut();
        let _ = stream.shutdown().await;
        let mut scratch = vec![0; READ_BUFFER_BYTES];
        while stream.read(&mut scratch).await.is_ok_and(|count| count > 0) {}
    };
    let _ = timeout(GOODBYE_TIMEOUT, goodbye).await;
}

fn push_frames(frames: Frames, out: &mut VecDeque<tungstenite::Message>) {
    out.extend(frames.text.map(tungstenite::Message::Text));
    out.extend(frames.attachments.into_iter().map(tungstenite::Message::Binary));
}

fn ping() -> tungstenite::Message {
    tungstenite::Message::Text(Utf8Bytes::from_static("2"))
}

fn reason_of(error: &tungstenite::Error) -> CloseReason {
    match error {
        tungstenite::Error::Capacity(_) => CloseReason::TooLarge,
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => CloseReason::Lost,
        tungstenite::Error::Protocol(_) | tungstenite::Error::Utf8(_) => CloseReason::Malformed,
        _ => CloseReason::Lost,
    }
}

/// Each connection has this buffer for as long as it lives.
const READ_BUFFER_BYTES: usize = 2 * 1024;

/// Small frames are collected up to this size before the socket is written to.
const WRITE_BUFFER_BYTES: usize = 32 * 1024;

/// How much is taken from the send queue at once: what fills the write buffer, so that what waits for a slow peer
/// waits in the queue, where it counts.
const TAKEN_MAX: QueueLimit = QueueLimit { items: 128, bytes: WRITE_BUFFER_BYTES };

/// The room that an idle connection keeps for frames that are being written.
const REST_SLOTS_KEPT: usize = 4;

/// The longest header of a frame without a mask.
const FRAME_HEADER_BYTES: usize = 10;

/// How many messages are read before the others on the same thread have a turn.
const READ_BURST: usize = 128;

/// How long a peer may take to see the close frame and hang up.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);
