use keepline_protocol::limits::STREAMS_MAX;
use serde_json::{Value, json};

use crate::{
    peer::{Peer, fresh_id},
    server::{Setup, TestServer},
};

#[tokio::test]
async fn a_stock_client_follows_its_user_stream_and_its_jobs() {
    let server = Setup::new().document("moon.txt", "The moon.").start();
    let mut peer = Peer::stock(&server, "alice").await;
    let answer = peer.call("search:start:v1", &[json!({ "query": "moon" })]).await;
    assert_eq!((&answer["ok"], &answer["position"]), (&json!(true), &Value::Null));
    let job = answer["reply"]["job"].clone();
    let (mut created, mut completed, mut results) = (0, 0, 0);
    // Of each turn there is the job's own event and the notice on the user's stream.
    while completed < 2 {
        let (name, args) = peer.next_event().await;
        assert_eq!(args.len(), 1, "an argument more breaks real clients");
        assert_eq!(args[0]["job"], job);
        match name.as_str() {
            "job:created:v1" => created += 1,
            "search:result:v1" => results += 1,
            "job:completed:v1" => completed += 1,
            _ => {}
        }
    }
    assert_eq!((created, results), (2, 1));
}

#[tokio::test]
async fn a_stock_client_may_start_more_jobs_than_a_connection_holds_streams() {
    let jobs = STREAMS_MAX + 64;
    let server = TestServer::start();
    let mut peer = Peer::stock(&server, "alice").await;
    for _ in 0..jobs {
        peer.emit("test:job:v1", &[json!({ "events": 1 })]).await;
    }
    let (mut ticks, mut ends) = (0, 0);
    // Each job's end stands on its own stream and on the user's.
    while ends < 2 * jobs {
        match peer.next_event().await.0.as_str() {
            "test:tick:v1" => ticks += 1,
            "job:completed:v1" => ends += 1,
            _ => {}
        }
    }
    assert_eq!(ticks, jobs);
}

#[tokio::test]
async fn a_job_that_is_asked_for_again_is_not_sent_twice() {
    let server = TestServer::start();
    let mut peer = Peer::stock(&server, "alice").await;
    let args = [json!({ "events": 2, "interval_ms": 60_000 }), json!({ "id": fresh_id() })];
    assert_eq!(peer.call("test:job:v1", &args).await["dup"], Value::Null);
    peer.event("test:tick:v1").await;
    let again = peer.call("test:job:v1", &args).await;
    assert_eq!(again["dup"], true);
    peer.call("task:cancel:v1", &[json!({ "job": again["reply"]["job"] })]).await;
    let mut ends = 0;
    while ends < 2 {
        let (name, _) = peer.next_event().await;
        assert_ne!(name, "test:tick:v1");
        ends += usize::from(name == "job:cancelled:v1");
    }
}

/// Far more than the socket's buffers and the send queue hold, and than the log keeps.
async fn overrun(server: &TestServer, rounds: u64) {
    let (mut writer, _) = Peer::keepline(server, "alice").await;
    let filling = "x".repeat(8_000);
    for round in 0..rounds {
        let burst = json!({ "stream": "user", "name": "fill:v1", "payload": [round, filling], "count": 50 });
        assert_eq!(writer.act("test:emit:v1", burst).await["ok"], true);
    }
}

#[tokio::test]
async fn a_stock_client_too_slow_for_the_log_is_disconnected_before_the_hole() {
    let server = Setup::new().with(|config| config.retention.user_log_max = 50).start();
    let mut slow = Peer::stock(&server, "alice").await;
    let rounds = 40;
    overrun(&server, rounds).await;
    // It now reads: everything up to the hole, nothing after it.
    slow.closed().await;
    let came: Vec<u64> = slow.kept_events().iter().map(|(_, args)| args[0][0].as_u64().unwrap()).collect();
    assert!(!came.is_empty() && (came.len() as u64) < rounds * 50);
    let unbroken: Vec<u64> = (0..rounds).flat_map(|round| [round].repeat(50)).take(came.len()).collect();
    assert_eq!(came, unbroken);
    // The next connection begins at the head.
    let mut again = Peer::stock(&server, "alice").await;
    again.emit("test:record:v1", &[json!({ "n": 1 })]).await;
    assert_eq!(again.next_event().await.0, "test:recorded:v1");
}

