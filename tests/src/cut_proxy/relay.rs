use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    time::{Instant, sleep_until, timeout},
};

use super::{
    Board, CutMade, Plan,
    meter::{Meter, Verdict},
    plan::{Ending, Side},
};

/// One connection through the proxy: two pumps that share a meter.
pub(super) struct Relay<'a> {
    board: &'a Board,
    plan: &'a Plan,
    meter: Mutex<Meter>,
}

/// Why a pump ended the connection.
enum Stop {
    Cut(Ending),
    /// One end is gone without a word.
    Broken,
}

impl<'a> Relay<'a> {
    pub(super) fn new(board: &'a Board, plan: &'a Plan) -> Self {
        let meter = Meter::new(board.take(), plan.spare_head);
        Self { board, plan, meter: Mutex::new(meter) }
    }

    /// Carries bytes until both ends are through, one is gone, or the connection is cut.
    pub(super) async fn run(&self, mut client: TcpStream, mut server: TcpStream) {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let pumps = tokio::try_join!(
            self.pump(Side::Server, from_client, to_server),
            self.pump(Side::Client, from_server, to_client),
        );
        if let Some(cut) = self.meter().pending() {
            self.board.give_back(cut);
        }
        match pumps {
            Ok(_) => {}
            Err(Stop::Cut(Ending::Fin)) => finish(client, server).await,
            Err(_) => reset(&client, &server),
        }
    }

    async fn pump(&self, toward: Side, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Result<(), Stop> {
        let mut chunk = vec![0; CHUNK_BYTES_MAX];
        loop {
            let read = from.read(&mut chunk).await.map_err(broken)?;
            if !self.plan.delay.is_zero() {
                sleep_until(Instant::now() + self.plan.delay).await;
            }
            self.wait_out_stall().await;
            if read == 0 {
                // The other direction may still have something to say.
                return to.shutdown().await.map_err(broken);
            }
            self.forward(toward, &chunk[..read], &mut to).await?;
        }
    }

    async fn forward(&self, toward: Side, chunk: &[u8], to: &mut WriteHalf<'_>) -> Result<(), Stop> {
        let verdict = self.meter().judge(toward, chunk);
        let Verdict::Torn { prefix, ending } = verdict else {
            return to.write_all(chunk).await.map_err(broken);
        };
        let carried = self.meter().carried();
        let written = to.write_all(&chunk[..prefix]).await;
        self.board.made(CutMade { toward, ending, carried });
        written.map_err(broken)?;
        let Ending::Stall(length) = ending else { return Err(Stop::Cut(ending)) };
        self.meter().stall(Instant::now() + length);
        self.wait_out_stall().await;
        self.meter().resume(chunk.len() - prefix, self.board.take());
        to.write_all(&chunk[prefix..]).await.map_err(broken)
    }

    async fn wait_out_stall(&self) {
        let until = self.meter().stalled_until();
        if let Some(until) = until {
            sleep_until(until).await;
        }
    }

    fn meter(&self) -> MutexGuard<'_, Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A FIN and no RST: the kernel resets a connection that is closed with bytes unread, so they are read first.
async fn finish(mut client: TcpStream, mut server: TcpStream) {
    let _ = tokio::join!(client.shutdown(), server.shutdown());
    let _ = timeout(GOODBYE_MAX, async { tokio::join!(drain(&mut client), drain(&mut server)) }).await;
}

async fn drain(stream: &mut TcpStream) {
    let mut ignored = [0; 4096];
    while stream.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
}

/// With a linger time of zero a closed socket sends RST; the caller's drop closes it.
fn reset(client: &TcpStream, server: &TcpStream) {
    // A socket that is gone already cannot be reset, and need not be.
    let _ = client.set_zero_linger();
    let _ = server.set_zero_linger();
}

fn broken(_: io::Error) -> Stop {
    Stop::Broken
}

/// Small against the bytes between two cuts, so that few frames share a chunk.
const CHUNK_BYTES_MAX: usize = 4 * 1024;

/// How long an end may take to answer a FIN.
const GOODBYE_MAX: Duration = Duration::from_secs(1);
