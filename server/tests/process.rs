//! The program as a person starts it: what it prints, where, and with which status it ends.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::Arc,
};

use tempfile::TempDir;

const SECRET: &str = "KEEPLINE_JWT_SECRET";

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_keepline-server"));
    program.env_remove(SECRET).env_remove("RUST_LOG");
    program
}

fn run(program: &mut Command) -> Output {
    program.stdin(Stdio::null()).stderr(Stdio::piped()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A running server. Killed when the test is over, however it ends.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    fn start(program: &mut Command) -> Self {
        let mut child = program.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// SIGTERM, and the status it ends with.
    fn stop(self) -> Option<i32> {
        self.stop_and_rest().0
    }

    /// The same, and what it had not printed before.
    fn stop_and_rest(mut self) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(data: &Path) -> Command {
    let mut serve = program();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).stderr(Stdio::null());
    serve
}

fn address(line: &str, scheme: &str) -> SocketAddr {
    let address: SocketAddr =
        line.strip_prefix(&format!("keepline-server listening on {scheme}://")).unwrap().parse().unwrap();
    assert_ne!(address.port(), 0);
    address
}

fn get(mut stream: impl std::io::Read + std::io::Write, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    // A peer that hangs up, be it because it wants TLS, ends the answer all the same.
    let _ = stream.write_all(request.as_bytes());
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn development_prints_three_lines_and_ends_in_good_order() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let mut server = Running::start(serve(&data).arg("--dev"));
    let address = address(&server.line(), "http");
    let token = server.line();
    assert_eq!(token.strip_prefix("token: ").unwrap().split('.').count(), 3);
    assert_eq!(server.line(), format!("page: http://{address}/"));
    assert!(get(TcpStream::connect(address).unwrap(), "/").starts_with("HTTP/1.1 200"));
    let again = run(serve(&data).arg("--dev"));
    assert_eq!((again.status.code(), text(&again.stdout)), (Some(1), ""));
    assert!(text(&again.stderr).contains("in use"));
    assert_eq!(server.stop(), Some(0));
    // The secret was made once.
    let secret = std::fs::read(data.join("secret")).unwrap();
    let mut server = Running::start(serve(&data).arg("--dev"));
    server.line();
    assert_eq!(std::fs::read(data.join("secret")).unwrap(), secret);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn it_ends_in_good_order_where_nobody_reads_its_log() {
    let folder = TempDir::new().unwrap();
    let mut running = Running::start(serve(folder.path()).args(["--dev"]).stderr(Stdio::piped()));
    // Whoever started it is gone: each line of its log is one that cannot be written.
    drop(running.child.stderr.take());
    running.line();
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn a_token_is_printed_alone_and_is_good() {
    let folder = TempDir::new().unwrap();
    let mut server = Running::start(serve(folder.path()).arg("--dev"));
    let address = address(&server.line(), "http");
    let printed = run(program().args(["token", "--sub", "bob", "--ttl", "5m", "--data"]).arg(folder.path()));
    assert_eq!((printed.status.code(), text(&printed.stderr)), (Some(0), ""));
    let token = text(&printed.stdout).strip_suffix('\n').unwrap();
    assert!(!token.contains(char::is_whitespace));
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET /api/analytics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"user\":\"bob\""));
}

#[test]
fn without_a_key_it_says_so_and_makes_nothing() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let refused = run(&mut serve(&data));
    assert_eq!((refused.status.code(), text(&refused.stdout)), (Some(2), ""));
    assert!(text(&refused.stderr).contains(SECRET) && text(&refused.stderr).contains("--jwt-public-key"));
    assert!(!data.exists());
    let short = run(serve(&data).env(SECRET, "short"));
    assert_eq!(short.status.code(), Some(2));
    assert!(text(&short.stderr).contains("32 bytes") && !text(&short.stderr).contains("short\""));
    let token = run(program().args(["token", "--sub", "bob", "--data"]).arg(&data));
    assert_eq!((token.status.code(), text(&token.stdout)), (Some(2), ""));
    let unit = run(program().args(["token", "--sub", "bob", "--ttl", "soon"]));
    assert_eq!(unit.status.code(), Some(2));
}

#[test]
fn with_a_secret_there_is_no_token_line() {
    let folder = TempDir::new().unwrap();
    let mut server =
        Running::start(serve(folder.path()).env(SECRET, "a secret of at least thirty-two bytes"));
    let address = address(&server.line(), "http");
    assert!(get(TcpStream::connect(address).unwrap(), "/healthz").starts_with("HTTP/1.1 200"));
    assert!(get(TcpStream::connect(address).unwrap(), "/").starts_with("HTTP/1.1 404"));
    assert_eq!(server.stop_and_rest(), (Some(0), String::new()));
    assert!(!folder.path().join("secret").exists());
}

#[test]
fn a_public_key_will_do_and_two_keys_will_not() {
    let folder = TempDir::new().unwrap();
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys/rsa.pub.pem");
    let mut server = Running::start(serve(folder.path()).arg("--jwt-public-key").arg(&key));
    address(&server.line(), "http");
    drop(server);
    let both = run(serve(folder.path())
        .env(SECRET, "a secret of at least thirty-two bytes")
        .arg("--jwt-public-key")
        .arg(&key));
    assert_eq!(both.status.code(), Some(2));
    let missing = run(serve(folder.path()).args(["--jwt-public-key", "/no/such/file"]));
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn a_damaged_or_newer_database_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let mut server = Running::start(serve(folder.path()).arg("--dev"));
    server.line();
    assert_eq!(server.stop(), Some(0));
    let path = folder.path().join("keepline.db");
    let good = std::fs::read(&path).unwrap();
    let mut newer = good.clone();
    // `user_version` in SQLite's file header.
    newer[60..64].copy_from_slice(&999_u32.to_be_bytes());
    for (bytes, word) in [(newer, "schema 999"), (vec![0x55; good.len()], "damaged")] {
        std::fs::write(&path, &bytes).unwrap();
        let refused = run(serve(folder.path()).arg("--dev"));
        assert_eq!((refused.status.code(), text(&refused.stdout)), (Some(1), ""));
        assert!(text(&refused.stderr).contains(word), "{}", text(&refused.stderr));
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn with_a_certificate_it_speaks_tls() {
    let folder = TempDir::new().unwrap();
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys");
    let mut server = Running::start(
        serve(folder.path())
            .args(["--dev", "--tls-cert"])
            .arg(keys.join("tls.cert.pem"))
            .arg("--tls-key")
            .arg(keys.join("tls.key.pem")),
    );
    let address = address(&server.line(), "https");
    server.line();
    assert_eq!(server.line(), format!("page: https://{address}/"));
    let answer = get(tls(address, &keys.join("tls.cert.pem")), "/healthz");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!get(TcpStream::connect(address).unwrap(), "/healthz").contains("200"));
    let alone = run(serve(folder.path()).arg("--tls-cert").arg(keys.join("tls.cert.pem")));
    assert_eq!(alone.status.code(), Some(2));
}

fn tls(address: SocketAddr, root: &Path) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
    use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(root).unwrap()).unwrap();
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    rustls::StreamOwned::new(connection, TcpStream::connect(address).unwrap())
}

