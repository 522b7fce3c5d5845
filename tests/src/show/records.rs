//! `test:record:v1` actions and the events that tell of them.

use std::{
    collections::BTreeSet,
    ops::{Range, RangeInclusive},
};

use serde_json::json;
use uuid::Uuid;

use super::{Report, ShowError};
use crate::process::{Cli, CliLine, CliProcess, ProcessError};

/// A number that the server has recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) offset: u64,
    pub(super) n: u64,
}

/// The record that a line tells of.
pub(super) fn record(line: &CliLine) -> Option<Record> {
    match line {
        CliLine::Event { name, offset: Some(offset), payload, .. } if name == "test:recorded:v1" => {
            Some(Record { offset: *offset, n: payload.get("n")?.as_u64()? })
        }
        _ => None,
    }
}

/// What `watch user --after 0` shows, up to `count` events.
pub(super) async fn history(cli: &Cli, count: usize) -> Result<Vec<Record>, ShowError> {
    let run = cli.run(&["watch", "user", "--after", "0", "--count", &count.to_string()]).await?;
    Ok(run.lines.iter().filter_map(record).collect())
}

/// Judges records that have to be these numbers, each once and in order, at the offsets from 1.
///
/// `last` was recorded after everything else had been settled, so a number that was applied twice stands before it.
pub(super) fn judge(report: &mut Report, records: &[Record], numbers: RangeInclusive<u64>, last: u64) {
    let (got, tail) = records.split_at(records.len().saturating_sub(1));
    let (first, end) = (*numbers.start(), *numbers.end());
    let expected: Vec<u64> = numbers.collect();
    report.equal("events of watch user --after 0", got.len(), expected.len());
    report.equal(
        "different numbers",
        got.iter().map(|record| record.n).collect::<BTreeSet<_>>().len(),
        expected.len(),
    );
    let is_in_order = got.iter().map(|record| record.n).eq(expected);
    report.check(format!("numbers {first} to {end}, once and in order"), is_in_order, "true", is_in_order);
    let are_contiguous = records.iter().zip(1..).all(|(record, offset)| record.offset == offset);
    report.check("offsets contiguous from 1", are_contiguous, "true", are_contiguous);
    report.equal("number recorded after all of them", tail.first().map(|record| record.n), Some(last));
}

/// Records one more number from a database of its own and waits for the outcome: whatever was applied before has a
/// smaller offset.
pub(super) async fn record_last(cli: &Cli, n: u64) -> Result<(), ShowError> {
    let run = cli.run(&["submit", "test:record:v1", &json!({ "n": n }).to_string(), "--wait"]).await?;
    if run.status.success() { Ok(()) } else { Err(ShowError::unexpected("the last number was not accepted")) }
}

/// Numbers to be recorded, each with the id under which it is submitted however often.
#[derive(Debug)]
pub(super) struct Feed {
    numbers: Vec<(u64, Uuid)>,
    /// How many of them were printed as submitted; the first ones, as lines are printed in order.
    submitted: usize,
}

impl Feed {
    pub(super) fn new(numbers: RangeInclusive<u64>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "ids of a test; no engine")]
        let numbers = numbers.map(|n| (n, Uuid::now_v7())).collect();
        Self { numbers, submitted: 0 }
    }

    /// The ids that were printed as submitted.
    pub(super) fn submitted(&self) -> BTreeSet<String> {
        self.numbers[..self.submitted].iter().map(|(_, id)| id.to_string()).collect()
    }

    /// Every id.
    pub(super) fn ids(&self) -> BTreeSet<String> {
        self.numbers.iter().map(|(_, id)| id.to_string()).collect()
    }

    /// The number of an id.
    pub(super) fn number(&self, id: &str) -> Option<u64> {
        self.numbers.iter().find(|(_, own)| own.to_string() == id).map(|(n, _)| *n)
    }

    /// Gives a client `given` lines more and kills it as soon as it has printed `printed` of them: some are then in its
    /// hands, on the way to the disk, or there already and not told yet.
    pub(super) async fn submit_and_kill(
        &mut self,
        cli: &Cli,
        given: usize,
        printed: usize,
    ) -> Result<(), ShowError> {
        let mut client = self.start(cli, &[])?;
        let (begin, printed) = (self.submitted, self.submitted + printed);
        self.write(&mut client, begin..begin + given).await?;
        while self.submitted < printed {
            self.read(&mut client).await?;
        }
        client.process.kill().await?;
        // What it had printed and nobody had read counts as well: it was told.
        while let Some(line) = client.next().await? {
            self.count(&line)?;
        }
        Ok(())
    }

    /// Feeds a client with everything that is left, and lets it end by itself.
    pub(super) async fn submit_rest(&mut self, cli: &Cli, flags: &[&str]) -> Result<(), ShowError> {
        let mut client = self.start(cli, flags)?;
        self.write(&mut client, self.submitted..self.numbers.len()).await?;
        let run = client.finish().await?;
        for line in &run.lines {
            self.count(line)?;
        }
        if run.status.success() && self.submitted == self.numbers.len() {
            return Ok(());
        }
        Err(ShowError::unexpected(format!("submit ended with {}: {}", run.status, run.tail.join("; "))))
    }

    /// Waits until the last of them has its outcome, by submitting it again under its id.
    pub(super) async fn until_settled(&self, cli: &Cli) -> Result<(), ShowError> {
        let Some((n, id)) = self.numbers.last() else { return Ok(()) };
        let (payload, id) = (json!({ "n": n }).to_string(), id.to_string());
        cli.run(&["submit", "test:record:v1", &payload, "--id", &id, "--wait"]).await?;
        Ok(())
    }

    fn start(&self, cli: &Cli, flags: &[&str]) -> Result<CliProcess, ProcessError> {
        cli.start(&[&["submit", "test:record:v1", "-"], flags].concat())
    }

    async fn write(&self, client: &mut CliProcess, which: Range<usize>) -> Result<(), ProcessError> {
        for (n, id) in &self.numbers[which] {
            client.process.write_line(&json!({ "id": id, "payload": { "n": n } }).to_string()).await?;
        }
        Ok(())
    }

    async fn read(&mut self, client: &mut CliProcess) -> Result<(), ShowError> {
        match client.next().await? {
            Some(line) => self.count(&line),
            None => Err(ShowError::unexpected(format!(
                "submit ended early: {}",
                client.process.tail().join("; ")
            ))),
        }
    }

    fn count(&mut self, line: &CliLine) -> Result<(), ShowError> {
        if let CliLine::Submitted { id } = line {
            let expected = self.numbers.get(self.submitted).map(|(_, id)| id.to_string());
            if expected.as_ref() != Some(id) {
                return Err(ShowError::unexpected(format!("{id} was printed in place of {expected:?}")));
            }
            self.submitted += 1;
        }
        Ok(())
    }
}
