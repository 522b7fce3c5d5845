//! The events of a stream, as they come.

use keepline::{Client, Events, Item};

use crate::{
    args::{Cli, Watch},
    failure::{Exit, Failure},
    output::Output,
    session,
};

pub(crate) async fn run(cli: &Cli, watch: &Watch, output: Output) -> Result<Exit, Failure> {
    let client = session::open(cli)?;
    client.connect();
    let result = tokio::select! {
        biased;
        result = print_events(watch, &client, output) => result,
        failure = session::auth_refused(&client) => Err(failure),
        failure = session::time_is_over(cli) => Err(failure),
        failure = session::tell_rollbacks(&client, output) => Err(failure),
        failure = session::tell_states(&client, output, watch.status) => Err(failure),
        // Ending it by hand is the usual way; what was printed counts as taken.
        _ = tokio::signal::ctrl_c() => Ok(Exit::Done),
    };
    client.shutdown().await;
    result
}

async fn print_events(watch: &Watch, client: &Client, output: Output) -> Result<Exit, Failure> {
    let events = Events::of(watch.stream.clone());
    let events = if let Some(offset) = watch.after { events.after(offset) } else { events };
    let mut stream = client.events(events)?;
    let mut left = watch.count.unwrap_or(u64::MAX);
    while left > 0 {
        match stream.next_item().await {
            Some(Item::Event(event)) => {
                output.event(&event);
                left -= 1;
            }
            Some(Item::Reset(reset)) => output.reset(&watch.stream, &reset),
            Some(Item::Gone) => {
                output.gone(&watch.stream);
                return Ok(Exit::Refused);
            }
            Some(_) => {}
            None => return Err(Failure::new(Exit::Store, "CLOSED", "the stream ended")),
        }
    }
    stream.end();
    Ok(Exit::Done)
}
