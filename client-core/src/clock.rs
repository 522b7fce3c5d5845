use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// One reading of the clocks, taken by the driver and handed to the engine with each input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    /// For deadlines while the process runs.
    pub(crate) at: Instant,
    /// Milliseconds since 1970; may jump.
    pub(crate) wall_ms: i64,
    /// Milliseconds of a clock that runs while the device sleeps; compared only under the same `boot`. Where the
    /// platform has no such clock it is the wall clock.
    pub(crate) ticks_ms: i64,
    /// Which run of the device `ticks_ms` belongs to.
    pub(crate) boot: i64,
}

impl Now {
    /// Reads the system's clocks.
    pub(crate) fn read() -> Self {
        Clock::System.read()
    }
}

/// Where the driver's time comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    /// The system's clocks.
    System,
    /// A simulation: only tokio's clock runs, and the wall clock follows it from where it was set.
    Simulated { start: Instant, wall_ms: i64 },
}

impl Clock {
    /// A simulated clock that shows `wall_ms` now.
    pub(crate) fn simulated(wall_ms: i64) -> Self {
        Self::Simulated { start: running(), wall_ms }
    }

    pub(crate) fn read(self) -> Now {
        let at = running();
        match self {
            Self::System => {
                let wall_ms = wall_ms();
                let (ticks_ms, boot) = sleepless::read().unwrap_or((wall_ms, 0));
                Now { at, wall_ms, ticks_ms, boot }
            }
            Self::Simulated { start, wall_ms } => {
                let wall_ms = wall_ms.saturating_add(millis(at.saturating_duration_since(start).as_millis()));
                Now { at, wall_ms, ticks_ms: wall_ms, boot: 0 }
            }
        }
    }
}

/// tokio's clock is the system's unless a test has paused it.
fn running() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn wall_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => millis(since.as_millis()),
        Err(before) => -millis(before.duration().as_millis()),
    }
}

fn millis(count: u128) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Linux and Android count the time spent asleep, and name each run of the device.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod sleepless {
    use std::sync::OnceLock;

    use rustix::time::{ClockId, clock_gettime};

    pub(super) fn read() -> Option<(i64, i64)> {
        static BOOT: OnceLock<Option<i64>> = OnceLock::new();
        let boot = (*BOOT.get_or_init(boot))?;
        let time = clock_gettime(ClockId::Boottime);
        Some((time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000), boot))
    }

    /// The kernel draws a random UUID at each start. Where it cannot be read, ticks of two runs could be taken for
    /// each other, so there are none.
    fn boot() -> Option<i64> {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let id: uuid::Uuid = text.trim().parse().ok()?;
        let (high, low) = id.as_u64_pair();
        Some((high ^ low).cast_signed())
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod sleepless {
    pub(super) fn read() -> Option<(i64, i64)> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_system_clocks_run_forward() {
        let first = Now::read();
        let second = Now::read();
        assert!(second.at >= first.at);
        assert!(second.ticks_ms >= first.ticks_ms);
        assert_eq!(first.boot, second.boot);
        assert!(first.wall_ms > 1_600_000_000_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_follows_tokio_alone() {
        let clock = Clock::simulated(1_000);
        tokio::time::advance(Duration::from_millis(250)).await;
        let now = clock.read();
        assert_eq!((now.wall_ms, now.ticks_ms, now.boot), (1_250, 1_250, 0));
    }
}
