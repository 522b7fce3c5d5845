//! Handshakes, wrong requests, the rules of polling, and what an echo gives back.

use std::net::SocketAddr;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{Check, MAX_PAYLOAD, PING_INTERVAL, PING_TIMEOUT, checks};
use crate::wire::{Came, Checked, Dialled, Request, Socket, hold, open_polling};

pub(super) fn checks() -> Vec<Check> {
    checks![
        polling_handshake_has_its_keys,
        websocket_handshake_has_its_keys,
        polling_refuses_another_version,
        polling_refuses_another_transport,
        polling_refuses_another_method,
        polling_refuses_an_unknown_session,
        websocket_refuses_another_version,
        websocket_refuses_another_transport,
        websocket_refuses_an_unknown_session,
        a_malformed_post_ends_the_session,
        a_malformed_websocket_packet_ends_the_session,
        a_second_poll_at_a_time_ends_the_session,
        a_poll_that_is_given_up_ends_the_session,
        a_post_beyond_the_limit_is_413,
        a_packet_beyond_the_limit_is_1009,
    ]
}

pub(super) fn echo_checks() -> Vec<Check> {
    checks![
        a_post_of_one_text_comes_back,
        a_post_of_several_texts_comes_back_in_order,
        a_post_of_text_and_binary_comes_back,
        a_websocket_text_comes_back,
        a_websocket_binary_comes_back,
        the_largest_packet_comes_back,
    ]
}

fn has_its_keys(mut handshake: Value, upgrades: &Value) -> Checked {
    let sid = handshake.as_object_mut().and_then(|keys| keys.remove("sid"));
    hold(sid.is_some_and(|sid| sid.is_string()), || "no sid".to_owned())?;
    let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let expected = json!({
        "upgrades": upgrades, "pingInterval": millis(PING_INTERVAL), "pingTimeout": millis(PING_TIMEOUT),
        "maxPayload": MAX_PAYLOAD,
    });
    hold(handshake == expected, || format!("{handshake} instead of {expected}"))
}

async fn polling_handshake_has_its_keys(server: SocketAddr, path: &'static str) -> Checked {
    has_its_keys(open_polling(server, path).await?.1, &json!(["websocket"]))
}

async fn websocket_handshake_has_its_keys(server: SocketAddr, path: &'static str) -> Checked {
    has_its_keys(Socket::open(server, path).await?.1, &json!([]))
}

/// A request that has to be refused with this code in its body.
async fn refused(server: SocketAddr, request: Request<'_>, code: u64) -> Checked {
    let answer = request.send(server).await?;
    let is_right = (answer.status, answer.code()) == (400, Some(code));
    hold(is_right, || format!("{} got {} {}", request.target, answer.status, answer.body))
}

async fn polling_refuses_another_version(server: SocketAddr, path: &'static str) -> Checked {
    for query in ["transport=polling", "EIO=abc&transport=polling", "EIO=3&transport=polling"] {
        refused(server, Request::get(&format!("{path}?{query}")), 5).await?;
    }
    Ok(())
}

async fn polling_refuses_another_transport(server: SocketAddr, path: &'static str) -> Checked {
    for query in ["EIO=4", "EIO=4&transport=abc"] {
        refused(server, Request::get(&format!("{path}?{query}")), 0).await?;
    }
    Ok(())
}

async fn polling_refuses_another_method(server: SocketAddr, path: &'static str) -> Checked {
    let target = format!("{path}?EIO=4&transport=polling");
    for method in ["POST", "PUT", "DELETE"] {
        refused(server, Request { method, ..Request::get(&target) }, 2).await?;
    }
    Ok(())
}

async fn polling_refuses_an_unknown_session(server: SocketAddr, path: &'static str) -> Checked {
    let target = format!("{path}?EIO=4&transport=polling&sid=unknown");
    refused(server, Request::get(&target), 1).await?;
    refused(server, Request::post(&target, b"4a"), 1).await
}

/// A WebSocket that must not open.
async fn does_not_open(server: SocketAddr, target: &str) -> Checked {
    match Socket::dial(server, target, &[]).await? {
        Dialled::Refused(400, _) => Ok(()),
        Dialled::Refused(status, _) => Err(format!("{target} got {status}").into()),
        Dialled::Open(_) => Err(format!("{target} opened").into()),
    }
}

async fn websocket_refuses_another_version(server: SocketAddr, path: &'static str) -> Checked {
    does_not_open(server, &format!("{path}?transport=websocket")).await?;
    does_not_open(server, &format!("{path}?EIO=abc&transport=websocket")).await
}

async fn websocket_refuses_another_transport(server: SocketAddr, path: &'static str) -> Checked {
    does_not_open(server, &format!("{path}?EIO=4")).await?;
    does_not_open(server, &format!("{path}?EIO=4&transport=abc")).await
}

async fn websocket_refuses_an_unknown_session(server: SocketAddr, path: &'static str) -> Checked {
    does_not_open(server, &format!("{path}?EIO=4&transport=websocket&sid=unknown")).await
}

