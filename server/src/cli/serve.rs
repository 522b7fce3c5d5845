use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use keepline_server::{
    Actions, AuthConfig, Config, Line, OpenError, Owner, Rates, Retention, Server,
    connection::{Origins, bind},
    dev_secret,
};
use tokio_util::sync::CancellationToken;

use super::{Failure, SECRET, print, tls, token};

/// How long the token that `--dev` prints is good.
const DEV_TOKEN: Duration = Duration::from_secs(24 * 60 * 60);

/// The subject of that token.
const DEV_SUBJECT: &str = "dev";

/// How the server is set up.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Development: a secret made once in the data folder, a printed token, the test:* actions, generous rates,
    /// pages of this machine may connect. Never for the public.
    #[arg(long)]
    dev: bool,
    /// Where to listen; with port 0 the system picks one, which is printed.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = "keepline-data")]
    data: PathBuf,
    /// The folder whose documents are searched.
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    #[command(flatten)]
    tokens: Tokens,
    #[command(flatten)]
    kept: Kept,
    #[command(flatten)]
    line: LineArgs,
    #[command(flatten)]
    rates: RatesArgs,
}

/// How tokens are verified. KEEPLINE_JWT_SECRET holds the secret for HS256.
#[derive(Debug, Args)]
struct Tokens {
    /// A public key in PEM (RSA, EC, Ed25519) that verifies tokens, in place of a secret.
    #[arg(long, value_name = "FILE")]
    jwt_public_key: Option<PathBuf>,
    /// The `iss` that tokens must have.
    #[arg(long, value_name = "NAME", default_value = "keepline")]
    jwt_issuer: String,
    /// The `aud` that tokens must have.
    #[arg(long, value_name = "NAME", default_value = "keepline")]
    jwt_audience: String,
}

/// How much is kept.
#[derive(Debug, Args)]
struct Kept {
    /// How many events of a user stream are kept.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    user_log_max: u64,
    /// How many events of a job stream are kept.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    job_log_max: u64,
}

