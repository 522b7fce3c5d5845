//! What holds for every input: no decoder panics, and what is written reads back the same.

use bytes::Bytes;
use keepline_protocol::{
    ActionAck, ConnectAuth, ConnectRefused, Payload, SessionAck, SessionReady, Subscribed, engine_io,
    limits::{ACK_ID_MAX, ATTACHMENTS_MAX},
    socket_io::{Args, Decoder, Kind, Packet},
};
use proptest::{collection::vec, option, prelude::*, string::string_regex};
use serde_json::Value;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_a_decoder_panic(text in any::<String>()) {
        read_everything(&text);
    }

    #[test]
    fn no_text_that_looks_like_a_packet_makes_a_decoder_panic(text in packet_like(), bytes in vec(any::<u8>(), 0..4)) {
        read_everything(&text);
        let mut decoder = Decoder::default();
        let mut whole = decoder.text(&text);
        for _ in 0..=ATTACHMENTS_MAX {
            if let Ok(Some(packet)) = &whole {
                read_packet(packet);
            }
            whole = decoder.binary(Bytes::copy_from_slice(&bytes));
        }
    }

    #[test]
    fn a_packet_cut_anywhere_makes_no_decoder_panic(packet in packet(), cut in any::<prop::sample::Index>()) {
        let text = packet.encode().text;
        let characters: Vec<char> = text.chars().collect();
        let kept: String = characters[..cut.index(characters.len() + 1)].iter().collect();
        read_everything(&kept);
    }

    #[test]
    fn what_is_written_reads_back(packet in packet()) {
        let encoded = packet.clone().encode();
        let mut decoder = Decoder::default();
        let mut read = decoder.text(&encoded.text);
        for attachment in encoded.attachments {
            prop_assert_eq!(&read, &Ok(None));
            read = decoder.binary(attachment);
        }
        prop_assert_eq!(read, Ok(Some(packet)));
        prop_assert_eq!(decoder.pending_bytes(), 0);
    }

    #[test]
    fn what_reads_writes_and_reads_the_same(text in packet_like()) {
        if let Ok(Some(packet)) = Decoder::default().text(&text) {
            let again = Decoder::default().text(&packet.clone().encode().text);
            prop_assert_eq!(again, Ok(Some(packet)));
        }
    }

    #[test]
    fn a_body_of_engine_packets_reads_back(packets in vec(engine_packet(), 1..8)) {
        let mut body = String::new();
        for packet in &packets {
            engine_io::encode_part(packet, &mut body);
        }
        prop_assert_eq!(engine_io::decode_body(&body), Ok(packets));
    }

    #[test]
    fn a_payload_keeps_every_byte(value in json()) {
        let text = value.to_string();
        let payload = Payload::parse(text.clone()).expect("JSON of little depth");
        prop_assert_eq!(payload.as_str(), &text);
        let inside = serde_json::to_string(&[&payload]).expect("a payload serialises");
        prop_assert_eq!(&serde_json::from_str::<Vec<Payload>>(&inside).expect("and reads back")[0], &payload);
    }

    #[test]
    fn no_json_makes_a_typed_reader_panic(value in json()) {
        let payload = Payload::new(&value).expect("JSON of little depth");
        let _ = payload.decode::<ConnectAuth>();
        let _ = payload.decode::<SessionReady>();
        let _ = payload.decode::<ActionAck>();
        let _ = payload.decode::<SessionAck<Subscribed>>();
        prop_assert!(payload.decode::<ConnectRefused>().is_ok());
    }
}

fn read_everything(text: &str) {
    if let Ok(Some(packet)) = Decoder::default().text(text) {
        read_packet(&packet);
    }
    let _ = engine_io::Packet::decode_text(text);
    let _ = engine_io::decode_body(text);
    let _ = serde_json::from_str::<engine_io::Handshake>(text);
    let _ = Payload::parse(text);
    let _ = Args::parse(text, Vec::new());
}

/// What a decoder lets through must be usable.
fn read_packet(packet: &Packet) {
    match &packet.kind {
        Kind::Event { args, .. } => {
            let event = args.clone().into_event().expect("a decoded event has a name");
            assert_eq!(args.len(), event.args.len() + 1);
        }
        Kind::Ack { .. } | Kind::Connect(_) | Kind::Disconnect | Kind::ConnectError(_) => {}
    }
}

