use std::net::SocketAddr;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Checked, hold, soon};

/// A request on a connection of its own.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Further headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// Its body.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// `GET`.
    pub fn get(target: &'a str) -> Self {
        Self { method: "GET", target, headers: &[], body: &[] }
    }

    /// `POST`.
    pub fn post(target: &'a str, body: &'a [u8]) -> Self {
        Self { method: "POST", target, headers: &[], body }
    }

    /// With these headers too.
    #[must_use]
    pub fn headers(self, headers: &'a [(&'a str, &'a str)]) -> Self {
        Self { headers, ..self }
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    /// Where the connection fails or no answer of HTTP comes.
    pub async fn send(self, to: SocketAddr) -> Checked<Response> {
        let what = format!("{} {}", self.method, self.target);
        let answer = soon(&what, self.exchange(to)).await??;
        Response::read(&answer).ok_or_else(|| format!("{what}: no answer of HTTP").into())
    }

    async fn exchange(self, to: SocketAddr) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let (mut reader, mut writer) = stream.split();
        let bytes = self.bytes(to);
        let mut answer = Vec::new();
        let read = reader.read_to_end(&mut answer);
        // A server that refuses a large body answers and closes before it has read all of it.
        let write = async {
            let _ = writer.write_all(&bytes).await;
        };
        let (read, ()) = tokio::join!(read, write);
        // A reset after the answer is no loss of it.
        if answer.is_empty() { read.map(|_| answer) } else { Ok(answer) }
    }

    fn bytes(self, host: SocketAddr) -> Vec<u8> {
        let Self { method, target, headers, body } = self;
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if method != "GET" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        [head.as_bytes(), body].concat()
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

impl Response {
    fn read(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Self { status, headers, body: body.to_owned() })
    }

    /// The code of the engine's refusals.
    pub fn code(&self) -> Option<u64> {
        serde_json::from_str::<Value>(&self.body).ok()?["code"].as_u64()
    }
}

/// Opens a session over long polling: the target of its requests, and its handshake.
///
/// # Errors
/// Where there is no handshake.
pub async fn open_polling(server: SocketAddr, path: &str) -> Checked<(String, Value)> {
    let target = format!("{path}?EIO=4&transport=polling");
    let opened = Request::get(&target).send(server).await?;
    hold(opened.status == 200, || format!("a handshake got {}", opened.status))?;
    let handshake: Value = serde_json::from_str(opened.body.strip_prefix('0').unwrap_or_default())?;
    let sid = handshake["sid"].as_str().ok_or("a handshake without sid")?;
    Ok((format!("{target}&sid={sid}"), handshake))
}
