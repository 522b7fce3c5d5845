use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use keepline_protocol::engine_io::{self, Packet};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        handshake::client::{Request, Response},
        http::{StatusCode, header},
        protocol::WebSocketConfig,
    },
};

use super::{LinkFailure, TransportOptions, dial::BoxedIo, socket::Socket, tls::TlsClient};
use crate::{
    engine::LinkEvent,
    limits::{HEARTBEAT_MAX, READ_BUFFER_BYTES, RETRY_AFTER_MAX, TRANSMIT_BYTES_MAX, WRITE_BUFFER_BYTES},
    status::LineTrouble,
};

/// A link whose handshake is done.
pub(super) struct Opened {
    pub(super) socket: Socket,
    pub(super) event: LinkEvent,
}

/// Everything from the name to the engine's first packet. How long it may take is the engine's business.
pub(super) async fn open(options: Arc<TransportOptions>, tls: Arc<TlsClient>) -> Result<Opened, LinkFailure> {
    let endpoint = &options.endpoint;
    let io = options.dialer.dial(&endpoint.host, endpoint.port).await?;
    let io: BoxedIo = match endpoint.is_secure {
        true => Box::new(tls.connect(&endpoint.host, io).await?),
        false => io,
    };
    let config = limits(options.receive_bytes_max);
    let (mut socket, _) = client_async_with_config(request(&options)?, io, Some(config))
        .await
        .map_err(|error| refused(&error))?;
    let handshake = first_packet(&mut socket).await?;
    let event = LinkEvent::Opened {
        ping_interval: heartbeat(handshake.ping_interval),
        ping_timeout: heartbeat(handshake.ping_timeout),
        max_payload: handshake.max_payload,
    };
    Ok(Opened { socket: Socket::new(socket), event })
}

fn request(options: &TransportOptions) -> Result<Request, LinkFailure> {
    // The address was checked with the config, so this cannot fail.
    let mut request = (&options.endpoint.uri).into_client_request().map_err(|_| LineTrouble::Handshake)?;
    for (name, value) in &options.endpoint.headers {
        request.headers_mut().insert(name.clone(), value.clone());
    }
    Ok(request)
}

/// The library's own limits are 64 MiB a message and an unbounded write buffer.
fn limits(receive_bytes_max: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        // The socket takes packets while it can write; what it holds beyond its buffer is the rest of one packet
        // with its attachments, each of which is no larger than what we would read.
        .max_write_buffer_size(WRITE_BUFFER_BYTES + TRANSMIT_BYTES_MAX + receive_bytes_max)
        .max_message_size(Some(receive_bytes_max))
        .max_frame_size(Some(receive_bytes_max))
}

async fn first_packet(socket: &mut WebSocketStream<BoxedIo>) -> Result<engine_io::Handshake, LinkFailure> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let Ok(Packet::Open(json)) = Packet::decode_text(&text) else {
                    return Err(LineTrouble::Handshake.into());
                };
                return serde_json::from_str(&json).map_err(|_| LineTrouble::Handshake.into());
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(_)) => return Err(LineTrouble::Handshake.into()),
            Some(Err(error)) => return Err(lost(&error).into()),
            None => return Err(LineTrouble::Lost.into()),
        }
    }
}

/// What the server wishes is believed within reason: added to a clock, a huge number would overflow.
pub(super) fn heartbeat(millis: u64) -> Duration {
    Duration::from_millis(millis).min(HEARTBEAT_MAX)
}

/// Why the WebSocket handshake failed.
fn refused(error: &Error) -> LinkFailure {
    match error {
        Error::Http(response) => http_refused(response),
        Error::Io(_) => LineTrouble::Lost.into(),
        _ => LineTrouble::Handshake.into(),
    }
}

fn http_refused(response: &Response) -> LinkFailure {
    tracing::warn!(status = response.status().as_u16(), "the server refused the WebSocket");
    if !matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return LineTrouble::Handshake.into();
    }
    let wait = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    // The other form, a date, would need the server's clock to agree with ours.
    let seconds = wait.and_then(|text| text.trim().parse().ok());
    let retry_after = seconds.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    LinkFailure { trouble: LineTrouble::Busy, retry_after }
}

/// Why a WebSocket that was open is no more.
pub(super) fn lost(error: &Error) -> LineTrouble {
    match error {
        Error::Capacity(_) | Error::Protocol(_) | Error::Utf8(_) | Error::WriteBufferFull(_) => {
            // A connection that was cut is a protocol error to the library; to us the network did it.
            use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
            match error {
                Error::Protocol(ResetWithoutClosingHandshake) => LineTrouble::Lost,
                _ => LineTrouble::Protocol,
            }
        }
        _ => LineTrouble::Lost,
    }
}
