//! The events of a stream, as they come.

use keepline::{EventStream, Events, Item};

use crate::{
    args::{Cli, Watch},
    failure::{Exit, Failure},
    output::{Output, not_written},
    session,
};

pub(crate) async fn run(cli: &Cli, watch: &Watch, output: Output) -> Result<Exit, Failure> {
    let client = session::open(cli)?;
    let events = Events::of(watch.stream.clone());
    let events = if let Some(offset) = watch.after { events.after(offset) } else { events };
    // A stream that the first session names goes on with it; one that is asked for later may find the log ahead.
    let stream = client.events(events)?;
    let changes = session::connect(&client);
    let result = tokio::select! {
        biased;
        result = print_events(watch, stream, output) => result,
        failure = session::auth_refused(&client) => Err(failure),
        failure = session::time_is_over(cli) => Err(failure),
        failure = session::tell_rollbacks(changes, output) => Err(failure),
        failure = session::tell_states(&client, output, watch.status) => Err(failure),
        // Ending it by hand is the usual way; what was printed counts as taken.
        _ = tokio::signal::ctrl_c() => Ok(Exit::Done),
    };
    client.shutdown().await;
    result
}

async fn print_events(watch: &Watch, mut stream: EventStream, output: Output) -> Result<Exit, Failure> {
    let mut left = watch.count.unwrap_or(u64::MAX);
    while left > 0 {
        match stream.next_item().await {
            Some(Item::Event(event)) => {
                // Dropped with the stream, it is not taken: whoever watches next gets it.
                if let Err(error) = output.event(&event) {
                    return not_written(&error);
                }
                left -= 1;
            }
            Some(Item::Reset(reset)) => {
                if let Err(error) = output.reset(&watch.stream, &reset) {
                    return not_written(&error);
                }
            }
            Some(Item::Gone) => {
                output.gone(&watch.stream);
                return Ok(Exit::Refused);
            }
            Some(Item::Refused(code)) => {
                return Err(Failure::new(Exit::Refused, code.as_str(), "the server refuses the stream"));
            }
            // An app is built without the bindings, and meets new kinds of items in a later version.
            #[allow(unreachable_patterns)]
            Some(_) => {}
            None => return Err(Failure::new(Exit::Store, "CLOSED", "the stream ended")),
        }
    }
    stream.end();
    Ok(Exit::Done)
}