/// The connections.
#[derive(Debug, Args)]
struct LineArgs {
    /// How often the server pings.
    #[arg(long, value_name = "MS", default_value_t = 25_000, value_parser = clap::value_parser!(u64).range(1..))]
    ping_interval_ms: u64,
    /// How long it waits for the answer.
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    ping_timeout_ms: u64,
    /// A web origin that may connect (https://app.example.com), or * for all. May be given several times.
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    allow_origin: Vec<String>,
    /// The certificate chain in PEM; serves TLS alone.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

/// Rates; without them the defaults, which are generous with --dev.
#[derive(Debug, Args)]
struct RatesArgs {
    /// Actions of one user in a second.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    actions_per_second: Option<u32>,
    /// Actions of one user at once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    actions_burst: Option<u32>,
    /// New connections of one address in a second.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    connections_per_second: Option<u32>,
    /// New connections of one address at once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    connections_burst: Option<u32>,
    /// Connections of one user at the same time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    connections_per_user: Option<u32>,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        start_log();
        let auth = self.auth()?;
        let tls = match (&self.line.tls_cert, &self.line.tls_key) {
            (Some(chain), Some(key)) => Some(tls::load(chain, key)?),
            _ => None,
        };
        let dev_token = match self.dev.then(|| token::issue(&auth, &Owner::subject(DEV_SUBJECT), DEV_TOKEN)) {
            None | Some(Err(_)) => None,
            Some(Ok(token)) => Some(token),
        };
        let listen = self.listen;
        let mut server = Server::open(self.config(auth)?, Actions::new()).map_err(|error| match error {
            OpenError::Io(..) => Failure::usage(error),
            error => Failure::failed(error),
        })?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        if let Some(tls) = tls {
            server = server.tls(tls);
        }
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::failed)?;
        runtime.block_on(async {
            let listener = bind(listen).map_err(|error| Failure::failed(format!("{listen}: {error}")))?;
            let address = listener.local_addr().map_err(Failure::failed)?;
            let shutdown = CancellationToken::new();
            stop_on_signals(shutdown.clone())?;
            print(&format!("keepline-server listening on {scheme}://{address}"))?;
            if let Some(token) = dev_token {
                print(&format!("token: {}", token.expose()))?;
                print(&format!("page: {scheme}://{address}/"))?;
            }
            server.serve(listener, shutdown).await;
            Ok(())
        })
    }

    fn auth(&self) -> Result<AuthConfig, Failure> {
        let secret = std::env::var(SECRET).ok();
        let auth = match (&self.tokens.jwt_public_key, secret) {
            (Some(_), Some(_)) => {
                return Err(Failure::usage(format!(
                    "{SECRET} and --jwt-public-key: give one, tokens have one key"
                )));
            }
            (Some(path), None) => {
                let named =
                    |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", path.display()));
                let pem = std::fs::read(path).map_err(|error| named(&error))?;
                AuthConfig::from_public_key(&pem).map_err(|error| named(&error))?
            }
            (None, Some(secret)) => AuthConfig::from_secret(secret.as_bytes())
                .map_err(|error| Failure::usage(format!("{SECRET}: {error}")))?,
            (None, None) if self.dev => {
                let secret = dev_secret(&self.data).map_err(Failure::usage)?;
                AuthConfig::from_secret(secret.as_bytes()).map_err(Failure::usage)?
            }
            (None, None) => {
                return Err(Failure::usage(format!(
                    "no key for tokens: set {SECRET} (at least 32 bytes), or give --jwt-public-key FILE, or --dev"
                )));
            }
        };
        Ok(auth.issuer(&self.tokens.jwt_issuer).audience(&self.tokens.jwt_audience))
    }

    fn config(self, auth: AuthConfig) -> Result<Config, Failure> {
        if let Some(corpus) = self.corpus.as_ref().filter(|corpus| !corpus.is_dir()) {
            return Err(Failure::usage(format!("{}: no folder", corpus.display())));
        }
        let mut config = Config::new(self.data, auth);
        config.corpus = self.corpus;
        config.dev = self.dev;
        let mut retention = Retention::default();
        retention.user_log_max = self.kept.user_log_max;
        retention.job_log_max = self.kept.job_log_max;
        config.retention = retention;
        let mut line = Line::default();
        line.ping_interval = Duration::from_millis(self.line.ping_interval_ms);
        line.ping_timeout = Duration::from_millis(self.line.ping_timeout_ms);
        line.origins = Origins { allowed: self.line.allow_origin, loopback: self.dev };
        config.line = line;
        config.rates = self.rates.over(if self.dev { Rates::generous() } else { Rates::default() });
        Ok(config)
    }
}

impl RatesArgs {
    fn over(&self, mut rates: Rates) -> Rates {
        for (given, rate) in [
            (self.actions_per_second, &mut rates.actions_per_second),
            (self.actions_burst, &mut rates.actions_burst),
            (self.connections_per_second, &mut rates.connections_per_second),
            (self.connections_burst, &mut rates.connections_burst),
            (self.connections_per_user, &mut rates.connections_per_user_max),
        ] {
            if let Some(given) = given {
                *rate = given;
            }
        }
        rates
    }
}

/// What a browser sends as `Origin`: a scheme, a host and perhaps a port, or `*`. Anything else would match nothing.
fn origin(text: &str) -> Result<String, String> {
    let is_origin = text.split_once("://").is_some_and(|(scheme, host)| {
        !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '?', '#', '@', ' '])
    });
    if text == "*" || is_origin {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no origin: https://app.example.com, without a path, or *"))
    }
}

/// The log goes to standard error; `RUST_LOG` says how much.
fn start_log() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // A line that cannot be written is dropped. By default the library complains on standard error, and where nobody reads
    // that any more, the complaint is a panic in whatever wanted to log.
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    lines.log_internal_errors(false).init();
}

/// The first signal drains, a second one ends the process at once.
fn stop_on_signals(shutdown: CancellationToken) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::failed)?;
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            shutdown.cancel();
            tracing::info!("draining");
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            // Whatever was answered is committed.
            std::process::exit(1);
        });
    }
    #[cfg(not(unix))]
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            shutdown.cancel();
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for good in ["*", "https://app.example.com", "http://localhost:3000", "app://bundle"] {
            assert_eq!(origin(good).as_deref(), Ok(good));
        }
        for bad in ["", "foo", "https://", "://a", "https://app.example.com/", "https://u@a"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
