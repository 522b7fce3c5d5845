//! One simulation of clients, network and server. `KEEPLINE_SIM_SEED=7` runs that seed and prints what happened,
//! `KEEPLINE_SIM_SEEDS=5000` runs so many.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use keepline_tests::sim::{Report, run};

/// How many seeds the test command runs.
const SEEDS: u64 = 40;

/// How many of them it runs twice; with thousands of seeds, at most so many.
const TWICE: u64 = 5;
const TWICE_MAX: u64 = 200;

#[test]
fn every_seed_keeps_the_promise() {
    if let Some(seed) = number("KEEPLINE_SIM_SEED") {
        let report = run(seed).unwrap();
        report.trace.iter().for_each(|line| println!("{line}"));
        println!("seed {seed}: {:?}, hash {:016x}, {:?}", report.counts, report.hash, report.findings);
        assert_eq!(report.findings, []);
        return;
    }
    let seeds = number("KEEPLINE_SIM_SEEDS").unwrap_or(SEEDS);
    let reports = run_all(1..=seeds);
    let failed: Vec<&Report> = reports.iter().filter(|report| !report.findings.is_empty()).collect();
    for report in &failed {
        println!("KEEPLINE_SIM_SEED={} finds {:#?}", report.seed, report.findings);
    }
    let (actions, events) = reports.iter().fold((0, 0), |(actions, events), report| {
        (actions + report.counts.actions, events + report.counts.events)
    });
    println!("seeds 1 to {seeds}: {actions} actions, {events} events, {} seeds failed", failed.len());
    assert!(
        actions as u64 > 10 * seeds && events as u64 > 10 * seeds,
        "a run that tries nothing shows nothing"
    );
    assert!(
        failed.is_empty(),
        "seeds that failed: {:?}",
        failed.iter().map(|report| report.seed).collect::<Vec<_>>()
    );
}

#[test]
fn a_seed_run_twice_does_the_same() {
    let first = number("KEEPLINE_SIM_SEED").unwrap_or(1);
    let seeds = number("KEEPLINE_SIM_SEEDS").unwrap_or(TWICE).min(TWICE_MAX);
    for seed in first..first + seeds {
        let (one, two) = (run(seed).unwrap(), run(seed).unwrap());
        let differs = one.trace.iter().zip(&two.trace).position(|(one, two)| one != two);
        if let Some(at) = differs {
            let around = at.saturating_sub(5)..(at + 3).min(one.trace.len()).min(two.trace.len());
            panic!("seed {seed} line {at}:\n{:#?}\n{:#?}", &one.trace[around.clone()], &two.trace[around]);
        }
        assert_eq!((one.hash, one.trace.len()), (two.hash, two.trace.len()), "seed {seed}");
    }
}

/// Runs the seeds on all processors; a simulation itself is one thread.
fn run_all(seeds: std::ops::RangeInclusive<u64>) -> Vec<Report> {
    let next = AtomicU64::new(*seeds.start());
    let work = || {
        let mut reports = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > *seeds.end() {
                return reports;
            }
            let mut report = run(seed).expect("there is room for the databases");
            if report.findings.is_empty() {
                report.trace = Vec::new();
            }
            reports.push(report);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut reports: Vec<Report> =
            workers.into_iter().flat_map(|worker| worker.join().expect("a run reports its panics")).collect();
        reports.sort_by_key(|report| report.seed);
        reports
    })
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}
