use std::{fmt, time::Duration};

use fastrand::Rng;

/// What a [`CutProxy`](super::CutProxy) does to the connections that run through it. The same plan makes the same
/// cuts, whatever the timing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How many cuts; afterwards everything is forwarded untouched.
    pub cuts: u32,
    /// Draws the places, directions and endings.
    pub seed: u64,
    /// A connection lives for at least this many bytes, both directions together.
    pub bytes_min: u64,
    /// And for at most this many before the place of its cut.
    pub bytes_max: u64,
    /// How long each chunk is held back, in each direction.
    pub delay: Duration,
    /// Unless zero, every third cut is a stall of this length instead.
    pub stall: Duration,
    /// Whether the first HTTP head of each direction is neither counted nor cut, so that what is cut is a WebSocket
    /// frame and not the upgrade.
    pub spare_head: bool,
}

impl Plan {
    /// Forwards untouched.
    pub fn untouched() -> Self {
        Self { cuts: 0, ..Self::default() }
    }

    /// The cuts, in the order in which connections take them.
    pub fn schedule(&self) -> Vec<Cut> {
        let mut rng = Rng::with_seed(self.seed);
        let endings = self.endings();
        // The endings alternate, so that few cuts see each of them; the seed says which comes first.
        let first = rng.usize(..endings.len());
        (0..self.cuts as usize)
            .map(|number| Cut {
                after_bytes: rng.u64(self.bytes_min..=self.bytes_max.max(self.bytes_min)),
                toward: if rng.u8(..TOWARD_SERVER_ONE_IN) == 0 { Side::Server } else { Side::Client },
                ending: endings[(first + number) % endings.len()],
            })
            .collect()
    }

    fn endings(&self) -> Vec<Ending> {
        let mut endings = vec![Ending::Fin, Ending::Rst];
        if !self.stall.is_zero() {
            endings.push(Ending::Stall(self.stall));
        }
        endings
    }
}

/// Fifty cuts fall within some 500 kB of events: 5,000 of them with 100 bytes each.
impl Default for Plan {
    fn default() -> Self {
        Self {
            cuts: 50,
            seed: 0,
            bytes_min: 800,
            bytes_max: 12_000,
            delay: Duration::ZERO,
            stall: Duration::ZERO,
            spare_head: true,
        }
    }
}

/// One cut of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// How many bytes the connection carries before it.
    pub after_bytes: u64,
    /// Who gets the torn chunk.
    pub toward: Side,
    /// What then happens.
    pub ending: Ending,
}

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Who dialled.
    Client,
    /// Who was dialled.
    Server,
}

/// How a cut ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Both ends read the end of the stream.
    Fin,
    /// Both ends read a reset, and what was under way is lost.
    Rst,
    /// Nothing moves for a while in either direction, then it goes on as if nothing had been.
    Stall(Duration),
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fin => f.write_str("fin"),
            Self::Rst => f.write_str("rst"),
            Self::Stall(length) => write!(f, "stall of {} ms", length.as_millis()),
        }
    }
}

/// Most bytes flow toward the client; one cut in so many tears what the client sends.
const TOWARD_SERVER_ONE_IN: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_schedule() {
        let plan = Plan { seed: 7, ..Plan::default() };
        assert_eq!(plan.schedule(), plan.clone().schedule());
        assert_ne!(plan.schedule(), Plan { seed: 8, ..plan }.schedule());
    }

    #[test]
    fn schedule_keeps_within_its_bounds() {
        let plan = Plan { cuts: 1_000, bytes_min: 10, bytes_max: 20, ..Plan::default() };
        let schedule = plan.schedule();
        assert_eq!(schedule.len(), 1_000);
        assert!(schedule.iter().all(|cut| (10..=20).contains(&cut.after_bytes)));
        for side in [Side::Client, Side::Server] {
            assert!(schedule.iter().any(|cut| cut.toward == side), "no cut toward the {side}");
        }
    }

    #[test]
    fn endings_alternate_and_stalls_are_asked_for() {
        let endings = |plan: Plan| plan.schedule().iter().map(|cut| cut.ending).collect::<Vec<_>>();
        let plain = endings(Plan { cuts: 10, ..Plan::default() });
        assert!(plain.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(plain.iter().filter(|ending| **ending == Ending::Fin).count(), 5);
        let stall = Duration::from_millis(5);
        let stalled = endings(Plan { cuts: 9, stall, ..Plan::default() });
        assert_eq!(stalled.iter().filter(|ending| **ending == Ending::Stall(stall)).count(), 3);
    }

    #[test]
    fn one_size_is_a_range_too() {
        let plan = Plan { cuts: 3, bytes_min: 9, bytes_max: 2, ..Plan::default() };
        assert!(plan.schedule().iter().all(|cut| cut.after_bytes == 9));
    }
}
