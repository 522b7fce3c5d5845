use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::*;

/// What a server says to each connection, and long enough for every plan here.
fn speech() -> Vec<u8> {
    (0..200_000u32).flat_map(u32::to_be_bytes).collect()
}

/// A server that says its speech to each connection and then closes it.
async fn speaker() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut talks = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            talks.spawn(async move {
                let _ = stream.write_all(&speech()).await;
                let _ = stream.shutdown().await;
                let _ = stream.read(&mut [0]).await;
            });
        }
    });
    (addr, tasks)
}

/// A server that gives back what it gets.
async fn echo() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut talks = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            talks.spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
        }
    });
    (addr, tasks)
}

/// Reads to the end: what came, and how it ended.
async fn listen_to(addr: SocketAddr) -> (Vec<u8>, io::Result<()>) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let mut heard = Vec::new();
    let read =
        timeout(Duration::from_secs(30), stream.read_to_end(&mut heard)).await.expect("the stream ends");
    (heard, read.map(drop))
}

fn plan(cuts: u32) -> Plan {
    Plan { cuts, seed: 3, spare_head: false, ..Plan::default() }
}

#[tokio::test]
async fn cuts_leave_a_prefix_and_then_it_forwards_untouched() {
    let (server, _speaker) = speaker().await;
    let proxy = CutProxy::start(server, plan(10)).await.unwrap();
    let speech = speech();
    for _ in 0..10 {
        let (heard, _) = listen_to(proxy.addr()).await;
        assert!(heard.len() < speech.len(), "a cut connection is not whole");
        assert!(speech.starts_with(&heard));
    }
    assert_eq!(proxy.cuts(), 10);
    for _ in 0..3 {
        let (heard, end) = listen_to(proxy.addr()).await;
        assert_eq!((heard.len(), end.is_ok()), (speech.len(), true));
    }
    assert_eq!(proxy.cuts(), 10, "not one cut more than planned");
}

#[tokio::test]
async fn the_client_sees_fin_and_rst() {
    let (server, _speaker) = speaker().await;
    let proxy = CutProxy::start(server, plan(4)).await.unwrap();
    let mut ends = Vec::new();
    for _ in 0..4 {
        let (_, end) = listen_to(proxy.addr()).await;
        ends.push(match end {
            Ok(()) => Ending::Fin,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ending::Rst,
            Err(error) => panic!("an unplanned end: {error}"),
        });
    }
    assert_eq!(ends, proxy.made().iter().map(|cut| cut.ending).collect::<Vec<_>>());
    assert!(ends.contains(&Ending::Fin) && ends.contains(&Ending::Rst));
}

#[tokio::test]
async fn same_plan_same_cuts() {
    let (server, _speaker) = speaker().await;
    let mut runs = Vec::new();
    for _ in 0..2 {
        let proxy = CutProxy::start(server, plan(6)).await.unwrap();
        for _ in 0..6 {
            let (heard, _) = listen_to(proxy.addr()).await;
            assert!(!heard.is_empty());
        }
        runs.push(proxy.made());
    }
    let bytes = |made: &[CutMade]| made.iter().map(|cut| (cut.ending, cut.toward)).collect::<Vec<_>>();
    assert_eq!(bytes(&runs[0]), bytes(&runs[1]));
    // The place is exact where a single cut is far inside what one side says alone.
    let planned: Vec<u64> = plan(6).schedule().iter().map(|cut| cut.after_bytes).collect();
    for (cut, planned) in runs[0].iter().zip(planned) {
        assert!(cut.carried >= planned, "{cut:?} came before its place at {planned}");
    }
}

#[tokio::test]
async fn a_stall_goes_on_as_if_nothing_had_been() {
    let (server, _speaker) = speaker().await;
    let stall = Duration::from_millis(30);
    // Three kinds of ending take turns, so one of three cuts is a stall, and its connection meets the next cut.
    let proxy = CutProxy::start(server, Plan { stall, ..plan(3) }).await.unwrap();
    let speech = speech();
    while proxy.cuts() < 3 {
        let (heard, _) = listen_to(proxy.addr()).await;
        assert!(speech.starts_with(&heard));
    }
    let stalls = proxy.made().iter().filter(|cut| cut.ending == Ending::Stall(stall)).count();
    assert_eq!(stalls, 1);
    assert_eq!(listen_to(proxy.addr()).await.0, speech);
}

