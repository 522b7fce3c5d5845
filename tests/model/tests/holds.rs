//! The published rules in worlds of growing unkindness, each explored to its last state.
//!
//! The way out is not searched in the largest worlds, where a smaller one beside them with the same dangers has it
//! searched: it would double the time of the whole.

use keepline_model::{Config, Policy, Rules, World, explore};

/// A lane that voids what could not be delivered and moves on, as the default lane does.
const SKIPPING: World = World { policy: Policy::Skip, errors: true, ..World::CALM };

fn holds(name: &str, world: World) {
    let seen = explore(Config { world, rules: Rules::PUBLISHED });
    println!("{name}: {} states, {} steps, depth {}", seen.states, seen.steps, seen.depth);
    for (property, steps) in &seen.failures {
        println!("failed: {property}");
        for step in steps {
            println!("  {step:?}");
        }
    }
    assert!(seen.failures.is_empty(), "{name}: {} properties failed", seen.failures.len());
}

#[test]
fn pipelined_lane_with_errors_and_refusals() {
    holds("3 rows, window 3", World { submits: 3, errors: true, refusals: true, ..World::CALM });
}

#[test]
fn window_smaller_than_the_queue() {
    holds("4 rows, window 2", World { submits: 4, window: 2, errors: true, ..World::CALM });
}

#[test]
fn lanes_beside_each_other() {
    holds(
        "3 rows, 2 lanes",
        World { submits: 3, lanes: 2, cancel: true, check_progress: false, ..World::CALM },
    );
}

#[test]
fn cancel_at_any_moment() {
    holds("3 rows, cancel", World { submits: 3, cancel: true, ..World::CALM });
    holds("2 rows, cancel, all answers", World { cancel: true, errors: true, refusals: true, ..World::CALM });
}

#[test]
fn skipping_lane_with_void_retry_and_cancel() {
    holds("2 rows, skip, retry, cancel", World { retries: 1, cancel: true, ..SKIPPING });
    holds("1 row, skip, retried twice, pruned", World { submits: 1, retries: 2, prune: true, ..SKIPPING });
}

#[test]
fn retry_while_the_ledger_forgets() {
    let world = World { prune: true, ..SKIPPING };
    holds("2 rows, skip, prune", world);
    holds("2 rows, skip, prune, retry", World { retries: 1, check_progress: false, ..world });
}

#[test]
fn restored_client_backup_while_the_ledger_forgets() {
    let world = World { restore: true, prune: true, ..World::CALM };
    holds("2 rows, restore, prune, others", World { others: 1, ..world });
    let skipping = World { policy: Policy::Skip, errors: true, ..world };
    holds("1 row, restore, prune, retry, cancel", World { submits: 1, retries: 1, cancel: true, ..skipping });
}

#[test]
fn cloned_database() {
    holds("2 rows, clone, prune", World { clone: true, prune: true, ..World::CALM });
    holds(
        "2 rows, clone, restore",
        World { clone: true, restore: true, check_progress: false, ..World::CALM },
    );
    holds("2 rows, clone, cancel", World { clone: true, cancel: true, window: 1, ..World::CALM });
}

#[test]
fn cloned_database_with_void_and_retry() {
    let world = World { submits: 1, clone: true, prune: true, retries: 1, ..SKIPPING };
    holds("1 row, clone, prune, retry, cancel", World { cancel: true, ..world });
    holds("1 row, clone, prune, retry, others", World { others: 1, check_progress: false, ..world });
}

#[test]
fn rolled_back_server() {
    let world = World { rollbacks: 1, ..World::CALM };
    holds("3 rows, rollback, refusals", World { submits: 3, refusals: true, ..world });
    holds("2 rows, rollback, refusals, cancel", World { refusals: true, cancel: true, ..world });
    holds("2 rows, rollback, skip", World { rollbacks: 1, ..SKIPPING });
    holds("2 rows, rollback, prune, others", World { prune: true, others: 1, ..world });
}

#[test]
fn rolled_back_server_and_restored_client() {
    holds("2 rows, rollback, restore", World { rollbacks: 1, restore: true, prune: true, ..World::CALM });
}

#[test]
fn rolled_back_server_with_cancel_and_retry() {
    let world = World { submits: 1, rollbacks: 1, clone: true, prune: true, ..World::CALM };
    holds("1 row, rollback, clone, cancel", World { cancel: true, ..world });
    let skipping = World { policy: Policy::Skip, errors: true, ..world };
    holds("1 row, rollback, clone, retry", World { retries: 1, ..skipping });
    let both = World { retries: 1, cancel: true, prune: false, check_progress: false, ..skipping };
    holds("1 row, rollback, clone, retry, cancel", both);
}

#[test]
fn server_rolled_back_twice_behind_a_clone() {
    let world = World { submits: 1, rollbacks: 2, others: 2, clone: true, prune: true, ..World::CALM };
    holds("1 row, 2 rollbacks, clone, others", World { check_progress: false, ..world });
}
