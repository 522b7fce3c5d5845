//! A disk that is full: what was accepted still gets its outcome.

use std::{fs, path::PathBuf, process::Command};

use keepline::{Client, Config, Filter, Outcome, SubmitError};
use serde_json::json;

use super::place::{NOWHERE, Place, ended, with};
use crate::{
    app,
    process::{Cli, ServerOptions, ServerProcess},
    show::Report,
    wire::Checked,
};

pub(super) async fn show(place: &Place<'_>, report: &mut Report) -> Checked {
    quota(place, report).await?;
    match SmallDisk::mount(place) {
        Ok(disk) => {
            clients_disk(place, report, &disk).await?;
            drop(disk);
            servers_disk(place, report, &SmallDisk::mount(place)?).await?;
        }
        Err(why) => report.note("a file system that is full: not tried here", why.to_string()),
    }
    Ok(())
}

/// Submits until there is no room, which has to be told by this error: what was kept.
async fn fill(client: &Client, expected: &SubmitError) -> Checked<Vec<keepline::ActionId>> {
    let mut kept = Vec::new();
    loop {
        let payload = json!({ "n": kept.len(), "text": "x".repeat(8_000) });
        match client.submit_json("test:echo:v1", &payload).await {
            Ok(sent) => kept.push(sent.id()),
            Err(error) if error == *expected => return Ok(kept),
            Err(other) => return Err(format!("{other:?} on a full disk").into()),
        }
    }
}

async fn accepted(client: &Client, kept: &[keepline::ActionId]) -> Checked<usize> {
    let mut accepted = 0;
    for id in kept {
        let outcome = app::outcome(&client.submission(*id)).await?;
        accepted += usize::from(matches!(outcome, Outcome::Accepted(_)));
    }
    Ok(accepted)
}

/// A quota on the file is a full queue, and leaves room for outcomes.
async fn quota(place: &Place<'_>, report: &mut Report) -> Checked {
    let quota = |config: Config| config.disk_quota(1 << 20);
    let client = Client::open(quota(Config::new(NOWHERE, place.env.path("quota.db"))))?;
    let kept = fill(&client, &SubmitError::QueueFull).await?;
    client.shutdown().await;
    report.at_least("actions within a quota of 1 MiB before QUEUE_FULL", kept.len(), 50);
    let client = app::connected(quota(place.config("quota.db", "quota").await?))?;
    report.equal("of those, settled as accepted", accepted(&client, &kept).await?, kept.len());
    client.shutdown().await;
    Ok(())
}

/// The client's own disk is full, and has room again later.
async fn clients_disk(place: &Place<'_>, report: &mut Report, disk: &SmallDisk) -> Checked {
    disk.take_half()?;
    let path = disk.path("queue.db");
    let token = place.token("full-disk").await?;
    let open = || Config::new(place.server.url(), &path).token(token.as_str());
    let client = Client::open(open())?;
    let kept = fill(&client, &SubmitError::DiskFull).await?;
    report.at_least("actions on a file system of 6 MB before DISK_FULL", kept.len(), 50);
    client.shutdown().await;
    let cli = Cli::new(disk.path("cli.db"), NOWHERE);
    let run = cli.run(&["submit", "test:echo:v1", "1"]).await?;
    report.equal("submit on the full disk: exit", ended(&run), with(4, "DISK_FULL"));

    // Nothing of what was kept is lost, also across opening it on the full disk.
    let client = app::connected(open())?;
    let listed = client.outbox(Filter { limit: u32::MAX, ..Filter::default() }).await?;
    report.equal("actions in the queue on the full disk", listed.len(), kept.len());
    disk.give_back()?;
    report.equal("of those, settled once there is room", accepted(&client, &kept).await?, kept.len());
    client.shutdown().await;
    Ok(())
}

/// The server's disk is full: it cannot at the moment, and the client waits.
async fn servers_disk(place: &Place<'_>, report: &mut Report, disk: &SmallDisk) -> Checked {
    let server = ServerProcess::start(ServerOptions::dev(disk.path("data"))).await?;
    let config = Config::new(server.url(), place.env.path("full-server.db"));
    let client = app::connected(config.token(server.token().unwrap_or_default()))?;
    let first = client.submit_json("test:record:v1", &json!({"n": 1})).await?;
    report.equal("accepted before", app::outcome(&first).await?.as_str(), "accepted");
    disk.take_all()?;
    let mut sent = Vec::new();
    for n in 2..=SENT {
        // Large enough not to fit into what is left of a page or a log.
        let payload = json!({ "n": n, "text": "x".repeat(8_000) });
        sent.push(client.submit_json("test:record:v1", &payload).await?.id());
    }
    let refused = until_refused(&client).await?;
    report.equal(
        "code from a server with a full disk",
        ["INTERNAL", "UNAVAILABLE"].contains(&refused.as_str()),
        true,
    );
    report.note("it is", refused);
    disk.give_back()?;
    report.equal("accepted once the server has room", accepted(&client, &sent).await? as u64, SENT - 1);
    client.shutdown().await;
    Ok(())
}

/// Waits until the server has said of an action that it cannot.
async fn until_refused(client: &Client) -> Checked<String> {
    let mut changes = client.outbox_changes();
    let wait = async {
        loop {
            let rows = client.outbox(Filter::default()).await?;
            if let Some(error) = rows.iter().find_map(|row| row.last_error.clone()) {
                return Checked::Ok(error.code.to_string());
            }
            changes.next().await.ok_or("the client was shut down")?;
        }
    };
    crate::wire::soon("a refusal", wait).await?
}

/// A file system of 6 MB in memory. Dropping it takes it away.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    fn mount(place: &Place<'_>) -> Checked<Self> {
        let at = place.env.path("small-disk");
        fs::create_dir_all(&at)?;
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"]).arg(&at).output()?;
        if mounted.status.success() {
            Ok(Self { at })
        } else {
            Err(String::from_utf8_lossy(&mounted.stderr).trim().to_owned().into())
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.at.join(name)
    }

    fn take_half(&self) -> Checked {
        Ok(fs::write(self.path("ballast"), vec![0; 3_000_000])?)
    }

    fn take_all(&self) -> Checked {
        use std::io::Write as _;
        let mut ballast = fs::File::create(self.path("ballast"))?;
        while ballast.write_all(&[0; 4_096]).is_ok() {}
        Ok(())
    }

    fn give_back(&self) -> Checked {
        Ok(fs::remove_file(self.path("ballast"))?)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A file that is still open keeps it busy; it goes with its last user then.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

const SENT: u64 = 5;
