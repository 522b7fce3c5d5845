use std::time::Duration;

use keepline::Token;
use keepline_server::{Actions, AuthConfig, Clock, Config, Owner, Rates, Server, StorageMode};
use tokio_util::sync::CancellationToken;
use turmoil::net::TcpListener;

use super::{
    facts::{World, now},
    network::SimListener,
};

/// The host's name, and the URL's.
pub(super) const HOST: &str = "server";
pub(super) const URL: &str = "ws://server:80";

/// One life of the real server, on its data folder, until it is asked to go or its host crashes.
pub(super) async fn live(world: World) -> turmoil::Result {
    let _guard = world.server_morgue().guard();
    let mut config = Config::new(world.server_folder(), auth());
    config.dev = true;
    config.rates = Rates::generous();
    config.storage = StorageMode::Inline;
    config.clock = Clock::new(now);
    config.line.ping_interval = PING_INTERVAL;
    config.line.ping_timeout = PING_TIMEOUT;
    config.retention.job_log_max = world.plan().job_log_max;
    let server = Server::open(config, Actions::new())?;
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    let listener = SimListener { listener, morgue: world.server_morgue().clone() };
    let shutdown = CancellationToken::new();
    world.facts().server_shutdown = shutdown.clone();
    world.note(HOST, format_args!("serves"));
    server.serve(listener, shutdown).await;
    world.note(HOST, format_args!("went in good order"));
    Ok(())
}

/// A token from now on.
pub(super) fn token(user: &str, ttl: Duration) -> Token {
    auth().issue(&Owner::subject(user), ttl, now()).expect("a secret signs")
}

fn auth() -> AuthConfig {
    AuthConfig::from_secret(b"a secret that only the simulation knows").expect("it is long enough")
}

/// A dead line is noticed within seconds of simulated time.
const PING_INTERVAL: Duration = Duration::from_secs(3);
const PING_TIMEOUT: Duration = Duration::from_secs(2);
