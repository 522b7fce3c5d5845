use keepline_server::connection::{EngineConfig, Origins};
use tokio_tungstenite::tungstenite;

use crate::support::{Request, Server};

const POLLING: &str = "/engine.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";

fn listed() -> EngineConfig {
    EngineConfig { origins: Origins::allow(["https://app.example.com"]), ..EngineConfig::default() }
}

#[tokio::test]
async fn a_foreign_page_is_refused_on_every_road() {
    let server = Server::start_echo(listed());
    let headers = [("Origin", "https://evil.example")];
    for method in ["GET", "POST", "OPTIONS"] {
        let reply = server.request(Request { method, target: POLLING, headers: &headers, body: &[] }).await;
        assert_eq!((reply.status, reply.code()), (403, Some(4)), "{method}");
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
    let refused = server.websocket_with(WEBSOCKET, &[("origin", "https://evil.example")]).await;
    assert!(matches!(refused, Err(tungstenite::Error::Http(reply)) if reply.status() == 403));
}

#[tokio::test]
async fn a_listed_page_may_read_every_answer() {
    let server = Server::start_echo(listed());
    let headers = [("Origin", "https://app.example.com")];
    let opened = server.request(Request { target: POLLING, headers: &headers, ..Request::default() }).await;
    assert_eq!(opened.status, 200);
    let refused =
        server.request(Request { target: "/engine.io/", headers: &headers, ..Request::default() }).await;
    assert_eq!(refused.status, 400);
    for reply in [opened, refused] {
        assert_eq!(reply.header("access-control-allow-origin"), Some("https://app.example.com"));
        assert_eq!(reply.header("vary"), Some("Origin"));
        assert_eq!(reply.header("access-control-allow-credentials"), None);
    }
    assert!(server.websocket_with(WEBSOCKET, &[("origin", "https://app.example.com")]).await.is_ok());
}

#[tokio::test]
async fn a_listed_page_may_ask_before_it_posts() {
    let server = Server::start_echo(listed());
    let headers = [("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "POST")];
    let request = Request { method: "OPTIONS", target: POLLING, headers: &headers, body: &[] };
    let reply = server.request(request).await;
    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert!(reply.header("access-control-allow-methods").unwrap().contains("POST"));
    assert!(reply.header("access-control-allow-headers").unwrap().contains("content-type"));
}

#[tokio::test]
async fn a_page_of_the_same_host_needs_no_list() {
    let server = Server::start_echo(EngineConfig::default());
    let headers = [("Origin", "http://localhost")];
    let reply = server.request(Request { target: POLLING, headers: &headers, ..Request::default() }).await;
    assert_eq!(reply.status, 200);
    let origin = format!("http://{}", server.address);
    assert!(server.websocket_with(WEBSOCKET, &[("origin", &origin)]).await.is_ok());
}
