use serde_json::{Value, json};

use crate::{
    peer::Peer,
    server::{Setup, TestServer},
};

async fn start(peer: &mut Peer, name: &str, payload: Value) -> String {
    let answer = peer.act(name, payload).await;
    assert_eq!(answer["ok"], true, "{answer}");
    let job = answer["reply"]["job"].as_str().unwrap().to_owned();
    peer.subscribe_from_start(&format!("job:{job}")).await;
    job
}

fn payloads<'a>(events: &'a [(String, Vec<Value>)], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|(came, _)| came == name).map(|(_, args)| &args[0]).collect()
}

fn library() -> Setup {
    let mut setup = Setup::new()
        .document("tides.md", "# The tides\n\nThe moon pulls the sea twice a day.")
        .document("moon.txt", "The moon, the moon and again the moon.")
        .document("bread.txt", "Flour, water, salt.\r\nNothing of the sky.");
    for n in 0..30 {
        setup =
            setup.document(&format!("star{n:02}.txt"), &format!("Star number {n} shines over the harbour."));
    }
    setup
}

#[tokio::test]
async fn a_search_streams_what_it_finds() {
    let server = library().start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    peer.call("stream:subscribe:v1", &[json!({ "stream": "user" })]).await;
    let job = start(&mut peer, "search:start:v1", json!({ "query": "moon" })).await;
    let events = peer.events_until(&format!("job:{job}"), "job:completed:v1").await;
    assert_eq!(events[0].0, "job:created:v1");
    assert_eq!(events[0].1[0], json!({ "job": job, "kind": "search" }));
    let results = payloads(&events, "search:result:v1");
    assert_eq!(results.iter().map(|result| &result["index"]).collect::<Vec<_>>(), [0, 1]);
    let mut sources: Vec<&str> = results.iter().map(|result| result["source"].as_str().unwrap()).collect();
    sources.sort_unstable();
    assert_eq!(sources, ["moon.txt", "tides.md"]);
    assert!(results[0]["score"].as_f64() >= results[1]["score"].as_f64());
    assert!(results.iter().all(|result| result["snippet"].as_str().unwrap().contains("moon")));
    let end = payloads(&events, "job:completed:v1")[0];
    assert_eq!((&end["kind"], &end["result"]), (&json!("search"), &json!({ "total": 2 })));
    assert_eq!(payloads(&events, "job:progress:v1")[0], &json!({ "job": job, "done": 2, "total": 2 }));
}

#[tokio::test]
async fn the_user_stream_has_a_notice_of_each_turn() {
    let server = library().start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    peer.call("stream:subscribe:v1", &[json!({ "stream": "user" })]).await;
    let answer = peer.act("search:start:v1", json!({ "query": "bread" })).await;
    let job = answer["reply"]["job"].clone();
    let events = peer.events_until("user", "job:completed:v1").await;
    assert_eq!(
        events.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["job:created:v1", "job:completed:v1"]
    );
    assert!(events.iter().all(|(_, args)| args[0]["job"] == job));
}

#[tokio::test]
async fn a_search_keeps_to_its_limit() {
    let server = library().start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    for (asked, given) in [
        (json!({ "query": "star" }), 20),
        (json!({ "query": "star", "limit": 25 }), 25),
        (json!({ "query": "star", "limit": 1000 }), 30),
    ] {
        let job = start(&mut peer, "search:start:v1", asked).await;
        let events = peer.events_until(&format!("job:{job}"), "job:completed:v1").await;
        assert_eq!(payloads(&events, "search:result:v1").len(), given);
    }
}

#[tokio::test]
async fn a_search_without_results_completes() {
    let server = library().start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let job = start(&mut peer, "search:start:v1", json!({ "query": "zeppelin" })).await;
    let events = peer.events_until(&format!("job:{job}"), "job:completed:v1").await;
    assert_eq!(payloads(&events, "job:completed:v1")[0]["result"]["total"], 0);
}

#[tokio::test]
async fn no_query_is_a_syntax_error_and_an_empty_one_is_refused() {
    let server = library().start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    for query in [
        "\"moon",
        "moon*",
        "NEAR(moon sea, 2)",
        "title:moon",
        "-moon",
        "moon AND",
        "(moon",
        "moon\r\nsea",
        "mo'on",
        "^moon + {x}",
    ] {
        let job = start(&mut peer, "search:start:v1", json!({ "query": query })).await;
        let end = peer.events_until(&format!("job:{job}"), "job:completed:v1").await;
        assert!(!end.is_empty(), "{query}");
    }
    for query in ["", "  ", "\"*()", "\r\n"] {
        let refused = peer.act("search:start:v1", json!({ "query": query })).await;
        assert_eq!((&refused["error"]["code"], refused["position"].is_u64()), (&json!("BAD_REQUEST"), true));
    }
}

