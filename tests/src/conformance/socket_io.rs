//! Namespaces, events with any arguments, acknowledgements.

use std::net::SocketAddr;

use bytes::Bytes;
use serde_json::Value;

use super::{Check, checks};
use crate::wire::{Came, Checked, Request, Socket, hold, open_polling};

pub(super) fn checks() -> Vec<Check> {
    checks![
        the_root_lets_in,
        the_root_says_what_connect_brought,
        a_namespace_lets_in,
        a_namespace_says_what_connect_brought,
        an_unknown_namespace_is_refused,
        two_namespaces_share_a_connection,
        leaving_a_namespace_leaves_the_connection,
        who_does_not_connect_is_closed,
        an_event_before_connect_closes,
        texts_come_back,
        attachments_come_back,
        no_argument_comes_back,
        texts_are_acknowledged,
        attachments_are_acknowledged,
        ten_attachments_come_back,
        eleven_attachments_close,
        an_unknown_packet_type_closes,
        a_payload_of_another_form_closes,
        a_malformed_ack_id_closes,
        everything_works_over_polling,
    ]
}

/// A connection with the root namespace.
async fn connected(server: SocketAddr, path: &'static str) -> Checked<Socket> {
    let (mut socket, _) = Socket::open(server, path).await?;
    lets_in(&mut socket, "", "", "{}").await?;
    Ok(socket)
}

/// Connects a namespace (`/custom,`, or nothing) and checks both answers.
async fn lets_in(socket: &mut Socket, namespace: &str, payload: &str, auth: &str) -> Checked {
    socket.send(format!("40{namespace}{payload}")).await?;
    let granted = socket.text().await?;
    let Some(granted) = granted.strip_prefix(&format!("40{namespace}")) else {
        return Err(format!("{granted} instead of a CONNECT").into());
    };
    let granted: Value = serde_json::from_str(granted)?;
    let keys: Vec<_> = granted.as_object().into_iter().flat_map(|keys| keys.keys()).collect();
    hold(keys == ["sid"] && granted["sid"].is_string(), || format!("{granted}"))?;
    socket.expect(&format!("42{namespace}[\"auth\",{auth}]")).await
}

async fn the_root_lets_in(server: SocketAddr, path: &'static str) -> Checked {
    connected(server, path).await.map(drop)
}

async fn the_root_says_what_connect_brought(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, _) = Socket::open(server, path).await?;
    lets_in(&mut socket, "", r#"{"token":"123"}"#, r#"{"token":"123"}"#).await
}

async fn a_namespace_lets_in(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, _) = Socket::open(server, path).await?;
    lets_in(&mut socket, "/custom,", "", "{}").await
}

async fn a_namespace_says_what_connect_brought(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, _) = Socket::open(server, path).await?;
    lets_in(&mut socket, "/custom,", r#"{"token":"abc"}"#, r#"{"token":"abc"}"#).await
}

async fn an_unknown_namespace_is_refused(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, _) = Socket::open(server, path).await?;
    socket.send("40/random").await?;
    socket.expect(r#"44/random,{"message":"Invalid namespace"}"#).await
}

