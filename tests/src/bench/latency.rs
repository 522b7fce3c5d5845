use std::time::Duration;

/// The spread of many single times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// Half of them were at most this.
    pub p50: Duration,
    /// 99 of 100 were at most this.
    pub p99: Duration,
    /// How many there were.
    pub samples: usize,
}

impl Latency {
    /// The spread of these times.
    ///
    /// # Panics
    /// Where there are none.
    pub fn of(mut times: Vec<Duration>) -> Self {
        assert!(!times.is_empty(), "a spread needs a sample");
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
        Self { p50: at(50), p99: at(99), samples: times.len() }
    }

    /// The median in microseconds.
    pub fn p50_us(&self) -> f64 {
        self.p50.as_secs_f64() * 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_middle_and_the_tail() {
        let times = (1..=1_000).rev().map(Duration::from_micros).collect();
        let latency = Latency::of(times);
        assert_eq!((latency.p50.as_micros(), latency.p99.as_micros()), (501, 991));
        assert!((latency.p50_us() - 501.0).abs() < 1e-6);
    }

    #[test]
    fn one_sample_is_a_spread() {
        let second = Duration::from_secs(1);
        assert_eq!(Latency::of(vec![second]), Latency { p50: second, p99: second, samples: 1 });
    }
}
