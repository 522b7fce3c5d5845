//! The simulated network under the real client and the real server.
//!
//! turmoil carries bytes with delays, drops them in a partition, and resets connections when a host crashes. What it
//! has not is a direction that stands still and goes on later, so each of the client's connections runs through a
//! pump with a gate for each direction. The pump outlives the client's interest in the connection: what the client
//! had written before it hung up may arrive long after.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use keepline::{BoxedIo, DialFuture, Dialer, LineTrouble};
use keepline_server::connection::Listener;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex, split},
    sync::watch,
};
use turmoil::net::{TcpListener, TcpStream};

/// The server's listener.
pub(super) struct SimListener {
    pub(super) listener: TcpListener,
    pub(super) morgue: Morgue,
}

impl Listener for SimListener {
    type Io = SimStream;

    async fn accept(&mut self) -> io::Result<(SimStream, SocketAddr)> {
        let (stream, peer) = self.listener.accept().await?;
        Ok((self.morgue.admit(stream), peer))
    }
}

/// Closes the connections of a host that crashes in the order in which they were made.
///
/// A runtime drops its tasks in an order that depends on what else runs in this process, and each connection that is
/// closed draws a delay from the simulation's generator: without this, two runs of one seed would part at the first
/// crash. The host's program keeps the guard, and is dropped after the runtime.
#[derive(Clone, Default)]
pub(super) struct Morgue(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    admitted: u64,
    is_crashing: bool,
    streams: BTreeMap<u64, TcpStream>,
}

impl Morgue {
    fn admit(&self, stream: TcpStream) -> SimStream {
        let mut kept = self.lock();
        kept.admitted += 1;
        SimStream { number: kept.admitted, stream: Some(stream), morgue: self.clone() }
    }

    /// From here on connections are kept instead of closed, until the guard goes.
    pub(super) fn crash(&self) {
        self.lock().is_crashing = true;
    }

    /// To be held by the host's program, before anything else.
    pub(super) fn guard(&self) -> MorgueGuard {
        MorgueGuard(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Morgue`].
pub(super) struct MorgueGuard(Morgue);

impl Drop for MorgueGuard {
    fn drop(&mut self) {
        let streams = std::mem::take(&mut self.0.lock().streams);
        streams.into_values().for_each(drop);
        self.0.lock().is_crashing = false;
    }
}

/// One end of a connection.
pub(super) struct SimStream {
    number: u64,
    /// `None` only while it is dropped.
    stream: Option<TcpStream>,
    morgue: Morgue,
}

impl SimStream {
    fn inner(self: Pin<&mut Self>) -> Pin<&mut TcpStream> {
        Pin::new(self.get_mut().stream.as_mut().expect("it is not dropped yet"))
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        let mut kept = self.morgue.lock();
        let is_crashing = kept.is_crashing;
        if let (true, Some(stream)) = (is_crashing, self.stream.take()) {
            kept.streams.insert(self.number, stream);
        }
    }
}

impl AsyncRead for SimStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_read(cx, buf)
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.inner().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(cx)
    }
}

/// Opens and closes the two directions between one device and the server.
#[derive(Debug)]
pub(super) struct Gates {
    up: watch::Sender<bool>,
    down: watch::Sender<bool>,
}

impl Default for Gates {
    fn default() -> Self {
        Self { up: watch::Sender::new(true), down: watch::Sender::new(true) }
    }
}

impl Gates {
    pub(super) fn set(&self, is_up: bool, is_open: bool) {
        let gate = if is_up { &self.up } else { &self.down };
        gate.send_replace(is_open);
    }

    pub(super) fn dialer(&self, morgue: &Morgue, seed: u64) -> SimDialer {
        SimDialer { up: self.up.subscribe(), down: self.down.subscribe(), morgue: morgue.clone(), seed }
    }
}

/// The client's way to the server.
pub(super) struct SimDialer {
    up: watch::Receiver<bool>,
    down: watch::Receiver<bool>,
    morgue: Morgue,
    seed: u64,
}

impl Dialer for SimDialer {
    fn dial(&self, host: &str, port: u16) -> DialFuture {
        let (host, up, down) = (host.to_owned(), self.up.clone(), self.down.clone());
        let (morgue, seed) = (self.morgue.clone(), self.seed);
        Box::pin(async move {
            let stream =
                TcpStream::connect((host.as_str(), port)).await.map_err(|_| LineTrouble::Unreachable)?;
            let (ours, theirs) = duplex(PIPE_BYTES);
            tokio::spawn(carry(morgue.admit(stream), theirs, [up, down], seed));
            Ok(Box::new(ours) as BoxedIo)
        })
    }
}

async fn carry(
    stream: SimStream,
    pipe: impl AsyncRead + AsyncWrite,
    [up, down]: [watch::Receiver<bool>; 2],
    seed: u64,
) {
    let (from_server, to_server) = split(stream);
    let (from_client, to_client) = split(pipe);
    let upward = pump(from_client, to_server, up, fastrand::Rng::with_seed(seed));
    let downward = pump(from_server, to_client, down, fastrand::Rng::with_seed(!seed));
    tokio::pin!(upward, downward);
    let client_has_left = tokio::select! {
        biased;
        end = &mut downward => end == End::NobodyReads,
        end = &mut upward => {
            if end == End::NothingComes {
                downward.await;
            }
            return;
        }
    };
    // What the client wrote before it left may still arrive. Without a server, nothing can.
    if client_has_left {
        upward.await;
    }
}

/// Why a direction ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    NothingComes,
    NobodyReads,
}

/// Copies until the end, in pieces of any size, as a network does.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut gate: watch::Receiver<bool>,
    mut rng: fastrand::Rng,
) -> End {
    let mut buffer = vec![0; PIPE_BYTES];
    loop {
        let most = if rng.u8(..) < 32 { rng.usize(1..=16) } else { PIPE_BYTES };
        let count = from.read(&mut buffer[..most]).await.unwrap_or(0);
        // The gate's other end lives as long as the simulation.
        let _ = gate.wait_for(|is_open| *is_open).await;
        if count == 0 {
            let _ = to.shutdown().await;
            return End::NothingComes;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return End::NobodyReads;
        }
    }
}

/// What a direction that stands still holds before its writer notices.
const PIPE_BYTES: usize = 16 * 1024;