#[test]
fn no_log_line_shows_a_token_or_a_payload() {
    use tokio_tungstenite::tungstenite::{Message, WebSocket, client};
    const CANARY: &str = "canary-in-a-coal-mine";
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
    let mut server = Running::start(
        serve(&folder.path().join("data"))
            .args(["--dev"])
            .env("RUST_LOG", "trace")
            .stderr(std::fs::File::create(&log).unwrap()),
    );
    let address = address(&server.line(), "http");
    let token = server.line().strip_prefix("token: ").unwrap().to_owned();
    let dial = |query: &str| {
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket{query}");
        client(url, TcpStream::connect(address).unwrap()).ok().map(|(socket, _)| socket)
    };
    let wait_for = |socket: &mut WebSocket<TcpStream>, start: &str| {
        while !socket.read().unwrap().to_text().unwrap().starts_with(start) {}
    };
    assert!(dial(&format!("&token={CANARY}")).is_none());
    let mut socket = dial("").unwrap();
    socket.send(Message::text(format!("40{{\"token\":\"{CANARY}\"}}"))).unwrap();
    wait_for(&mut socket, "44");
    socket.send(Message::text(format!("40{{\"token\":\"{token}\",\"proto\":1,\"sdk\":\"a\\nb\"}}"))).unwrap();
    wait_for(&mut socket, "42[\"session:ready:v1\"");
    let refresh = format!("421[\"auth:refresh:v1\",{{\"token\":\"{token}\"}}]");
    let echo = format!("422[\"test:echo:v1\",\"{CANARY}\"]");
    let bad = format!("423[\"test:record:v1\",\"{CANARY}\",{{\"id\":\"{CANARY}\"}}]");
    for (text, answer) in [(refresh, "431"), (echo, "432"), (bad, "433")] {
        socket.send(Message::text(text)).unwrap();
        wait_for(&mut socket, answer);
    }
    get(TcpStream::connect(address).unwrap(), &format!("/api/analytics?token={CANARY}"));
    drop(socket);
    assert_eq!(server.stop(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("connected") && log.contains("a\\nb"), "the log is not silent");
    for secret in [CANARY, &token, token.rsplit('.').next().unwrap()] {
        assert!(!log.contains(secret));
    }
}
