use std::borrow::Cow;

use bytes::Bytes;

use super::{Args, Kind, Malformed, Packet, ROOT, args::check_array, is_namespace};
use crate::{
    Payload,
    limits::{ACK_ID_MAX, ATTACHMENTS_MAX},
};

/// Puts packets together from the engine's messages.
///
/// A packet with attachments comes out with the last of them. After an error the connection is to be closed: the
/// decoder does not look for the next beginning.
#[derive(Debug, Default)]
pub struct Decoder {
    partial: Option<Partial>,
}

#[derive(Debug)]
struct Partial {
    header: Header,
    json: Box<str>,
    attachments: Vec<Bytes>,
}

#[derive(Debug)]
struct Header {
    kind: u8,
    announced: usize,
    namespace: Cow<'static, str>,
    id: Option<u64>,
}

impl Decoder {
    /// Takes a text message. `None` where attachments are still to come.
    ///
    /// # Errors
    /// [`Malformed`]; then the connection is to be closed.
    pub fn text(&mut self, text: &str) -> Result<Option<Packet>, Malformed> {
        if self.partial.is_some() {
            return Err(Malformed::UnexpectedBinary);
        }
        let (header, json) = read_header(text)?;
        if header.announced == 0 {
            if matches!(header.kind, b'5' | b'6') {
                check_placeholders(json, 0)?;
            }
            return finish(header, json, Vec::new()).map(Some);
        }
        // Checked now, so that a bad header is refused before its attachments are read.
        check_array(json)?;
        self.partial = Some(Partial { header, json: json.into(), attachments: Vec::new() });
        Ok(None)
    }

    /// Takes a binary message: the next attachment.
    ///
    /// # Errors
    /// [`Malformed::UnexpectedBinary`] where none was announced; then the connection is to be closed.
    pub fn binary(&mut self, bytes: Bytes) -> Result<Option<Packet>, Malformed> {
        let mut partial = self.partial.take().ok_or(Malformed::UnexpectedBinary)?;
        partial.attachments.push(bytes);
        if partial.attachments.len() < partial.header.announced {
            self.partial = Some(partial);
            return Ok(None);
        }
        check_placeholders(&partial.json, partial.attachments.len())?;
        finish(partial.header, &partial.json, partial.attachments).map(Some)
    }

    /// How many bytes wait for their last attachment. At most [`ATTACHMENTS_MAX`] frames and their header, so that a
    /// caller who limits a frame has limited this too.
    pub fn pending_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| {
            partial.json.len() + partial.attachments.iter().map(Bytes::len).sum::<usize>()
        })
    }
}

fn read_header(text: &str) -> Result<(Header, &str), Malformed> {
    let kind = *text.as_bytes().first().ok_or(Malformed::Header)?;
    let mut rest = text.get(1..).ok_or(Malformed::Header)?;
    let mut announced = 0;
    if matches!(kind, b'5' | b'6') {
        let (digits, after) = rest.split_once('-').ok_or(Malformed::Header)?;
        announced = read_number(digits).and_then(|n| usize::try_from(n).ok()).ok_or(Malformed::Header)?;
        if announced > ATTACHMENTS_MAX {
            return Err(Malformed::TooManyAttachments);
        }
        rest = after;
    } else if !matches!(kind, b'0'..=b'4') {
        return Err(Malformed::Header);
    }
    let (namespace, rest) = read_namespace(rest)?;
    // Only these four have an id; after the others a digit begins the data.
    let digits = match kind {
        b'2' | b'3' | b'5' | b'6' => rest.bytes().take_while(u8::is_ascii_digit).count(),
        _ => 0,
    };
    let id = match digits {
        0 => None,
        _ => Some(read_number(&rest[..digits]).ok_or(Malformed::Header)?),
    };
    Ok((Header { kind, announced, namespace, id }, &rest[digits..]))
}