/// Headers and JSON that are wrong in one place at most, more often than not.
fn packet_like() -> impl Strategy<Value = String> {
    let pattern = |pattern: &str| string_regex(pattern).expect("a pattern");
    let header = prop_oneof![
        4 => pattern("(2[0-9]{0,2}|3[0-9]{1,2}|5[0-3]-|6[0-3]-[0-9])"),
        1 => pattern("[0-7]([0-9]{1,2}-)?(/[a-z]{0,6},)?[0-9]{0,3}"),
        1 => pattern("[0-7](([0-9]{1,2}|1{25})?-)?(/[a-z?,]{0,6},?)?([0-9]{0,3}|9{16,22})"),
    ];
    let data = prop_oneof![
        3 => json_array().prop_map(|value| value.to_string()),
        1 => json().prop_map(|value| value.to_string()),
        1 => pattern(r#"[\[\]{}",:0-9a\\ntrue ]{0,12}"#),
        1 => (60..80usize).prop_map(|depth| "[".repeat(depth) + "1" + &"]".repeat(depth)),
    ];
    (header, data).prop_map(|(header, data)| header + &data)
}

fn packet() -> impl Strategy<Value = Packet> {
    let namespace =
        prop_oneof![Just("/".to_owned()), string_regex("/[a-zà-ü0-9 /]{1,12}").expect("a pattern")];
    let id = prop_oneof![0..=ACK_ID_MAX, Just(ACK_ID_MAX)];
    let payload = || json().prop_map(|value| Payload::new(&value).expect("JSON of little depth"));
    let fields = prop::collection::btree_map("[a-z]{0,3}", json(), 0..3);
    let connect = option::of(fields.prop_map(|fields| Payload::new(&fields).expect("JSON of little depth")));
    let args = || (vec(json(), 0..4), vec(vec(any::<u8>(), 0..6), 0..=ATTACHMENTS_MAX));
    let event = (any::<String>(), args(), option::of(id.clone()))
        .prop_map(|(name, args, id)| Kind::Event { id, args: build(Args::event(&name), args) });
    let ack = (args(), id).prop_map(|(args, id)| Kind::Ack { id, args: build(Args::ack(), args) });
    let kind = prop_oneof![
        connect.prop_map(Kind::Connect),
        Just(Kind::Disconnect),
        event,
        ack,
        payload().prop_map(Kind::ConnectError),
    ];
    (namespace, kind).prop_map(|(namespace, kind)| Packet { namespace: namespace.into(), kind })
}

fn build(
    builder: keepline_protocol::socket_io::ArgsBuilder,
    (values, attachments): (Vec<Value>, Vec<Vec<u8>>),
) -> Args {
    let builder = values.iter().fold(builder, |builder, value| builder.value(value).expect("JSON"));
    attachments.into_iter().fold(builder, |builder, bytes| builder.attachment(bytes.into())).build()
}

fn engine_packet() -> impl Strategy<Value = engine_io::Packet<'static>> {
    let text = || string_regex("[^\u{1e}]{0,12}").expect("a pattern").prop_map(std::borrow::Cow::Owned);
    prop_oneof![
        text().prop_map(engine_io::Packet::Open),
        Just(engine_io::Packet::Close),
        text().prop_map(engine_io::Packet::Ping),
        text().prop_map(engine_io::Packet::Pong),
        text().prop_map(engine_io::Packet::Message),
        vec(any::<u8>(), 0..12).prop_map(|bytes| engine_io::Packet::Binary(bytes.into())),
        Just(engine_io::Packet::Upgrade),
        Just(engine_io::Packet::Noop),
    ]
}

fn json_array() -> impl Strategy<Value = Value> {
    (any::<String>(), vec(json(), 0..3)).prop_map(|(name, mut values)| {
        values.insert(0, name.into());
        Value::Array(values)
    })
}

fn json() -> impl Strategy<Value = Value> + Clone {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key = prop_oneof![
            any::<String>(),
            prop::sample::select(vec![
                "ok", "error", "code", "message", "data", "token", "proto", "resume", "reply"
            ])
            .prop_map(str::to_owned),
        ];
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(key, inner, 0..4).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}
