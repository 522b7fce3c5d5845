/// How much is sent, and how large it is: the same for Keepline, for the bare echo and for the Node pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// How many round trips one after the other.
    pub round_trips: usize,
    /// How many answers are waited for with `window` of them under way.
    pub acks: usize,
    /// How many of them are under way at any time.
    pub window: usize,
    /// How many events go into one client.
    pub events: usize,
    /// How many bytes of filling each payload carries.
    pub bytes: usize,
}

impl Default for Load {
    fn default() -> Self {
        Self { round_trips: 5_000, acks: 100_000, window: 256, events: 200_000, bytes: 100 }
    }
}

impl Load {
    /// The same with counts so small that only the shape of a run is tested.
    #[cfg(test)]
    pub(super) fn tiny() -> Self {
        Self { round_trips: 20, acks: 600, window: 16, events: 600, bytes: 10 }
    }

    /// A tenth of the counts, to warm up with.
    #[must_use]
    pub fn tenth(self) -> Self {
        Self {
            round_trips: self.round_trips.div_ceil(10),
            acks: self.acks.div_ceil(10),
            events: self.events.div_ceil(10),
            ..self
        }
    }

    /// The text frame in which Socket.IO would carry one of these payloads with an acknowledgement.
    pub fn frame(&self) -> String {
        format!("42123456[\"echo\",{{\"n\":123456,\"data\":\"{}\"}}]", "x".repeat(self.bytes))
    }
}
