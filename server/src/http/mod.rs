//! HTTP beside the line: jobs, analytics, metrics, health and, with `--dev`, a page.

mod bearer;
mod jobs;
mod page;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

use crate::{app::App, storage::StorageError};

/// The routes beside the engine's.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/api/job/{id}/state", get(jobs::state))
        .route("/api/job/{id}/status", get(jobs::status))
        .route("/api/analytics", get(jobs::analytics))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz));
    if app.dev {
        router = router.route("/", get(page::page));
    }
    router.with_state(app)
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Unauthorized,
    NotFound,
    Unavailable,
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        tracing::warn!(%error, "cannot answer a request");
        Self::Unavailable
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code) = match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
            Self::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
        };
        let mut response = (status, private(json!({ "error": { "code": code } }))).into_response();
        if self == Self::Unauthorized {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// JSON that no cache between here and its owner keeps.
fn private(value: Value) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Json(value))
}

async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.text())
}

/// The process lives.
async fn healthz() -> &'static str {
    "ok\n"
}

/// The server takes connections and its storage answers.
async fn readyz(State(app): State<Arc<App>>) -> Response {
    let reads = app.hub.storage().read(|conn| conn.query_row("SELECT 1", [], |_| Ok(()))).await;
    if app.drain.is_cancelled() || reads.is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response();
    }
    "ready\n".into_response()
}
