//! Heartbeats, the end of a session, and the move from polling to a WebSocket.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{Check, PING_INTERVAL, PING_TIMEOUT, checks};
use crate::wire::{Came, Checked, Dialled, PATIENCE, Request, Socket, hold, open_polling};

pub(super) fn checks() -> Vec<Check> {
    checks![
        polling_pings_each_interval,
        websocket_pings_each_interval,
        a_silent_polling_session_is_ended,
        a_silent_websocket_session_is_ended,
        polling_can_be_ended,
        a_websocket_can_be_ended,
        polling_becomes_a_websocket,
        a_poll_after_the_upgrade_is_refused,
        a_second_websocket_after_the_upgrade_is_refused,
        a_second_websocket_while_probing_is_refused,
    ]
}

/// The first ping comes after an interval and not at once, and so does each that follows. How late is the machine's
/// affair.
fn is_an_interval(passed: Duration) -> Checked {
    let earliest = PING_INTERVAL - EARLY_MAX;
    hold((earliest..PATIENCE).contains(&passed), || format!("a ping came after {passed:?}"))
}

async fn polling_pings_each_interval(server: SocketAddr, path: &'static str) -> Checked {
    let mut since = Instant::now();
    let (target, _) = open_polling(server, path).await?;
    for _ in 0..3 {
        let polled = Request::get(&target).send(server).await?;
        hold((polled.status, polled.body.as_str()) == (200, "2"), || format!("{polled:?}"))?;
        is_an_interval(since.elapsed())?;
        since = Instant::now();
        let pong = Request::post(&target, b"3").send(server).await?;
        hold(pong.status == 200, || format!("a pong got {}", pong.status))?;
    }
    Ok(())
}

async fn websocket_pings_each_interval(server: SocketAddr, path: &'static str) -> Checked {
    let mut since = Instant::now();
    let (mut socket, _) = Socket::open(server, path).await?;
    connect(&mut socket, path).await?;
    for _ in 0..3 {
        socket.expect("2").await?;
        is_an_interval(since.elapsed())?;
        since = Instant::now();
        socket.send("3").await?;
    }
    Ok(())
}

/// A Socket.IO server closes who does not CONNECT, which must not be taken for the heartbeat's doing.
async fn connect(socket: &mut Socket, path: &str) -> Checked {
    if path == super::SOCKET {
        socket.send("40").await?;
        socket.text().await?;
        socket.expect(r#"42["auth",{}]"#).await?;
    }
    Ok(())
}

async fn a_silent_polling_session_is_ended(server: SocketAddr, path: &'static str) -> Checked {
    let since = Instant::now();
    let (target, _) = open_polling(server, path).await?;
    // The poll takes the ping along, which nobody answers.
    Request::get(&target).send(server).await?;
    let last = Request::get(&target).send(server).await?;
    hold(last.status == 400 || last.body == "1", || format!("{last:?}"))?;
    is_a_timeout(since.elapsed())?;
    let after = Request::get(&target).send(server).await?;
    hold((after.status, after.code()) == (400, Some(1)), || format!("{after:?}"))
}

async fn a_silent_websocket_session_is_ended(server: SocketAddr, path: &'static str) -> Checked {
    let since = Instant::now();
    let (mut socket, _) = Socket::open(server, path).await?;
    connect(&mut socket, path).await?;
    socket.closed().await?;
    is_a_timeout(since.elapsed())
}

fn is_a_timeout(passed: Duration) -> Checked {
    let earliest = PING_INTERVAL + PING_TIMEOUT - EARLY_MAX;
    hold((earliest..PATIENCE).contains(&passed), || format!("ended after {passed:?}"))
}

async fn polling_can_be_ended(server: SocketAddr, path: &'static str) -> Checked {
    let (target, _) = open_polling(server, path).await?;
    let (polled, posted) =
        tokio::join!(Request::get(&target).send(server), Request::post(&target, b"1").send(server));
    let (polled, posted) = (polled?, posted?);
    hold(posted.status == 200, || format!("{posted:?}"))?;
    // The poll that waits is let go; one that comes after the close finds no session.
    let is_let_go = (polled.status, polled.body.as_str()) == (200, "6") || polled.code() == Some(1);
    hold(is_let_go, || format!("{polled:?}"))?;
    let after = Request::get(&target).send(server).await?;
    hold(after.code() == Some(1), || format!("{after:?}"))
}

async fn a_websocket_can_be_ended(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, _) = Socket::open(server, path).await?;
    socket.send("1").await?;
    let code = socket.closed().await?;
    hold(code == Some(1000), || format!("close code {code:?}"))
}

/// Opens over polling and probes a WebSocket for the same session.
async fn probed(server: SocketAddr, path: &'static str) -> Checked<(Socket, String, String)> {
    let (polling, _) = open_polling(server, path).await?;
    let websocket = polling.replace("transport=polling", "transport=websocket");
    let Dialled::Open(mut socket) = Socket::dial(server, &websocket, &[]).await? else {
        return Err("the WebSocket of the session was refused".into());
    };
    socket.send("2probe").await?;
    socket.expect("3probe").await?;
    Ok((*socket, polling, websocket))
}

async fn polling_becomes_a_websocket(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, polling, _) = probed(server, path).await?;
    // A poll that waits is ended by a noop, so that nothing is on its way over polling.
    let polled = Request::get(&polling).send(server).await?;
    hold((polled.status, polled.body.as_str()) == (200, "6"), || format!("{polled:?}"))?;
    socket.send("5").await?;
    if path == super::SOCKET {
        connect(&mut socket, path).await
    } else {
        socket.send("4hello").await?;
        socket.expect("4hello").await
    }
}

async fn a_poll_after_the_upgrade_is_refused(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, polling, _) = probed(server, path).await?;
    socket.send("5").await?;
    // Until the server has read the upgrade, a poll is let go with a noop.
    loop {
        let polled = Request::get(&polling).send(server).await?;
        match (polled.status, polled.body.as_str()) {
            (200, "6") => {}
            (400, _) => break,
            _ => return Err(format!("{polled:?}").into()),
        }
    }
    // And harms nobody: the session goes on over its WebSocket.
    goes_on(&mut socket).await
}

async fn a_second_websocket_after_the_upgrade_is_refused(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, _, websocket) = probed(server, path).await?;
    socket.send("5").await?;
    is_refused(server, &websocket).await?;
    goes_on(&mut socket).await
}

async fn a_second_websocket_while_probing_is_refused(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, _, websocket) = probed(server, path).await?;
    is_refused(server, &websocket).await?;
    socket.send("5").await?;
    goes_on(&mut socket).await
}

/// Refused at once, or closed without a word.
async fn is_refused(server: SocketAddr, target: &str) -> Checked {
    match Socket::dial(server, target, &[]).await? {
        Dialled::Refused(..) => Ok(()),
        Dialled::Open(mut second) => match second.next().await? {
            Came::Closed(_) => Ok(()),
            other => Err(format!("{other:?} on a second WebSocket").into()),
        },
    }
}

async fn goes_on(socket: &mut Socket) -> Checked {
    // Its heartbeat is answered, and another one comes.
    for _ in 0..2 {
        socket.expect("2").await?;
        socket.send("3").await?;
    }
    Ok(())
}

/// A timer of one process and the clock of another may differ by a tick or two.
const EARLY_MAX: Duration = Duration::from_millis(5);
