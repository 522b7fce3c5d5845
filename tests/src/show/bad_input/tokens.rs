//! Tokens that are none, are not ours, or are where they must not be.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keepline::{AuthTrouble, Client, Config, Line};
use keepline_server::{AuthConfig, Owner, secret_in};
use serde_json::{Value, json};

use super::place::{Place, ended, with};
use crate::{
    app,
    process::Cli,
    show::Report,
    wire::{Checked, Dialled, Request, Socket},
};

pub(super) async fn show(place: &Place<'_>, report: &mut Report) -> Checked {
    for bad in bad_tokens(place)? {
        on_the_wire(place, report, &bad).await?;
        by_client(place, report, &bad).await?;
    }
    in_the_url(place, report).await
}

/// A token and how it is refused.
struct Bad {
    what: &'static str,
    token: Option<String>,
    code: &'static str,
}

fn bad_tokens(place: &Place<'_>) -> Checked<Vec<Bad>> {
    let secret = secret_in(&place.env.server_data())?;
    let ours = || AuthConfig::from_secret(secret.as_bytes());
    let issue = |auth: AuthConfig, now: SystemTime| -> Checked<String> {
        Ok(auth.issue(&Owner::subject("mallory"), Duration::from_secs(3_600), now)?.expose().to_owned())
    };
    let now = SystemTime::now();
    let good = issue(ours()?, now)?;
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        return Err("a token without three parts".into());
    };
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let other_claims =
        part(json!({"iss": "keepline", "aud": "keepline", "sub": "dev", "exp": 9_999_999_999_u64}));
    let none = part(json!({"alg": "none", "typ": "JWT"}));
    let other_secret = AuthConfig::from_secret(b"another secret of thirty-two bytes or more")?;
    let bad = |what, token, code| Bad { what, token, code };
    let invalid = |what, token| bad(what, Some(token), "AUTH_TOKEN_INVALID");
    Ok(vec![
        bad("no token", None, "AUTH_TOKEN_MISSING"),
        bad("an expired token", Some(issue(ours()?, UNIX_EPOCH)?), "AUTH_TOKEN_EXPIRED"),
        invalid("nonsense", "nonsense".to_owned()),
        invalid("alg none without a signature", format!("{none}.{claims}.")),
        invalid("alg none with a signature", format!("{none}.{claims}.{signature}")),
        invalid("another subject under the signature", format!("{header}.{other_claims}.{signature}")),
        invalid("another secret", issue(other_secret, now)?),
        invalid("another issuer", issue(ours()?.issuer("elsewhere"), now)?),
        invalid("another audience", issue(ours()?.audience("elsewhere"), now)?),
    ])
}

/// CONNECT_ERROR has the code twice, so that stock clients and this one both find it.
async fn on_the_wire(place: &Place<'_>, report: &mut Report, bad: &Bad) -> Checked {
    let Bad { what, token, code } = bad;
    let (mut socket, _) = Socket::open(place.server.addr(), "/socket.io/").await?;
    socket.send(format!("40{}", json!({ "token": token, "proto": 1 }))).await?;
    let refused = socket.text().await?;
    let refused: Value = serde_json::from_str(refused.strip_prefix("44").unwrap_or_default())?;
    let codes = [refused["message"].clone(), refused["data"]["code"].clone()];
    report.equal(format!("{what}: CONNECT_ERROR"), codes, [json!(code), json!(code)]);
    Ok(())
}

/// The client keeps its queue and asks for another token; the command ends with 1.
async fn by_client(place: &Place<'_>, report: &mut Report, bad: &Bad) -> Checked {
    let Bad { what, token, code } = bad;
    let path = place.env.path(&format!("{}.db", what.replace(' ', "-")));
    let config = Config::new(place.server.url(), &path);
    let client = app::connected(match token {
        Some(token) => config.token(token.as_str()),
        None => config,
    })?;
    client.submit_json("test:record:v1", &json!({"n": 1})).await?;
    let status =
        app::status(&client, what, |status| matches!(status.line, Line::AuthRequired { .. })).await?;
    let told = match status.line {
        Line::AuthRequired { reason: AuthTrouble::TokenRefused { code } } => code,
        Line::AuthRequired { reason: AuthTrouble::TokenMissing } => "AUTH_TOKEN_MISSING".to_owned(),
        other => format!("{other:?}"),
    };
    report.equal(format!("{what}: status of the client"), told.as_str(), *code);
    report.equal(format!("{what}: pending"), status.pending, 1);
    client.shutdown().await;

    let cli = Cli::new(&path, place.server.url());
    let cli = if let Some(token) = token { cli.token(token) } else { cli };
    let run = cli.run(&["submit", "test:record:v1", r#"{"n":2}"#, "--wait"]).await?;
    let word = if token.is_some() { "TOKEN_REFUSED" } else { "TOKEN_MISSING" };
    report.equal(format!("{what}: exit of submit --wait"), ended(&run), with(1, word));
    Ok(())
}

async fn in_the_url(place: &Place<'_>, report: &mut Report) -> Checked {
    let token = place.token("mallory").await?;
    let polling = format!("/socket.io/?EIO=4&transport=polling&token={token}");
    let polled = Request::get(&polling).send(place.server.addr()).await?;
    report.equal("a token in the URL, polling", (polled.status, polled.code()), (400, Some(3)));
    let websocket = polling.replace("polling", "websocket");
    let dialled = match Socket::dial(place.server.addr(), &websocket, &[]).await? {
        Dialled::Refused(status, _) => status,
        Dialled::Open(_) => 101,
    };
    report.equal("a token in the URL, WebSocket", dialled, 400);
    let api = format!("/api/analytics?token={token}");
    report.equal("a token in the URL, API", Request::get(&api).send(place.server.addr()).await?.status, 401);
    let url = format!("{}/?token={token}", place.server.url());
    let opened = Client::open(Config::new(&url, place.env.path("url.db"))).err().map(|error| error.code());
    report.equal("a token in the client's URL", opened, Some("BAD_URL"));
    let run = Cli::new(place.env.path("url.db"), url).run(&["status"]).await?;
    report.equal("a token in the command's URL: exit", ended(&run), with(2, "BAD_URL"));
    Ok(())
}