#[tokio::test]
async fn what_the_client_says_is_torn_too() {
    let (server, _echo) = echo().await;
    let proxy = CutProxy::start(server, Plan { bytes_max: 2_000, ..plan(20) }).await.unwrap();
    while proxy.cuts() < 20 {
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        let mut answer = [0; 64];
        let mut number = 0u8;
        loop {
            let frame = [number; 64];
            if stream.write_all(&frame).await.is_err() || stream.read_exact(&mut answer).await.is_err() {
                break;
            }
            assert_eq!(answer, frame);
            number = number.wrapping_add(1);
        }
    }
    assert!(proxy.made().iter().any(|cut| cut.toward == Side::Server));
    assert!(proxy.made().iter().all(|cut| cut.carried % 64 != 0), "a cut fell between two frames");
}

#[tokio::test]
async fn a_connection_that_ends_by_itself_gives_its_cut_back() {
    let (server, _echo) = echo().await;
    let proxy = CutProxy::start(server, plan(1)).await.unwrap();
    for _ in 0..5 {
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        stream.write_all(b"short").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"short");
    }
    assert_eq!(proxy.cuts(), 0);
    let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
    let (mut read, mut write) = stream.split();
    let long = speech();
    let _ = tokio::join!(write.write_all(&long), async {
        while read.read(&mut [0; 4096]).await.is_ok_and(|n| n > 0) {}
    });
    assert_eq!(timeout(Duration::from_secs(30), proxy.until(1)).await.expect("the cut is made").len(), 1);
}

#[tokio::test]
async fn a_dead_target_is_a_dead_connection_and_no_cut() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = CutProxy::start(gone, plan(1)).await.unwrap();
    assert!(listen_to(proxy.addr()).await.0.is_empty());
    assert_eq!(proxy.cuts(), 0);
}

/// Serves frames of 150 bytes from the number that the client asks for, to number 4,999.
async fn log_server() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut talks = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            talks.spawn(async move {
                let Ok(first) = stream.read_u32().await else { return };
                for number in first..EVENTS {
                    let mut frame = [0; FRAME_BYTES];
                    frame[..4].copy_from_slice(&number.to_be_bytes());
                    if stream.write_all(&frame).await.is_err() {
                        return;
                    }
                }
                let _ = stream.shutdown().await;
                let _ = stream.read(&mut [0]).await;
            });
        }
    });
    (addr, tasks)
}

const EVENTS: u32 = 5_000;
const FRAME_BYTES: usize = 150;

#[tokio::test]
async fn fifty_cuts_fall_within_five_thousand_events_and_tear_frames() {
    let (server, _log) = log_server().await;
    let proxy =
        CutProxy::start(server, Plan { seed: 11, spare_head: false, ..Plan::default() }).await.unwrap();
    let (mut next, mut torn) = (0, 0);
    while next < EVENTS {
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        if stream.write_u32(next).await.is_err() {
            continue;
        }
        let mut heard = Vec::new();
        let _ =
            timeout(Duration::from_secs(30), stream.read_to_end(&mut heard)).await.expect("the stream ends");
        for frame in heard.chunks_exact(FRAME_BYTES) {
            assert_eq!(frame[..4], next.to_be_bytes(), "frames are whole and in order");
            next += 1;
        }
        torn += usize::from(heard.len() % FRAME_BYTES != 0);
    }
    assert_eq!(proxy.cuts(), 50);
    // A reset may take everything back that was under way, so only about half of the cuts are sure to show a torn frame.
    assert!(torn >= 20, "{torn} of 50 cuts tore a frame");
}

#[tokio::test]
async fn the_upgrade_is_spared() {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::{accept_async, client_async, tungstenite::Message};

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut talks = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            talks.spawn(async move {
                let mut socket = accept_async(stream).await.expect("the upgrade is whole");
                while let Some(Ok(message)) = socket.next().await {
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let plan = Plan { cuts: 10, bytes_min: 0, bytes_max: 300, ..Plan::default() };
    let proxy = CutProxy::start(server, plan).await.unwrap();
    while proxy.cuts() < 10 {
        let stream = TcpStream::connect(proxy.addr()).await.unwrap();
        let (mut socket, _) = client_async("ws://server/", stream).await.expect("the upgrade is whole");
        let message = Message::binary(vec![7; 40]);
        while socket.send(message.clone()).await.is_ok() {
            match socket.next().await {
                Some(Ok(echo)) => assert_eq!(echo, message),
                _ => break,
            }
        }
    }
}
