use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use axum::{Router, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use super::{
    peers::{Peers, Place},
    write_timeout::WriteTimeout,
};

/// How connections are served. The defaults are the reference server's, without TLS.
#[derive(Clone)]
pub struct ServeOptions {
    /// With it, every connection has to be TLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// How long a connection may take for its TLS handshake, and again for the headers of each request; also how
    /// long it may idle between two requests.
    pub header_timeout: Duration,
    /// How long a peer may take nothing of what is written to it.
    pub write_timeout: Duration,
    /// How many connections there may be in all. One more is closed at once.
    pub connections_max: usize,
    /// How many connections one address may have. One more is closed at once.
    pub connections_per_address_max: usize,
    /// How long requests may take to finish once the server shuts down.
    pub drain_timeout: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            tls: None,
            header_timeout: HEADER_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            connections_max: CONNECTIONS_MAX,
            connections_per_address_max: CONNECTIONS_PER_ADDRESS_MAX,
            drain_timeout: DRAIN_TIMEOUT,
        }
    }
}

/// Where connections come from: a TCP listener, or a simulated one.
pub trait Listener: Send + 'static {
    /// One connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection and its peer's address. Cancel safe.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Io, SocketAddr)>> + Send;
}

impl Listener for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = Self::accept(self).await?;
        // Small packets must not wait for the acknowledgement of the packet before. It fails on a connection that
        // is gone already, which shows at its first use.
        let _ = stream.set_nodelay(true);
        Ok((stream, peer))
    }
}

/// A listener for many small connections: a long backlog for the herd that comes back after a restart, and a send
/// buffer that does not hide a slow reader behind megabytes of the kernel's.
///
/// # Errors
/// Those of the operating system, such as an address in use.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Without it, a server that restarts has to wait until the last connections of the former one are forgotten.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves HTTP/1.1 with upgrades until the shutdown, then stops listening and lets the requests under way finish.
///
/// Each request carries its peer's address as [`ConnectInfo<SocketAddr>`]. Connections that became WebSockets are
/// no longer this function's: who owns the engine closes its sessions and waits for
/// [`EngineConfig::tasks`](super::EngineConfig::tasks).
pub async fn serve<L: Listener>(
    mut listener: L,
    router: Router,
    options: ServeOptions,
    shutdown: CancellationToken,
) {
    let server = Server {
        router,
        tls: options.tls.map(TlsAcceptor::from),
        header_timeout: options.header_timeout,
        write_timeout: options.write_timeout,
        connections: Peers::new(options.connections_max, options.connections_per_address_max),
        shutdown: shutdown.clone(),
    };
    let tasks = TaskTracker::new();
    let stopped = CancellationToken::new();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((io, peer)) => {
                if let Some(place) = server.connections.enter(peer.ip()) {
                    let connection = server.clone().serve_connection(io, peer, place);
                    let stopped = stopped.clone();
                    tasks.spawn(async move {
                        tokio::select! {
                            () = connection => {}
                            () = stopped.cancelled() => {}
                        }
                    });
                } else {
                    debug!(%peer, "too many connections");
                }
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                // Out of descriptors: an attempt at once would fail again and use up the processor.
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    if timeout(options.drain_timeout, tasks.wait()).await.is_err() {
        stopped.cancel();
        tasks.wait().await;
    }
}

#[derive(Clone)]
struct Server {
    router: Router,
    tls: Option<TlsAcceptor>,
    header_timeout: Duration,
    write_timeout: Duration,
    connections: Peers,
    shutdown: CancellationToken,
}

impl Server {
    async fn serve_connection<I>(self, io: I, peer: SocketAddr, _place: Place)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match self.tls.clone() {
            None => self.serve_http(io, peer).await,
            // On the heap, so that a connection without TLS does not hold the room for it.
            Some(tls) => Box::pin(self.serve_tls(tls, io, peer)).await,
        }
    }

    async fn serve_tls<I>(self, tls: TlsAcceptor, io: I, peer: SocketAddr)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match timeout(self.header_timeout, tls.accept(io)).await {
            Ok(Ok(io)) => self.serve_http(io, peer).await,
            Ok(Err(error)) => debug!(%peer, %error, "TLS handshake failed"),
            Err(_) => debug!(%peer, "no TLS handshake in time"),
        }
    }

    async fn serve_http<I>(self, io: I, peer: SocketAddr)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = TowerToHyperService::new(self.router);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            hyper::service::Service::call(&router, request)
        });
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.header_timeout)
                .max_buf_size(HTTP_BUFFER_BYTES)
                .serve_connection(TokioIo::new(WriteTimeout::new(io, self.write_timeout)), service)
                .with_upgrades()
        );
        let served = match self.shutdown.run_until_cancelled(connection.as_mut()).await {
            Some(served) => served,
            None => {
                Pin::as_mut(&mut connection).graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            debug!(%peer, %error, "connection failed");
        }
    }
}

/// Whoever means well sends the headers at once.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// As long as the kernel needs to be sure that a packet was lost several times.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Below the usual limit of open files of a service; there is nothing to do for one more but to close it.
const CONNECTIONS_MAX: usize = 100_000;

/// As many as sessions, see there; polling needs two for each, but seldom for long.
const CONNECTIONS_PER_ADDRESS_MAX: usize = 20_000;

/// Requests are short; a long poll is ended by its session.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// A token of the largest size in its header, with room.
const HTTP_BUFFER_BYTES: usize = 64 * 1024;

/// Long enough for descriptors to come free, too short to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// All of a herd that fits into one second's accepts.
const BACKLOG: u32 = 4_096;

/// Two megabytes a second over a line with a round trip of 100 ms; the kernel doubles it.
const SEND_BUFFER_BYTES: u32 = 256 * 1024;
