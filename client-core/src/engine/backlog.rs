use std::collections::VecDeque;

use keepline_protocol::{
    limits::ACTION_BYTES_MAX,
    socket_io::{Kind, Packet},
};

use super::PACKET_OVERHEAD_BYTES;
use crate::limits::BATCH_MAX;

/// Packets that are ready and wait for the socket to have room: calls, volatile actions, acknowledgements, and the
/// session's own. Actions of the queue wait on disk.
///
/// What the app adds is bounded, because a socket that has stalled may take nothing for as long as a heartbeat. The
/// session's own packets are few and always have room.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    packets: VecDeque<Packet>,
    bytes: usize,
}

impl Backlog {
    /// Whether a packet of the app's may be added where so many packets may wait.
    pub(super) fn has_room(&self, bytes: usize, packets_max: usize) -> bool {
        self.packets.len() < packets_max && self.bytes.saturating_add(bytes) <= BACKLOG_BYTES_MAX
    }

    pub(super) fn push(&mut self, packet: Packet) {
        self.bytes += packet_bytes(&packet);
        self.packets.push_back(packet);
    }

    pub(super) fn pop(&mut self) -> Option<Packet> {
        let packet = self.packets.pop_front()?;
        self.bytes -= packet_bytes(&packet);
        Some(packet)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// What a packet weighs on its way to the socket; its framing is not counted.
pub(crate) fn packet_bytes(packet: &Packet) -> usize {
    match &packet.kind {
        Kind::Event { args, .. } | Kind::Ack { args, .. } => args.bytes(),
        Kind::Connect(Some(payload)) | Kind::ConnectError(payload) => payload.len(),
        Kind::Connect(None) | Kind::Disconnect => 0,
    }
}

/// How many bytes of the app's may wait for the socket: as many as the largest actions of one transaction have, so
/// that a burst on a line that is well is never refused.
const BACKLOG_BYTES_MAX: usize = BATCH_MAX * (ACTION_BYTES_MAX + PACKET_OVERHEAD_BYTES as usize);

#[cfg(test)]
mod tests {
    use keepline_protocol::socket_io::Args;

    use super::*;

    fn packet(bytes: usize) -> Packet {
        // The name's quotes and the array's brackets count too.
        let args = Args::event(&"x".repeat(bytes - 4)).build();
        Packet::root(Kind::Event { id: None, args })
    }

    #[test]
    fn room_has_an_edge_in_packets_and_in_bytes() {
        let mut backlog = Backlog::default();
        assert!(backlog.has_room(BACKLOG_BYTES_MAX, 1));
        assert!(!backlog.has_room(BACKLOG_BYTES_MAX + 1, 1));
        backlog.push(packet(100));
        assert!(!backlog.has_room(0, 1));
        assert!(backlog.has_room(BACKLOG_BYTES_MAX - 100, 2));
        assert!(!backlog.has_room(BACKLOG_BYTES_MAX - 99, 2));
        backlog.pop();
        assert!(backlog.has_room(BACKLOG_BYTES_MAX, 1), "what has left counts no more");
    }
}
