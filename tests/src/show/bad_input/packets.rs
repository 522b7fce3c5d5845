//! Packets that are malformed in every way a generator thinks of.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::json;

use super::place::Place;
use crate::{
    show::Report,
    wire::{Came, Checked, Request, Socket, open_polling},
};

pub(super) async fn show(place: &Place<'_>, report: &mut Report) -> Checked {
    let mut rng = place.env.rng(PURPOSE);
    let token = place.token("fuzzer").await?;
    let mut ends = BTreeMap::<String, u64>::new();
    let mut sent = 0;
    while sent < FRAMES {
        let (frames, end) = websocket(place, &mut rng, &token).await?;
        sent += frames;
        *ends.entry(end).or_default() += 1;
    }
    report.note("seed", place.env.seed());
    report.note("frames over WebSockets", sent);
    report.note("how their connections ended", &ends);
    let known = |end: &String| KNOWN_ENDS.contains(&end.as_str());
    report.equal("ends that no rule gives", ends.keys().filter(|end| !known(end)).count(), 0);
    let malformed = ends.get("1002").copied().unwrap_or_default();
    report.at_least("connections closed as malformed", malformed, 100);

    let mut statuses = BTreeMap::<String, u64>::new();
    for _ in 0..BODIES {
        *statuses.entry(polling(place, &mut rng, &token).await?.to_string()).or_default() += 1;
    }
    report.note("statuses of polling bodies", &statuses);
    let strange = statuses.keys().filter(|status| !["200", "400", "413"].contains(&status.as_str())).count();
    report.equal("statuses that no rule gives", strange, 0);

    let health = Request::get("/healthz").send(place.server.addr()).await?;
    report.equal("health of the server after it", health.status, 200);
    Ok(())
}

/// One connection with some bad frames: how many went out, and how it ended.
async fn websocket(place: &Place<'_>, rng: &mut Rng, token: &str) -> Checked<(u64, String)> {
    let (mut socket, _) = Socket::open(place.server.addr(), "/socket.io/").await?;
    if rng.bool() {
        let auth = if rng.bool() { json!({ "token": token, "proto": 1 }) } else { json!({ "token": token }) };
        socket.send(format!("40{auth}")).await?;
    }
    let wanted = rng.u64(1..=FRAMES_PER_CONNECTION);
    for sent in 0..wanted {
        let frame = mutated(rng);
        let written = match String::from_utf8(frame) {
            Ok(text) => socket.send(text).await,
            Err(bytes) => socket.send_binary(bytes.into_bytes()).await,
        };
        if written.is_err() {
            return Ok((sent, ended(&mut socket).await?));
        }
    }
    // A farewell that ends what is still open.
    let _ = socket.send("1").await;
    Ok((wanted, ended(&mut socket).await?))
}

async fn ended(socket: &mut Socket) -> Checked<String> {
    loop {
        if let Came::Closed(code) = socket.next().await? {
            return Ok(code.map_or_else(|| "cut".to_owned(), |code| code.to_string()));
        }
    }
}

/// One bad body over polling: the status of the answer.
async fn polling(place: &Place<'_>, rng: &mut Rng, token: &str) -> Checked<u16> {
    let (target, _) = open_polling(place.server.addr(), "/socket.io/").await?;
    let connect = format!("40{}\x1e", json!({ "token": token }));
    let mut body = if rng.bool() { connect.into_bytes() } else { Vec::new() };
    for _ in 0..rng.usize(1..=4) {
        body.extend(mutated(rng));
        body.push(if rng.bool() { 0x1e } else { rng.u8(..) });
    }
    let answer = Request::post(&target, &body).send(place.server.addr()).await?;
    // A session that is still there is ended, so that none is left behind.
    Request::post(&target, b"1").send(place.server.addr()).await?;
    Ok(answer.status)
}

/// A packet that was good once, or bytes that never were a packet.
fn mutated(rng: &mut Rng) -> Vec<u8> {
    if rng.u8(..8) == 0 {
        let length = rng.usize(..200);
        return (0..length).map(|_| rng.u8(..)).collect();
    }
    let mut frame = GOOD[rng.usize(..GOOD.len())].as_bytes().to_vec();
    for _ in 0..rng.usize(..4) {
        mutate(rng, &mut frame);
    }
    frame
}

fn mutate(rng: &mut Rng, frame: &mut Vec<u8>) {
    if frame.is_empty() {
        return frame.push(rng.u8(..));
    }
    let at = rng.usize(..frame.len());
    match rng.u8(..7) {
        0 => frame[at] ^= 1 << rng.u8(..8),
        1 => frame.truncate(at),
        2 => frame.insert(at, b"0123456789-,[]{}\"\\/ \x00\x1e\xff"[rng.usize(..23)]),
        3 => drop(frame.remove(at)),
        4 => {
            let copied = frame[at..].to_vec();
            frame.extend(copied);
        }
        5 => {
            let other = GOOD[rng.usize(..GOOD.len())].as_bytes();
            frame.truncate(at);
            frame.extend(&other[rng.usize(..other.len())..]);
        }
        // Nesting beyond any depth that a parser takes.
        _ => {
            let nested = "[".repeat(rng.usize(1..2_000));
            frame.splice(at..at, nested.bytes());
        }
    }
}

/// Packets of every type, those that only a server sends among them.
const GOOD: [&str; 24] = [
    "2",
    "3",
    "5",
    "6",
    "2probe",
    "4",
    "40",
    r#"40{"token":"x","proto":1,"resume":{"user":{"epoch":"e","offset":1}}}"#,
    "40/custom,{}",
    "41",
    r#"42["test:echo:v1",{"a":[1,2,{"b":null}]},{"id":"0192b6d0-7a3c-7d1e-8000-000000000001"}]"#,
    r#"421["test:record:v1",{"n":1},{"id":"0192b6d0-7a3c-7d1e-8000-000000000002","mark":{"position":0}}]"#,
    r#"422["test:job:v1",{"events":3,"interval_ms":0},{"id":"0192b6d0-7a3c-7d1e-8000-000000000003"}]"#,
    r#"423["stream:subscribe:v1",{"stream":"user","after":0,"limit":10}]"#,
    r#"424["stream:unsubscribe:v1",{"stream":"job:7"}]"#,
    r#"425["ledger:check:v1",{"cursors":[{"epoch":"e","position":1,"tag":"0000000000000000"}]}]"#,
    r#"426["action:void:v1",{"id":"0192b6d0-7a3c-7d1e-8000-000000000004","mark":{"position":0}}]"#,
    r#"427["auth:refresh:v1",{"token":"x"}]"#,
    r#"428["search:start:v1",{"query":"a OR \"b\" NEAR( *"},{"id":"0192b6d0-7a3c-7d1e-8000-000000000005"}]"#,
    r#"43999[{"ok":true}]"#,
    r#"44{"message":"x"}"#,
    r#"451-["x",{"_placeholder":true,"num":0}]"#,
    r#"462-1[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
    "bAQIDBA==",
];

/// The close codes of `docs/errors.md` that bad packets may bring, and the end of a connection that the test has left.
const KNOWN_ENDS: [&str; 5] = ["1000", "1002", "1008", "1009", "cut"];

const FRAMES: u64 = 4_000;
const FRAMES_PER_CONNECTION: u64 = 12;
const BODIES: u64 = 400;
const PURPOSE: u64 = 20;
