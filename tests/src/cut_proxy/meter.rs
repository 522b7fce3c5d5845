use tokio::time::Instant;

use super::plan::{Cut, Ending, Side};

/// Counts what one connection carries and says where its cut falls.
#[derive(Debug)]
pub(super) struct Meter {
    carried: u64,
    next: Option<Cut>,
    stalled_until: Option<Instant>,
    heads: [Head; 2],
}

/// What may be forwarded of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of it.
    Whole,
    /// So many bytes of it, then the cut.
    Torn { prefix: usize, ending: Ending },
}

impl Meter {
    pub(super) fn new(next: Option<Cut>, spare_head: bool) -> Self {
        let head = if spare_head { Head::Inside { matched: 0, bytes: 0 } } else { Head::Over };
        Self { carried: 0, next, stalled_until: None, heads: [head; 2] }
    }

    /// Judges the next chunk toward one side. A torn chunk takes the cut away: the caller makes it.
    pub(super) fn judge(&mut self, toward: Side, chunk: &[u8]) -> Verdict {
        let spared = self.heads[toward as usize].pass(chunk);
        let len = chunk.len() - spared;
        let carried = self.carried;
        self.carried += len as u64;
        let Some(cut) = self.next else { return Verdict::Whole };
        // A side that keeps silent does not hold the cut up for ever: the other side's chunk is torn instead.
        let due = if toward == cut.toward { cut.after_bytes } else { cut.after_bytes + SILENT_SIDE_BYTES };
        // A chunk of one byte cannot be torn; the next one is.
        if len < 2 || carried + len as u64 <= due {
            return Verdict::Whole;
        }
        // Neither all nor nothing of a chunk: between two chunks there may well be a frame's end.
        let inside = usize::try_from(due.saturating_sub(carried)).unwrap_or(usize::MAX).clamp(1, len - 1);
        self.carried = carried + inside as u64;
        self.next = None;
        Verdict::Torn { prefix: spared + inside, ending: cut.ending }
    }

    /// How many bytes went through, both directions together, without spared heads.
    pub(super) fn carried(&self) -> u64 {
        self.carried
    }

    /// The cut that has not been made.
    pub(super) fn pending(&self) -> Option<Cut> {
        self.next
    }

    /// Lets nothing through until then.
    pub(super) fn stall(&mut self, until: Instant) {
        self.stalled_until = Some(until);
    }

    pub(super) fn stalled_until(&self) -> Option<Instant> {
        self.stalled_until
    }

    /// Goes on after a stall: the rest of the torn chunk is carried, and the connection has a next cut to meet.
    pub(super) fn resume(&mut self, rest: usize, next: Option<Cut>) {
        self.stalled_until = None;
        self.carried = rest as u64;
        self.next = next;
    }
}

/// Whether a direction's first HTTP head is over.
#[derive(Debug, Clone, Copy)]
enum Head {
    /// So many bytes of the blank line were the last ones seen.
    Inside {
        matched: usize,
        bytes: usize,
    },
    Over,
}

impl Head {
    /// How many bytes at the chunk's front still belong to the head.
    fn pass(&mut self, chunk: &[u8]) -> usize {
        let Self::Inside { mut matched, bytes } = *self else { return 0 };
        for (index, byte) in chunk.iter().enumerate() {
            matched = match byte {
                byte if *byte == BLANK_LINE[matched] => matched + 1,
                b'\r' => 1,
                _ => 0,
            };
            if matched == BLANK_LINE.len() || bytes + index + 1 == HEAD_BYTES_MAX {
                *self = Self::Over;
                return index + 1;
            }
        }
        *self = Self::Inside { matched, bytes: bytes + chunk.len() };
        chunk.len()
    }
}

const BLANK_LINE: [u8; 4] = *b"\r\n\r\n";

/// The longest HTTP head that is spared; what has no blank line by then is not HTTP.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How far the talking side may run past a cut that waits for the silent one.
const SILENT_SIDE_BYTES: u64 = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(after_bytes: u64, toward: Side) -> Cut {
        Cut { after_bytes, toward, ending: Ending::Fin }
    }

    fn torn(prefix: usize) -> Verdict {
        Verdict::Torn { prefix, ending: Ending::Fin }
    }

    #[test]
    fn tears_the_chunk_in_which_the_place_falls() {
        let mut meter = Meter::new(Some(cut(15, Side::Client)), false);
        assert_eq!(meter.judge(Side::Client, &[0; 10]), Verdict::Whole);
        assert_eq!(meter.judge(Side::Client, &[0; 10]), torn(5));
        assert_eq!(meter.carried(), 15);
        assert_eq!(meter.pending(), None);
        assert_eq!(meter.judge(Side::Client, &[0; 1000]), Verdict::Whole);
    }

    #[test]
    fn never_cuts_between_two_chunks() {
        let mut meter = Meter::new(Some(cut(10, Side::Client)), false);
        assert_eq!(meter.judge(Side::Client, &[0; 10]), Verdict::Whole);
        assert_eq!(meter.judge(Side::Client, &[0; 1]), Verdict::Whole, "one byte cannot be torn");
        assert_eq!(meter.judge(Side::Client, &[0; 10]), torn(1));
        let mut meter = Meter::new(Some(cut(0, Side::Client)), false);
        assert_eq!(meter.judge(Side::Client, &[0; 2]), torn(1));
    }

    #[test]
    fn waits_for_its_side_but_not_for_ever() {
        let mut meter = Meter::new(Some(cut(10, Side::Server)), false);
        assert_eq!(meter.judge(Side::Client, &[0; 100]), Verdict::Whole);
        assert_eq!(meter.judge(Side::Server, &[0; 8]), torn(1));
        let mut meter = Meter::new(Some(cut(10, Side::Server)), false);
        assert_eq!(meter.judge(Side::Client, &[0; 4106]), Verdict::Whole);
        assert_eq!(meter.judge(Side::Client, &[0; 4]), torn(1));
    }

    #[test]
    fn spares_the_head_of_each_direction() {
        let mut meter = Meter::new(Some(cut(3, Side::Client)), true);
        assert_eq!(meter.judge(Side::Server, b"GET / HTTP/1.1\r\n\r"), Verdict::Whole);
        assert_eq!(meter.judge(Side::Server, b"\nab"), Verdict::Whole);
        assert_eq!(meter.carried(), 2);
        assert_eq!(meter.judge(Side::Client, b"HTTP/1.1 101\r\n\r\nframe"), torn(17));
    }

    #[test]
    fn a_head_without_end_is_no_head() {
        let mut meter = Meter::new(None, true);
        meter.judge(Side::Client, &[b'x'; HEAD_BYTES_MAX]);
        assert_eq!(meter.carried(), 0);
        meter.judge(Side::Client, b"x");
        assert_eq!(meter.carried(), 1);
    }
}