/// The session of these requests has to be no more.
async fn is_gone(server: SocketAddr, target: &str) -> Checked {
    refused(server, Request::get(target), 1).await
}

async fn a_malformed_post_ends_the_session(server: SocketAddr, path: &'static str) -> Checked {
    let (target, _) = open_polling(server, path).await?;
    let answer = Request::post(&target, b"abc").send(server).await?;
    hold(answer.status == 400, || format!("got {}", answer.status))?;
    is_gone(server, &target).await
}

async fn a_malformed_websocket_packet_ends_the_session(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, _) = Socket::open(server, path).await?;
    socket.send("abc").await?;
    let code = socket.closed().await?;
    hold(code == Some(1002), || format!("close code {code:?}"))
}

async fn a_second_poll_at_a_time_ends_the_session(server: SocketAddr, path: &'static str) -> Checked {
    let (target, _) = open_polling(server, path).await?;
    let poll = || Request::get(&target).send(server);
    // Whichever comes first waits, the other is one too many.
    let (one, other) = tokio::join!(poll(), poll());
    let (one, other) = (one?, other?);
    let (waited, refused) = if one.status == 200 { (one, other) } else { (other, one) };
    hold(waited.status == 200 && waited.body == "1", || format!("{waited:?}"))?;
    hold(refused.status == 400, || format!("the second poll got {}", refused.status))?;
    is_gone(server, &target).await
}

async fn a_poll_that_is_given_up_ends_the_session(server: SocketAddr, path: &'static str) -> Checked {
    let (target, _) = open_polling(server, path).await?;
    let mut poll = TcpStream::connect(server).await?;
    poll.write_all(format!("GET {target} HTTP/1.1\r\nHost: {server}\r\n\r\n").as_bytes()).await?;
    drop(poll);
    // A poll that comes before the server has noticed is one too many at a time, which ends the session as well.
    while Request::get(&target).send(server).await?.code() != Some(1) {}
    Ok(())
}

async fn a_post_beyond_the_limit_is_413(server: SocketAddr, path: &'static str) -> Checked {
    let (target, _) = open_polling(server, path).await?;
    let body = vec![b'4'; MAX_PAYLOAD + 1];
    let answer = Request::post(&target, &body).send(server).await?;
    hold(answer.status == 413, || format!("got {}", answer.status))?;
    is_gone(server, &target).await
}

async fn a_packet_beyond_the_limit_is_1009(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, _) = Socket::open(server, path).await?;
    // The other end may have closed before all of it is written.
    let _ = socket.send("4".repeat(MAX_PAYLOAD + 1)).await;
    let code = socket.closed().await?;
    hold(code == Some(1009), || format!("close code {code:?}"))
}

/// Posts a body and polls for what comes of it.
async fn comes_back(server: SocketAddr, path: &'static str, body: &str) -> Checked {
    let (target, _) = open_polling(server, path).await?;
    let posted = Request::post(&target, body.as_bytes()).send(server).await?;
    hold((posted.status, posted.body.as_str()) == (200, "ok"), || format!("{posted:?}"))?;
    let mut came = String::new();
    // What was posted together may come in more than one poll.
    while came.len() < body.len() {
        let polled = Request::get(&target).send(server).await?;
        hold(polled.status == 200, || format!("a poll got {}", polled.status))?;
        let separator = if came.is_empty() { "" } else { "\x1e" };
        came = format!("{came}{separator}{}", polled.body);
    }
    hold(came == body, || format!("{came:?} instead of {body:?}"))
}

async fn a_post_of_one_text_comes_back(server: SocketAddr, path: &'static str) -> Checked {
    comes_back(server, path, "4hello").await
}

async fn a_post_of_several_texts_comes_back_in_order(server: SocketAddr, path: &'static str) -> Checked {
    comes_back(server, path, "4test1\x1e4test2\x1e4test3").await
}

async fn a_post_of_text_and_binary_comes_back(server: SocketAddr, path: &'static str) -> Checked {
    comes_back(server, path, "4h€llo\x1ebAQIDBA==").await
}

async fn a_websocket_text_comes_back(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, _) = Socket::open(server, path).await?;
    socket.send("4h€llo").await?;
    socket.expect("4h€llo").await
}

async fn a_websocket_binary_comes_back(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, _) = Socket::open(server, path).await?;
    socket.send_binary([1_u8, 2, 3, 4].as_slice().to_vec()).await?;
    let came = socket.next().await?;
    hold(came == Came::Binary(Bytes::from_static(&[1, 2, 3, 4])), || format!("{came:?}"))
}

async fn the_largest_packet_comes_back(server: SocketAddr, path: &'static str) -> Checked {
    let (mut socket, _) = Socket::open(server, path).await?;
    let largest = format!("4{}", "x".repeat(MAX_PAYLOAD - 1));
    socket.send(largest.clone()).await?;
    let came = loop {
        match socket.next().await? {
            Came::Text(ping) if ping == "2" => socket.send("3").await?,
            other => break other,
        }
    };
    hold(came == Came::Text(largest), || "something else came".to_owned())
}
