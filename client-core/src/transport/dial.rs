use std::{io, net::SocketAddr, pin::Pin};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::{sleep, timeout},
};

use crate::{
    limits::{ADDRESS_HEAD_START, ADDRESS_TIMEOUT, ADDRESSES_MAX},
    status::LineTrouble,
};

/// Makes byte streams to a host: TCP, unless a simulation puts its own network here. TLS and WebSocket come on top.
pub trait Dialer: Send + Sync + 'static {
    /// Begins a connection. Dropping the future gives it up.
    fn dial(&self, host: &str, port: u16) -> DialFuture;
}

/// A connection on its way.
pub type DialFuture = Pin<Box<dyn Future<Output = Result<BoxedIo, LineTrouble>> + Send>>;

/// A byte stream.
pub type BoxedIo = Box<dyn Io>;

/// What a byte stream has to do.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// The system's resolver and TCP.
pub(crate) struct TcpDialer;

impl Dialer for TcpDialer {
    fn dial(&self, host: &str, port: u16) -> DialFuture {
        let host = host.to_owned();
        Box::pin(async move {
            let found = lookup_host((host.as_str(), port)).await.map_err(|_| LineTrouble::Dns)?;
            let stream = connect(in_turns(found.collect())).await?;
            // A packet is written whole; waiting for more would only delay it.
            let _ = stream.set_nodelay(true);
            Ok(Box::new(stream) as BoxedIo)
        })
    }
}

/// Alternates the families, so that one that leads nowhere costs a head start and not the connection. (RFC 8305)
fn in_turns(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let longest = first.len().max(second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    (0..longest).flat_map(|_| [first.next(), second.next()]).flatten().take(ADDRESSES_MAX).collect()
}

/// Tries each address in order, the next one when the last has failed or has had its head start; the first connection
/// wins.
async fn connect(addresses: Vec<SocketAddr>) -> Result<TcpStream, LineTrouble> {
    let mut waiting = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut trouble = LineTrouble::Dns;
    loop {
        match waiting.next() {
            Some(address) => attempts.push(attempt(address)),
            None if attempts.is_empty() => return Err(trouble),
            None => {}
        }
        tokio::select! {
            Some(result) = attempts.next() => match result {
                Ok(stream) => return Ok(stream),
                Err(failed) => trouble = failed,
            },
            () = sleep(ADDRESS_HEAD_START), if waiting.len() > 0 => {}
        }
    }
}

async fn attempt(address: SocketAddr) -> Result<TcpStream, LineTrouble> {
    match timeout(ADDRESS_TIMEOUT, TcpStream::connect(address)).await {
        Err(_) => Err(LineTrouble::TimedOut),
        Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => Err(LineTrouble::TimedOut),
        Ok(result) => result.map_err(|_| LineTrouble::Unreachable),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn families_take_turns() {
        let parse =
            |texts: &[&str]| -> Vec<SocketAddr> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        let found = parse(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]);
        assert_eq!(in_turns(found), parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]));
        assert_eq!(in_turns(parse(&["1.1.1.1:1", "[::1]:1"])), parse(&["1.1.1.1:1", "[::1]:1"]));
        assert_eq!(in_turns(vec!["1.1.1.1:1".parse().unwrap(); 20]).len(), ADDRESSES_MAX);
    }

    #[tokio::test]
    async fn an_address_that_refuses_gives_way_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let refusing = {
            let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
            closed.local_addr().unwrap()
        };
        let stream = connect(vec![refusing, open]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        assert_eq!(connect(vec![refusing]).await.unwrap_err(), LineTrouble::Unreachable);
        assert_eq!(connect(Vec::new()).await.unwrap_err(), LineTrouble::Dns);
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_is_a_dns_trouble() {
        // `.invalid` never resolves (RFC 2606).
        let dialed = TcpDialer.dial("keepline.invalid", 1).await;
        assert_eq!(dialed.err(), Some(LineTrouble::Dns));
    }
}
