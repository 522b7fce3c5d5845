use std::fmt::Write as _;

use super::{Machine, Row};

/// What a row should be, as the table of budgets says.
#[derive(Debug, Clone, Copy)]
pub enum Budget {
    /// The value over the baseline is at most this.
    RatioMost(f64),
    /// The value over the baseline is at least this.
    RatioLeast(f64),
    /// The value is at most this.
    Most(f64),
    /// The value is at least this.
    Least(f64),
    /// The value is at most one above the baseline: something that may fall on either side of an edge.
    AboutBaseline,
}

/// The budget of a row; none for those that are printed for comparison.
pub fn budget(name: &str) -> Option<Budget> {
    Some(match name {
        "echo_p50" => Budget::RatioMost(1.3),
        "acks_per_second" => Budget::RatioLeast(0.6),
        "acks_per_second_beside_node" => Budget::RatioLeast(2.2),
        "events_per_second_beside_node" => Budget::RatioLeast(2.5),
        "submit_p50" => Budget::RatioMost(1.5),
        "durable_actions_per_second" => Budget::Least(20_000.0),
        "drain_100000" => Budget::Most(6.0),
        "drain_100000_memory_over_idle" => Budget::Most(10e6),
        "open_1000000_queued" => Budget::Most(50.0),
        "idle_connection_bytes" => Budget::Most(12_000.0),
        "library_bytes" => Budget::Most(3_500_000.0),
        "idle_client_wake_ups" => Budget::AboutBaseline,
        "back_online_100_clients_p99" => Budget::Most(2.0),
        _ if name.starts_with("herd_") && name.ends_with("_all_back") => Budget::Most(10.0),
        _ if name.starts_with("herd_") && name.ends_with("_largest_second") => Budget::Most(0.3),
        _ => return None,
    })
}

impl Budget {
    /// Whether a row keeps it; `None` where the row lacks what it is about.
    pub fn holds(self, row: &Row) -> Option<bool> {
        Some(match self {
            Self::RatioMost(most) => row.ratio? <= most,
            Self::RatioLeast(least) => row.ratio? >= least,
            Self::Most(most) => row.value? <= most,
            Self::Least(least) => row.value? >= least,
            Self::AboutBaseline => row.value? <= row.baseline? + 1.0,
        })
    }

    fn text(self) -> String {
        match self {
            Self::RatioMost(most) => format!("≤ {most} ×"),
            Self::RatioLeast(least) => format!("≥ {least} ×"),
            Self::Most(most) => format!("≤ {}", number(most)),
            Self::Least(least) => format!("≥ {}", number(least)),
            Self::AboutBaseline => "≤ baseline".to_owned(),
        }
    }
}

/// The table for people, as Markdown.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| what | measured | baseline | ratio | budget | | load |\n|---|---:|---:|---:|---:|---|---:|\n",
    );
    for row in rows {
        let optional = |value: Option<f64>| value.map_or("–".to_owned(), number);
        let measured = row.value.map_or("–".to_owned(), |value| format!("{} {}", number(value), row.unit));
        let budget = budget(&row.name);
        let verdict = match budget.and_then(|budget| budget.holds(row)) {
            Some(true) => "holds".to_owned(),
            Some(false) => "**misses**".to_owned(),
            None => row.reason.clone().unwrap_or_default(),
        };
        let budget = budget.map_or(String::new(), Budget::text);
        let (baseline, ratio) =
            (optional(row.baseline), row.ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")));
        // Writing to a string cannot fail.
        let load = row.load.map_or(String::new(), |load| format!("{load:.1}"));
        let _ = writeln!(
            text,
            "| `{}` | {measured} | {baseline} | {ratio} | {budget} | {verdict} | {load} |",
            row.name
        );
    }
    text
}

/// The table with where and when it was measured.
pub fn section(rows: &[Row], machine: &Machine, date: &str) -> String {
    format!(
        "Measured {date} on {machine}. The last column is the load average when the row was measured. The measurement \
         itself keeps the processors busy and accounts for one to two of it; what is above came from other work on \
         the machine, and slows the row.\n\n{}",
        table(rows)
    )
}

/// Puts a section between the marks of a document.
pub fn write_into(document: &str, section: &str) -> Option<String> {
    let (head, rest) = document.split_once(BEGIN)?;
    let (_, tail) = rest.split_once(END)?;
    Some(format!("{head}{BEGIN}\n{section}{END}{tail}"))
}

const BEGIN: &str = "<!-- figures: written by scripts/bench.sh --write -->";
const END: &str = "<!-- end of figures -->";

fn number(value: f64) -> String {
    if value.abs() >= 100.0 {
        let digits = format!("{value:.0}");
        let (sign, digits) = digits.split_at(usize::from(digits.starts_with('-')));
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
        return format!("{sign}{}", groups.join(","));
    }
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Figure;

    #[test]
    fn budgets_judge_rows() {
        let holds = |row: Row| budget(&row.name).and_then(|budget| budget.holds(&row));
        assert_eq!(holds(Figure::new("echo_p50", 130.0, "us").against(100.0)), Some(true));
        assert_eq!(holds(Figure::new("echo_p50", 131.0, "us").against(100.0)), Some(false));
        assert_eq!(holds(Figure::new("acks_per_second", 5.0, "1/s").against(10.0)), Some(false));
        assert_eq!(holds(Figure::new("herd_5000_all_back", 9.9, "s").alone()), Some(true));
        assert_eq!(holds(Figure::new("idle_client_wake_ups", 7.0, "").against(6.0)), Some(true));
        assert_eq!(holds(Row::skipped("library_bytes", "bytes", "none")), None);
        assert_eq!(holds(Figure::new("unknown", 1.0, "s").alone()), None);
    }

    #[test]
    fn numbers_are_readable() {
        let texts = [1_234_567.4, 100.0, 99.994, 0.25, 12.0, -1_000.0].map(number);
        assert_eq!(texts, ["1,234,567", "100", "99.99", "0.25", "12", "-1,000"]);
    }

    #[test]
    fn a_section_takes_the_place_of_the_last_one() {
        let document = format!("# Head\n{BEGIN}\nold\n{END}\ntail\n");
        assert_eq!(write_into(&document, "new\n").unwrap(), format!("# Head\n{BEGIN}\nnew\n{END}\ntail\n"));
        assert_eq!(write_into("no marks", "new"), None);
    }
}
