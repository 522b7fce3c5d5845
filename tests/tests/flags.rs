//! Flags of the server that need something beside it (a certificate, a key, a page, a heart that beats), with the real
//! program on real sockets.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keepline::{AuthTrouble, Client, Config, Line, Outcome};
use keepline_server::{AuthConfig, Owner};
use keepline_tests::{
    app,
    process::{ServerOptions, ServerProcess},
    wire::{Came, Dialled, Request, Socket},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder for one server and what it is given.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    async fn start(&self, dev: bool, args: &[&str]) -> ServerProcess {
        let options = ServerOptions { dev, ..ServerOptions::dev(self.path("data")) };
        ServerProcess::start(options.args(args.iter().copied()))
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// A server that takes tokens of this key, without `--dev`.
    async fn start_with(&self, key: &Signer, args: &[&str]) -> ServerProcess {
        let file = self.file("key.pem", &key.public_pem());
        self.start(false, &[&["--jwt-public-key", &file], args].concat()).await
    }
}

/// Issues tokens as a service elsewhere does: the server knows the public half alone.
struct Signer {
    key: KeyPair,
    algorithm: &'static str,
}

impl Signer {
    fn ed25519() -> Self {
        Self { key: KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap(), algorithm: "EdDSA" }
    }

    fn p256() -> Self {
        Self { key: KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap(), algorithm: "ES256" }
    }

    fn public_pem(&self) -> String {
        self.key.public_key_pem()
    }

    fn token(&self, subject: &str) -> String {
        let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let ends = now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 3_600;
        let claims = json!({ "iss": "keepline", "aud": "keepline", "sub": subject, "exp": ends });
        let text = format!("{}.{}", part(json!({ "alg": self.algorithm })), part(claims));
        let der = self.key.serialize_der();
        let signature = if self.algorithm == "EdDSA" {
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).unwrap().sign(text.as_bytes()).as_ref().to_vec()
        } else {
            let random = SystemRandom::new();
            let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).unwrap();
            key.sign(&random, text.as_bytes()).unwrap().as_ref().to_vec()
        };
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn now() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "tokens are about the present")]
    SystemTime::now()
}

fn client(url: &str, database: &Path, token: &str) -> Config {
    Config::new(url, database).token(token).reconnect(Duration::from_millis(50), Duration::from_millis(500))
}

/// Goes online and has an action accepted.
async fn works(client: &Client) {
    app::status(client, "the client is online", |status| matches!(status.line, Line::Online { .. }))
        .await
        .unwrap();
    let search = client.submit_json("search:start:v1", &json!({ "query": "flag" })).await.unwrap();
    let outcome = app::outcome(&search).await.unwrap();
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_certificate_and_its_key_serve_tls_alone() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();

    let place = Place::new();
    let chain = place.file("chain.pem", &(certificate.pem() + &authority.pem()));
    let key = place.file("tls.pem", &key.serialize_pem());
    let server = place.start(true, &["--tls-cert", &chain, "--tls-key", &key]).await;
    assert!(server.url().starts_with("https://"));
    let token = server.token().unwrap().to_owned();

    let trusts = client(server.url(), &place.path("trusts.db"), &token).extra_root_pem(authority.pem());
    let trusts = app::connected(trusts).unwrap();
    works(&trusts).await;
    trusts.shutdown().await;

    // Who does not know the authority goes no further than the handshake.
    let doubts = app::connected(client(server.url(), &place.path("doubts.db"), &token)).unwrap();
    let waits = |status: &keepline::Status| matches!(status.line, Line::Waiting { .. });
    app::status(&doubts, "the certificate is refused", waits).await.unwrap();
    doubts.shutdown().await;

    // And nothing is served without TLS.
    assert!(Request::get("/healthz").send(server.addr()).await.is_err());
}