fn read_namespace(rest: &str) -> Result<(Cow<'static, str>, &str), Malformed> {
    if !rest.starts_with('/') {
        return Ok((Cow::Borrowed(ROOT), rest));
    }
    // The comma may be missing where nothing follows (`40/custom`).
    let (name, after) = rest.split_once(',').unwrap_or((rest, ""));
    // A stock client may append a query to the namespace; it is no part of the name.
    let name = name.split('?').next().unwrap_or(name);
    if !is_namespace(name) {
        return Err(Malformed::Header);
    }
    Ok((if name == ROOT { Cow::Borrowed(ROOT) } else { Cow::Owned(name.to_owned()) }, after))
}

fn read_number(digits: &str) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = if all_digits { digits.parse().ok() } else { None };
    number.filter(|number| *number <= ACK_ID_MAX)
}

fn finish(header: Header, json: &str, attachments: Vec<Bytes>) -> Result<Packet, Malformed> {
    let kind = match header.kind {
        b'0' if json.is_empty() => Kind::Connect(None),
        b'0' => Kind::Connect(Some(object(json)?)),
        b'1' if json.is_empty() => Kind::Disconnect,
        b'2' | b'5' => Kind::Event { id: header.id, args: event_args(json, attachments)? },
        b'3' | b'6' => {
            Kind::Ack { id: header.id.ok_or(Malformed::Header)?, args: Args::parse(json, attachments)? }
        }
        b'4' => Kind::ConnectError(Payload::parse(json).map_err(|_| Malformed::Data)?),
        _ => return Err(Malformed::Data),
    };
    Ok(Packet { namespace: header.namespace, kind })
}

fn object(json: &str) -> Result<Payload, Malformed> {
    // Python's client sends a literal null where it has no auth.
    if !json.starts_with('{') && json != "null" {
        return Err(Malformed::Data);
    }
    Payload::parse(json).map_err(|_| Malformed::Data)
}

fn event_args(json: &str, attachments: Vec<Bytes>) -> Result<Args, Malformed> {
    let args = Args::parse(json, attachments)?;
    if args.name().is_none() {
        return Err(Malformed::Data);
    }
    Ok(args)
}

