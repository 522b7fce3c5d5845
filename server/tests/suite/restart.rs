use serde_json::{Value, json};

use crate::{
    peer::{Peer, fresh_id},
    server::{Setup, TestServer},
};

fn ticks(events: &[(String, Vec<Value>)]) -> Vec<u64> {
    let ticks = events.iter().filter(|(name, _)| name == "test:tick:v1");
    ticks.map(|(_, args)| args[0]["index"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_job_goes_on_where_it_stood() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let asked = json!({ "events": 60, "interval_ms": 5 });
    let job = peer.act("test:job:v1", asked).await["reply"]["job"].as_str().unwrap().to_owned();
    let stream = format!("job:{job}");
    peer.subscribe_from_start(&stream).await;
    for _ in 0..5 {
        peer.event("test:tick:v1").await;
    }
    peer.hang_up().await;
    let server = server.stop().await.start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    peer.subscribe_from_start(&stream).await;
    let events = peer.events_until(&stream, "job:completed:v1").await;
    // No tick twice, none missing, offsets without a hole across the restart.
    assert_eq!(ticks(&events), (0..60).collect::<Vec<_>>());
    let offsets: Vec<u64> = events.iter().map(|(_, args)| args[1]["offset"].as_u64().unwrap()).collect();
    assert_eq!(offsets, (1..=62).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_search_repeats_nothing_after_a_restart() {
    let mut setup = Setup::new();
    for n in 0..120 {
        setup = setup.document(&format!("{n:03}.txt"), "A lighthouse.");
    }
    let mut server = setup.start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let asked = json!({ "query": "lighthouse", "limit": 200 });
    let job = peer.act("search:start:v1", asked).await["reply"]["job"].as_str().unwrap().to_owned();
    peer.hang_up().await;
    // However far it is at each of these stops.
    for _ in 0..4 {
        server = server.stop().await.start();
    }
    let stream = format!("job:{job}");
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    peer.subscribe_from_start(&stream).await;
    let events = peer.events_until(&stream, "job:completed:v1").await;
    let results: Vec<&Value> =
        events.iter().filter(|(name, _)| name == "search:result:v1").map(|(_, args)| &args[0]).collect();
    assert!(results.iter().enumerate().all(|(at, result)| result["index"] == at));
    let sources: std::collections::BTreeSet<&str> =
        results.iter().map(|result| result["source"].as_str().unwrap()).collect();
    assert_eq!((results.len(), sources.len()), (120, 120));
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let args = [json!({ "n": 1 }), json!({ "id": fresh_id() })];
    let first = peer.call("test:record:v1", &args).await;
    peer.hang_up().await;
    let server = server.stop().await.start();
    let (mut peer, ready) = Peer::keepline(&server, "alice").await;
    assert_eq!(ready["streams"]["user"]["head"], 1);
    let again = peer.call("test:record:v1", &args).await;
    assert_eq!((&again["position"], &again["dup"]), (&first["position"], &json!(true)));
}
