use std::ops::Range;

use crate::{Epoch, EventMeta, Stream, Tag, json};

/// Reads the metas of events as they come, and holds what the last one said.
///
/// Every event on the line passes here, and most of its meta is that of the event before. So stream and epoch stay
/// where they are the same; only what has other fields than a Keepline server writes, or an escape in a text, takes the
/// longer way.
#[derive(Debug, Default)]
pub struct MetaReader {
    stream: Option<Stream>,
    epoch: Option<Epoch>,
    offset: Option<u64>,
    tag: Option<Tag>,
    time: Option<MetaTime>,
    /// How the last meta began up to its offset: with this stream and this epoch and nothing else. Empty where it did
    /// not.
    beginning: String,
}

/// A time (RFC 3339) that stands in an event's meta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetaTime {
    /// At this place of the meta's JSON.
    At(Range<usize>),
    /// Written with an escape there.
    Text(Box<str>),
}

impl MetaTime {
    /// The time, of the meta that it was read from.
    pub fn of<'a>(&'a self, meta: &'a str) -> Option<&'a str> {
        match self {
            Self::At(place) => meta.get(place.clone()),
            Self::Text(text) => Some(text),
        }
    }
}

impl MetaReader {
    /// Reads an event's last argument, if that is a meta: an object whose known fields have the right types. Of what is
    /// none the fields tell nothing.
    pub fn read(&mut self, argument: &str) -> bool {
        (self.offset, self.tag, self.time) = (None, None, None);
        self.read_known(argument).is_some() || self.read_any(argument)
    }

    /// The stream the event belongs to.
    pub fn stream(&self) -> Option<&Stream> {
        self.stream.as_ref()
    }

    /// The log's incarnation.
    pub fn epoch(&self) -> Option<&Epoch> {
        self.epoch.as_ref()
    }

    /// The event's place, counted from 1 without a hole.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    /// The log's tag there.
    pub fn tag(&self) -> Option<Tag> {
        self.tag
    }

    /// When the server wrote it; the next meta has another.
    pub fn take_time(&mut self) -> Option<MetaTime> {
        self.time.take()
    }

    fn read_known(&mut self, argument: &str) -> Option<()> {
        let begins_the_same = !self.beginning.is_empty() && argument.starts_with(&self.beginning);
        let mut is_known = true;
        if begins_the_same {
            let offset = ("offset", self.beginning.len());
            let read = json::members_from(argument, offset, DEPTH, |key, value, at| {
                is_known = is_known && self.take_place(key, value, at).is_some();
            });
            return (read.is_ok() && is_known).then_some(());
        }
        self.beginning.clear();
        let mut before = (self.stream.take(), self.epoch.take());
        let mut offset_at = None;
        let read = json::members(argument, DEPTH, |key, value, at| {
            let taken = match key {
                "stream" | "epoch" => self.take_log(key, value, &mut before),
                _ => self.take_place(key, value, at),
            };
            let comes_after_the_log = self.stream.is_some() && self.epoch.is_some();
            if key == "offset" && comes_after_the_log && self.tag.is_none() && self.time.is_none() {
                offset_at = Some(at);
            }
            is_known = is_known && taken.is_some();
        });
        if read.is_err() || !is_known {
            return None;
        }
        let beginning = offset_at.and_then(|at| argument.get(..at));
        if let Some(beginning) = beginning.filter(|beginning| beginning.len() <= BEGINNING_BYTES_MAX) {
            self.beginning.push_str(beginning);
        }
        Some(())
    }

    fn take_log(
        &mut self,
        key: &str,
        value: &str,
        before: &mut (Option<Stream>, Option<Epoch>),
    ) -> Option<()> {
        let text = json::plain_string(value)?;
        match key {
            "stream" if self.stream.is_none() => {
                let same = before.0.take().filter(|stream| stream.is(text));
                self.stream = Some(same.map_or_else(|| text.parse(), Ok).ok()?);
            }
            "epoch" if self.epoch.is_none() => {
                let same = before.1.take().filter(|epoch| epoch.as_str() == text);
                self.epoch = Some(same.map_or_else(|| Epoch::new(text), Ok).ok()?);
            }
            _ => return None,
        }
        Some(())
    }

    fn take_place(&mut self, key: &str, value: &str, at: usize) -> Option<()> {
        match key {
            "offset" if self.offset.is_none() => self.offset = Some(value.parse().ok()?),
            "tag" if self.tag.is_none() => self.tag = Some(json::plain_string(value)?.parse().ok()?),
            "ts" if self.time.is_none() => {
                let start = at + "\"".len();
                self.time = Some(MetaTime::At(start..start + json::plain_string(value)?.len()));
            }
            _ => return None,
        }
        Some(())
    }

    fn read_any(&mut self, argument: &str) -> bool {
        self.beginning.clear();
        // To serde an array could be a meta without names.
        let read = if argument.starts_with('{') { serde_json::from_str(argument).ok() } else { None };
        let is_meta = read.is_some();
        let EventMeta { stream, epoch, offset, tag, ts } = read.unwrap_or_default();
        (self.stream, self.epoch, self.offset, self.tag) = (stream, epoch, offset, tag);
        self.time = ts.map(|ts| MetaTime::Text(ts.into()));
        is_meta
    }
}

