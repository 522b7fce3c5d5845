//! One rule changed at a time: each must fail, and the checker must see how.
//!
//! The world of each test is the smallest that shows the failure. The lengths are those of the shortest
//! counterexamples, so a change of a length is a change of the model and wants a look.

use keepline_model::{
    Comparison, Config, CutRetry, DupPosition, MarkTaken, Memory, ONCE, ORDER, PROGRESS, Policy, Prev,
    RetryId, Rules, TRUTH, VoidedBy, World, counterexample,
};

const PUBLISHED: Rules = Rules::PUBLISHED;

/// Small worlds: one row where one is enough, and no way out to be searched.
const ONE: World = World { submits: 1, check_progress: false, ..World::CALM };
const TWO: World = World { submits: 2, ..ONE };
const THREE: World = World { submits: 3, ..ONE };

/// One row in a lane that voids and moves on, with one retry.
const RETRIED: World = World { policy: Policy::Skip, errors: true, retries: 1, ..ONE };

/// Tried steps, more than any variant needs, so that a rule that has become sound fails its test within seconds.
const STEPS_MAX: usize = 8_000_000;

/// The property breaks under these rules, and holds in the same world under the published ones.
fn breaks(property: &'static str, world: World, rules: Rules, length: usize) {
    breaks_alone(property, world, rules, length);
    let sound = counterexample(Config { world, rules: PUBLISHED }, property, STEPS_MAX);
    assert!(sound.is_none(), "the published rules fail in this world too");
}

/// The property breaks; that it holds under the published rules is shown in `holds.rs`, where the same world is
/// explored to its end. For worlds that are too large to be explored twice.
fn breaks_alone(property: &'static str, world: World, rules: Rules, length: usize) {
    let broken = counterexample(Config { world, rules }, property, STEPS_MAX);
    let steps = broken.unwrap_or_else(|| panic!("still true: {property}"));
    println!("not true in {} steps: {property}", steps.len());
    for step in &steps {
        println!("  {step:?}");
    }
    assert_eq!(steps.len(), length);
}

#[test]
fn window_of_ids_applies_twice_after_the_window() {
    let rules = Rules { memory: Memory::IdWindow, refuse_out_of_order: false, ..PUBLISHED };
    breaks(ONCE, World { prune: true, ..ONE }, rules, 6);
    breaks(ORDER, TWO, rules, 7);
}

#[test]
fn bare_high_water_mark_swallows_after_a_restored_backup() {
    let rules = Rules { memory: Memory::HighWaterMark, ..PUBLISHED };
    breaks(TRUTH, World { restore: true, ..TWO }, rules, 11);
}

#[test]
fn bare_high_water_mark_swallows_after_a_clone() {
    let rules = Rules { memory: Memory::HighWaterMark, ..PUBLISHED };
    breaks(TRUTH, World { clone: true, ..TWO }, rules, 10);
}

#[test]
fn mark_taken_at_the_first_send_applies_twice() {
    let rules = Rules { mark: MarkTaken::AtFirstSend, ..PUBLISHED };
    breaks(ONCE, World { restore: true, prune: true, ..ONE }, rules, 10);
}

#[test]
fn without_rule_2_a_forgotten_action_is_applied_again() {
    let rules = Rules { refuse_below_floor: false, ..PUBLISHED };
    breaks(ONCE, World { prune: true, ..ONE }, rules, 6);
}

#[test]
fn without_rule_3_a_lane_is_reordered() {
    breaks(ORDER, TWO, Rules { refuse_out_of_order: false, ..PUBLISHED }, 7);
}

#[test]
fn prev_of_the_immediate_predecessor_only_reorders() {
    let rules = Rules { prev: Prev::ImmediateOnly, ..PUBLISHED };
    breaks(ORDER, World { cancel: true, ..THREE }, rules, 9);
}

#[test]
fn prev_of_a_voided_row_blocks_its_lane_once_the_void_is_forgotten() {
    let rules = Rules { prev: Prev::NearestUnsettledOrVoided, ..PUBLISHED };
    let world = World { submits: 2, prune: true, check_progress: true, retries: 0, ..RETRIED };
    breaks(PROGRESS, world, rules, 10);
}

