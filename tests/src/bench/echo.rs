use std::{
    fmt, io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_tungstenite::{
    WebSocketStream, accept_async, client_async,
    tungstenite::{Error, Message, Utf8Bytes},
};

use super::{Latency, Load};

/// Serves a WebSocket echo that knows nothing but tokio-tungstenite, with `TCP_NODELAY`.
///
/// # Errors
/// Where the listener fails.
pub async fn serve_echo(listener: TcpListener) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // How one connection ends is the client's business.
        connections.spawn(async move {
            let mut socket = accept_async(stream).await?;
            while let Some(message) = socket.next().await.transpose()? {
                if message.is_text() || message.is_binary() {
                    socket.send(message).await?;
                }
            }
            Ok::<_, Error>(())
        });
    }
}

/// The time of one message there and back, one after the other.
///
/// # Errors
/// [`EchoError`] where the server is not there or answers something else.
pub async fn echo_round_trip(server: SocketAddr, load: Load) -> Result<Latency, EchoError> {
    let mut socket = dial(server).await?;
    let frame = Utf8Bytes::from(load.frame());
    round_trips(&mut socket, &frame, load.tenth().round_trips).await?;
    let times = round_trips(&mut socket, &frame, load.round_trips).await?;
    hang_up(socket).await?;
    Ok(Latency::of(times))
}

/// How many messages come back in a second with a window of them under way.
///
/// # Errors
/// [`EchoError`] where the server is not there or answers something else.
pub async fn echo_rate(server: SocketAddr, load: Load) -> Result<f64, EchoError> {
    let mut socket = dial(server).await?;
    let frame = Utf8Bytes::from(load.frame());
    windowed(&mut socket, &frame, load.tenth()).await?;
    let took = windowed(&mut socket, &frame, load).await?;
    hang_up(socket).await?;
    Ok(load.acks as f64 / took.as_secs_f64())
}

async fn round_trips(
    socket: &mut WebSocketStream<TcpStream>,
    frame: &Utf8Bytes,
    count: usize,
) -> Result<Vec<Duration>, EchoError> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let begun = Instant::now();
        socket.send(Message::Text(frame.clone())).await?;
        receive(socket, frame).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

async fn windowed(
    socket: &mut WebSocketStream<TcpStream>,
    frame: &Utf8Bytes,
    load: Load,
) -> Result<Duration, EchoError> {
    let begun = Instant::now();
    let first = load.window.min(load.acks);
    for _ in 0..first {
        socket.feed(Message::Text(frame.clone())).await?;
    }
    socket.flush().await?;
    for answered in 1..=load.acks {
        receive(socket, frame).await?;
        if answered + first <= load.acks {
            socket.send(Message::Text(frame.clone())).await?;
        }
    }
    Ok(begun.elapsed())
}

async fn receive(socket: &mut WebSocketStream<TcpStream>, frame: &Utf8Bytes) -> Result<(), EchoError> {
    match socket.next().await.transpose()? {
        Some(Message::Text(text)) if text == *frame => Ok(()),
        _ => Err(EchoError::NoEcho),
    }
}

async fn dial(server: SocketAddr) -> Result<WebSocketStream<TcpStream>, EchoError> {
    let stream = TcpStream::connect(server).await.map_err(Error::Io)?;
    stream.set_nodelay(true).map_err(Error::Io)?;
    let (socket, _) = client_async(format!("ws://{server}/"), stream).await?;
    Ok(socket)
}

async fn hang_up(mut socket: WebSocketStream<TcpStream>) -> Result<(), EchoError> {
    Ok(socket.close(None).await?)
}

/// Why an echo could not be measured.
#[derive(Debug)]
pub enum EchoError {
    /// The connection failed.
    Line(Box<Error>),
    /// What came back is not what was sent.
    NoEcho,
}

impl From<Error> for EchoError {
    fn from(error: Error) -> Self {
        Self::Line(Box::new(error))
    }
}

impl fmt::Display for EchoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(error) => error.fmt(f),
            Self::NoEcho => f.write_str("the echo server sent something else"),
        }
    }
}

impl std::error::Error for EchoError {}

#[cfg(test)]
mod tests {
    use super::*;

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        (listener, addr)
    }

    #[tokio::test]
    async fn measures_an_echo() {
        let (listener, addr) = listener().await;
        let mut server = JoinSet::new();
        server.spawn(serve_echo(listener));
        let latency = echo_round_trip(addr, Load::tiny()).await.unwrap();
        assert_eq!(latency.samples, 20);
        assert!(latency.p50 > Duration::ZERO && latency.p50 <= latency.p99);
        assert!(echo_rate(addr, Load::tiny()).await.unwrap() > 0.0);
        let narrow = Load { acks: 3, window: 16, ..Load::tiny() };
        assert!(echo_rate(addr, narrow).await.unwrap() > 0.0, "a window wider than the load");
    }

    #[tokio::test]
    async fn a_server_that_answers_something_else_is_not_measured() {
        let (listener, addr) = listener().await;
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut socket = accept_async(listener.accept().await.unwrap().0).await.unwrap();
            socket.next().await.unwrap().unwrap();
            socket.send(Message::text("no")).await.unwrap();
            socket.next().await;
        });
        assert!(matches!(echo_round_trip(addr, Load::tiny()).await, Err(EchoError::NoEcho)));
    }
}
