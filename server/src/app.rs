use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    actions::Actions, auth::AuthConfig, config::Line, hub::Hub, jobs::Corpus, limits::Gate, metrics::Metrics,
};

/// What every connection and request of one server shares.
pub(crate) struct App {
    pub(crate) hub: Hub,
    pub(crate) auth: AuthConfig,
    pub(crate) actions: Arc<Actions>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) corpus: Arc<Corpus>,
    pub(crate) line: Line,
    pub(crate) dev: bool,
    /// Cancelled when the server begins to go away.
    pub(crate) drain: CancellationToken,
    pub(crate) drain_timeout: Duration,
}
