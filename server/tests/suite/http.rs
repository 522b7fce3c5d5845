use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    peer::Peer,
    server::{Setup, TestServer},
};

/// Status, headers and body of a plain request.
async fn get(server: &TestServer, path: &str, token: Option<&str>) -> (u16, String, String) {
    let mut tcp = TcpStream::connect(server.address).await.unwrap();
    let bearer = token.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{bearer}Connection: close\r\n\r\n");
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), head.to_ascii_lowercase(), body.to_owned())
}

async fn json_of(server: &TestServer, path: &str, token: &str) -> Value {
    let (status, _, body) = get(server, path, Some(token)).await;
    assert_eq!(status, 200, "{path}");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn a_jobs_state_and_status_are_its_owners() {
    let server = Setup::new().document("moon.txt", "The moon.").start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    peer.call("stream:subscribe:v1", &[json!({ "stream": "user" })]).await;
    let job = peer.act("search:start:v1", json!({ "query": "moon" })).await["reply"]["job"]
        .as_str()
        .unwrap()
        .to_owned();
    peer.event("job:completed:v1").await;
    let alice = server.token("alice");
    let state = json_of(&server, &format!("/api/job/{job}/state"), &alice).await;
    assert_eq!(
        (&state["job"], &state["kind"], &state["status"]),
        (&json!(job), &json!("search"), &json!("completed"))
    );
    assert_eq!(
        (&state["results"][0]["source"], &state["result"]),
        (&json!("moon.txt"), &json!({ "total": 1 }))
    );
    let status = json_of(&server, &format!("/api/job/{job}/status"), &alice).await;
    assert_eq!(
        (&status["status"], &status["progress"]),
        (&json!("completed"), &json!({ "done": 1, "total": 1 }))
    );
    assert!(status["results"].is_null() && status["result"].is_null());
    let bob = server.token("bob");
    for route in ["state", "status"] {
        let path = format!("/api/job/{job}/{route}");
        let (strange, _, body) = get(&server, &path, Some(&bob)).await;
        let (unknown, _, other_body) = get(&server, &format!("/api/job/none/{route}"), Some(&bob)).await;
        assert_eq!((strange, &body), (404, &other_body));
        assert_eq!(unknown, 404);
        assert_eq!(get(&server, &path, None).await.0, 401);
        assert_eq!(get(&server, &path, Some("bad")).await.0, 401);
        assert_eq!(get(&server, &format!("{path}?token={alice}"), None).await.0, 401);
    }
    let (_, head, _) = get(&server, &format!("/api/job/{job}/state"), Some(&alice)).await;
    assert!(head.contains("cache-control: no-store"));
}

#[tokio::test]
async fn analytics_count_the_owners_own() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    for n in 0..3 {
        peer.act("test:record:v1", json!({ "n": n })).await;
    }
    peer.act("test:job:v1", json!({ "events": 5, "interval_ms": 60_000 })).await;
    let counts = json_of(&server, "/api/analytics", &server.token("alice")).await;
    assert_eq!(
        (&counts["user"], &counts["actions"], &counts["streams"]),
        (&json!("alice"), &json!(4), &json!(2))
    );
    let jobs = counts["jobs"].as_object().unwrap();
    assert_eq!(jobs.values().filter_map(Value::as_u64).sum::<u64>(), 1);
    let counts = json_of(&server, "/api/analytics", &server.token("bob")).await;
    assert_eq!((&counts["actions"], &counts["jobs"]), (&json!(0), &json!({})));
    assert_eq!(get(&server, "/api/analytics", None).await.0, 401);
}

#[tokio::test]
async fn metrics_and_health_need_no_token_and_name_nobody() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    peer.act("test:record:v1", json!({ "n": 1 })).await;
    assert_eq!(get(&server, "/healthz", None).await.0, 200);
    assert_eq!(get(&server, "/readyz", None).await.0, 200);
    let (status, head, body) = get(&server, "/metrics", None).await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4"));
    assert!(
        body.contains("\nkeepline_connections 1\n") && body.contains("\nkeepline_actions_applied_total 1\n")
    );
    assert!(!body.contains("alice"));
}

#[tokio::test]
async fn the_page_is_for_development_and_loads_nothing_from_elsewhere() {
    let server = TestServer::start();
    let (status, head, body) = get(&server, "/", None).await;
    assert_eq!(status, 200);
    assert!(head.contains("content-security-policy: default-src 'none'"));
    assert!(body.contains("keepline-server") && !body.contains("http://") && !body.contains("https://"));
    let server = Setup::new().with(|config| config.dev = false).start();
    assert_eq!(get(&server, "/", None).await.0, 404);
}
