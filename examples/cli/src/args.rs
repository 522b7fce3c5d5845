use std::{path::PathBuf, time::Duration};

use clap::{Parser, Subcommand};
use keepline::{ActionId, Stream};

/// Submit actions, watch streams and look into the queue of a Keepline client.
///
/// Exit codes: 0 done, 1 refused, 2 usage, 3 timeout, 4 store or another file.
#[derive(Debug, Parser)]
#[command(name = "keepline", version)]
pub(crate) struct Cli {
    /// The client's database; made where there is none.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) db: Option<PathBuf>,
    /// The server, such as http://127.0.0.1:3000.
    #[arg(long, global = true)]
    pub(crate) url: Option<String>,
    /// The token; better given by the environment, where other users of the machine cannot read it.
    #[arg(long, env = "KEEPLINE_TOKEN", hide_env_values = true, global = true)]
    pub(crate) token: Option<Secret>,
    /// Whom the queue belongs to, and whose rows to show; otherwise learned from the first session.
    #[arg(long, global = true)]
    pub(crate) account: Option<String>,
    /// The lane of submitted actions, or the one to list.
    #[arg(long, global = true)]
    pub(crate) lane: Option<String>,
    /// JSON Lines on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Give up after so many seconds. Default: never, but 5 for `status`.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, global = true)]
    pub(crate) timeout: Option<Duration>,
    /// The longest wait between two attempts to connect, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, global = true)]
    pub(crate) reconnect_max: Option<Duration>,
    /// How many actions the queue may hold.
    #[arg(long, value_name = "ROWS", default_value_t = 10_000, global = true)]
    pub(crate) capacity: u64,
    /// The Socket.IO path on the server.
    #[arg(long, default_value = "/socket.io/", global = true)]
    pub(crate) path: String,
    /// The Socket.IO namespace.
    #[arg(long, default_value = "/", global = true)]
    pub(crate) namespace: String,
    /// Allow ws:// and http:// beyond loopback.
    #[arg(long, global = true)]
    pub(crate) allow_plain_text: bool,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Queue an action, or one for each line of standard input.
    Submit(Submit),
    /// Print the events of a stream as they come: `user`, or `job:<id>`.
    Watch(Watch),
    /// Say how the line is and what waits.
    Status,
    /// Look into the queue; needs no network.
    Queue {
        #[command(subcommand)]
        command: Queue,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Submit {
    /// The action's name with its version, such as search:start:v1; or `NAME -` to read lines.
    pub(crate) name: String,
    /// The payload as JSON, or `-` for JSON Lines of `{id?, payload}` on standard input.
    pub(crate) payload: String,
    /// The action's id, so that this command can be repeated safely; not with `-`.
    #[arg(long)]
    pub(crate) id: Option<ActionId>,
    /// Wait for the outcome.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Without --wait: how long to go on delivering once the line is up, in seconds. Where no line can be made, the
    /// command ends at once; the queue is kept for the next one.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) linger: Duration,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    /// `user` or `job:<id>`.
    pub(crate) stream: Stream,
    /// Look back: begin after this offset and leave the stored cursor alone.
    #[arg(long, value_name = "OFFSET")]
    pub(crate) after: Option<u64>,
    /// End after so many events.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Print each state of the line too.
    #[arg(long)]
    pub(crate) status: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Queue {
    /// Every action in the queue and every outcome that is kept.
    List {
        /// Show payloads and replies.
        #[arg(long)]
        payload: bool,
        /// Only what has no outcome.
        #[arg(long)]
        pending: bool,
    },
    /// One action.
    Show {
        /// Its id.
        id: ActionId,
        /// Show payload and reply.
        #[arg(long)]
        payload: bool,
    },
    /// Cancel an action; for certain while it was never sent.
    Cancel {
        /// Its id.
        id: ActionId,
    },
    /// Send a parked action again.
    Retry {
        /// Its id.
        id: ActionId,
    },
    /// Give a parked action up.
    Discard {
        /// Its id.
        id: ActionId,
    },
    /// Everything as JSON Lines.
    Export {
        /// With payloads and replies.
        #[arg(long)]
        payload: bool,
    },
}

/// The token, which must not appear in a usage error or a `Debug`.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "not a number of seconds".to_owned())
}
