//! Whole frames, as they stand in a WebSocket.

use bytes::Bytes;
use keepline_protocol::{
    engine_io,
    socket_io::{Args, Decoder, Kind, Malformed, Packet, ROOT},
};
use serde::Deserialize;
use serde_json::Value;

use crate::files::file;

#[derive(Deserialize)]
struct Packets {
    accepted: Vec<Accepted>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct Accepted {
    frames: Vec<Frame>,
    /// How it is written where that differs from how it was read.
    canonical: Option<Vec<Frame>>,
    #[serde(rename = "type")]
    kind: String,
    namespace: Option<String>,
    id: Option<u64>,
    data: Option<Value>,
    args: Option<Vec<Value>>,
    #[serde(default)]
    attachments: Vec<String>,
}

#[derive(Deserialize)]
struct Refused {
    frames: Vec<Frame>,
    error: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum Frame {
    Text(String),
    Binary { hex: String },
}

#[test]
fn every_accepted_packet_reads_as_said_and_writes_back() {
    let Packets { accepted, .. } = file("packets.json");
    for expected in accepted {
        let packet = decode(&expected.frames).expect("an accepted packet").expect("a whole packet");
        assert_eq!(packet.namespace, expected.namespace.as_deref().unwrap_or(ROOT));
        let (kind, id, data, args) = match &packet.kind {
            Kind::Connect(data) => ("connect", None, data.as_ref(), None),
            Kind::Disconnect => ("disconnect", None, None, None),
            Kind::Event { id, args } => ("event", *id, None, Some(args)),
            Kind::Ack { id, args } => ("ack", Some(*id), None, Some(args)),
            Kind::ConnectError(data) => ("connect_error", None, Some(data), None),
        };
        assert_eq!((kind, id), (expected.kind.as_str(), expected.id), "{:?}", expected.frames);
        assert_eq!(data.map(|data| data.decode::<Value>().expect("JSON")), expected.data);
        assert_eq!(args.map(values), expected.args);
        let attachments: Vec<String> = args.map_or(&[][..], Args::attachments).iter().map(hex).collect();
        assert_eq!(attachments, expected.attachments);
        assert_eq!(encode(packet), expected.canonical.unwrap_or(expected.frames));
    }
}

#[test]
fn every_refused_packet_is_refused_for_its_reason() {
    let Packets { refused, .. } = file("packets.json");
    for expected in refused {
        let error = match expected.error.as_str() {
            "header" => Malformed::Header,
            "data" => Malformed::Data,
            "too_many_attachments" => Malformed::TooManyAttachments,
            "unexpected_binary" => Malformed::UnexpectedBinary,
            "placeholder" => Malformed::Placeholder,
            other => panic!("no such error: {other}"),
        };
        assert_eq!(decode(&expected.frames), Err(error), "{:?}", expected.frames);
    }
}

/// What the last frame gives; a frame before it must give nothing yet.
fn decode(frames: &[Frame]) -> Result<Option<Packet>, Malformed> {
    let mut decoder = Decoder::default();
    let mut packet = None;
    for frame in frames {
        assert_eq!(packet, None, "a packet before the last frame");
        packet = match frame {
            Frame::Text(text) => match engine_io::Packet::decode_text(text).expect("an engine packet") {
                engine_io::Packet::Message(text) => decoder.text(&text)?,
                other => panic!("no message: {other:?}"),
            },
            Frame::Binary { hex } => decoder.binary(unhex(hex))?,
        };
    }
    Ok(packet)
}

fn encode(packet: Packet) -> Vec<Frame> {
    let encoded = packet.encode_after("4");
    let attachments = encoded.attachments.iter().map(|bytes| Frame::Binary { hex: hex(bytes) });
    std::iter::once(Frame::Text(encoded.text)).chain(attachments).collect()
}

fn values(args: &Args) -> Vec<Value> {
    args.iter().map(|item| serde_json::from_str(item).expect("JSON")).collect()
}

fn hex(bytes: &Bytes) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Bytes {
    let digits: Vec<u8> =
        text.chars().map(|digit| u8::try_from(digit.to_digit(16).expect("hex")).expect("a digit")).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