#[tokio::test]
async fn a_public_key_takes_its_own_tokens_and_no_others() {
    for (key, other) in [(Signer::ed25519(), Signer::ed25519()), (Signer::p256(), Signer::p256())] {
        let place = Place::new();
        let server = place.start_with(&key, &[]).await;
        let good = app::connected(client(server.url(), &place.path("good.db"), &key.token("alice"))).unwrap();
        works(&good).await;
        good.shutdown().await;

        // The classic confusion: the public key taken for a secret.
        let secret = AuthConfig::from_secret(key.public_pem().as_bytes()).unwrap();
        let confused = secret.issue(&Owner::subject("alice"), Duration::from_secs(60), now()).unwrap();
        let other_family = if key.algorithm == "EdDSA" { Signer::p256() } else { Signer::ed25519() };
        for token in [other.token("alice"), other_family.token("alice"), confused.expose().to_owned()] {
            let bad = app::connected(client(server.url(), &place.path("bad.db"), &token)).unwrap();
            let refused = |status: &keepline::Status| matches!(status.line, Line::AuthRequired { .. });
            let status = app::status(&bad, "the token is refused", refused).await.unwrap();
            let Line::AuthRequired { reason: AuthTrouble::TokenRefused { code } } = status.line else {
                panic!("{status:?}");
            };
            assert_eq!(code, "AUTH_TOKEN_INVALID");
            bad.shutdown().await;
        }
    }
}

/// How a page at that origin fares: the status over polling with the origin that may read it, and whether its
/// WebSocket opens.
async fn visit(server: &ServerProcess, origin: &str) -> (u16, Option<String>, bool) {
    let target = "/socket.io/?EIO=4&transport=polling";
    let polled = Request::get(target).headers(&[("Origin", origin)]).send(server.addr()).await.unwrap();
    let shared = polled.headers.into_iter().find(|(name, _)| name == "access-control-allow-origin");
    let target = "/socket.io/?EIO=4&transport=websocket";
    let dialled = Socket::dial(server.addr(), target, &[("Origin", origin)]).await.unwrap();
    let opened = match dialled {
        Dialled::Open(_) => true,
        Dialled::Refused(status, _) => {
            assert_eq!(status, 403);
            false
        }
    };
    (polled.status, shared.map(|(_, value)| value), opened)
}

#[tokio::test]
async fn the_allowed_origins_may_connect_and_no_others() {
    let (app, admin) = ("https://app.example.com", "https://admin.example.com:8443");
    let (place, key) = (Place::new(), Signer::ed25519());
    let server = place.start_with(&key, &["--allow-origin", app, "--allow-origin", admin]).await;
    for origin in [app, admin] {
        assert_eq!(visit(&server, origin).await, (200, Some(origin.to_owned()), true));
    }
    // Without `--dev` a page of this machine is a stranger as well.
    for origin in ["https://evil.example.com", "http://app.example.com", "http://localhost:5173", "null"] {
        assert_eq!(visit(&server, origin).await, (403, None, false), "{origin}");
    }
    // Programs send no origin.
    Socket::open(server.addr(), "/socket.io/").await.unwrap();

    let place = Place::new();
    let server = place.start_with(&key, &["--allow-origin", "*"]).await;
    assert_eq!(visit(&server, admin).await, (200, Some(admin.to_owned()), true));
}

#[tokio::test]
async fn the_heartbeat_is_the_one_that_was_asked_for() {
    let place = Place::new();
    let flags = ["--ping-interval-ms", "150", "--ping-timeout-ms", "250"];
    let server = place.start(true, &flags).await;
    let (mut socket, handshake) = Socket::open(server.addr(), "/socket.io/").await.unwrap();
    assert_eq!((&handshake["pingInterval"], &handshake["pingTimeout"]), (&json!(150), &json!(250)));
    let token = server.token().unwrap();
    socket.send(format!("40{}", json!({ "token": token }))).await.unwrap();
    assert!(socket.text().await.unwrap().starts_with("40{"));
    for _ in 0..5 {
        socket.expect("2").await.unwrap();
        socket.send("3").await.unwrap();
    }
    // The sixth is not answered.
    socket.expect("2").await.unwrap();
    assert_eq!(socket.next().await.unwrap(), Came::Closed(None));

    // A client that answers stays, through many times interval and timeout.
    let stays = app::connected(client(server.url(), &place.path("stays.db"), token)).unwrap();
    works(&stays).await;
    let mut silent = Socket::open(server.addr(), "/socket.io/").await.unwrap().0;
    for _ in 0..2 {
        // Each takes some 400 ms to be given up.
        silent.closed().await.unwrap();
        silent = Socket::open(server.addr(), "/socket.io/").await.unwrap().0;
    }
    assert!(matches!(stays.status().line, Line::Online { .. }));
    stays.shutdown().await;
}
