use std::time::Duration;

use axum::{
    body::{Body, HttpBody as _},
    http::{
        HeaderValue, Response,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
};
use http_body_util::BodyExt;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{CloseReason, polling::Command, refusal::Refusal};

/// A GET of a session: holds until there is something to send.
pub(super) async fn poll(session: mpsc::Sender<Command>) -> Result<Response<Body>, Refusal> {
    let (answer, answered) = oneshot::channel();
    command(session, Command::Poll(answer)).await?;
    let body = answered.await.map_err(|_| Refusal::BadRequest)?;
    Ok(packets(body))
}

/// A POST of a session: answered once the session has taken all of it.
pub(super) async fn push(
    session: mpsc::Sender<Command>,
    mut body: Body,
    max_payload: usize,
) -> Result<Response<Body>, Refusal> {
    let (pushed, push_body) = oneshot::channel();
    let (taken, mut was_taken) = oneshot::channel();
    // Before the body is read, so that the session knows of two at once.
    command(session, Command::Push { body: push_body, taken }).await?;
    let read = tokio::select! {
        read = read_text(&mut body, max_payload) => read,
        // The session ended or refused, and a slow body is not waited for.
        _ = &mut was_taken => return Err(Refusal::BadRequest),
    };
    let failed = read.as_ref().err().copied();
    let _ = pushed.send(read);
    if failed == Some(CloseReason::TooLarge) {
        discard(body).await;
        return Err(Refusal::TooLarge);
    }
    was_taken.await.map_err(|_| Refusal::BadRequest)?;
    Ok(answer("ok".into(), "text/html"))
}

/// Hands a command over and lets the session go. A command that is sent in the moment in which the session ends may
/// lie in the channel unseen; it is dropped, and its request answered, with the last sender, which therefore must not
/// wait for that answer.
async fn command(session: mpsc::Sender<Command>, command: Command) -> Result<(), Refusal> {
    session.send(command).await.map_err(|_| Refusal::UnknownSid)
}

/// The answer to a GET.
pub(super) fn packets(body: String) -> Response<Body> {
    answer(body, "text/plain; charset=UTF-8")
}

fn answer(body: String, content_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn read_text(body: &mut Body, max_payload: usize) -> Result<String, CloseReason> {
    if body.size_hint().lower() > max_payload as u64 {
        return Err(CloseReason::TooLarge);
    }
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| CloseReason::Lost)?;
        let Some(data) = frame.data_ref() else { continue };
        if text.len() + data.len() > max_payload {
            return Err(CloseReason::TooLarge);
        }
        text.extend_from_slice(data);
    }
    String::from_utf8(text).map_err(|_| CloseReason::Malformed)
}

/// Reads the rest of a body that is too large and throws it away: a connection that is closed with unread input is
/// reset, and the client would never see why.
async fn discard(mut body: Body) {
    let rest = async { while body.frame().await.is_some_and(|frame| frame.is_ok()) {} };
    let _ = timeout(DISCARD_TIMEOUT, rest).await;
}

/// A few megabytes over a mobile network; what is larger than that gets the reset.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_request_that_waits_holds_no_session() {
        let (session, mut commands) = mpsc::channel(1);
        let mut polled = pin!(poll(session));
        assert!(polled.as_mut().now_or_never().is_none());
        assert_eq!(commands.sender_strong_count(), 0);
        drop(commands.try_recv());
        assert!(matches!(polled.await, Err(Refusal::BadRequest)));

        let (session, mut commands) = mpsc::channel(1);
        let mut pushed = pin!(push(session, Body::from("2"), 10));
        assert!(pushed.as_mut().now_or_never().is_none());
        assert_eq!(commands.sender_strong_count(), 0);
        drop(commands.try_recv());
        assert!(matches!(pushed.await, Err(Refusal::BadRequest)));
    }
}
