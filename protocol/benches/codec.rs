//! What one packet costs in the codec: `cargo bench -p keepline-protocol`.
//!
//! A plain timing loop: the figures are compared with a budget of 10 µs a packet (100,000 packets a second on one
//! core), not with each other down to a percent.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use keepline_protocol::{
    ActionAck, ActionId, ActionMeta, Epoch, EventMeta, LedgerMark, Payload, Stream, Tag,
    catalogue::SearchResult,
    engine_io,
    socket_io::{Args, Decoder, Kind, Packet},
};

fn main() {
    let result = SearchResult {
        job: "0198c5a2-7d0e-7b1c-9b1f-0a4c5d6e7f80".to_owned(),
        index: 17,
        title: "Realtime lines and what they carry".to_owned(),
        snippet: "…the log is the truth and is written before fan-out; \"live\" delivery is a hint…"
            .to_owned(),
        source: "docs/realtime/lines.md".to_owned(),
        score: 7.25,
    };
    let meta = EventMeta {
        stream: Some(Stream::job(&result.job)),
        epoch: Some(Epoch::new("0198c5a2-7d0e-7b1c-9b1f-0a4c5d6e7f81").expect("a short epoch")),
        offset: Some(18),
        tag: Some(Tag::START.next(b"search:result:v1", b"{}")),
        ts: Some("2026-01-01T00:00:00.123456Z".to_owned()),
    };
    let event = || {
        let args = Args::event("search:result:v1").value(&result).and_then(|args| args.value(&meta));
        Packet::root(Kind::Event { id: None, args: args.expect("plain values").build() })
    };
    let action_meta = ActionMeta {
        id: ActionId::random(),
        prev: Some(ActionId::random()),
        mark: Some(LedgerMark { position: 117, tag: Tag::START }),
        age_ms: Some(12),
    };
    let ack = Payload::parse(r#"{"ok":true,"reply":{"job":"7"},"position":118,"tag":"0123456789abcdef"}"#);
    let ack = ack.expect("valid JSON");
    let ack_text =
        Packet::root(Kind::Ack { id: 7, args: Args::ack().payload(&ack).build() }).encode_after("4").text;
    let event_text = event().encode_after("4").text;
    println!("a typical event has {} bytes, an acknowledgement {}", event_text.len(), ack_text.len());

    measure("event: values to frame", || event().encode_after("4").text.len());
    measure("event: frame to packet", || decode(&event_text).namespace.len());
    measure("event: frame to name, raw payload, meta", || {
        let read = read_event(&event_text);
        read.0.len() + read.1.len() + usize::from(read.2.offset == Some(18))
    });
    measure("event: there and back, typed", || {
        let text = event().encode_after("4").text;
        let (_, payload, _) = read_event(&text);
        payload.decode::<SearchResult>().expect("the same type").title.len()
    });
    measure("action: values to frame", || {
        let args = Args::event("test:echo:v1").payload(&ack).value(&action_meta).expect("plain values");
        Packet::root(Kind::Event { id: Some(7), args: args.build() }).encode_after("4").text.len()
    });
    measure("acknowledgement: frame to ActionAck", || {
        let Kind::Ack { id, args } = decode(&ack_text).kind else {
            unreachable!("an acknowledgement was written")
        };
        let ack = args.decode::<ActionAck>(0).expect("an acknowledgement").expect("an argument");
        id + ack.position.unwrap_or(0)
    });
    let large = Payload::new(&"x".repeat(60_000)).expect("a string");
    let large = Packet::root(Kind::Event { id: None, args: Args::event("a:b:v1").payload(&large).build() });
    let large_text = large.encode_after("4").text;
    measure("event of 60 kB: frame to name and raw payload", || read_raw(&large_text).len());
}

fn decode(text: &str) -> Packet {
    let Ok(engine_io::Packet::Message(text)) = engine_io::Packet::decode_text(text) else {
        unreachable!("a message was written")
    };
    Decoder::default().text(&text).expect("well formed").expect("no attachments")
}

fn read_raw(text: &str) -> Payload {
    let Kind::Event { args, .. } = decode(text).kind else { unreachable!("an event was written") };
    args.into_event().expect("an event").args.swap_remove(0)
}

fn read_event(text: &str) -> (String, Payload, EventMeta) {
    let Kind::Event { args, .. } = decode(text).kind else { unreachable!("an event was written") };
    let event = args.into_event().expect("an event");
    let mut args = event.args.into_iter();
    let payload = args.next().expect("a payload");
    let meta = args.next().expect("a meta").decode().expect("the same type");
    (event.name, payload, meta)
}

/// Runs for about half a second after a warm-up and prints the mean.
fn measure<T>(what: &str, mut work: impl FnMut() -> T) {
    run(Duration::from_millis(100), &mut work);
    let (times, took) = run(Duration::from_millis(500), &mut work);
    let each = took.as_secs_f64() / f64::from(times);
    println!("{what}: {:.2} µs, {:.0} a second", each * 1e6, 1.0 / each);
}

fn run<T>(at_least: Duration, work: &mut impl FnMut() -> T) -> (u32, Duration) {
    let begin = Instant::now();
    let mut times = 0;
    loop {
        for _ in 0..64 {
            black_box(work());
        }
        times += 64;
        let took = begin.elapsed();
        if took >= at_least {
            return (times, took);
        }
    }
}
