use serde::{Deserialize, Serialize};

/// One measured number, as the measuring programs print it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what: `us`, `1/s`, `bytes`.
    pub unit: String,
}

/// One row of the table of budgets: a figure beside the plain thing it is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// How much; absent where it could not be measured.
    pub value: Option<f64>,
    /// Of what: `us`, `1/s`, `bytes`.
    pub unit: String,
    /// The same of the plain thing, in the same run; absent where the budget is an absolute one.
    pub baseline: Option<f64>,
    /// Value over baseline.
    pub ratio: Option<f64>,
    /// The machine's load average when it was measured, the measurement's own share in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Why something is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Figure {
    /// A figure.
    pub fn new(name: impl Into<String>, value: f64, unit: impl Into<String>) -> Self {
        Self { name: name.into(), value, unit: unit.into() }
    }

    /// The row that compares it.
    pub fn against(self, baseline: f64) -> Row {
        let ratio = (baseline != 0.0).then(|| self.value / baseline);
        Row { baseline: Some(baseline), ratio, ..self.alone() }
    }

    /// The row that stands alone.
    pub fn alone(self) -> Row {
        let Self { name, value, unit } = self;
        Row { name, value: Some(value), unit, baseline: None, ratio: None, load: None, reason: None }
    }

    /// The row whose plain thing could not be measured.
    pub fn without_baseline(self, reason: impl Into<String>) -> Row {
        Row { reason: Some(reason.into()), ..self.alone() }
    }
}

impl Row {
    /// A row that could not be measured.
    pub fn skipped(name: impl Into<String>, unit: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: None,
            unit: unit.into(),
            baseline: None,
            ratio: None,
            load: None,
            reason: Some(reason.into()),
        }
    }
}

/// The middle one of several runs: one that was disturbed does not move it.
///
/// # Panics
/// Where there is no run.
pub fn median(mut runs: Vec<f64>) -> f64 {
    assert!(!runs.is_empty(), "a median needs a run");
    runs.sort_unstable_by(f64::total_cmp);
    runs[runs.len() / 2]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_print_their_ratio() {
        let row = serde_json::to_value(Figure::new("acks", 30.0, "1/s").against(40.0)).unwrap();
        let expected = json!({"name": "acks", "value": 30.0, "unit": "1/s", "baseline": 40.0, "ratio": 0.75});
        assert_eq!(row, expected);
        let alone = Figure::new("idle", 3.0, "bytes").alone();
        assert_eq!((alone.baseline, alone.ratio), (None, None));
        assert_eq!(Figure::new("x", 1.0, "us").against(0.0).ratio, None);
        let skipped = serde_json::to_value(Row::skipped("size", "bytes", "not built")).unwrap();
        assert_eq!((&skipped["value"], &skipped["reason"]), (&json!(null), &json!("not built")));
    }

    #[test]
    fn median_ignores_one_disturbed_run() {
        assert!((median(vec![3.0, 100.0, 2.0]) - 3.0).abs() < f64::EPSILON);
    }
}
