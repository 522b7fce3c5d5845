use std::{fmt, time::Duration};

/// What happened, in order, with a hash that two runs of one seed share.
///
/// Nothing random from outside the seed may go in: no session id, no epoch, no job id.
#[derive(Debug, Default)]
pub(super) struct Trace {
    lines: Vec<String>,
    hash: Hash,
}

impl Trace {
    pub(super) fn note(&mut self, at: Duration, who: &str, what: fmt::Arguments<'_>) {
        let line = format!("{:>8} {who}: {what}", at.as_millis());
        self.hash.write(line.as_bytes());
        self.lines.push(line);
    }

    pub(super) fn into_parts(self) -> (Vec<String>, u64) {
        (self.lines, self.hash.0)
    }
}

/// FNV-1a: the same on every machine and in every version of the compiler, which std does not promise for its own.
#[derive(Debug)]
struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(b"\n") {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(lines: &[(u64, &str)]) -> u64 {
        let mut trace = Trace::default();
        for (at, what) in lines {
            trace.note(Duration::from_millis(*at), "device", format_args!("{what}"));
        }
        trace.into_parts().1
    }

    #[test]
    fn order_time_and_words_count() {
        let hash = hash_of(&[(1, "a"), (2, "b")]);
        assert_eq!(hash, hash_of(&[(1, "a"), (2, "b")]));
        for other in [&[(2, "b"), (1, "a")][..], &[(1, "a"), (3, "b")], &[(1, "a"), (2, "c")], &[(1, "a")]] {
            assert_ne!(hash, hash_of(other));
        }
    }
}