async fn two_namespaces_share_a_connection(server: SocketAddr, path: &'static str) -> Checked {
    let mut socket = connected(server, path).await?;
    lets_in(&mut socket, "/custom,", "", "{}").await?;
    socket.send(r#"42/custom,["message",1]"#).await?;
    socket.expect(r#"42/custom,["message-back",1]"#).await?;
    socket.send(r#"42["message",2]"#).await?;
    socket.expect(r#"42["message-back",2]"#).await
}

async fn leaving_a_namespace_leaves_the_connection(server: SocketAddr, path: &'static str) -> Checked {
    let mut socket = connected(server, path).await?;
    lets_in(&mut socket, "/custom,", "", "{}").await?;
    socket.send("41/custom,").await?;
    socket.send(r#"42["message","still here"]"#).await?;
    socket.expect(r#"42["message-back","still here"]"#).await
}

async fn who_does_not_connect_is_closed(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, _) = Socket::open(server, path).await?;
    socket.closed().await.map(drop)
}

/// A packet after which the connection is no more.
async fn closes(mut socket: Socket, packet: &str) -> Checked {
    socket.send(packet).await?;
    match socket.next().await? {
        Came::Closed(Some(1002)) => Ok(()),
        other => Err(format!("{packet} got {other:?}").into()),
    }
}

async fn an_event_before_connect_closes(server: SocketAddr, path: &'static str) -> Checked {
    closes(Socket::open(server, path).await?.0, r#"42["message",1]"#).await
}

async fn an_unknown_packet_type_closes(server: SocketAddr, path: &'static str) -> Checked {
    closes(connected(server, path).await?, "4abc").await
}

async fn a_payload_of_another_form_closes(server: SocketAddr, path: &'static str) -> Checked {
    closes(connected(server, path).await?, "42{}").await
}

async fn a_malformed_ack_id_closes(server: SocketAddr, path: &'static str) -> Checked {
    closes(connected(server, path).await?, r#"42abc["message-with-ack",1]"#).await
}

async fn texts_come_back(server: SocketAddr, path: &'static str) -> Checked {
    let mut socket = connected(server, path).await?;
    socket.send(r#"42["message",1,"2",{"3":[true]},null,"€"]"#).await?;
    socket.expect(r#"42["message-back",1,"2",{"3":[true]},null,"€"]"#).await
}

async fn no_argument_comes_back(server: SocketAddr, path: &'static str) -> Checked {
    let mut socket = connected(server, path).await?;
    socket.send(r#"42["message"]"#).await?;
    socket.expect(r#"42["message-back"]"#).await?;
    socket.send(r#"427["message-with-ack"]"#).await?;
    socket.expect("437[]").await
}

async fn texts_are_acknowledged(server: SocketAddr, path: &'static str) -> Checked {
    let mut socket = connected(server, path).await?;
    socket.send(r#"42456["message-with-ack",1,"2",{"3":[false]}]"#).await?;
    socket.expect(r#"43456[1,"2",{"3":[false]}]"#).await
}

/// Placeholders for so many attachments.
fn placeholders(count: usize) -> String {
    (0..count).map(|num| format!(r#"{{"_placeholder":true,"num":{num}}}"#)).collect::<Vec<_>>().join(",")
}

/// Sends a header with attachments and checks what comes back for it.
async fn come_back(socket: &mut Socket, count: usize, sent: &str, back: &str) -> Checked {
    socket.send(sent).await?;
    for n in 0..count {
        socket.send_binary(vec![u8::try_from(n).unwrap_or(u8::MAX); n + 1]).await?;
    }
    socket.expect(back).await?;
    for n in 0..count {
        let expected = Bytes::from(vec![u8::try_from(n).unwrap_or(u8::MAX); n + 1]);
        let came = socket.next().await?;
        hold(came == Came::Binary(expected), || format!("attachment {n} is {came:?}"))?;
    }
    Ok(())
}

async fn attachments_come_back(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, two) = (connected(server, path).await?, placeholders(2));
    let (sent, back) = (format!(r#"452-["message",{two}]"#), format!(r#"452-["message-back",{two}]"#));
    come_back(&mut socket, 2, &sent, &back).await
}

async fn ten_attachments_come_back(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, ten) = (connected(server, path).await?, placeholders(10));
    let (sent, back) = (format!(r#"4510-["message",{ten}]"#), format!(r#"4510-["message-back",{ten}]"#));
    come_back(&mut socket, 10, &sent, &back).await
}

async fn eleven_attachments_close(server: SocketAddr, path: &'static str) -> Checked {
    let sent = format!(r#"4511-["message",{}]"#, placeholders(11));
    closes(connected(server, path).await?, &sent).await
}

async fn attachments_are_acknowledged(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, two) = (connected(server, path).await?, placeholders(2));
    let (sent, back) = (format!(r#"452-789["message-with-ack",{two}]"#), format!("462-789[{two}]"));
    come_back(&mut socket, 2, &sent, &back).await
}

async fn everything_works_over_polling(server: SocketAddr, path: &'static str) -> Checked {
    let (target, _) = open_polling(server, path).await?;
    let two = placeholders(2);
    let body =
        format!("40\x1e421[\"message-with-ack\",1,\"2\"]\x1e452-[\"message\",{two}]\x1ebAQID\x1ebBAUG");
    let posted = Request::post(&target, body.as_bytes()).send(server).await?;
    hold(posted.status == 200, || format!("{posted:?}"))?;
    let mut came = Vec::new();
    while came.len() < 6 {
        let polled = Request::get(&target).send(server).await?;
        hold(polled.status == 200, || format!("{polled:?}"))?;
        came.extend(polled.body.split('\x1e').filter(|packet| *packet != "2").map(str::to_owned));
    }
    let expected = [
        r#"42["auth",{}]"#.to_owned(),
        r#"431[1,"2"]"#.to_owned(),
        format!(r#"452-["message-back",{two}]"#),
        "bAQID".to_owned(),
        "bBAUG".to_owned(),
    ];
    hold(came[0].starts_with("40{") && came[1..] == expected, || format!("{came:?}"))
}
