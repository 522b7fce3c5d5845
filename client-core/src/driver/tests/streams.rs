use std::sync::mpsc as sync_mpsc;

use keepline_protocol::{Stream, catalogue::TestRecorded, limits::STREAMS_MAX, socket_io::Kind};
use serde_json::json;

use super::setup::{Setup, open};
use crate::{CursorMode, Event, Events, EventsError, Item, Tapped, fake_server::soon};

#[tokio::test]
async fn events_come_in_order_and_the_cursor_follows_the_app() {
    let (setup, mut peer) = Setup::online().await;
    let mut events = setup.client.events(Stream::job("7")).unwrap();
    let subscribe = peer.subscribe(3).await;
    assert_eq!(subscribe.after.unwrap_or(0), 0);
    for n in 1..=3 {
        let Some(Event::TestRecorded(event)) = soon(events.next()).await else { panic!() };
        assert_eq!(event.n, n);
    }
    assert!(matches!(setup.client.events(Stream::job("7")), Err(EventsError::InUse)));
    // Dropped in the middle: the last one comes again.
    drop(events);
    let mut again = setup.client.events(Stream::job("7")).unwrap();
    let subscribe = peer.subscribe(4).await;
    assert_eq!(subscribe.after, Some(2));
    let Some(Item::Event(envelope)) = soon(again.next_item()).await else { panic!() };
    assert_eq!(envelope.place.as_ref().map(|place| place.offset), Some(3));
    assert_eq!(envelope.decode::<TestRecorded>().unwrap().map(|event| event.n), Some(3));
    // Ended in good order: it does not.
    again.end();
    let mut third = setup.client.events(Events::of(Stream::job("7")).cursor(CursorMode::Manual)).unwrap();
    assert_eq!(peer.subscribe(4).await.after, Some(3));
    assert!(soon(third.next()).await.is_some());
    third.ack();
    soon(setup.client.shutdown()).await;
    assert!(third.next().await.is_none());
    let (client, _driver) = open(&setup.folder, &setup.server);
    client.connect();
    let _events = client.events(Stream::job("7")).unwrap();
    let mut peer = setup.server.accept().await;
    let auth = peer.join_keepline().await;
    assert_eq!(auth.resume[&Stream::job("7")].offset, 4, "the manual acknowledgement was stored");
}

#[tokio::test]
async fn typed_handlers_share_a_stream_and_survive_a_panic() {
    let (setup, mut peer) = Setup::online().await;
    let (sender, receiver) = sync_mpsc::channel();
    let other = sender.clone();
    let first = setup
        .client
        .on(Stream::job("7"), move |event: TestRecorded| {
            sender.send(event.n).unwrap();
            assert!(event.n != 2, "as a handler may");
        })
        .unwrap();
    let second =
        setup.client.on(Stream::job("7"), move |event: TestRecorded| other.send(-event.n).unwrap()).unwrap();
    assert!(matches!(setup.client.events(Stream::job("7")), Err(EventsError::InUse)));
    peer.subscribe(3).await;
    let seen = soon(tokio::task::spawn_blocking(move || {
        (0..6).map(|_| receiver.recv().unwrap()).collect::<Vec<_>>()
    }));
    assert_eq!(seen.await.unwrap(), [1, -1, 2, -2, 3, -3]);
    drop(first);
    drop(second);
    // The stream is free again.
    assert!(setup.client.events(Stream::job("7")).is_ok());
}

#[tokio::test]
async fn a_tap_sees_what_passes_and_moves_no_cursor() {
    let (setup, mut peer) = Setup::online().await;
    let mut tap = setup.client.observe(Stream::job("7")).unwrap();
    // Where the stream ends now; the tap begins there.
    peer.subscribe(1).await;
    peer.events(&Stream::job("7"), 2, 3).await;
    for n in 2..=3 {
        let Some(Tapped::Item(Item::Event(event))) = soon(tap.next()).await else { panic!() };
        assert_eq!(event.place.map(|place| place.offset), Some(n));
    }
    drop(tap);
    let Some(Kind::Event { args, .. }) = peer.packet().await else { panic!() };
    let name = args.into_event().unwrap().name;
    assert_eq!(name, "stream:unsubscribe:v1");
    let _events = setup.client.events(Stream::job("7")).unwrap();
    assert_eq!(peer.subscribe(2).await.after.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_tap_ends_with_its_stream_and_the_next_one_is_subscribed() {
    let (setup, mut peer) = Setup::online().await;
    let gone = json!({"ok": false, "error": {"code": "NOT_FOUND"}});
    let mut tap = setup.client.observe(Stream::job("7")).unwrap();
    for _ in 0..2 {
        let (ask, event) = peer.asked().await;
        assert_eq!(event.name, "stream:subscribe:v1");
        peer.ack(ask, &gone).await;
        assert!(matches!(soon(tap.next()).await, Some(Tapped::Item(Item::Gone))));
        assert!(soon(tap.next()).await.is_none());
        // While the old one is still held.
        tap = setup.client.observe(Stream::job("7")).unwrap();
    }
}

#[tokio::test]
async fn what_goes_makes_room_for_what_comes() {
    let (setup, mut peer) = Setup::online().await;
    let stream = |number: usize| Stream::job(number.to_string());
    let mut taps: Vec<_> =
        (0..STREAMS_MAX).map(|number| setup.client.observe(stream(number)).unwrap()).collect();
    assert!(matches!(setup.client.observe(Stream::User), Err(EventsError::TooMany)));
    assert!(matches!(setup.client.events(Stream::User), Err(EventsError::TooMany)));
    for _ in 0..STREAMS_MAX {
        peer.subscribe(0).await;
    }
    taps.pop();
    let mut events = setup.client.events(Events::of(Stream::User).after(0)).unwrap();
    assert_eq!(peer.subscribe(1).await.stream, Stream::User);
    assert!(soon(events.next()).await.is_some());
    events.end();
    // What comes stands before what goes in every order that there is.
    drop(taps.pop());
    let _tap = setup.client.observe(Stream::job("!")).unwrap();
    assert_eq!(peer.subscribe(0).await.stream, Stream::job("!"));
}
