use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// What a claim has measured, in the order in which it did.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    measures: Vec<Measure>,
}

/// One measured value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measure {
    /// What was measured.
    pub what: String,
    /// The value.
    pub value: Value,
    /// What it has to be; nothing where it is only told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Whether it is that.
    pub holds: bool,
}

impl Report {
    /// Nothing measured yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A value that is told and not judged.
    pub fn note(&mut self, what: impl Into<String>, value: impl Serialize) {
        self.measures.push(Measure { what: what.into(), value: json(value), expected: None, holds: true });
    }

    /// A value that has to be exactly this one.
    pub fn equal<T: PartialEq + Serialize>(&mut self, what: impl Into<String>, value: T, expected: T) {
        let holds = value == expected;
        let words = plain(&json(expected));
        self.check(what, value, words, holds);
    }

    /// A value with an upper bound.
    pub fn at_most<T: PartialOrd + Serialize>(&mut self, what: impl Into<String>, value: T, most: T) {
        let holds = value <= most;
        let words = format!("at most {}", plain(&json(most)));
        self.check(what, value, words, holds);
    }

    /// A value with a lower bound.
    pub fn at_least<T: PartialOrd + Serialize>(&mut self, what: impl Into<String>, value: T, least: T) {
        let holds = value >= least;
        let words = format!("at least {}", plain(&json(least)));
        self.check(what, value, words, holds);
    }

    /// A value that was judged by the caller.
    pub fn check(
        &mut self,
        what: impl Into<String>,
        value: impl Serialize,
        expected: impl Into<String>,
        holds: bool,
    ) {
        let expected = Some(expected.into());
        self.measures.push(Measure { what: what.into(), value: json(value), expected, holds });
    }

    /// Takes over what another report has measured.
    pub fn add(&mut self, other: Self) {
        self.measures.extend(other.measures);
    }

    /// What was measured.
    pub fn measures(&self) -> &[Measure] {
        &self.measures
    }

    /// Whether everything that was judged is as it has to be. A report that judged nothing does not hold.
    pub fn holds(&self) -> bool {
        let judged = self.measures.iter().any(|measure| measure.expected.is_some());
        judged && self.measures.iter().all(|measure| measure.holds)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for measure in &self.measures {
            writeln!(f, "{measure}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, value, expected, holds } = self;
        let value = plain(value);
        match expected {
            None => write!(f, "      {what}: {value}"),
            Some(expected) => {
                let verdict = if *holds { "ok  " } else { "FAIL" };
                write!(f, "{verdict}  {what}: {value} (expected {expected})")
            }
        }
    }
}

fn json(value: impl Serialize) -> Value {
    // What cannot be said as JSON is told as nothing; no claim measures such a thing.
    serde_json::to_value(value).unwrap_or(Value::Null)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_off_and_the_report_does_not_hold() {
        let mut report = Report::new();
        report.equal("events", 1_000, 1_000);
        report.at_most("p99 in ms", 12.5, 2_000.0);
        assert!(report.holds());
        report.at_least("cuts", 49, 50);
        assert!(!report.holds());
        assert_eq!(report.to_string().lines().last(), Some("FAIL  cuts: 49 (expected at least 50)"));
    }

    #[test]
    fn a_report_that_judged_nothing_does_not_hold() {
        let mut report = Report::new();
        assert!(!report.holds());
        report.note("seed", 7);
        assert!(!report.holds());
    }

    #[test]
    fn reports_add_up() {
        let (mut one, mut other) = (Report::new(), Report::new());
        one.equal("a", 1, 1);
        other.equal("b", 1, 2);
        one.add(other);
        assert_eq!(one.measures().len(), 2);
        assert!(!one.holds());
    }
}
