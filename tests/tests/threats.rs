//! What other users of the machine, and readers of logs, get to see of real processes: no token and no payload, and no
//! file that is not theirs.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use keepline_tests::process::{Cli, ServerOptions, ServerProcess, binary, write_script};
use serde_json::json;
use tempfile::TempDir;

/// A folder with the workspace's binaries behind scripts: everything they log is kept, every log line there is is
/// asked for, and the umask forbids nothing.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn program(&self, name: &str, level: &str) -> PathBuf {
        let script = self.path(&format!("{name}.sh"));
        let program = binary(name).unwrap_or_else(|missing| panic!("{missing}"));
        let text = format!(
            "#!/bin/sh\numask 000\nexport RUST_LOG={level} KEEPLINE_LOG={level} RUST_BACKTRACE=full\n\
             exec '{}' \"$@\" 2>>'{}'\n",
            program.display(),
            self.log(name).display()
        );
        write_script(&script, &text).unwrap();
        script
    }

    fn log(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.log"))
    }

    async fn server(&self, level: &str) -> ServerProcess {
        let program = Some(self.program("keepline-server", level));
        let options = ServerOptions { program, ..ServerOptions::dev(self.path("server/data")) };
        ServerProcess::start(options).await.unwrap_or_else(|error| panic!("{error}"))
    }

    fn cli(&self, server: &ServerProcess, token: &str, level: &str) -> Cli {
        let program = Some(self.program("keepline", level));
        Cli { program, ..Cli::new(self.path("client/data/queue.db"), server.url()).token(token) }
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn holds(path: &Path, canary: &str) -> bool {
    fs::read(path).unwrap().windows(canary.len()).any(|bytes| bytes == canary.as_bytes())
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[tokio::test]
async fn no_log_shows_a_token_or_a_payload() {
    for level in ["info", "debug"] {
        let place = Place::new();
        let mut server = place.server(level).await;
        let token = server.token_for("canary-user", "1h").await.unwrap();
        let cli = place.cli(&server, &token, level);
        let payload = json!({ "n": 1, "text": PAYLOAD }).to_string();
        // Accepted, refused by the handler, unknown, too large, and in the queue while the server is gone.
        for action in ["test:record:v1", "test:echo:v1"] {
            let done = cli.run(&["submit", action, &payload, "--wait"]).await.unwrap();
            assert_eq!(done.status.code(), Some(0), "{action}");
        }
        let text = json!(PAYLOAD).to_string();
        for action in ["test:record:v1", "no:such:v1"] {
            let refused = cli.run(&["submit", action, &text, "--wait"]).await.unwrap();
            assert_eq!(refused.status.code(), Some(1), "{action}");
        }
        let large = json!({ "text": PAYLOAD.repeat(5_000) }).to_string();
        let refused = cli.run(&["submit", "test:echo:v1", &large]).await.unwrap();
        assert_eq!(refused.status.code(), Some(1));
        server.kill().await.unwrap();
        let queued = cli.run(&["submit", "test:record:v1", &payload]).await.unwrap();
        assert_eq!(queued.status.code(), Some(0));
        server.start_again().await.unwrap();
        let watched = cli.run(&["watch", "user", "--after", "0", "--count", "2"]).await.unwrap();
        assert_eq!(watched.status.code(), Some(0));
        // A token that is refused is no less of a secret.
        let mut forged = token.clone();
        forged.replace_range(token.len() - 4.., "AAAA");
        let forged = place.cli(&server, &forged, level);
        let refused = forged.run(&["submit", "test:record:v1", &payload, "--wait"]).await.unwrap();
        assert_eq!(refused.status.code(), Some(1));
        server.terminate().unwrap();
        server.exit().await.unwrap();

        let secrets = [PAYLOAD, &token[..token.len() - 4], token.split('.').nth(1).unwrap()];
        for log in ["keepline-server", "keepline"].map(|name| place.log(name)) {
            assert!(fs::metadata(&log).unwrap().len() > 0, "{}", log.display());
            for secret in secrets {
                assert!(!holds(&log, secret), "{} at {level} shows {secret}", log.display());
            }
        }
        shows_no_secret_beside_the_queue(&place, &secrets);
    }
}

/// A token is stored nowhere; a payload in the databases and nowhere else.
fn shows_no_secret_beside_the_queue(place: &Place, [payload, token, claims]: &[&str; 3]) {
    let mut with_payload = 0;
    for file in [files(&place.path("client")), files(&place.path("server"))].concat() {
        assert!(!holds(&file, token) && !holds(&file, claims), "{} has the token", file.display());
        let is_database = name(&file).ends_with(".db") || name(&file).ends_with(".db-wal");
        assert!(is_database || !holds(&file, payload), "{} has the payload", file.display());
        with_payload += usize::from(holds(&file, payload));
    }
    assert!(with_payload >= 2, "the search finds what is there");
}

#[tokio::test]
async fn files_are_closed_to_other_users_whatever_the_umask() {
    let place = Place::new();
    let mut server = place.server("info").await;
    let token = server.token().unwrap().to_owned();
    let cli = place.cli(&server, &token, "info");
    let mut watching = cli.start(&["watch", "user", "--after", "0"]).unwrap();
    // Both have their databases open here, side files and all.
    let other = Cli { db: place.path("client/data/other.db"), ..cli.clone() };
    let done = other.run(&["submit", "test:record:v1", r#"{"n":1}"#, "--wait"]).await.unwrap();
    assert_eq!(done.status.code(), Some(0));
    watching.next().await.unwrap();
    for folder in ["client/data", "server/data"] {
        let folder = place.path(folder);
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        let files = files(&folder);
        for file in &files {
            assert_eq!(mode(file), 0o600, "{}", file.display());
        }
        let endings = [".db", ".db-wal", ".db-shm"];
        assert!(
            endings.iter().all(|ending| files.iter().any(|file| name(file).ends_with(ending))),
            "{files:?}"
        );
    }
    watching.process.kill().await.unwrap();
    server.kill().await.unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

const PAYLOAD: &str = "canary-payload-7f3a";
