use std::time::Duration;

use fastrand::Rng;

/// Everything about a run that its seed decides before it starts.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// How long one step of the simulation is: the grain of its interleavings.
    pub(super) tick: Duration,
    pub(super) latency_max: Duration,
    /// Until when devices submit and things go wrong. Then everything heals.
    pub(super) calm_at: Duration,
    pub(super) faults: Vec<(Duration, Fault)>,
    /// The database of the first device is copied to the second in the middle.
    pub(super) has_copy: bool,
    /// The config names the account, or the first session does.
    pub(super) names_account: bool,
    /// How many events a job's log keeps; a small number makes resets.
    pub(super) job_log_max: u64,
    pub(super) token_ttl: Duration,
    /// The mean pause of a device between two things it does.
    pub(super) pause: Duration,
    /// How many events of a stream a device holds; with a small number a stream comes in many pages.
    pub(super) buffer_events: u32,
}

/// Something that goes wrong, or ends going wrong. Devices are meant by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    CrashServer,
    /// The server is asked to go in good order.
    DrainServer,
    StartServer,
    CrashDevice(usize),
    StartDevice(usize),
    /// The first device's database is copied to the second device, which starts.
    CopyDatabase,
    Partition(usize),
    PartitionUp(usize),
    PartitionDown(usize),
    /// Ends every partition of the device.
    Repair(usize),
    /// A direction stands still: nothing is lost, and everything arrives late.
    Hold {
        device: usize,
        is_up: bool,
    },
    Release {
        device: usize,
        is_up: bool,
    },
    Latency {
        device: usize,
        ms: u64,
    },
}

/// Two devices of one user, of which the second is a copy of the first, and one of another user.
pub(super) const DEVICES: usize = 3;

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let calm_at = millis(rng.u64(6_000..20_000));
        let has_copy = rng.bool();
        let mut plan = Self {
            tick: millis(rng.u64(1..=8)),
            latency_max: millis(rng.u64(2..=120)),
            calm_at,
            faults: Vec::new(),
            has_copy,
            names_account: rng.bool(),
            job_log_max: if rng.u8(..) < 80 { rng.u64(8..40) } else { 100_000 },
            token_ttl: Duration::from_secs(if rng.bool() { 3_600 } else { rng.u64(64..80) }),
            pause: millis(rng.u64(40..500)),
            buffer_events: 1_024,
        };
        if has_copy {
            plan.add(between(&mut rng, calm_at / 4, calm_at * 3 / 4), Fault::CopyDatabase);
        }
        for _ in 0..rng.usize(2..=9) {
            plan.add_fault(&mut rng);
        }
        plan.faults.sort_by_key(|(at, _)| *at);
        if rng.bool() {
            plan.buffer_events = rng.u32(4..40);
        }
        plan
    }

    fn add_fault(&mut self, rng: &mut Rng) {
        let at = between(rng, millis(100), self.calm_at);
        let device = rng.usize(..DEVICES);
        // Short ones hit a window in flight, long ones a heartbeat.
        let most = if rng.bool() { 400 } else { 9_000 };
        let until = at + millis(rng.u64(10..most));
        let is_up = rng.bool();
        let (begin, end) = match rng.u8(..12) {
            0..=2 => (Fault::CrashServer, Fault::StartServer),
            3 => (Fault::DrainServer, Fault::StartServer),
            4..=5 => (Fault::CrashDevice(device), Fault::StartDevice(device)),
            6 => (Fault::Partition(device), Fault::Repair(device)),
            7 => (Fault::PartitionUp(device), Fault::Repair(device)),
            8 => (Fault::PartitionDown(device), Fault::Repair(device)),
            9..=10 => (Fault::Hold { device, is_up }, Fault::Release { device, is_up }),
            _ => (
                Fault::Latency { device, ms: rng.u64(100..900) },
                Fault::Latency { device, ms: rng.u64(1..50) },
            ),
        };
        self.add(at, begin);
        self.add(until, end);
    }

    fn add(&mut self, at: Duration, fault: Fault) {
        self.faults.push((at.min(self.calm_at), fault));
    }
}

fn between(rng: &mut Rng, from: Duration, to: Duration) -> Duration {
    from + (to.saturating_sub(from)).mul_f64(rng.f64())
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_one_plan_and_another_seed_another() {
        let text = |seed| format!("{:?}", Plan::of(seed));
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
    }

    #[test]
    fn every_kind_of_fault_comes_and_none_after_the_calm() {
        let mut kinds = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let plan = Plan::of(seed);
            assert!(plan.faults.iter().all(|(at, _)| *at <= plan.calm_at));
            assert!(plan.faults.is_sorted_by_key(|(at, _)| *at));
            kinds.extend(plan.faults.iter().map(|(_, fault)| {
                let text = format!("{fault:?}");
                text.split(['(', ' ']).next().unwrap().to_owned()
            }));
        }
        assert_eq!(kinds.len(), 13, "{kinds:?}");
    }
}
