use super::args::quoted;
use crate::{Epoch, Stream, Tag};

/// An event of the root namespace that wants no acknowledgement, as its parts.
///
/// [`write_after`](Self::write_after) gives what [`Packet::encode_after`](super::Packet::encode_after) gives of
/// [`Args`](super::Args) with a payload and an [`EventMeta`](crate::EventMeta), byte for byte. It is for a server's
/// logs, which have a hundred thousand of them to send at once: each is written in one pass to where it is needed.
#[derive(Clone, Copy)]
pub struct EventRef<'a> {
    /// The event's name.
    pub name: &'a str,
    /// The payload: one JSON value, written as it is.
    pub payload: &'a str,
    /// What goes with it to a client that asked for it.
    pub meta: Option<MetaRef<'a>>,
}

/// An [`EventMeta`](crate::EventMeta) as its parts.
#[derive(Clone, Copy, Default)]
pub struct MetaRef<'a> {
    /// The stream the event belongs to.
    pub stream: Option<&'a Stream>,
    /// The log's incarnation.
    pub epoch: Option<&'a Epoch>,
    /// The event's place.
    pub offset: Option<u64>,
    /// The log's tag there.
    pub tag: Option<Tag>,
    /// When the server wrote it (RFC 3339).
    pub ts: Option<&'a str>,
}

impl EventRef<'_> {
    /// Appends the packet's text after a transport's own type character, or whatever else stands before it.
    pub fn write_after(&self, prefix: &str, out: &mut String) {
        out.reserve(self.room(prefix));
        out.push_str(prefix);
        out.push_str("2[");
        push_quoted(out, "", self.name);
        out.push(',');
        out.push_str(self.payload);
        if let Some(meta) = &self.meta {
            out.push(',');
            meta.write(out);
        }
        out.push(']');
    }

    /// How long the text is, or a little more, where nothing in it has to be escaped.
    fn room(&self, prefix: &str) -> usize {
        let meta = self.meta.as_ref().map_or(0, MetaRef::room);
        prefix.len() + self.name.len() + self.payload.len() + meta + EVENT_ROOM
    }
}

impl MetaRef<'_> {
    fn write(&self, out: &mut String) {
        let mut fields = Fields { out, first: true };
        if let Some(stream) = self.stream {
            let (kind, id) = match stream {
                Stream::User => ("user", ""),
                Stream::Job(id) => ("job:", id.as_ref()),
            };
            push_quoted(fields.next("\"stream\":"), kind, id);
        }
        if let Some(epoch) = self.epoch {
            push_quoted(fields.next("\"epoch\":"), "", epoch.as_str());
        }
        if let Some(offset) = self.offset {
            push_decimal(fields.next("\"offset\":"), offset);
        }
        if let Some(tag) = self.tag {
            push_tag(fields.next("\"tag\":"), tag);
        }
        if let Some(ts) = self.ts {
            push_quoted(fields.next("\"ts\":"), "", ts);
        }
        fields.out.push_str(if fields.first { "{}" } else { "}" });
    }

    fn room(&self) -> usize {
        let stream = match self.stream {
            Some(Stream::Job(id)) => id.len(),
            Some(Stream::User) | None => 0,
        };
        stream + self.epoch.map_or(0, |epoch| epoch.as_str().len()) + self.ts.map_or(0, str::len) + META_ROOM
    }
}

/// The fields of an object that is being written.
struct Fields<'a> {
    out: &'a mut String,
    first: bool,
}

impl Fields<'_> {
    /// Where the value of one more field goes.
    fn next(&mut self, key: &str) -> &mut String {
        self.out.push(if self.first { '{' } else { ',' });
        self.first = false;
        self.out.push_str(key);
        self.out
    }
}

/// A JSON string of a beginning that needs no escape and a text that may.
fn push_quoted(out: &mut String, beginning: &str, text: &str) {
    // Names and ids are plain as a rule, and a scan that never stops early is done in a few instructions.
    let plain =
        text.bytes().fold(true, |plain, byte| plain & (byte >= b' ' && byte != b'"' && byte != b'\\'));
    if plain {
        out.push('"');
        out.push_str(beginning);
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&quoted(&format!("{beginning}{text}")));
    }
}

fn push_decimal(out: &mut String, mut number: u64) {
    let mut digits = [b'0'; DECIMAL_DIGITS_MAX];
    let mut first = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        first -= 1;
        if number == 0 {
            break;
        }
    }
    push_ascii(out, digits.get(first..).unwrap_or_default());
}

fn push_tag(out: &mut String, tag: Tag) {
    let mut text = [b'"'; 2 + TAG_DIGITS];
    for (pair, byte) in text[1..=TAG_DIGITS].chunks_exact_mut(2).zip(tag.to_bytes()) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 0xf)];
    }
    push_ascii(out, &text);
}

