use std::borrow::Cow;

use bytes::Bytes;

use super::{Args, Kind, Malformed, Packet, ROOT};
use crate::{
    Payload,
    limits::{ACK_ID_MAX, ATTACHMENTS_MAX, NAMESPACE_BYTES_MAX},
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
            return finish(header, json.into(), Vec::new()).map(Some);
        }
        // Checked now, so that a bad header is refused before its attachments are read.
        Args::parse(json, Vec::new())?;
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
        finish(partial.header, partial.json, partial.attachments).map(Some)
    }

    /// How many bytes wait for their last attachment, so that a caller can bound a packet as a whole.
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
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    // A bare number after CONNECT or DISCONNECT would be an id that these packets do not have.
    let id = match (digits, kind) {
        (0, _) => None,
        (_, b'2' | b'3' | b'5' | b'6') => Some(read_number(&rest[..digits]).ok_or(Malformed::Header)?),
        _ => return Err(Malformed::Header),
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
    if name.len() > NAMESPACE_BYTES_MAX {
        return Err(Malformed::Header);
    }
    Ok((if name == ROOT { Cow::Borrowed(ROOT) } else { Cow::Owned(name.to_owned()) }, after))
}

fn read_number(digits: &str) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = if all_digits { digits.parse().ok() } else { None };
    number.filter(|number| *number <= ACK_ID_MAX)
}

fn finish(header: Header, json: Box<str>, attachments: Vec<Bytes>) -> Result<Packet, Malformed> {
    let kind = match header.kind {
        b'0' if json.is_empty() => Kind::Connect(None),
        b'0' => Kind::Connect(Some(object(&json)?)),
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

fn event_args(json: Box<str>, attachments: Vec<Bytes>) -> Result<Args, Malformed> {
    let args = Args::parse(json, attachments)?;
    let name = args.json().trim_start_matches('[').trim_start();
    if name.starts_with('"') || name.starts_with(|first: char| first.is_ascii_digit()) {
        return Ok(args);
    }
    Err(Malformed::Data)
}

/// Each attachment is named exactly once, and no placeholder names one that is not there.
fn check_placeholders(json: &str, attachments: usize) -> Result<(), Malformed> {
    let value: serde_json::Value = serde_json::from_str(json).map_err(|_| Malformed::Data)?;
    let mut seen = vec![false; attachments];
    let mut open = vec![&value];
    while let Some(value) = open.pop() {
        match value {
            serde_json::Value::Array(items) => open.extend(items),
            serde_json::Value::Object(fields) if fields.get("_placeholder") == Some(&true.into()) => {
                let number = fields.get("num").and_then(serde_json::Value::as_u64).ok_or(Malformed::Placeholder)?;
                let index = usize::try_from(number).map_err(|_| Malformed::Placeholder)?;
                *seen.get_mut(index).ok_or(Malformed::Placeholder)? = true;
            }
            serde_json::Value::Object(fields) => open.extend(fields.values()),
            _ => {}
        }
    }
    if seen.into_iter().all(|named| named) { Ok(()) } else { Err(Malformed::Placeholder) }
}
