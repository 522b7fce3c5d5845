//! Whether Keepline's connection layer behaves as Engine.IO v4 and Socket.IO v5 say.
//!
//! [`ConformanceServer`] is what the public suites of those protocols expect. The checks here are our own, of the same
//! behaviours, over raw sockets: each is a function of the server's address, so one that fails says which rule was
//! broken.

mod engine;
mod server;
mod sessions;
mod socket_io;

use std::{fmt, future::Future, net::SocketAddr, pin::Pin};

pub use server::{CUSTOM, ConformanceServer, ENGINE, MAX_PAYLOAD, PING_INTERVAL, PING_TIMEOUT, SOCKET};

use crate::wire::Checked;

/// One rule of a protocol and how it is checked.
pub struct Check {
    /// The rule, as the name of its function.
    pub name: &'static str,
    run: fn(SocketAddr, &'static str) -> CheckRun,
}

type CheckRun = Pin<Box<dyn Future<Output = Checked> + Send>>;

impl Check {
    /// Checks it against the engine at this path of a server.
    ///
    /// # Errors
    /// What does not hold.
    pub async fn run(&self, server: SocketAddr, path: &'static str) -> Checked {
        (self.run)(server, path).await
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The rules that any engine keeps, whatever speaks over it.
pub fn engine_checks() -> Vec<Check> {
    [engine::checks(), sessions::checks()].into_iter().flatten().collect()
}

/// The rules of an Engine.IO echo.
pub fn echo_checks() -> Vec<Check> {
    engine::echo_checks()
}

/// The rules of Socket.IO and its namespaces.
pub fn socket_io_checks() -> Vec<Check> {
    socket_io::checks()
}

/// Each function as a [`Check`] of its name.
macro_rules! checks {
    ($($name:ident),* $(,)?) => {
        vec![$($crate::conformance::Check {
            name: stringify!($name),
            run: |server, path| Box::pin($name(server, path)),
        }),*]
    };
}
use checks;
