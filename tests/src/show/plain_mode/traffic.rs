//! Actions with acks of every form, attachments both ways, events, and events that want an ack.

use std::time::Duration;

use bytes::Bytes;
use keepline::{
    AckMode, Args, Attachment, Client, Envelope, EventStream, Item, Line, Outcome, Reply, Stream,
};
use serde_json::{Value, json};

use super::{
    Told,
    stock::{Stock, handled, shown},
};
use crate::{
    app,
    wire::{Checked, soon},
};

pub(super) async fn show(told: &mut Told<'_>, mut stock: Stock) -> Checked {
    let client = app::connected(stock.config())?;
    let mut events = client.events(Stream::User)?;
    app::status(&client, "online", |status| matches!(status.line, Line::Online { .. })).await?;
    acks(told, &client).await?;
    attachments(told, &client).await?;
    without_ack(told, &client, &mut stock).await?;
    beside_the_queue(told, &client).await?;
    incoming(told, &client, &mut events).await?;
    questions(told, &client, &mut events, &mut stock).await?;
    told.equal("tokens asked for one connection", stock.tokens.asked(), 1);
    client.shutdown().await;
    let said = stock.end(told, "traffic").await?;
    told.equal("tokens shown", shown(&said), vec![("good-1".to_owned(), true)]);
    told.equal("records without an ack", handled(&said, "record"), vec![json!({"n": 1}), json!({"n": 2})]);
    Ok(())
}

/// Whatever a handler acknowledges with is the reply.
async fn acks(told: &mut Told<'_>, client: &Client) -> Checked {
    let cases = [
        ("echo", json!({"a": [1, "€", null]}), json!([{"a": [1, "€", null]}])),
        ("several", json!({"x": 1}), json!(["first", 2, {"third": {"x": 1}}])),
        ("nothing", json!({}), json!([])),
        ("slow", json!({"ms": 20}), json!([{"ms": 20}])),
        ("refuse", json!(7), json!([{"error": "no", "data": 7}])),
    ];
    for (name, payload, expected) in cases {
        let sent = client.submit_json(name, &payload).await?;
        let outcome = app::outcome(&sent).await?;
        let reply: Option<Value> = app::accepted(&outcome).map(serde_json::from_str).transpose()?;
        told.equal(&format!("acknowledgement of {name}"), reply, Some(expected));
    }
    Ok(())
}

async fn attachments(told: &mut Told<'_>, client: &Client) -> Checked {
    let bytes = Bytes::from_static(b"\x00\x01\xfe\xff");
    let sent = client.submit_raw("binary", &[Attachment(0)], vec![bytes.clone()]).await?;
    let Outcome::Accepted(Reply { payload: Some(payload), attachments }) = app::outcome(&sent).await? else {
        return Err("a binary action was not accepted".into());
    };
    told.equal("reply with an attachment", payload.decode()?, json!([{"_placeholder": true, "num": 0}]));
    told.equal("the attachment came back", attachments == [bytes], true);
    Ok(())
}

async fn without_ack(told: &mut Told<'_>, client: &Client, stock: &mut Stock) -> Checked {
    let sent = client.submit_json("record", &json!({"n": 1})).ack(AckMode::None).await?;
    told.equal("outcome without an ack", app::outcome(&sent).await?.as_str(), "sent");
    let seen = stock.until("the record", |line| line["name"] == "record").await?;
    // Node's handlers are told whether an ack is wanted, Python's are not.
    told.equal("an ack was asked for", seen["ack"] == true, false);
    Ok(())
}

async fn beside_the_queue(told: &mut Told<'_>, client: &Client) -> Checked {
    let reply = client.call_raw("echo", &[json!({"n": 1})], Vec::new(), CALL_MAX).await?;
    told.equal("reply of a call", reply.decode::<Value>()?, json!([{"n": 1}]));
    told.equal(
        "an emit was handed to the line",
        client.emit_raw("record", &[json!({"n": 2})], Vec::new()).await,
        true,
    );
    Ok(())
}

async fn incoming(told: &mut Told<'_>, client: &Client, events: &mut EventStream) -> Checked {
    client.submit_json("events", &json!({"count": TICKS, "bytes": 10})).await?;
    let mut in_order = 0;
    for n in 1..=TICKS {
        let tick = next(events).await?;
        let first: Option<Value> = tick.payload().map(serde_json::from_str).transpose()?;
        let is_next = tick.name() == "tick" && first.is_some_and(|first| first["n"] == n);
        in_order += u64::from(is_next);
    }
    told.equal("events in order", in_order, TICKS);

    client.submit_json("broadcast", &json!({"name": "news", "args": [1, {"x": 2}]})).await?;
    let news = next(events).await?;
    let args: Vec<Value> = news.args().map(serde_json::from_str).collect::<Result<_, _>>()?;
    told.equal("arguments of an event", (news.name(), args), ("news", vec![json!(1), json!({"x": 2})]));

    client.submit_json("attachments", &json!({"n": 3})).await?;
    let files = next(events).await?;
    let bytes: Vec<&[u8]> = files.attachments().iter().map(|bytes| &bytes[..]).collect();
    let expected: [&[u8]; 4] = [&[0], &[1, 1], &[2, 2, 2], b"last"];
    told.equal("attachments of an event", bytes == expected, true);
    told.equal(
        "its second argument",
        serde_json::from_str(files.args().nth(1).unwrap_or_default())?,
        json!({"_placeholder": true, "num": 3}),
    );
    Ok(())
}

/// An event of the server that wants an acknowledgement gets it.
async fn questions(
    told: &mut Told<'_>,
    client: &Client,
    events: &mut EventStream,
    stock: &mut Stock,
) -> Checked {
    client.submit_json("ask", &json!({"q": 1})).await?;
    let question = next(events).await?;
    let ack = question.ack.ok_or("the question wants no acknowledgement")?;
    ack.send(Args::ack().value("yes")?.value(&2)?.build()).await;
    let answer = stock.until("the answer", |line| line["type"] == "answer").await?;
    told.equal("acknowledgement of the server's event", answer["answer"].clone(), json!(["yes", 2]));
    Ok(())
}

async fn next(events: &mut EventStream) -> Checked<Envelope> {
    match soon("an event", events.next_item()).await? {
        Some(Item::Event(event)) => Ok(event),
        other => Err(format!("{other:?} instead of an event").into()),
    }
}

const TICKS: u64 = 100;
const CALL_MAX: Duration = Duration::from_secs(30);
