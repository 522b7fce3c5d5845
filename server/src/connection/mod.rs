//! Connections: Engine.IO over long polling and WebSocket, and Socket.IO over it.
//!
//! From the bottom up: [`serve`] accepts connections and speaks HTTP; [`engine_routes`] turns requests into engine
//! sessions and gives each, as a [`Link`], to an [`Acceptor`]; [`Socket`] reads Socket.IO packets from a link. None
//! of them knows what the packets mean.
//!
//! What a peer can make this layer hold is bounded: headers and bodies by size and time, a session's queues by items
//! and bytes, sessions and connections by address and in all, and each wait for a peer by a timeout.
//!
//! ```no_run
//! use keepline_server::connection::{
//!     Acceptor, EngineConfig, Link, ServeOptions, bind, engine_routes, serve,
//! };
//! use tokio_util::sync::CancellationToken;
//!
//! #[derive(Clone)]
//! struct Echo;
//!
//! impl Acceptor for Echo {
//!     async fn accept(&self, mut link: Link) {
//!         let sender = link.sender();
//!         while let Some(message) = link.recv().await {
//!             if sender.send(message).await.is_err() {
//!                 break;
//!             }
//!         }
//!     }
//! }
//!
//! # async fn run() -> std::io::Result<()> {
//! let listener = bind(([127, 0, 0, 1], 0).into())?;
//! let routes = engine_routes("/engine.io/", EngineConfig::default(), Echo);
//! serve(listener, routes, ServeOptions::default(), CancellationToken::new()).await;
//! # Ok(())
//! # }
//! ```

mod config;
mod counted;
mod heartbeat;
mod link;
mod message;
mod origin;
mod peers;
mod poll_body;
mod polling;
mod probe;
mod queue;
mod refusal;
mod registry;
mod requests;
mod routes;
mod serve;
mod socket;
mod websocket;
mod write_timeout;

pub use config::{Admit, EngineConfig, TooMany, Transports, Visitor};
pub use link::{Acceptor, CloseCode, CloseReason, Closed, Link, LinkSender, Opening, TrySendError};
pub(crate) use message::EventRun;
pub use message::{Frames, Message};
pub use origin::Origins;
pub use queue::QueueLimit;
pub use routes::engine_routes;
pub use serve::{Listener, ServeOptions, bind, serve};
pub use socket::{Socket, SocketConfig, SocketEnd};
