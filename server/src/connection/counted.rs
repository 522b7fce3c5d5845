use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The stream under a WebSocket, which knows whether the WebSocket holds input that it has not given out.
///
/// Every message's frame is at least its payload and the shortest header for it. So once the bytes that were read
/// and those of the messages that were given out are as many, nothing is left in between. A peer that sends longer
/// headers or several fragments only makes it look as if something were.
pub(super) struct Counted {
    stream: Option<TokioIo<Upgraded>>,
    unaccounted: usize,
}

impl Counted {
    pub(super) fn new(upgraded: Upgraded) -> Self {
        Self { stream: Some(TokioIo::new(upgraded)), unaccounted: 0 }
    }

    /// A message of that size was given out.
    pub(super) fn account(&mut self, payload_bytes: usize) {
        let header_bytes = match payload_bytes {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        self.unaccounted = self.unaccounted.saturating_sub(header_bytes + MASK_BYTES + payload_bytes);
    }

    /// Whether all input was given out.
    pub(super) fn is_all_given_out(&self) -> bool {
        self.unaccounted == 0
    }

    /// Moves the stream out; what stays behind is at its end.
    pub(super) fn take(&mut self) -> Self {
        Self { stream: self.stream.take(), unaccounted: self.unaccounted }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TokioIo<Upgraded>>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = self.stream()?.poll_read(cx, buffer);
        self.unaccounted += buffer.filled().len() - before;
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }
}

/// Clients mask their frames.
const MASK_BYTES: usize = 4;
