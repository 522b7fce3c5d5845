//! Foreign pages, frames that are far too large, and a thousand connections that say nothing.

use std::{net::SocketAddr, time::Instant};

use futures_util::future::try_join_all;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::place::Place;
use crate::{
    show::Report,
    wire::{Checked, Dialled, Request, Socket, open_polling, soon},
};

pub(super) async fn show(place: &Place<'_>, report: &mut Report) -> Checked {
    foreign_origin(place, report).await?;
    huge_frames(place, report).await?;
    silent(place, report).await
}

async fn foreign_origin(place: &Place<'_>, report: &mut Report) -> Checked {
    let server = place.server.addr();
    for origin in ["https://evil.example", "null", "http://127.0.0.1.evil.example"] {
        let target = "/socket.io/?EIO=4&transport=polling";
        let polled = Request::get(target).headers(&[("Origin", origin)]).send(server).await?;
        report.equal(format!("Origin {origin}, polling"), (polled.status, polled.code()), (403, Some(4)));
        let target = "/socket.io/?EIO=4&transport=websocket";
        let dialled = match Socket::dial(server, target, &[("origin", origin)]).await? {
            Dialled::Refused(status, _) => status,
            Dialled::Open(_) => 101,
        };
        report.equal(format!("Origin {origin}, WebSocket"), dialled, 403);
    }
    Ok(())
}

async fn huge_frames(place: &Place<'_>, report: &mut Report) -> Checked {
    let server = place.server.addr();
    let token = place.token("huge").await?;
    for connect in [false, true] {
        let when = if connect { "after CONNECT" } else { "before CONNECT" };
        let (mut socket, _) = Socket::open(server, PATH).await?;
        if connect {
            socket.send(format!("40{}", json!({ "token": token }))).await?;
            socket.text().await?;
        }
        // The server closes before it has read all of it, so that the rest may not be written.
        let _ = socket.send("4".repeat(HUGE)).await;
        report.equal(format!("a frame of 5 MB {when}: close code"), socket.closed().await?, Some(1009));
    }
    let (mut socket, _) = Socket::open(server, PATH).await?;
    let _ = socket.send_binary(vec![0; HUGE]).await;
    report.equal("a binary frame of 5 MB: close code", socket.closed().await?, Some(1009));
    let (target, _) = open_polling(server, PATH).await?;
    let posted = Request::post(&target, &vec![b'4'; HUGE]).send(server).await?;
    report.equal("a body of 5 MB: status", posted.status, 413);
    report.equal("its session after it", Request::get(&target).send(server).await?.code(), Some(1));
    Ok(())
}

/// A thousand at the same time, of each kind a third; each has to be closed by the server.
async fn silent(place: &Place<'_>, report: &mut Report) -> Checked {
    let server = place.server.addr();
    let began = Instant::now();
    let dial = |count, bytes: &'static [u8]| try_join_all((0..count).map(move |_| opened(server, bytes)));
    let upgraded = try_join_all((0..UPGRADED).map(|_| Socket::open(server, PATH)));
    let (mute, half, upgraded) = tokio::try_join!(dial(MUTE, b""), dial(HALF, HALF_A_HEAD), upgraded)?;
    let peak = place.server.resident_bytes().unwrap_or_default();
    report.equal("silent connections at the same time", mute.len() + half.len() + upgraded.len(), 1_000);
    let mebibytes = peak as f64 / f64::from(1 << 20);
    report.note("resident memory of the server meanwhile, in MiB", mebibytes);

    let codes = try_join_all(upgraded.into_iter().map(async |(mut socket, _)| socket.closed().await)).await?;
    let closed = codes.iter().filter(|code| **code == Some(1008)).count();
    report.equal("upgraded, no CONNECT: closed with 1008", closed, UPGRADED);
    let closed = try_join_all(mute.into_iter().chain(half).map(until_closed)).await?.len();
    report.equal("nothing said, or half of the headers: closed", closed, MUTE + HALF);
    report.at_most("seconds until the last one was closed", began.elapsed().as_secs_f64(), CLOSED_S_MAX);
    Ok(())
}

async fn opened(server: SocketAddr, bytes: &[u8]) -> Checked<TcpStream> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(bytes).await?;
    Ok(stream)
}

/// Reads to the end of the connection, be it a farewell or a reset.
async fn until_closed(mut stream: TcpStream) -> Checked {
    let mut rest = Vec::new();
    let _ = soon("the end of a silent connection", stream.read_to_end(&mut rest)).await?;
    Ok(())
}

const PATH: &str = "/socket.io/";
const HUGE: usize = 5_000_000;

/// Connections that say nothing at all, those that stop in the middle of their headers, and WebSockets without a
/// CONNECT.
const MUTE: usize = 334;
/// See [`MUTE`].
const HALF: usize = 333;
/// See [`MUTE`].
const UPGRADED: usize = 333;

const HALF_A_HEAD: &[u8] = b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgra";

/// The server gives 5 s; the rest is for a thousand connections on a busy machine.
const CLOSED_S_MAX: f64 = 30.0;
