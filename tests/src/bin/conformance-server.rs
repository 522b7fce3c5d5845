//! The server that the public conformance suites of Engine.IO and Socket.IO expect, on Keepline's connection layer:
//! localhost, port 3000, an Engine.IO echo at `/engine.io/`, and Socket.IO at `/socket.io/`.
//!
//! The suites are in the `socketio/socket.io` repository under `docs/engine.io-protocol/v4-test-suite` and
//! `docs/socket.io-protocol/v5-test-suite`.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
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
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const PORT: u16 = 3000;
const MAX_PAYLOAD: usize = 1_000_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let routes =
        engine_routes("/engine.io/", config(), Echo).merge(engine_routes("/socket.io/", config(), Chat));
    let shutdown = CancellationToken::new();
    let v4 = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)))?;
    match bind(SocketAddr::from((Ipv6Addr::LOCALHOST, PORT))) {
        Ok(v6) => {
            tokio::spawn(serve(v6, routes.clone(), ServeOptions::default(), shutdown.clone()));
        }
        Err(error) => eprintln!("not on ::1: {error}"),
    }
    println!("conformance-server listening on http://localhost:{PORT}");
    serve(v4, routes, ServeOptions::default(), shutdown).await;
    Ok(())
}

fn config() -> EngineConfig {
    EngineConfig {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
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
        Kind::Connect(auth) if namespace == ROOT || namespace == "/custom" => {
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
    let event = args.to_event().ok()?;
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
