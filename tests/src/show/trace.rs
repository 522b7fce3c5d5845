//! Reading what strace wrote.

/// The finished system calls of a process and its threads, in the order in which they finished; `write`s in the order
/// in which they began, as what they write may be seen from then on.
#[derive(Debug, Default)]
pub(super) struct Trace {
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    name: String,
    /// The descriptor with its path, and what follows it.
    args: String,
    /// The number of the line on which it began, and of the one on which it had its result.
    began: usize,
    ended: usize,
    succeeded: bool,
}

impl Trace {
    /// Reads lines such as `123 fdatasync(4</x/y.db-wal>) = 0`, also where another thread's line comes between the
    /// beginning of a call and its end.
    pub(super) fn read(text: &str) -> Self {
        let (mut calls, mut open) = (Vec::new(), std::collections::HashMap::new());
        for (number, line) in text.lines().enumerate() {
            let Some((thread, rest)) = line.split_once(' ') else { continue };
            let rest = rest.trim_start();
            if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
                open.insert(thread, (number, begun));
            } else if let Some(resumed) = rest.strip_prefix("<... ") {
                let Some((began, begun)) = open.remove(thread) else { continue };
                let end = resumed.split_once(" resumed>").map_or("", |(_, end)| end);
                calls.extend(Call::read(&format!("{begun}{end}"), began, number));
            } else {
                calls.extend(Call::read(rest, number, number));
            }
        }
        Self { calls }
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.len()
    }

    /// The line on which the write of this text to standard output began.
    pub(super) fn write_to_stdout(&self, text: &str) -> Option<usize> {
        let is_it =
            |call: &&Call| call.name == "write" && call.args.starts_with("1<") && call.args.contains(text);
        self.calls.iter().find(is_it).map(|call| call.began)
    }

    /// The line on which the last write of this text to a database's log ended, before another line.
    pub(super) fn last_log_write_with(&self, text: &str, before: usize) -> Option<usize> {
        let is_it =
            |call: &&Call| call.name.starts_with("pwrite") && call.is_of_log() && call.args.contains(text);
        self.calls.iter().filter(is_it).map(|call| call.ended).filter(|ended| *ended < before).max()
    }

    /// A sync of a database's log that began after the one line and had succeeded by the other.
    pub(super) fn log_sync_between(&self, after: usize, before: usize) -> Option<usize> {
        let is_it = |call: &&Call| {
            ["fsync", "fdatasync"].contains(&call.name.as_str())
                && call.is_of_log()
                && call.succeeded
                && call.began > after
                && call.ended < before
        };
        self.calls.iter().find(is_it).map(|call| call.ended)
    }
}

impl Call {
    fn read(text: &str, began: usize, ended: usize) -> Option<Self> {
        // The result stands behind the last equals sign; an error's words after it have parentheses of their own.
        let (call, result) = text.rsplit_once(" = ")?;
        let (name, args) = call.trim_end().strip_suffix(')')?.split_once('(')?;
        let succeeded = !result.starts_with('-');
        Some(Self { name: name.to_owned(), args: args.to_owned(), began, ended, succeeded })
    }

    fn is_of_log(&self) -> bool {
        let path = self.args.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(path, _)| path);
        path.is_some_and(|path| path.ends_with("-wal"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = r#"
10 pwrite64(5</t/c.db-wal>, "\0\0marker-1-end", 4096, 32) = 4096
10 fdatasync(5</t/c.db-wal> <unfinished ...>
11 write(3<pipe:[7]>, "x", 1) = 1
10 <... fdatasync resumed>)        = 0
10 write(1<pipe:[9]>, "{\"id\":\"a\"}\n", 11) = 11
"#;

    #[test]
    fn a_sync_between_write_and_line_is_found() {
        let trace = Trace::read(TRACE.trim());
        assert_eq!(trace.calls(), 4);
        let told = trace.write_to_stdout("a").unwrap();
        let logged = trace.last_log_write_with("marker-1-end", told).unwrap();
        assert_eq!((logged, told), (0, 4));
        assert_eq!(trace.log_sync_between(logged, told), Some(3));
    }

    #[test]
    fn a_sync_that_ends_after_the_line_does_not_count() {
        let lines: Vec<&str> = TRACE.trim().lines().collect();
        let late = [lines[0], lines[1], lines[4], lines[2], lines[3]].join("\n");
        let trace = Trace::read(&late);
        let told = trace.write_to_stdout("a").unwrap();
        let logged = trace.last_log_write_with("marker-1-end", told).unwrap();
        assert_eq!(trace.log_sync_between(logged, told), None);
    }

    #[test]
    fn a_sync_that_failed_or_came_before_does_not_count() {
        let failed = TRACE.replace("resumed>)        = 0", "resumed>)        = -1 EIO (Input/output error)");
        assert_eq!(Trace::read(failed.trim()).log_sync_between(0, 4), None);
        assert_eq!(Trace::read(TRACE.trim()).log_sync_between(1, 4), None);
    }
}
