use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use keepline_protocol::{
    Payload,
    socket_io::{Args, Kind, Packet, ROOT},
};
use keepline_server::connection::{
    Acceptor, EngineConfig, Link, Origins, QueueLimit, ServeOptions, Socket, SocketConfig, bind,
    engine_routes, serve,
};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// A running server that conformance suites can be pointed at. Dropping it stops it.
#[derive(Debug)]
pub struct ConformanceServer {
    addresses: Vec<SocketAddr>,
    serving: JoinSet<()>,
    _stop: DropGuard,
}

impl ConformanceServer {
    /// Listens on 127.0.0.1 and, where the machine has it, on ::1, both on this port; with 0 the system picks one.
    ///
    /// # Errors
    /// Where 127.0.0.1 cannot be listened on, or ::1 is there and its port is taken.
    pub fn start(port: u16) -> io::Result<Self> {
        let routes = engine_routes(ENGINE, config(), Echo).merge(engine_routes(SOCKET, config(), Chat));
        let shutdown = CancellationToken::new();
        let (mut addresses, mut serving) = (Vec::new(), JoinSet::new());
        let mut port = port;
        for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            let listener = match bind(SocketAddr::new(ip, port)) {
                // A machine without IPv6.
                Err(error) if ip.is_ipv6() && error.kind() == io::ErrorKind::AddrNotAvailable => continue,
                bound => bound?,
            };
            let address = listener.local_addr()?;
            port = address.port();
            addresses.push(address);
            serving.spawn(serve(listener, routes.clone(), ServeOptions::default(), shutdown.clone()));
        }
        Ok(Self { addresses, serving, _stop: shutdown.drop_guard() })
    }

    /// Where it listens: 127.0.0.1 first.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves for ever.
    pub async fn run(mut self) {
        while self.serving.join_next().await.is_some() {}
    }
}

fn config() -> EngineConfig {
    EngineConfig {
        ping_interval: PING_INTERVAL,
        ping_timeout: PING_TIMEOUT,
        max_payload: MAX_PAYLOAD,
        outgoing: QueueLimit { items: 1_024, bytes: 2 * MAX_PAYLOAD },
        incoming: QueueLimit { items: 256, bytes: 2 * MAX_PAYLOAD },
        // The suites also run in a browser, from wherever their page is served.
        origins: Origins::allow(["*"]),
        ..EngineConfig::default()
    }
}

/// Sends back what comes.
#[derive(Clone)]
struct Echo;

impl Acceptor for Echo {
    async fn accept(&self, mut link: Link) {
        let sender = link.sender();
        while let Some(message) = link.recv().await {
            if sender.send(message).await.is_err() {
                break;
            }
        }
    }
}

/// Two namespaces that say what CONNECT brought and give events back.
#[derive(Clone)]
struct Chat;

impl Acceptor for Chat {
    async fn accept(&self, link: Link) {
        let config = SocketConfig { packet_bytes_max: 2 * MAX_PAYLOAD, ..SocketConfig::default() };
        let mut socket = Socket::new(link, config);
        while let Some(packet) = socket.recv().await {
            if handle(&mut socket, packet).await.is_none() {
                break;
            }
        }
    }
}

/// `None` once there is nobody to answer.
async fn handle(socket: &mut Socket, packet: Packet) -> Option<()> {
    let Packet { namespace, kind } = packet;
    match kind {
        Kind::Connect(auth) if namespace == ROOT || namespace == CUSTOM => {
            let sid = Payload::new(&serde_json::json!({ "sid": Uuid::new_v4() })).ok()?;
            socket.accept(&namespace, sid).await.ok()?;
            let auth = auth.or_else(|| Payload::parse("{}").ok())?;
            let args = Args::event("auth").payload(&auth).build();
            socket.sender().send(Packet { namespace, kind: Kind::Event { id: None, args } }).await.ok()
        }
        Kind::Connect(_) => {
            let error = Payload::parse(r#"{"message":"Invalid namespace"}"#).ok()?;
            socket.refuse(&namespace, error).await.ok()
        }
        Kind::Event { id, args } => match answer(id, &args) {
            Some(kind) => socket.sender().send(Packet { namespace, kind }).await.ok(),
            None => Some(()),
        },
        Kind::Disconnect | Kind::Ack { .. } | Kind::ConnectError(_) => Some(()),
    }
}

fn answer(id: Option<u64>, args: &Args) -> Option<Kind> {
    let event = args.clone().into_event().ok()?;
    match (event.name.as_str(), id) {
        ("message", _) => {
            let back = event.args.iter().fold(Args::event("message-back"), |args, arg| args.payload(arg));
            Some(Kind::Event { id: None, args: back.attachments(args.attachments().to_vec()).build() })
        }
        ("message-with-ack", Some(id)) => {
            let back = event.args.iter().fold(Args::ack(), |args, arg| args.payload(arg));
            Some(Kind::Ack { id, args: back.attachments(args.attachments().to_vec()).build() })
        }
        _ => None,
    }
}

/// The path of the Engine.IO echo.
pub const ENGINE: &str = "/engine.io/";

/// The path of Socket.IO.
pub const SOCKET: &str = "/socket.io/";

/// The namespace beside the root.
pub const CUSTOM: &str = "/custom";

/// The heartbeat that the suites expect.
pub const PING_INTERVAL: Duration = Duration::from_millis(300);
/// See [`PING_INTERVAL`].
pub const PING_TIMEOUT: Duration = Duration::from_millis(200);
/// See [`PING_INTERVAL`].
pub const MAX_PAYLOAD: usize = 1_000_000;