/// A meta holds no other value that could nest.
const DEPTH: usize = 1;

/// Stream and epoch have at most 200 bytes; what is longer has much space in between.
const BEGINNING_BYTES_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const WHOLE: &str =
        r#"{"stream":"job:7","epoch":"e","offset":12,"tag":"00000000000000ff","ts":"2026-01-01T00:00:00Z"}"#;

    /// Each with whether it is a meta.
    const TEXTS: &[(&str, bool)] = &[
        (WHOLE, true),
        (
            r#"{"stream":"job:7","epoch":"e","offset":13,"tag":"000000000000aaff","ts":"2026-01-01T00:00:01Z"}"#,
            true,
        ),
        (r#"{"stream":"job:7","epoch":"e","offset":13}"#, true),
        (r#"{"stream":"job:7","epoch":"e","offset": 13 , "ts":"x" } "#, true),
        (r#"{"stream":"job:8","epoch":"e","offset":13}"#, true),
        (r#"{"stream":"job:7","epoch":"f","offset":13}"#, true),
        (r#"{"epoch":"e","stream":"job:7","offset":13}"#, true),
        (r#"{"ts":"x","stream":"job:7","epoch":"e","offset":13}"#, true),
        (r#"{"offset":1,"stream":"job:7","epoch":"e"}"#, true),
        ("{}", true),
        (r#"{"stream":"user"}"#, true),
        (r#" {"offset" : 18446744073709551615 } "#, true),
        // The longer way: an unknown field, an escape, a null, a nested value.
        (r#"{"offset":1,"new":[{"a":[]}]}"#, true),
        (r#"{"stream":"job:7","epoch":"e","offset":12,"new":1,"ts":"a\u0020b"}"#, true),
        (r#"{"stream":"job:\u0037"}"#, true),
        (r#"{"\u0074s":"x"}"#, true),
        (r#"{"ts":null}"#, true),
        // No metas.
        (r#"{"stream":"job:7","epoch":"e","offset":12,"epoch":"e"}"#, false),
        (r#"{"stream":"job:7","epoch":"e","offset":12,"offset":12}"#, false),
        (r#"{"stream":"job:7","epoch":"e","offset":-12}"#, false),
        (r#"{"stream":"job:7","epoch":"e","offset":12"#, false),
        (r#"{"stream":"job:7","epoch":"e","offset":12}}"#, false),
        (r#"{"stream":"job:7","epoch":"e","offset":"#, false),
        (r#"{"offset":1,"offset":1}"#, false),
        (r#"{"offset":1.0}"#, false),
        (r#"{"offset":18446744073709551616}"#, false),
        (r#"{"offset":"1"}"#, false),
        (r#"{"stream":"room:1"}"#, false),
        (r#"{"epoch":""}"#, false),
        (r#"{"tag":"00"}"#, false),
        (r#"{"ts":1}"#, false),
        ("1", false),
        (r#""{}""#, false),
        ("null", false),
        // To serde these could be metas.
        ("[]", false),
        (r#"["job:7"]"#, false),
    ];

    fn read(reader: &mut MetaReader, text: &str) -> Option<EventMeta> {
        reader.read(text).then(|| EventMeta {
            stream: reader.stream.clone(),
            epoch: reader.epoch.clone(),
            offset: reader.offset,
            tag: reader.tag,
            ts: reader.time.as_ref().map(|time| time.of(text).expect("a place in the text").to_owned()),
        })
    }

    #[test]
    fn a_meta_is_read_as_serde_reads_it_whatever_came_before() {
        for (before, _) in TEXTS {
            for (text, is_meta) in TEXTS {
                let mut reader = MetaReader::default();
                reader.read(before);
                let expected = is_meta.then(|| serde_json::from_str(text).expect("a meta"));
                assert_eq!(read(&mut reader, text), expected, "{text} after {before}");
                // And once more, after itself.
                assert_eq!(read(&mut reader, text), expected, "{text} twice");
            }
        }
    }

    #[test]
    fn a_time_stands_in_its_meta_or_is_a_text_of_its_own() {
        let mut reader = MetaReader::default();
        assert!(reader.read(WHOLE));
        assert!(
            matches!(&reader.time, Some(MetaTime::At(place)) if WHOLE[place.clone()] == *"2026-01-01T00:00:00Z")
        );
        assert!(reader.read(r#"{"ts":"2026-01-01T00:00:00\u002b00:00"}"#));
        assert_eq!(reader.time, Some(MetaTime::Text("2026-01-01T00:00:00+00:00".into())));
    }

    #[test]
    fn metas_of_one_stream_share_what_is_the_same() {
        let mut reader = MetaReader::default();
        let mut shared = Vec::new();
        for text in [r#"{"epoch":"e","stream":"job:7","offset":1}"#, WHOLE, WHOLE] {
            assert!(reader.read(text));
            let Some(Stream::Job(job)) = &reader.stream else { panic!("a job") };
            shared.push(Arc::clone(job));
        }
        assert!(shared.windows(2).all(|pair| Arc::ptr_eq(&pair[0], &pair[1])));
    }
}
