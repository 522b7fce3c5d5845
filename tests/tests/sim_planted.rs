//! Faults put into client and server on purpose: the simulation has to find them. `KEEPLINE_SIM_SEEDS=500` counts in how
//! many of so many seeds it finds each; otherwise it stops at the first.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use keepline::planted as client;
use keepline_server::planted as server;
use keepline_tests::sim::run;

/// Enough that a fault which every tenth seed finds is found.
const SEEDS_MAX: u64 = 60;

/// Each fault, and how it is put in.
type Plant = (&'static str, fn());

const PLANTS: [Plant; 8] = [
    ("ack before commit", || server::plant(Some(server::Planted::AckBeforeCommit))),
    ("no dedup", || server::plant(Some(server::Planted::NoDedup))),
    ("order not checked", || server::plant(Some(server::Planted::AnyOrder))),
    ("cursor before delivery", || client::plant(Some(client::Planted::CursorBeforeDelivery))),
    ("gap accepted", || client::plant(Some(client::Planted::GapAccepted))),
    ("old answer counts", || client::plant(Some(client::Planted::OldAnswerCounts))),
    ("void done locally", || client::plant(Some(client::Planted::VoidLocally))),
    ("in flight not sent again", || client::plant(Some(client::Planted::ForgetsInFlight))),
];

#[test]
fn the_simulation_finds_what_was_planted() {
    let counted: Option<u64> =
        std::env::var("KEEPLINE_SIM_SEEDS").ok().map(|text| text.parse().expect("a number of seeds"));
    let seeds = counted.unwrap_or(SEEDS_MAX);
    let mut missed = Vec::new();
    for (name, plant) in PLANTS {
        let (found, tried, kinds) = try_seeds(seeds, plant, counted.is_none());
        println!("{name}: found by {found} of {tried} seeds {kinds:?}");
        if found == 0 {
            missed.push(name);
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

/// How many seeds find something, and what.
fn try_seeds(seeds: u64, plant: fn(), stop_at_first: bool) -> (u64, u64, BTreeMap<String, u64>) {
    let (next, is_found) = (AtomicU64::new(1), AtomicBool::new(false));
    let work = || {
        plant();
        let (mut found, mut tried, mut kinds) = (0, 0, BTreeMap::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > seeds || (stop_at_first && is_found.load(Ordering::Relaxed)) {
                return (found, tried, kinds);
            }
            let report = run(seed).expect("there is room for the databases");
            tried += 1;
            found += u64::from(!report.findings.is_empty());
            is_found.fetch_or(!report.findings.is_empty(), Ordering::Relaxed);
            let mut names: Vec<String> = report.findings.iter().map(kind).collect();
            names.sort();
            names.dedup();
            for name in names {
                *kinds.entry(name).or_insert(0) += 1;
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut sum = (0, 0, BTreeMap::new());
        for worker in workers {
            let (found, tried, kinds) = worker.join().expect("a run reports its panics");
            sum.0 += found;
            sum.1 += tried;
            for (name, count) in kinds {
                *sum.2.entry(name).or_insert(0) += count;
            }
        }
        sum
    })
}

fn kind(finding: &keepline_tests::sim::Finding) -> String {
    let text = format!("{finding:?}");
    text.split(['(', ' ']).next().unwrap_or_default().to_owned()
}
