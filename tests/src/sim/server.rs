use std::time::Duration;

use keepline::{Action, ErrorCode, Stream, Token, catalogue::TestRecorded};
use keepline_server::{
    ActionContext, ActionError, Actions, AuthConfig, Clock, Config, Owner, Rates, Server, StorageMode,
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use turmoil::net::TcpListener;

use super::{
    facts::{Kind, World, now},
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
    let server = Server::open(config, actions(&world))?;
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    let listener = SimListener { listener, morgue: world.server_morgue().clone() };
    let shutdown = CancellationToken::new();
    world.facts().server_shutdown = shutdown.clone();
    world.note(HOST, format_args!("serves"));
    server.serve(listener, shutdown).await;
    world.note(HOST, format_args!("went in good order"));
    Ok(())
}

/// An action that fails a few times in a way that may pass, and what follows it in its lane must wait for it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stubborn {
    pub(super) n: i64,
}

impl Action for Stubborn {
    const NAME: &'static str = "sim:stubborn:v1";
    type Reply = ();
}

fn actions(world: &World) -> Actions {
    let world = world.clone();
    Actions::new().on(move |context: &mut ActionContext<'_, '_>, Stubborn { n }: Stubborn| {
        let id = context
            .action_id()
            .ok_or_else(|| ActionError::refuse(ErrorCode::BadRequest, "an action has an id"))?;
        // Counted outside of the server, so that its crashes do not make it fail for ever.
        let is_enough = world.facts().actions.get_mut(&id).is_some_and(|asked| {
            let Kind::Stubborn(times) = asked.kind else { return true };
            asked.failed += 1;
            asked.failed > times
        });
        if !is_enough {
            return Err(ActionError::later(ErrorCode::Unavailable, "not yet"));
        }
        context.append(&Stream::User, &TestRecorded { n, action: Some(id.to_string()) })?;
        Ok(())
    })
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