/// Each attachment is named by a placeholder, and no placeholder names one that is not there.
fn check_placeholders(json: &str, attachments: usize) -> Result<(), Malformed> {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(json) else {
        // Either no JSON, which is found below, or JSON that a value cannot hold (half a surrogate pair, a number
        // beyond a double) and a peer may send. Then nothing is promised about its placeholders.
        return Ok(());
    };
    let mut seen = vec![false; attachments];
    let mut open = vec![&value];
    while let Some(value) = open.pop() {
        match value {
            serde_json::Value::Array(items) => open.extend(items),
            serde_json::Value::Object(fields) if fields.get("_placeholder") == Some(&true.into()) => {
                let number =
                    fields.get("num").and_then(serde_json::Value::as_u64).ok_or(Malformed::Placeholder)?;
                let index = usize::try_from(number).map_err(|_| Malformed::Placeholder)?;
                *seen.get_mut(index).ok_or(Malformed::Placeholder)? = true;
            }
            serde_json::Value::Object(fields) => open.extend(fields.values()),
            _ => {}
        }
    }
    if seen.into_iter().all(|named| named) { Ok(()) } else { Err(Malformed::Placeholder) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{ENVELOPE_DEPTH_MAX, JSON_DEPTH_MAX, NAMESPACE_BYTES_MAX};

    fn read(text: &str) -> Result<Option<Packet>, Malformed> {
        Decoder::default().text(text)
    }

    fn whole(text: &str) -> Packet {
        read(text).expect("well formed").expect("without attachments")
    }

    fn event(text: &str) -> (Option<u64>, String, Vec<Payload>) {
        let Kind::Event { id, args } = whole(text).kind else { panic!("no event: {text}") };
        let event = args.into_event().expect("an event");
        (id, event.name, event.args)
    }

    fn json(text: &str) -> Payload {
        Payload::parse(text).expect("JSON")
    }

    #[test]
    fn every_example_of_the_protocol_document_is_read() {
        assert_eq!(whole("0"), Packet::root(Kind::Connect(None)));
        assert_eq!(
            whole(r#"0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}"#),
            Packet {
                namespace: "/admin".into(),
                kind: Kind::Connect(Some(json(r#"{"sid":"oSO0OpakMV_3jnilAAAA"}"#)))
            }
        );
        assert_eq!(
            whole(r#"4{"message":"Not authorized"}"#),
            Packet::root(Kind::ConnectError(json(r#"{"message":"Not authorized"}"#)))
        );
        assert_eq!(event(r#"2["foo"]"#), (None, "foo".to_owned(), vec![]));
        assert_eq!(whole(r#"2/admin,["bar"]"#).namespace, "/admin");
        assert_eq!(event(r#"212["foo"]"#).0, Some(12));
        let Packet { namespace, kind: Kind::Ack { id: 13, args } } = whole(r#"3/admin,13["bar"]"#) else {
            panic!("no acknowledgement")
        };
        assert_eq!((namespace.as_ref(), args.to_json().as_str()), ("/admin", r#"["bar"]"#));
        assert_eq!(whole("1"), Packet::root(Kind::Disconnect));
        assert_eq!(whole("1/admin,"), Packet { namespace: "/admin".into(), kind: Kind::Disconnect });
    }

    #[test]
    fn attachments_follow_their_header() {
        let mut decoder = Decoder::default();
        let header = r#"52-/admin,["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
        assert_eq!(decoder.text(header), Ok(None));
        assert_eq!(decoder.binary(Bytes::from_static(&[1, 2])), Ok(None));
        assert_eq!(decoder.pending_bytes(), header.len() - "52-/admin,".len() + 2);
        let packet =
            decoder.binary(Bytes::from_static(&[3, 4])).expect("well formed").expect("the last attachment");
        let Kind::Event { args, .. } = packet.kind else { panic!("no event") };
        assert_eq!(args.attachments(), [Bytes::from_static(&[1, 2]), Bytes::from_static(&[3, 4])]);
        assert_eq!(decoder.pending_bytes(), 0);
        assert!(decoder.text("0").is_ok(), "the next packet may follow");
    }

    #[test]
    fn a_binary_acknowledgement_is_an_acknowledgement() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.text(r#"61-15["bar",{"_placeholder":true,"num":0}]"#), Ok(None));
        let packet = decoder.binary(Bytes::from_static(&[1])).expect("well formed").expect("whole");
        assert!(matches!(packet.kind, Kind::Ack { id: 15, args } if args.attachments().len() == 1));
    }

    #[test]
    fn text_between_header_and_attachment_is_refused() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.text(r#"51-["a",{"_placeholder":true,"num":0}]"#), Ok(None));
        assert_eq!(decoder.text(r#"2["b"]"#), Err(Malformed::UnexpectedBinary));
    }

    #[test]
    fn an_attachment_nobody_announced_is_refused() {
        assert_eq!(Decoder::default().binary(Bytes::new()), Err(Malformed::UnexpectedBinary));
    }

    #[test]
    fn a_binary_packet_without_attachments_is_whole_at_once() {
        // Old stock servers write this for an object whose toJSON drops the bytes.
        assert_eq!(event(r#"50-["a",1]"#).1, "a");
        assert_eq!(read(r#"50-["a",{"_placeholder":true,"num":0}]"#), Err(Malformed::Placeholder));
    }

    #[test]
    fn the_number_of_attachments_is_a_small_number() {
        let placeholders: Vec<String> =
            (0..ATTACHMENTS_MAX).map(|num| format!(r#"{{"_placeholder":true,"num":{num}}}"#)).collect();
        let most = format!(r#"5{ATTACHMENTS_MAX}-["a",{}]"#, placeholders.join(","));
        assert_eq!(read(&most), Ok(None));
        let beyond = format!(r#"5{}-["a"]"#, ATTACHMENTS_MAX + 1);
        assert_eq!(read(&beyond), Err(Malformed::TooManyAttachments));
        for text in
            [r#"5-["a"]"#, r#"5x-["a"]"#, r#"5["a"]"#, r#"5+1-["a"]"#, r#"51.0-["a"]"#, "5", "5-", "51", "6"]
        {
            assert_eq!(read(text), Err(Malformed::Header), "{text}");
        }
        assert_eq!(read(r#"599999999999999999999-["a"]"#), Err(Malformed::Header));
    }

    #[test]
    fn placeholders_name_what_is_there() {
        let read_binary = |json: &str| {
            let mut decoder = Decoder::default();
            assert_eq!(decoder.text(&format!("51-{json}")), Ok(None));
            decoder.binary(Bytes::from_static(b"x")).map(|packet| packet.is_some())
        };
        assert_eq!(read_binary(r#"["a",{"deep":[{"_placeholder":true,"num":0}]}]"#), Ok(true));
        // Two places may share one attachment; the stock parser allows it too.
        assert_eq!(
            read_binary(r#"["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#),
            Ok(true)
        );
        // Data that only looks like a placeholder.
        assert_eq!(
            read_binary(r#"["a",{"_placeholder":false,"num":7},{"_placeholder":true,"num":0}]"#),
            Ok(true)
        );
        for json in [
            r#"["a"]"#,
            r#"["a",{"_placeholder":true,"num":1}]"#,
            r#"["a",{"_placeholder":true,"num":-1}]"#,
            r#"["a",{"_placeholder":true,"num":"0"}]"#,
            r#"["a",{"_placeholder":true}]"#,
            r#"["a",{"_placeholder":true,"num":18446744073709551616}]"#,
            // The last of two equal keys counts, as in every JSON parser of the stock peers.
            r#"["a",{"_placeholder":true,"num":0,"num":1}]"#,
        ] {
            assert_eq!(read_binary(json), Err(Malformed::Placeholder), "{json}");
        }
    }

    #[test]
    fn the_comma_after_a_namespace_may_be_missing() {
        assert_eq!(whole("0/custom"), Packet { namespace: "/custom".into(), kind: Kind::Connect(None) });
        assert_eq!(whole("0/,"), Packet::root(Kind::Connect(None)));
        assert_eq!(whole("0/"), Packet::root(Kind::Connect(None)));
    }

    #[test]
    fn a_query_is_no_part_of_the_namespace() {
        assert_eq!(whole(r#"0/custom?token=1&x=/y,{"a":1}"#).namespace, "/custom");
        assert_eq!(whole("0/?x=1,").namespace, ROOT);
    }

    #[test]
    fn a_namespace_has_a_longest_form() {
        let most = format!("0/{}", "n".repeat(NAMESPACE_BYTES_MAX - 1));
        assert_eq!(whole(&most).namespace.len(), NAMESPACE_BYTES_MAX);
        assert_eq!(read(&format!("{most}n")), Err(Malformed::Header));
        assert_eq!(read("0/a\u{1e}b,"), Err(Malformed::Header));
    }

    #[test]
    fn an_id_is_a_number_that_javascript_can_hold() {
        assert_eq!(event(&format!(r#"2{ACK_ID_MAX}["a"]"#)).0, Some(ACK_ID_MAX));
        assert_eq!(event(r#"200000000000000000000000000007["a"]"#).0, Some(7));
        assert_eq!(read(&format!(r#"2{}["a"]"#, ACK_ID_MAX + 1)), Err(Malformed::Header));
        assert_eq!(read(r#"299999999999999999999999["a"]"#), Err(Malformed::Header));
        // The id before the namespace would belong to the data.
        assert_eq!(read(r#"27/custom,["a"]"#), Err(Malformed::Data));
    }

    #[test]
    fn an_acknowledgement_needs_its_id_and_an_array() {
        assert_eq!(read("3[1]"), Err(Malformed::Header));
        for text in ["31", "31{}", r#"31"a""#, "31null", "31[1", "31[1]x"] {
            assert_eq!(read(text), Err(Malformed::Data), "{text}");
        }
        assert!(matches!(whole("31[]").kind, Kind::Ack { id: 1, .. }));
    }

    #[test]
    fn an_event_begins_with_its_name() {
        assert_eq!(event(r#"2["",1]"#).1, "");
        assert_eq!(event(r#"2[ "a" ,1]"#), (None, "a".to_owned(), vec![json("1")]));
        assert_eq!(event("2 [\"a\"]\n").1, "a");
        assert_eq!(event(r#"2["\u0061\n"]"#).1, "a\n");
        for (text, name) in [("2[7]", "7"), ("2[-7]", "-7"), ("2[1.5e3]", "1.5e3")] {
            assert_eq!(event(text).1, name);
        }
        for text in [
            "2",
            "27",
            "2[]",
            "2[null]",
            "2[true]",
            "2[{}]",
            r#"2[["a"]]"#,
            r#"2{"a":1}"#,
            r#"2"a""#,
            r#"2["a""#,
            r#"2["a"]]"#,
            r#"2["a",]"#,
            "2[01]",
            "2[\"\\ud800\"]",
        ] {
            assert_eq!(read(text), Err(Malformed::Data), "{text}");
        }
    }

    #[test]
    fn control_characters_in_strings_are_refused_unless_escaped() {
        assert_eq!(read("2[\"a\",\"\u{1e}\"]"), Err(Malformed::Data));
        assert_eq!(read("2[\"a\nb\"]"), Err(Malformed::Data));
        assert_eq!(event(r#"2["a","\u001e"]"#).2, [json(r#""\u001e""#)]);
    }

    #[test]
    fn json_may_nest_to_its_limit() {
        let nested = |kind: &str, depth: usize| {
            let inner = depth - 1;
            format!(r#"{kind}["a",{}{}]"#, "[".repeat(inner), "]".repeat(inner))
        };
        for kind in ["2", "50-"] {
            assert!(read(&nested(kind, ENVELOPE_DEPTH_MAX)).is_ok());
            assert_eq!(read(&nested(kind, ENVELOPE_DEPTH_MAX + 1)), Err(Malformed::Data));
        }
        assert_eq!(read(&nested("51-", ENVELOPE_DEPTH_MAX + 1)), Err(Malformed::Data));
        assert_eq!(read(&format!("31{}", "[".repeat(100_000))), Err(Malformed::Data));
        assert_eq!(read(&format!("0{}", r#"{"a":"#.repeat(100_000))), Err(Malformed::Data));
    }

    #[test]
    fn the_deepest_payload_travels_in_every_envelope() {
        let deepest = json(&format!("{}{}", "[".repeat(JSON_DEPTH_MAX), "]".repeat(JSON_DEPTH_MAX)));
        let args = Args::event("a").payload(&deepest).build();
        let text = Packet::root(Kind::Event { id: None, args }).encode().text;
        assert_eq!(event(&text).2, [deepest]);
    }

    #[test]
    fn connect_takes_an_object() {
        assert_eq!(whole("0{}").kind, Kind::Connect(Some(json("{}"))));
        assert_eq!(whole("0null").kind, Kind::Connect(Some(Payload::null())));
        for text in ["0[]", "0\"a\"", "0{", "0true", "01", "0nul"] {
            assert_eq!(read(text), Err(Malformed::Data), "{text}");
        }
    }

    #[test]
    fn a_refusal_takes_any_json() {
        assert_eq!(whole(r#"4"Unable to connect""#).kind, Kind::ConnectError(json(r#""Unable to connect""#)));
        assert_eq!(whole("4/admin,12").kind, Kind::ConnectError(json("12")));
        assert_eq!(read("4"), Err(Malformed::Data));
    }

    #[test]
    fn a_disconnect_carries_nothing() {
        assert_eq!(read("1{}"), Err(Malformed::Data));
        assert_eq!(read("17"), Err(Malformed::Data));
    }

    #[test]
    fn what_has_no_known_type_is_refused() {
        for text in ["", "7", "9[]", "x", "é", "-1", " 0", "\u{0}"] {
            assert_eq!(read(text), Err(Malformed::Header), "{text}");
        }
    }
}
