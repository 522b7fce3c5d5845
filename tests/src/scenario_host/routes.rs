use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use axum::{
    Json, Router,
    body::to_bytes,
    extract::{Path, Request, State},
    http::StatusCode,
    middleware::map_request,
    response::{IntoResponse, Response},
    routing::{delete, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::hosted::{CALL_MAX, Card, Hosted, StockWish, Trouble, Wish};

/// The host as an application for `axum::serve`.
pub fn app() -> Router {
    Router::new()
        .route("/servers", post(keepline))
        .route("/stock", post(stock))
        .route("/servers/{id}", delete(remove))
        .route("/servers/{id}/start", post(start))
        .route("/servers/{id}/kill", post(kill))
        .route("/servers/{id}/stop", post(stop))
        .route("/servers/{id}/freeze", post(freeze))
        .route("/servers/{id}/thaw", post(thaw))
        .route("/servers/{id}/token", post(token))
        .layer(map_request(read_whole))
        .with_state(Servers::default())
}

/// Reads a request to its end, whether its handler wants the body or not: where a part of it is still on its way when the
/// answer is written, the connection is closed after it, and the caller may already be asking the next thing on it.
async fn read_whole(request: Request) -> Result<Request, StatusCode> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    Ok(Request::from_parts(head, body.into()))
}

/// A wish is a few flags.
const BODY_BYTES_MAX: usize = 64 * 1024;

#[derive(Clone, Default)]
struct Servers {
    known: Arc<RwLock<BTreeMap<String, Arc<Mutex<Hosted>>>>>,
}

impl Servers {
    fn add(&self, hosted: Hosted) -> Card {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let id = uuid::Uuid::new_v4().to_string();
        let card = hosted.card(&id);
        known.insert(id, Arc::new(Mutex::new(hosted)));
        card
    }

    fn find(&self, id: &str) -> Result<Arc<Mutex<Hosted>>, Trouble> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(id).cloned().ok_or(Trouble::Unknown)
    }
}

type Answer = Result<Json<Value>, Trouble>;

async fn keepline(State(servers): State<Servers>, Json(wish): Json<Wish>) -> Result<Json<Card>, Trouble> {
    Ok(Json(servers.add(soon(Hosted::keepline(wish)).await?)))
}

async fn stock(State(servers): State<Servers>, Json(wish): Json<StockWish>) -> Result<Json<Card>, Trouble> {
    Ok(Json(servers.add(soon(Hosted::stock(wish)).await?)))
}

async fn start(State(servers): State<Servers>, Path(id): Path<String>) -> Result<Json<Card>, Trouble> {
    let hosted = servers.find(&id)?;
    let mut hosted = hosted.lock().await;
    soon(hosted.start()).await?;
    Ok(Json(hosted.card(&id)))
}

async fn kill(State(servers): State<Servers>, Path(id): Path<String>) -> Answer {
    let hosted = servers.find(&id)?;
    soon(hosted.lock().await.kill()).await?;
    Ok(Json(json!({})))
}

async fn stop(State(servers): State<Servers>, Path(id): Path<String>) -> Answer {
    let hosted = servers.find(&id)?;
    let code = soon(hosted.lock().await.stop()).await?;
    Ok(Json(json!({ "code": code })))
}

async fn freeze(State(servers): State<Servers>, Path(id): Path<String>) -> Answer {
    servers.find(&id)?.lock().await.freeze()?;
    Ok(Json(json!({})))
}

async fn thaw(State(servers): State<Servers>, Path(id): Path<String>) -> Answer {
    servers.find(&id)?.lock().await.thaw()?;
    Ok(Json(json!({})))
}

async fn remove(State(servers): State<Servers>, Path(id): Path<String>) -> Answer {
    let hosted = servers.find(&id)?;
    soon(hosted.lock().await.kill()).await?;
    servers.known.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    Ok(Json(json!({})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenWish {
    sub: String,
    #[serde(default = "one_hour")]
    ttl: String,
}

fn one_hour() -> String {
    "1h".to_owned()
}

async fn token(
    State(servers): State<Servers>,
    Path(id): Path<String>,
    Json(wish): Json<TokenWish>,
) -> Answer {
    let hosted = servers.find(&id)?;
    let token = soon(hosted.lock().await.token(&wish.sub, &wish.ttl)).await?;
    Ok(Json(json!({ "token": token })))
}

async fn soon<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    tokio::time::timeout(CALL_MAX, work).await.unwrap_or(Err(Trouble::NotRunning))
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Unknown => (StatusCode::NOT_FOUND, "no server has this id".to_owned()),
            Self::NotRunning => (StatusCode::CONFLICT, "the server does not run".to_owned()),
            Self::NoRoom => (StatusCode::INTERNAL_SERVER_ERROR, "no port or folder is to be had".to_owned()),
            Self::NoPeers => (StatusCode::CONFLICT, "the stock peers are not installed".to_owned()),
            Self::Process(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        };
        (status, Json(json!({ "error": text }))).into_response()
    }
}
