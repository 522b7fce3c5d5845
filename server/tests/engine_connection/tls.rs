use std::{path::PathBuf, sync::Arc, time::Duration};

use keepline_server::connection::{EngineConfig, ServeOptions};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::client_async;

use crate::support::{Client, Server, soon};

fn key(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "keys", name].iter().collect()
}

fn start() -> Server {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_file(key("tls.cert.pem")).unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::from_pem_file(key("tls.key.pem")).unwrap())
        .unwrap();
    let header_timeout = Duration::from_secs(1);
    let options = ServeOptions { tls: Some(Arc::new(tls)), header_timeout, ..ServeOptions::default() };
    Server::start_echo_with(EngineConfig::default(), options)
}

#[tokio::test]
async fn a_websocket_over_tls_is_like_any_other() {
    let server = start();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(key("tls.cert.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(tls));
    let stream =
        connector.connect(ServerName::try_from("localhost").unwrap(), server.connect().await).await.unwrap();
    let target = "wss://localhost/engine.io/?EIO=4&transport=websocket";
    let mut client = Client(client_async(target, stream).await.unwrap().0);
    assert!(client.text().await.starts_with('0'));
    for text in ["4hello".to_owned(), format!("4{}", "x".repeat(100_000))] {
        client.send(&text).await;
        assert_eq!(client.text().await, text);
    }
    client.send("1").await;
    client.rest().await;
}

#[tokio::test]
async fn connections_that_do_not_speak_tls_are_closed() {
    let server = start();
    // The answer is a TLS alert at most.
    assert_eq!(server.get("/engine.io/?EIO=4&transport=polling").await.status, 0);
    let mut silent = server.connect().await;
    assert!(matches!(soon(silent.read(&mut [0])).await, Ok(0) | Err(_)));
}
