use axum::http::{HeaderMap, HeaderValue, header::USER_AGENT};
use keepline_protocol::engine_io::{Packet, SEPARATOR, encode_part};

use super::Frames;

/// The answer to a poll as it is being written.
pub(super) struct PollBody {
    text: String,
    packets: usize,
    packets_max: usize,
}

impl PollBody {
    /// For the client that opened the session with these headers.
    pub(super) fn new(headers: &HeaderMap) -> Self {
        let agent = headers.get(USER_AGENT).map_or(&[][..], HeaderValue::as_bytes);
        // The two HTTP libraries under Python's client begin like this, in one case or the other.
        let is_python = agent.get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"python"));
        let packets_max = if is_python { PYTHON_PACKETS_MAX } else { PACKETS_MAX };
        Self { text: String::new(), packets: 0, packets_max }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets == 0
    }

    /// Whether the frames may go with what is there already. The first ones always may.
    pub(super) fn has_room_for(&self, frames: &Frames) -> bool {
        self.is_empty() || (self.packets + frames.count() <= self.packets_max && self.text.len() < BYTES_MAX)
    }

    pub(super) fn push_frames(&mut self, frames: &Frames) {
        self.packets += frames.count();
        if let Some(text) = &frames.text {
            if !self.text.is_empty() {
                self.text.push(SEPARATOR);
            }
            self.text.push_str(text);
        }
        for attachment in &frames.attachments {
            encode_part(&Packet::Binary(attachment.clone()), &mut self.text);
        }
    }

    pub(super) fn push(&mut self, packet: &Packet<'_>) {
        self.packets += 1;
        encode_part(packet, &mut self.text);
    }

    /// The body; what stays is an empty one for the next poll.
    pub(super) fn take(&mut self) -> String {
        self.packets = 0;
        std::mem::take(&mut self.text)
    }
}

/// A page of a replay and some; the bytes bound it as well.
const PACKETS_MAX: usize = 1_024;

/// Python's client refuses an answer with more packets than this, and would be refused by itself for ever. Others
/// should not have to poll so often for a long replay.
const PYTHON_PACKETS_MAX: usize = 16;

/// An answer takes no more frames once it has this size: they go with the next one.
const BYTES_MAX: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::connection::Message;

    fn text(length: usize) -> Frames {
        Message::Text("x".repeat(length)).into()
    }

    fn body_for(agent: &str) -> PollBody {
        PollBody::new(&HeaderMap::from_iter([(USER_AGENT, agent.parse().unwrap())]))
    }

    #[test]
    fn packets_have_their_limit() {
        let limits = [
            ("Mozilla/5.0 (X11; Linux x86_64)", PACKETS_MAX),
            ("node-XMLHttpRequest", PACKETS_MAX),
            ("python-requests/2.32.3", PYTHON_PACKETS_MAX),
            ("Python/3.11 aiohttp/3.11.0", PYTHON_PACKETS_MAX),
        ];
        for (agent, limit) in limits {
            let mut body = body_for(agent);
            // Once more, because the limit belongs to the session.
            for _ in 0..2 {
                body.push(&Packet::Ping("".into()));
                for _ in 0..limit - 1 {
                    assert!(body.has_room_for(&text(1)));
                    body.push_frames(&text(1));
                }
                assert!(!body.has_room_for(&text(1)), "{agent}");
                assert_eq!(body.take().split(SEPARATOR).count(), limit);
                assert!(body.is_empty());
            }
        }
    }

    #[test]
    fn an_attachment_is_a_packet_too() {
        let two =
            Frames { text: text(1).text, attachments: Box::new([Bytes::from_static(b"\x01\x02\x03\x04")]) };
        let mut body = body_for("python-requests/2.32.3");
        for _ in 0..PYTHON_PACKETS_MAX / 2 - 1 {
            body.push_frames(&two);
        }
        body.push_frames(&text(1));
        assert!(body.has_room_for(&text(1)) && !body.has_room_for(&two));
        assert!(body.take().starts_with("4x\u{1e}bAQIDBA==\u{1e}4x"));
    }

    #[test]
    fn bytes_have_their_limit_but_the_first_frames_always_go() {
        let mut body = PollBody::new(&HeaderMap::new());
        assert!(body.has_room_for(&text(BYTES_MAX)));
        body.push_frames(&text(BYTES_MAX - 2));
        assert!(body.has_room_for(&text(1)));
        body.push_frames(&text(1));
        assert!(!body.has_room_for(&text(1)));
    }
}