#[tokio::test]
async fn a_slow_stock_client_with_metas_sees_the_hole_itself() {
    let server = Setup::new().with(|config| config.retention.user_log_max = 50).start();
    let auth = json!({ "token": server.token("alice"), "meta": true });
    let (mut slow, _) = Peer::connect(server.address, &auth).await.unwrap();
    overrun(&server, 40).await;
    let (mut offset, mut holes) = (0, 0);
    while offset < 2_000 {
        let next = slow.next_event().await.1[1]["offset"].as_u64().unwrap();
        assert!(next > offset);
        holes += u64::from(next > offset + 1);
        offset = next;
    }
    assert!(holes > 0);
}

#[tokio::test]
async fn a_stock_client_may_ask_for_metas() {
    let server = TestServer::start();
    let auth = json!({ "token": server.token("alice"), "meta": true });
    let (mut peer, reply) = Peer::connect(server.address, &auth).await.unwrap();
    assert_eq!(reply.as_object().unwrap().len(), 1);
    peer.call("test:record:v1", &[json!({ "n": 1 })]).await;
    let args = peer.event("test:recorded:v1").await;
    assert_eq!(
        (&args[0], &args[1]["stream"], &args[1]["offset"]),
        (&json!({ "n": 1, "action": null }), &json!("user"), &json!(1))
    );
}

#[tokio::test]
async fn with_an_id_an_action_is_applied_once_without_it_each_time() {
    let server = TestServer::start();
    let mut peer = Peer::stock(&server, "alice").await;
    let id = fresh_id();
    for dup in [Value::Null, json!(true)] {
        let answer = peer.call("test:record:v1", &[json!({ "n": 1 }), json!({ "id": id })]).await;
        assert_eq!((&answer["ok"], &answer["position"], &answer["dup"]), (&json!(true), &json!(1), &dup));
    }
    for _ in 0..2 {
        assert_eq!(peer.call("test:record:v1", &[json!({ "n": 2 })]).await["ok"], true);
    }
    // Its own second argument is no meta; without an acknowledgement it is applied all the same.
    assert_eq!(peer.call("test:record:v1", &[json!({ "n": 3 }), json!("mine")]).await["ok"], true);
    peer.emit("test:record:v1", &[json!({ "n": 4 })]).await;
    let mut seen = Vec::new();
    while seen.last() != Some(&4) {
        seen.push(peer.event("test:recorded:v1").await[0]["n"].as_i64().unwrap());
    }
    assert_eq!(seen, [1, 2, 2, 3, 4]);
}

#[tokio::test]
async fn a_stock_client_may_subscribe_as_well() {
    let server = TestServer::start();
    let mut peer = Peer::stock(&server, "alice").await;
    peer.call("test:record:v1", &[json!({ "n": 1 })]).await;
    peer.event("test:recorded:v1").await;
    let answer = peer.call("stream:subscribe:v1", &[json!({ "stream": "user", "after": 0 })]).await;
    assert_eq!(answer["head"], 1);
    assert_eq!(peer.event("test:recorded:v1").await, [json!({ "n": 1, "action": null })]);
}

#[tokio::test]
async fn refused_without_an_id_leaves_nothing() {
    let server = TestServer::start();
    let mut peer = Peer::stock(&server, "alice").await;
    let answer = peer.call("no:such:v1", &[]).await;
    assert_eq!((&answer["error"]["code"], &answer["position"]), (&json!("UNKNOWN_ACTION"), &Value::Null));
}

#[tokio::test]
async fn other_namespaces_are_refused() {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite::Message;
    let server = TestServer::start();
    let tcp = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", server.address);
    let (mut socket, _) = tokio_tungstenite::client_async(url, tcp).await.unwrap();
    socket.next().await.unwrap().unwrap();
    socket.send(Message::text("40/admin,{}")).await.unwrap();
    let answer = socket.next().await.unwrap().unwrap();
    assert_eq!(answer.to_text().unwrap(), "44/admin,{\"message\":\"Invalid namespace\"}");
}
