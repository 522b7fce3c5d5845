//! A TCP proxy on loopback that tears connections apart in the middle of a frame.
//!
//! It parses nothing but the end of the first HTTP head. A cut falls at a random byte: of the chunk in which it lies
//! a prefix is forwarded, and then both ends see a FIN or a RST (or, where asked for, a stall). What an end has read
//! at the cut is thus always a prefix of what the other sent, and practically never ends with a frame. After the
//! planned number of cuts everything is forwarded untouched.
//!
//! Each connection takes the next cut of the plan when it is dialled; one that ends by itself gives its cut back.

mod meter;
mod plan;
mod relay;

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

pub use plan::{Cut, Ending, Plan, Side};
use relay::Relay;

/// A running proxy. Dropping it ends every connection that runs through it.
#[derive(Debug)]
pub struct CutProxy {
    addr: SocketAddr,
    made: watch::Receiver<Vec<CutMade>>,
    _tasks: JoinSet<()>,
}

/// A cut that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutMade {
    /// Who got the torn chunk.
    pub toward: Side,
    /// How the connection ended.
    pub ending: Ending,
    /// What it had carried, both directions together.
    pub carried: u64,
}

impl CutProxy {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start(to: SocketAddr, plan: Plan) -> io::Result<Self> {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), to, plan).await
    }

    /// Listens on a given address.
    ///
    /// # Errors
    /// Where the address cannot be had.
    pub async fn listen(on: SocketAddr, to: SocketAddr, plan: Plan) -> io::Result<Self> {
        let listener = TcpListener::bind(on).await?;
        let addr = listener.local_addr()?;
        let (board, made) = Board::new(&plan);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, to, Arc::new(plan), Arc::new(board)));
        Ok(Self { addr, made, _tasks: tasks })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many cuts it has made.
    pub fn cuts(&self) -> usize {
        self.made.borrow().len()
    }

    /// The cuts it has made, in order.
    pub fn made(&self) -> Vec<CutMade> {
        self.made.borrow().clone()
    }

    /// Each next cut, as it is made. Returns once there are `count` of them.
    pub async fn until(&self, count: usize) -> Vec<CutMade> {
        let mut made = self.made.clone();
        // The sender lives in the accepting task, which ends with `self` and not before.
        match made.wait_for(|made| made.len() >= count).await {
            Ok(made) => made.clone(),
            Err(_) => self.made(),
        }
    }
}

async fn accept(listener: TcpListener, to: SocketAddr, plan: Arc<Plan>, board: Arc<Board>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        // An accept fails for one connection (it is gone already); the next one may do.
        let Ok((client, _)) = listener.accept().await else { continue };
        let (plan, board) = (Arc::clone(&plan), Arc::clone(&board));
        connections.spawn(async move {
            let _place = place;
            // Where the target is down the client's connection just ends, as it would without a proxy.
            let Ok(server) = TcpStream::connect(to).await else { return };
            if client.set_nodelay(true).and(server.set_nodelay(true)).is_ok() {
                Relay::new(&board, &plan).run(client, server).await;
            }
        });
    }
}

/// The cuts to come and those made, shared by the connections.
#[derive(Debug)]
struct Board {
    to_come: Mutex<VecDeque<Cut>>,
    made: watch::Sender<Vec<CutMade>>,
}

impl Board {
    fn new(plan: &Plan) -> (Self, watch::Receiver<Vec<CutMade>>) {
        let (made, receiver) = watch::channel(Vec::new());
        (Self { to_come: Mutex::new(plan.schedule().into()), made }, receiver)
    }

    fn take(&self) -> Option<Cut> {
        self.to_come().pop_front()
    }

    fn give_back(&self, cut: Cut) {
        self.to_come().push_front(cut);
    }

    fn made(&self, cut: CutMade) {
        self.made.send_modify(|made| made.push(cut));
    }

    fn to_come(&self) -> MutexGuard<'_, VecDeque<Cut>> {
        self.to_come.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// More than any herd that is tested through the proxy, and two descriptors each still fit a usual limit.
const CONNECTIONS_MAX: usize = 2_000;

#[cfg(test)]
mod tests;
