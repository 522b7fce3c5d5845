use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http},
};

use super::{Checked, hold, soon};

/// A WebSocket without a client library's manners: it answers no ping and checks nothing.
#[derive(Debug)]
pub struct Socket {
    inner: WebSocketStream<TcpStream>,
}

/// What came over a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
    /// The end, with the code of the close frame where there was one.
    Closed(Option<u16>),
}

/// How dialling went.
#[derive(Debug)]
pub enum Dialled {
    /// It is a WebSocket now.
    Open(Box<Socket>),
    /// The server answered with this HTTP status and body.
    Refused(u16, String),
}

impl Socket {
    /// Dials, with further headers.
    ///
    /// # Errors
    /// Where the connection fails. A refusal is none.
    pub async fn dial(to: SocketAddr, target: &str, headers: &[(&'static str, &str)]) -> Checked<Dialled> {
        let mut request = format!("ws://{to}{target}").into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, http::HeaderValue::from_str(value)?);
        }
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        match soon("a WebSocket", client_async(request, stream)).await? {
            Ok((inner, _)) => Ok(Dialled::Open(Box::new(Self { inner }))),
            Err(Error::Http(answer)) => {
                let body = answer.body().as_deref().map(|body| String::from_utf8_lossy(body).into_owned());
                Ok(Dialled::Refused(answer.status().as_u16(), body.unwrap_or_default()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Opens an engine session at this path and gives its handshake.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn open(to: SocketAddr, path: &str) -> Checked<(Self, Value)> {
        let target = format!("{path}?EIO=4&transport=websocket");
        let Dialled::Open(mut socket) = Self::dial(to, &target, &[]).await? else {
            return Err("a WebSocket was refused".into());
        };
        let first = socket.text().await?;
        let handshake = serde_json::from_str(first.strip_prefix('0').ok_or("no handshake came first")?)?;
        Ok((*socket, handshake))
    }

    /// Sends a text message.
    ///
    /// # Errors
    /// Where the connection is gone.
    pub async fn send(&mut self, text: impl Into<String>) -> Checked {
        Ok(self.inner.send(Message::text(text.into())).await?)
    }

    /// Sends a binary message.
    ///
    /// # Errors
    /// Where the connection is gone.
    pub async fn send_binary(&mut self, bytes: impl Into<Bytes>) -> Checked {
        Ok(self.inner.send(Message::binary(bytes.into())).await?)
    }

    /// What comes next.
    ///
    /// # Errors
    /// Where nothing comes in time.
    pub async fn next(&mut self) -> Checked<Came> {
        loop {
            return Ok(match soon("a message", self.inner.next()).await? {
                Some(Ok(Message::Text(text))) => Came::Text(text.as_str().to_owned()),
                Some(Ok(Message::Binary(bytes))) => Came::Binary(bytes),
                Some(Ok(Message::Close(frame))) => Came::Closed(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => Came::Closed(None),
            });
        }
    }

    /// The next message, which has to be a text.
    ///
    /// # Errors
    /// Where it is something else.
    pub async fn text(&mut self) -> Checked<String> {
        match self.next().await? {
            Came::Text(text) => Ok(text),
            other => Err(format!("{other:?} instead of a text").into()),
        }
    }

    /// The next message has to be this text.
    ///
    /// # Errors
    /// Where it is something else.
    pub async fn expect(&mut self, expected: &str) -> Checked {
        let came = self.next().await?;
        hold(came == Came::Text(expected.to_owned()), || format!("{came:?} instead of {expected}"))
    }

    /// Reads to the end: the code of the close frame where there was one.
    ///
    /// # Errors
    /// Where it does not end in time.
    pub async fn closed(&mut self) -> Checked<Option<u16>> {
        loop {
            if let Came::Closed(code) = self.next().await? {
                // Answers the other end's close, or says goodbye to nobody.
                let _ = self.inner.close(None).await;
                return Ok(code);
            }
        }
    }
}