fn push_ascii(out: &mut String, digits: &[u8]) {
    // Never anything else: they are our own digits.
    out.push_str(std::str::from_utf8(digits).unwrap_or_default());
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A tag has eight bytes.
const TAG_DIGITS: usize = 16;

/// The digits of the largest `u64`.
const DECIMAL_DIGITS_MAX: usize = 20;

/// What an event's text has beside its parts: the packet's type, brackets, commas, quotes.
const EVENT_ROOM: usize = 8;

/// What a meta has beside texts of its own: keys, punctuation, the offset, the tag, a stream's kind.
const META_ROOM: usize = 112;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        EventMeta, Payload,
        socket_io::{Args, Kind, Packet},
    };

    /// The way of the general encoder.
    fn generally(name: &str, payload: &str, meta: Option<&EventMeta>) -> String {
        let args = Args::event(name).payload(&Payload::parse(payload).expect("JSON"));
        let args = match meta {
            Some(meta) => args.value(meta).expect("a meta is JSON"),
            None => args,
        };
        Packet::root(Kind::Event { id: None, args: args.build() }).encode_after("4").text
    }

    fn in_one_pass(name: &str, payload: &str, meta: Option<&EventMeta>) -> String {
        let meta = meta.map(|meta| MetaRef {
            stream: meta.stream.as_ref(),
            epoch: meta.epoch.as_ref(),
            offset: meta.offset,
            tag: meta.tag,
            ts: meta.ts.as_deref(),
        });
        let event = EventRef { name, payload, meta };
        let mut text = "before".to_owned();
        event.write_after("4", &mut text);
        text.split_off("before".len())
    }

    /// Plain ones, and each kind of escape, in the middle and at both ends.
    const TEXTS: [&str; 12] = [
        "a",
        "test:tick:v1",
        "say \"hi\"",
        "\"",
        "back\\slash\\",
        "line\nfeed\r\ttab",
        "\u{0}\u{1}\u{8}\u{b}\u{c}\u{1f}",
        "\u{7f}",
        "größe 😀 \u{2028}",
        "</script>",
        "ends with \"",
        "01912f4e-7d9a-7c3b-8a5e-0123456789ab",
    ];

    #[test]
    fn names_and_payloads_are_written_as_the_general_encoder_does() {
        for name in TEXTS.into_iter().chain([""]) {
            for payload in ["null", "{}", r#"{ "a": "\"\\\n", "b":[1, 2.50] }"#, "\"\u{2028}😀\""] {
                assert_eq!(in_one_pass(name, payload, None), generally(name, payload, None));
                let empty = EventMeta::default();
                assert_eq!(in_one_pass(name, payload, Some(&empty)), generally(name, payload, Some(&empty)));
            }
        }
    }

    #[test]
    fn each_field_of_a_meta_may_be_absent() {
        for present in 0..32_u8 {
            let has = |field: u8| present & (1 << field) != 0;
            let meta = EventMeta {
                stream: has(0).then(|| Stream::job("7")),
                epoch: has(1).then(|| Epoch::new("e-1").expect("an epoch")),
                offset: has(2).then_some(12),
                tag: has(3).then(|| Tag::START.next(b"a", b"1")),
                ts: has(4).then(|| "2026-01-02T03:04:05.006Z".to_owned()),
            };
            assert_eq!(in_one_pass("e", "1", Some(&meta)), generally("e", "1", Some(&meta)), "{present:05b}");
        }
    }

    #[test]
    fn texts_of_a_meta_are_escaped_where_they_need_it() {
        for text in TEXTS {
            for stream in [Stream::User, Stream::job(text)] {
                let meta = EventMeta {
                    stream: Some(stream),
                    epoch: Some(Epoch::new(text).expect("an epoch")),
                    ts: Some(text.to_owned()),
                    ..EventMeta::default()
                };
                assert_eq!(in_one_pass("e", "1", Some(&meta)), generally("e", "1", Some(&meta)));
            }
        }
    }

    #[test]
    fn every_number_has_its_digits() {
        let powers = (0..20).map(|power| 10_u64.pow(power));
        for number in powers.flat_map(|power| [power - 1, power, power + 1]).chain([u64::MAX]) {
            let tags = [Tag::from_bytes(number.to_be_bytes()), Tag::from_bytes(number.to_le_bytes())];
            for tag in tags {
                let meta = EventMeta { offset: Some(number), tag: Some(tag), ..EventMeta::default() };
                assert_eq!(in_one_pass("e", "1", Some(&meta)), generally("e", "1", Some(&meta)));
            }
        }
    }

    #[test]
    fn the_room_is_never_too_small_for_what_needs_no_escape() {
        let id = "7".repeat(128);
        let (stream, epoch) = (Stream::job(id), Epoch::new("e".repeat(64)).expect("an epoch"));
        for stream in [&stream, &Stream::User] {
            let meta = MetaRef {
                stream: Some(stream),
                epoch: Some(&epoch),
                offset: Some(u64::MAX),
                tag: Some(Tag::START),
                ts: Some("2026-01-02T03:04:05.006Z"),
            };
            for meta in [None, Some(MetaRef::default()), Some(meta)] {
                let event = EventRef { name: "test:tick:v1", payload: "{}", meta };
                let mut text = String::new();
                event.write_after("4", &mut text);
                assert!(text.len() <= event.room("4"), "{text}");
            }
        }
    }
}
