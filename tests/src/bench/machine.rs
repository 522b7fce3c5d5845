use std::{fmt, fs, thread::available_parallelism};

/// Where figures were measured; without it they mean little.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many of its threads this process may use.
    pub processors: usize,
    /// The memory in GiB.
    pub memory_gib: u64,
    /// The kernel.
    pub system: String,
    /// The load average of the last minute: more than the processors means that others worked beside this.
    pub load: f64,
}

impl Machine {
    /// This one, now. What the system does not tell is empty or zero.
    pub fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let line = |text: &str, name: &str| {
            let found = text.lines().find(|line| line.starts_with(name));
            found
                .and_then(|line| line.split_once(':'))
                .map(|(_, value)| value.trim().to_owned())
                .unwrap_or_default()
        };
        let memory = line(&read("/proc/meminfo"), "MemTotal");
        let kib: u64 = memory.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0);
        Self {
            processor: line(&read("/proc/cpuinfo"), "model name"),
            processors: available_parallelism().map_or(1, usize::from),
            memory_gib: kib.div_ceil(1024 * 1024),
            system: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: read("/proc/loadavg")
                .split_whitespace()
                .next()
                .and_then(|load| load.parse().ok())
                .unwrap_or(0.0),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, processors, memory_gib, system, .. } = self;
        write!(
            f,
            "{processors} processors ({processor}), {memory_gib} GiB, {}-{system}",
            std::env::consts::OS
        )
    }
}
