use std::time::Duration;

use keepline::{Client, Config, Events, Item, Stream, Token, TokenReason, catalogue::TestRecord};
use serde_json::Value;

use super::{
    facts::{MARKER, Sight, What, World, wall_ms},
    network::{Gates, Morgue},
    server::{URL, token},
};

pub(super) const HOST: &str = "auditor";

/// Once everything is settled, reads each user's stream from its beginning: what the server has, as anybody sees it.
/// It closes each stream with a record of its own, so that everybody knows the end.
pub(super) async fn live(world: World) -> turmoil::Result {
    while !is_settled(&world) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let gates = Gates::default();
    for user in ["alice", "bob"] {
        let config = Config::new(URL, ":memory:")
            .allow_plain_text(true)
            .seed(world.seed())
            .simulated_clock(wall_ms())
            .dialer(gates.dialer(&Morgue::default(), world.seed()))
            .token_provider(move |_: TokenReason| {
                std::future::ready(Ok::<Token, _>(token(user, Duration::from_secs(3_600))))
            });
        let (client, driver) = Client::with_driver(config)?;
        let driver = tokio::spawn(driver.run());
        let mut events = client.events(Events::of(Stream::User).after(0))?;
        client.connect();
        client.submit(TestRecord { n: MARKER }).await?;
        let mut log = Vec::new();
        while let Some(item) = events.next_item().await {
            let sight = sight(item).ok_or("the user stream is gone")?;
            let is_last = is_marker(&sight);
            log.push(sight);
            if is_last {
                break;
            }
        }
        world.note(HOST, format_args!("{user} has {} events", log.len()));
        world.facts().logs.insert(user, log);
        client.shutdown().await;
        driver.await?;
    }
    world.facts().is_audited = true;
    Ok(())
}

fn is_settled(world: &World) -> bool {
    let facts = world.facts();
    facts.is_calm && facts.devices.iter().all(|device| device.is_settled || !device.is_present)
}

fn sight(item: Item) -> Option<Sight> {
    match item {
        Item::Event(envelope) => {
            let place = envelope.place.as_ref()?;
            let payload = envelope.payload().unwrap_or_default().to_owned();
            let what = What::Event { name: envelope.name().to_owned(), payload };
            Some(Sight { life: 0, epoch: place.epoch.as_str().to_owned(), offset: place.offset, what })
        }
        Item::Reset(reset) => Some(Sight {
            life: 0,
            epoch: reset.epoch.as_str().to_owned(),
            offset: reset.offset,
            what: What::Reset,
        }),
        _ => None,
    }
}

fn is_marker(sight: &Sight) -> bool {
    let What::Event { payload, .. } = &sight.what else { return false };
    serde_json::from_str::<Value>(payload).is_ok_and(|payload| payload["n"] == MARKER)
}
