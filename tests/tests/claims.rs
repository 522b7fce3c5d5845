//! Each quick claim of `scripts/show.sh` is a test too, so that the test command shows what the documents promise.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use keepline_tests::show::{CLAIMS, Env, ShowError, claim};

/// What cannot run on this machine says so, as `scripts/show.sh` does after it has tried to install what is missing.
async fn holds(name: &str) {
    let env = Env::new(SEED).unwrap();
    match claim(name).unwrap().show(&env).await {
        Ok(report) => assert!(report.holds(), "{name} does not hold:\n{report}"),
        Err(ShowError::CannotRunHere(reason)) => println!("SKIP {name}: {reason}"),
        Err(error) => panic!("{name}: {error}"),
    }
}

/// One test for each claim that is quick enough for every run.
macro_rules! quick {
    ($($test:ident: $name:literal;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            holds($name).await;
        })*
    };
}

quick! {
    exactly_once: "exactly-once";
    cuts: "cuts";
    trimmed_log: "trimmed-log";
    rollback: "rollback";
    cloned_database: "cloned-database";
    before_first_connection: "before-first-connection";
    durable_before_told: "durable-before-told";
    back_online: "back-online";
}

#[test]
fn names_are_unique_and_fit_a_command_line() {
    let mut names: Vec<_> = CLAIMS.iter().map(|claim| claim.name).collect();
    assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

/// The same moments and places in every run of the tests; `scripts/show.sh NAME --seed N` tries others.
const SEED: u64 = 1;
