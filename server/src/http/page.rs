use std::{fmt::Write as _, sync::Arc};

use axum::{
    extract::State,
    http::header,
    response::{Html, IntoResponse},
};

use crate::app::App;

/// What the server is doing, for a person. With `--dev` alone.
pub(super) async fn page(State(app): State<Arc<App>>) -> impl IntoResponse {
    let mut rows = String::new();
    let text = app.metrics.text();
    let mut help = "";
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# HELP ") {
            help = comment.split_once(' ').map_or("", |(_, help)| help);
        } else if let (false, Some((_, value))) = (line.starts_with('#'), line.split_once(' ')) {
            // All of it is our own text. Writing to a string cannot fail.
            let _ = write!(rows, "<tr><td>{help}</td><td class=\"n\">{value}</td></tr>");
        }
    }
    let html = PAGE.replace("{version}", env!("CARGO_PKG_VERSION")).replace("{rows}", &rows);
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    ([(header::CONTENT_SECURITY_POLICY, policy), (header::CACHE_CONTROL, "no-store")], Html(html))
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="2">
<title>keepline-server</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }
  table { border-collapse: collapse; width: 100%; }
  td { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); padding: .3rem 0; }
  .n { text-align: right; font-variant-numeric: tabular-nums; }
  code { font-size: .9em; }
</style>
<h1>keepline-server {version}</h1>
<p>It runs, in development mode: the <code>test:*</code> actions are on, limits are generous, and the token on standard output is good for everything. Not for the public.</p>
<table>{rows}</table>
<p>Clients connect to <code>/socket.io/</code>. Beside it: <code>/api/job/{id}/state</code>, <code>/api/job/{id}/status</code>, <code>/api/analytics</code>, <code>/metrics</code>, <code>/healthz</code>, <code>/readyz</code>.</p>
</html>
"#;
