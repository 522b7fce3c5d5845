//! The server's middleware refuses the token: the queue waits for a better one.

use keepline::{AuthTrouble, Config, Line, TokenReason};
use serde_json::json;

use super::{
    Told,
    stock::{Stock, handled, shown},
};
use crate::{app, wire::Checked};

pub(super) async fn show(told: &mut Told<'_>, stock: Stock) -> Checked {
    stock.tokens.always("bad");
    let client = app::connected(stock.config())?;
    let mut queued = Vec::new();
    for n in 0..QUEUED {
        queued.push(client.submit_json("echo", &json!({ "n": n })).await?);
    }
    let refused = app::status(&client, "a refusal", is_refused).await?;
    let Line::AuthRequired { reason: AuthTrouble::TokenRefused { code } } = refused.line else {
        return Err(format!("{:?} after a bad token", refused.line).into());
    };
    told.equal("code of the refusal", code.as_str(), "AUTH_TOKEN_INVALID");
    told.equal("pending after the refusal", client.status().pending, QUEUED);
    let reasons = stock.tokens.reasons();
    told.equal("one forced refresh", reasons == [TokenReason::Connect, TokenReason::Refused], true);
    client.shutdown().await;

    without_token(told, stock.config_without_token()).await?;

    // The queue is kept on disk, and goes out once the token is good.
    stock.tokens.fresh();
    let client = app::connected(stock.config())?;
    let mut accepted = 0;
    for submission in &queued {
        let outcome = app::outcome(&client.submission(submission.id())).await?;
        accepted += u64::from(app::accepted(&outcome).is_some());
    }
    told.equal("accepted with a good token", accepted, QUEUED);
    client.shutdown().await;
    let said = stock.end(told, "refusal").await?;
    told.equal("echoes that arrived", handled(&said, "echo").len() as u64, QUEUED);
    let taken = shown(&said).iter().filter(|(_, accepted)| *accepted).count();
    told.equal("connections that were let in", taken, 1);
    Ok(())
}

/// Without token and provider the app is told that one is wanted.
async fn without_token(told: &mut Told<'_>, config: Config) -> Checked {
    let client = app::connected(config)?;
    let refused = app::status(&client, "a refusal", is_refused).await?;
    let is_missing = matches!(refused.line, Line::AuthRequired { reason: AuthTrouble::TokenMissing });
    told.equal("without a token, one is asked for", is_missing, true);
    told.equal("pending without a token", refused.pending, QUEUED);
    client.shutdown().await;
    Ok(())
}

fn is_refused(status: &keepline::Status) -> bool {
    matches!(status.line, Line::AuthRequired { .. })
}

const QUEUED: u64 = 3;