#[tokio::test]
async fn a_document_added_later_is_found() {
    let server = library().start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let job = start(&mut peer, "search:start:v1", json!({ "query": "comet" })).await;
    peer.events_until(&format!("job:{job}"), "job:completed:v1").await;
    std::fs::write(server.corpus().join("comet.md"), "# A comet\n").unwrap();
    server.clock.forward(std::time::Duration::from_secs(60));
    let job = start(&mut peer, "search:start:v1", json!({ "query": "comet" })).await;
    let events = peer.events_until(&format!("job:{job}"), "job:completed:v1").await;
    assert_eq!(payloads(&events, "search:result:v1")[0]["title"], "A comet");
}

#[tokio::test]
async fn a_cancelled_job_stops() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let job = start(&mut peer, "test:job:v1", json!({ "events": 1_000_000, "interval_ms": 1 })).await;
    peer.event("test:tick:v1").await;
    let cancel = json!({ "job": job });
    assert_eq!(peer.act("task:cancel:v1", cancel.clone()).await["reply"]["cancelled"], true);
    let events = peer.events_until(&format!("job:{job}"), "job:cancelled:v1").await;
    assert_eq!(events.last().unwrap().1[0], json!({ "job": job, "kind": "test" }));
    // Its end is the end of its stream.
    assert_eq!(peer.act("task:cancel:v1", cancel).await["reply"]["cancelled"], false);
    assert!(peer.events_so_far().await.is_empty());
    let unknown = peer.act("task:cancel:v1", json!({ "job": "none" })).await;
    assert_eq!(unknown["error"]["code"], "NOT_FOUND");
}

#[tokio::test]
async fn research_asks_further_and_reports() {
    let server = library().start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let job = start(&mut peer, "research:start:v1", json!({ "topic": "star", "depth": 2 })).await;
    let events = peer.events_until(&format!("job:{job}"), "job:completed:v1").await;
    let findings = payloads(&events, "research:finding:v1");
    assert!(findings.len() > 1, "the first round leads to a second");
    assert_eq!(findings[0]["question"], "star");
    assert!(findings.iter().all(|finding| !finding["sources"].as_array().unwrap().is_empty()));
    let result = &payloads(&events, "job:completed:v1")[0]["result"];
    assert_eq!(result["findings"], findings.len());
    assert!(result["report"].as_str().unwrap().contains("star"));
}

#[tokio::test]
async fn without_a_model_the_answer_is_from_the_documents_and_says_so() {
    let server = library().start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let job = start(&mut peer, "model:prompt:v1", json!({ "prompt": "What pulls the sea?" })).await;
    let events = peer.events_until(&format!("job:{job}"), "job:completed:v1").await;
    let text: String =
        payloads(&events, "model:chunk:v1").iter().map(|chunk| chunk["text"].as_str().unwrap()).collect();
    assert!(text.starts_with("No language model is connected"));
    assert!(text.contains("tides.md"));
    let result = &payloads(&events, "job:completed:v1")[0]["result"];
    assert_eq!((&result["text"], &result["model"]), (&json!(text), &json!("extractive")));
}

#[tokio::test]
async fn a_large_test_job_is_quick_and_whole() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let job = start(&mut peer, "test:job:v1", json!({ "events": 5_000, "bytes": 100 })).await;
    let events = peer.events_until(&format!("job:{job}"), "job:completed:v1").await;
    let ticks = payloads(&events, "test:tick:v1");
    assert!(
        ticks
            .iter()
            .enumerate()
            .all(|(at, tick)| tick["index"] == at && tick["data"].as_str().unwrap().len() == 100)
    );
    assert_eq!(ticks.len(), 5_000);
    let too_much = peer.act("test:job:v1", json!({ "events": 1, "bytes": 70_000 })).await;
    assert_eq!(too_much["error"]["code"], "BAD_REQUEST");
}

#[tokio::test]
async fn one_users_jobs_do_not_hold_up_anothers() {
    let server = library().start();
    let (mut alice, _) = Peer::keepline(&server, "alice").await;
    for _ in 0..100 {
        // They wait for a minute each, which is longer than the test.
        alice.act("test:job:v1", json!({ "events": 2, "interval_ms": 60_000 })).await;
    }
    let (mut bob, _) = Peer::keepline(&server, "bob").await;
    let job = start(&mut bob, "search:start:v1", json!({ "query": "moon" })).await;
    let events = bob.events_until(&format!("job:{job}"), "job:completed:v1").await;
    assert_eq!(payloads(&events, "search:result:v1").len(), 2);
}
