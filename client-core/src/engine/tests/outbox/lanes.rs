use crate::{engine::tests::harness::*, error::SubmitError};

#[test]
fn at_most_a_thousand_named_lanes() {
    let mut bench = Bench::new();
    for number in 0..1_000 {
        bench.submit_in(&format!("lane-{number}"));
    }
    let mut action = bench.action("do:it:v1");
    action.lane = Some("one-more".to_owned());
    assert_eq!(bench.submit(action.clone()), Err(SubmitError::TooManyLanes));
    action.lane = Some("lane-7".to_owned());
    assert!(bench.submit(action).is_ok());
}

#[test]
fn a_lane_that_is_known_in_memory_alone_counts_as_a_new_one() {
    let mut bench = Bench::new();
    let emptied = bench.submit_in("early");
    bench.cancel(emptied).unwrap();
    for number in 0..1_000 {
        bench.submit_in(&format!("lane-{number}"));
    }
    let mut action = bench.action("do:it:v1");
    action.lane = Some("early".to_owned());
    assert_eq!(bench.submit(action), Err(SubmitError::TooManyLanes));
}

#[test]
fn lanes_that_were_emptied_are_not_kept_in_memory() {
    let mut bench = Bench::new();
    let fill = |bench: &mut Bench, word: &str| {
        for number in 0..3_000 {
            let id = bench.submit_in(&format!("{word}-{number}"));
            bench.cancel(id).unwrap();
        }
    };
    fill(&mut bench, "without a line");
    assert_eq!(bench.engine.outbox.lanes_in_memory(), 0);
    bench.go_online();
    bench.is_stalled = true;
    fill(&mut bench, "at a stalled socket");
    assert!(bench.engine.outbox.lanes_in_memory() <= 2_001);
    // Those that have something in them are still sent.
    let ids = [bench.submit_in("a"), bench.submit_in("b")];
    fill(&mut bench, "again");
    bench.is_stalled = false;
    bench.drain();
    assert_eq!([bench.next().meta().id, bench.next().meta().id], ids);
    bench.lose();
    assert_eq!(bench.engine.outbox.lanes_in_memory(), 0);
    bench.come_back(ready());
    assert_eq!(bench.waiting(), 2);
}
