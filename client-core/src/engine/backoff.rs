use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use super::options::Backoff;

impl Backoff {
    /// The delay before attempt `attempt` (from 0): drawn uniformly up to the ceiling.
    ///
    /// The jitter is drawn inside the cap. `backon` would add its own jitter to the delay, and clamping after a draw
    /// would gather a crowd at the cap: both make a herd of clients that return together.
    pub(crate) fn delay(&self, attempt: u32, rng: &mut fastrand::Rng) -> Duration {
        let ceiling = ExponentialBuilder::default()
            .with_min_delay(self.base)
            .with_max_delay(self.cap)
            .with_factor(2.0)
            .without_max_times()
            .build()
            .nth(attempt.min(DOUBLINGS_MAX) as usize)
            .unwrap_or(self.cap)
            .min(self.cap);
        let span = ceiling.saturating_sub(self.floor);
        self.floor + span.mul_f64(rng.f64())
    }
}

/// Any base reaches any cap by then.
const DOUBLINGS_MAX: u32 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Backoff =
        Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(10), floor: Duration::ZERO };

    #[test]
    fn delays_stay_below_their_ceiling_and_fill_it() {
        let mut rng = fastrand::Rng::with_seed(7);
        for (attempt, ceiling_ms) in [(0, 500), (1, 1_000), (2, 2_000), (4, 8_000), (5, 10_000), (60, 10_000)]
        {
            let ceiling = Duration::from_millis(ceiling_ms);
            let draws: Vec<Duration> = (0..1_000).map(|_| LINE.delay(attempt, &mut rng)).collect();
            assert!(draws.iter().all(|delay| *delay <= ceiling), "attempt {attempt}");
            // Clamping after the draw would put a crowd here; an even draw puts about a tenth.
            let crowd = draws.iter().filter(|delay| **delay >= ceiling.mul_f64(0.9)).count();
            assert!((50..=160).contains(&crowd), "attempt {attempt}: {crowd} of 1000 in the last tenth");
        }
    }

    #[test]
    fn a_floor_is_kept() {
        let retry = Backoff {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(60),
            floor: Duration::from_secs(1),
        };
        let mut rng = fastrand::Rng::with_seed(1);
        assert!((0..100).all(|attempt| {
            let delay = retry.delay(attempt, &mut rng);
            delay >= Duration::from_secs(1) && delay <= Duration::from_secs(60)
        }));
    }
}