#[test]
fn void_without_prev_lets_its_successor_overtake() {
    let rules = Rules { void_names_prev: false, ..PUBLISHED };
    breaks(ORDER, World { cancel: true, ..THREE }, rules, 12);
}

#[test]
fn void_done_locally_is_contradicted_by_a_late_frame() {
    let rules = Rules { void: VoidedBy::Client, ..PUBLISHED };
    breaks(TRUTH, World { cancel: true, ..ONE }, rules, 5);
}

#[test]
fn void_done_locally_and_retried_applies_twice() {
    breaks(ONCE, RETRIED, Rules { void: VoidedBy::Client, ..PUBLISHED }, 9);
}

#[test]
fn random_id_at_retry_applies_twice_under_a_clone() {
    let rules = Rules { retry_id: RetryId::Random, ..PUBLISHED };
    breaks(ONCE, World { clone: true, ..RETRIED }, rules, 16);
}

#[test]
fn dup_answered_with_the_newest_position_applies_a_retry_twice() {
    let rules = Rules { dup_position: DupPosition::OfTheHead, ..PUBLISHED };
    // The same world: `cloned_database_with_void_and_retry`.
    breaks_alone(ONCE, World { clone: true, prune: true, others: 1, ..RETRIED }, rules, 20);
}

#[test]
fn rollback_without_comparison_loses_silently() {
    let rules = Rules { comparison: Comparison::None, ..PUBLISHED };
    breaks(TRUTH, World { rollbacks: 1, ..ONE }, rules, 7);
}

#[test]
fn rollback_without_comparison_applies_twice() {
    let rules = Rules { comparison: Comparison::None, ..PUBLISHED };
    breaks(ONCE, World { rollbacks: 1, others: 1, prune: true, clone: true, ..ONE }, rules, 9);
}

#[test]
fn unverifiable_taken_for_ok_loses_silently() {
    let rules = Rules { comparison: Comparison::RolledBackOnly, ..PUBLISHED };
    breaks(TRUTH, World { rollbacks: 1, others: 2, prune: true, ..ONE }, rules, 11);
}

#[test]
fn unverifiable_taken_for_ok_applies_twice_after_the_next_rollback() {
    let rules = Rules { comparison: Comparison::RolledBackOnly, ..PUBLISHED };
    // The same world: `server_rolled_back_twice_behind_a_clone`.
    breaks_alone(ONCE, World { rollbacks: 2, others: 2, prune: true, clone: true, ..ONE }, rules, 17);
}

#[test]
fn sessions_that_outlive_a_restore_apply_twice() {
    let rules = Rules { session_fence: false, ..PUBLISHED };
    breaks(ONCE, World { rollbacks: 1, others: 2, prune: true, ..ONE }, rules, 8);
}

#[test]
fn sessions_that_outlive_a_restore_reorder() {
    let rules = Rules { session_fence: false, ..PUBLISHED };
    breaks(ORDER, World { rollbacks: 1, ..TWO }, rules, 10);
}

#[test]
fn retry_whose_void_was_rolled_back_applies_twice_when_sent_again() {
    let rules = Rules { cut_retry: CutRetry::SentAgain, ..PUBLISHED };
    breaks(ONCE, World { rollbacks: 1, clone: true, ..RETRIED }, rules, 17);
}

#[test]
fn cancel_that_was_rolled_back_and_not_repeated_is_contradicted_by_a_copy() {
    let rules = Rules { cancel_again: false, ..PUBLISHED };
    breaks(TRUTH, World { rollbacks: 1, clone: true, cancel: true, ..ONE }, rules, 13);
}

#[test]
fn void_that_was_rolled_back_and_not_repeated_applies_twice() {
    let rules = Rules { void_again: false, ..PUBLISHED };
    breaks(ONCE, World { rollbacks: 1, clone: true, ..RETRIED }, rules, 17);
}
