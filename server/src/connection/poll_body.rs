use keepline_protocol::engine_io::{Packet, SEPARATOR, encode_part};

use super::Frames;

/// The answer to a poll as it is being written.
#[derive(Default)]
pub(super) struct PollBody {
    text: String,
    packets: usize,
}

impl PollBody {
    pub(super) fn is_empty(&self) -> bool {
        self.packets == 0
    }

    /// Whether the frames may go with what is there already. The first ones always may.
    pub(super) fn has_room_for(&self, frames: &Frames) -> bool {
        self.is_empty() || (self.packets + frames.count() <= PACKETS_MAX && self.text.len() < BYTES_MAX)
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

    /// The body, and an empty one for the next poll.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(self).text
    }
}

/// Python's client refuses an answer with more packets than this.
const PACKETS_MAX: usize = 16;

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

    #[test]
    fn packets_have_their_limit() {
        let mut body = PollBody::default();
        body.push(&Packet::Ping("".into()));
        for _ in 0..PACKETS_MAX - 1 {
            assert!(body.has_room_for(&text(1)));
            body.push_frames(&text(1));
        }
        assert!(!body.has_room_for(&text(1)));
        assert_eq!(body.take().split(SEPARATOR).count(), PACKETS_MAX);
        assert!(body.is_empty() && body.has_room_for(&text(1)));
    }

    #[test]
    fn an_attachment_is_a_packet_too() {
        let two =
            Frames { text: text(1).text, attachments: Box::new([Bytes::from_static(b"\x01\x02\x03\x04")]) };
        let mut body = PollBody::default();
        for _ in 0..PACKETS_MAX / 2 - 1 {
            body.push_frames(&two);
        }
        body.push_frames(&text(1));
        assert!(body.has_room_for(&text(1)) && !body.has_room_for(&two));
        assert!(body.take().starts_with("4x\u{1e}bAQIDBA==\u{1e}4x"));
    }

    #[test]
    fn bytes_have_their_limit_but_the_first_frames_always_go() {
        let mut body = PollBody::default();
        assert!(body.has_room_for(&text(BYTES_MAX)));
        body.push_frames(&text(BYTES_MAX - 2));
        assert!(body.has_room_for(&text(1)));
        body.push_frames(&text(1));
        assert!(!body.has_room_for(&text(1)));
    }
}
