use keepline_protocol::{ActionId, ErrorCode, names};
use serde_json::json;

use super::harness::*;
use crate::{engine::EngineOptions, outcome::Outcome};

/// Three settled actions (positions 1 to 3) and one that was sent at mark 3.
fn with_history() -> (Bench, Vec<ActionId>) {
    let mut bench = Bench::new();
    bench.go_online();
    let mut ids = Vec::new();
    for position in 1..=3 {
        ids.push(bench.submit_in(""));
        let sent = bench.next();
        bench.applied(&sent, position);
    }
    ids.push(bench.submit_in(""));
    assert_eq!(bench.next().meta().mark.unwrap().position, 3);
    bench.lose();
    (bench, ids)
}

#[test]
fn a_rolled_back_server_is_asked_what_it_still_knows_before_anything_is_sent() {
    let (mut bench, ids) = with_history();
    bench.come_back(ready_at(1, "rolled_back"));
    let check = bench.next();
    assert_eq!(check.name, names::LEDGER_CHECK);
    let positions: Vec<u64> = check.args[0]["cursors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cursor| cursor["position"].as_u64().unwrap())
        .collect();
    assert_eq!(positions, [3, 2, 1]);
    assert_eq!(bench.waiting(), 0);
    bench.ack(&check, &json!({"ok": true, "confirmed": [{"epoch": "L1", "position": 1, "tag": tag(1)}]}));
    assert_eq!(bench.rolled_back, [ids[1], ids[2]]);
    let sent = bench.next();
    assert_eq!((sent.meta().id, sent.meta().mark.unwrap().position), (ids[3], 1), "the mark was lowered");
    let lost: Vec<bool> = bench.list().iter().map(|entry| entry.rolled_back).collect();
    assert_eq!(lost, [false, true, true, false]);
}

#[test]
fn an_unverifiable_history_is_met_like_a_rollback() {
    let (mut bench, ids) = with_history();
    bench.come_back(ready_at(9, "unverifiable"));
    let check = bench.next();
    bench.ack(&check, &json!({"ok": true, "confirmed": []}));
    assert_eq!(bench.rolled_back, ids[..3]);
    assert_eq!(bench.next().meta().mark.unwrap().position, 0);
}

#[test]
fn another_ledger_confirms_nothing() {
    let (mut bench, ids) = with_history();
    let mut ready = ready_at(0, "rolled_back");
    ready["ledger"]["epoch"] = "L2".into();
    bench.come_back(ready);
    let sent = bench.next();
    assert_eq!((sent.meta().id, sent.meta().mark.unwrap().position), (ids[3], 0));
    assert_eq!(bench.rolled_back, ids[..3]);
    // The next restart compares with the new ledger only.
    bench.restart();
    let connect = bench.dial();
    assert_eq!(connect.args[0]["ledger"]["epoch"], "L2");
}

#[test]
fn a_comparison_that_is_cut_short_is_made_again() {
    let (mut bench, _) = with_history();
    bench.come_back(ready_at(1, "rolled_back"));
    assert_eq!(bench.next().name, names::LEDGER_CHECK);
    bench.restart();
    let connect = bench.dial();
    assert_eq!(connect.args[0]["ledger"]["position"], 3, "the cursor was not taken before the cut");
}

#[test]
fn a_parked_voids_loss_voids_again_and_a_cut_retry_is_indeterminate() {
    let mut bench = Bench::with(EngineOptions { attempts_max: 1, ..EngineOptions::default() });
    bench.go_online();
    let mut park = |position: u64| {
        let id = bench.submit_in("");
        let sent = bench.next();
        bench.failed(&sent, "UNAVAILABLE", true);
        let sent = bench.next();
        assert_eq!(sent.void().id, id);
        bench.ack(
            &sent,
            &json!({"ok": false, "error": {"code": "VOID"}, "position": position, "tag": tag(position)}),
        );
        id
    };
    let (parked, retried) = (park(1), park(2));
    let new_id = bench.retry(retried).unwrap();
    assert_eq!(bench.next().meta().id, new_id);
    bench.lose();
    bench.come_back(ready_at(0, "rolled_back"));
    let check = bench.next();
    bench.ack(&check, &json!({"ok": true, "confirmed": []}));
    assert_eq!(bench.settled, [(new_id, Outcome::Indeterminate)]);
    assert_eq!(bench.next().void().id, parked);
}

#[test]
fn what_a_lost_void_had_settled_is_voided_again() {
    let (mut bench, ids) = with_voids();
    let [cancelled, refused, accepted] = ids;
    bench.lose();
    bench.come_back(ready_at(0, "rolled_back"));
    let check = bench.next();
    bench.ack(&check, &json!({"ok": true, "confirmed": []}));
    assert_eq!(bench.rolled_back, ids, "all of them are told");
    assert_eq!((bench.pending, bench.list()[2].rolled_back), (2, true));
    bench.settled.clear();
    let (first, second) = (bench.next(), bench.next());
    assert_eq!((first.void().id, first.void().mark.unwrap().position), (cancelled, 0));
    assert_eq!((second.void().id, second.void().prev), (refused, Some(cancelled)));
    assert_eq!(bench.waiting(), 0, "what was applied is not sent again");
    bench.voided(&first, 1);
    assert_eq!(bench.settled, [(cancelled, Outcome::Cancelled)]);
    // A copy of this database has sent its own: the ledger's word counts.
    bench.applied(&second, 2);
    assert!(matches!(&bench.settled[1], (id, Outcome::Accepted(_)) if *id == refused));
    assert!(!bench.list()[0].rolled_back);
    assert!(matches!(bench.outcome(accepted), Ok(Some(Outcome::Accepted(_)))));
}

#[test]
fn a_void_that_the_server_still_has_is_not_asked_for_again() {
    let (mut bench, [_, refused, accepted]) = with_voids();
    bench.lose();
    bench.come_back(ready_at(1, "rolled_back"));
    let check = bench.next();
    bench.ack(&check, &json!({"ok": true, "confirmed": [{"epoch": "L1", "position": 1, "tag": tag(1)}]}));
    assert_eq!(bench.rolled_back, [refused, accepted]);
    let void = bench.next();
    assert_eq!((void.void().id, bench.waiting()), (refused, 0));
    bench.voided(&void, 2);
    let Some((_, Outcome::Rejected(why))) = bench.settled.last() else { panic!("{:?}", bench.settled) };
    assert_eq!(why.code, ErrorCode::TooLarge, "it settles as before");
}

#[test]
fn a_cancelled_retry_whose_voids_were_lost_is_indeterminate() {
    let mut bench = Bench::with(EngineOptions { attempts_max: 1, ..EngineOptions::default() });
    bench.go_online();
    let id = bench.submit_in("");
    let sent = bench.next();
    bench.failed(&sent, "UNAVAILABLE", true);
    let void = bench.next();
    bench.voided(&void, 1);
    let renamed = bench.retry(id).unwrap();
    bench.next();
    bench.cancel(renamed).unwrap();
    let void = bench.next();
    bench.voided(&void, 2);
    assert_eq!(bench.settled, [(renamed, Outcome::Cancelled)]);
    bench.lose();
    bench.come_back(ready_at(0, "rolled_back"));
    let check = bench.next();
    bench.ack(&check, &json!({"ok": true, "confirmed": []}));
    // The void of its first id is gone too, and nobody asks for that one again.
    assert_eq!(bench.settled[1..], [(renamed, Outcome::Indeterminate)]);
    assert_eq!((bench.rolled_back.as_slice(), bench.waiting()), ([renamed].as_slice(), 0));
}

/// A cancelled action, one that was refused from outside the ledger, and an accepted one: positions 1 to 3.
fn with_voids() -> (Bench, [ActionId; 3]) {
    let mut bench = Bench::new();
    bench.go_online();
    let cancelled = bench.submit_in("");
    bench.next();
    bench.cancel(cancelled).unwrap();
    let void = bench.next();
    bench.voided(&void, 1);
    let refused = bench.submit_in("");
    let sent = bench.next();
    bench.failed(&sent, "TOO_LARGE", false);
    let void = bench.next();
    bench.voided(&void, 2);
    let accepted = bench.submit_in("");
    let sent = bench.next();
    bench.applied(&sent, 3);
    (bench, [cancelled, refused, accepted])
}

#[test]
fn another_accounts_rows_stay_put() {
    let mut bench =
        Bench::with(EngineOptions { account: Some("alice".to_owned()), ..EngineOptions::default() });
    let id = bench.submit_in("");
    bench.options.account = Some("bob".to_owned());
    bench.restart();
    bench.dial();
    let mut ready = ready();
    ready["user"] = "bob".into();
    bench.accept(ready);
    assert_eq!((bench.waiting(), bench.pending), (0, 0));
    bench.options.account = Some("alice".to_owned());
    bench.restart();
    bench.go_online();
    assert_eq!(bench.next().meta().id, id);
}

#[test]
fn rows_from_before_the_first_session_go_to_whom_it_names() {
    let mut bench = Bench::new();
    let id = bench.submit_in("");
    let connect = bench.dial();
    assert!(connect.args[0].get("account").is_none());
    bench.accept(ready());
    assert_eq!(bench.next().meta().id, id);
    bench.lose();
    assert_eq!(bench.come_back(ready()).args[0]["account"], "alice");
}
