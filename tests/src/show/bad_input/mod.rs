//! Bad input from every side: each gives its error of `docs/errors.md`, and nothing that was accepted is lost.

mod connections;
mod disk;
mod packets;
mod place;
mod queue;
mod store;
mod tokens;

use std::{future::Future, pin::Pin, time::Duration};

use self::place::Place;
use super::{Claim, Env, Report, ShowError};
use crate::wire::Checked;

/// The claim.
pub(super) const CLAIM: Claim = Claim {
    name: "bad-input",
    says: "Bad input gives the errors of docs/errors.md, loses nothing that was accepted, and leaves no memory behind",
    time_max: Duration::from_secs(600),
    run: |env| Box::pin(run(env)),
};

/// One kind of bad input.
#[derive(Clone, Copy)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    show: for<'a> fn(&'a Place<'_>, &'a mut Report) -> PartRun<'a>,
}

type PartRun<'a> = Pin<Box<dyn Future<Output = Checked> + 'a>>;

/// Every kind, in the order in which the claim shows them.
pub const PARTS: &[Part] = &[
    Part { name: "queue", show: |place, report| Box::pin(queue::show(place, report)) },
    Part { name: "store", show: |place, report| Box::pin(store::show(place, report)) },
    Part { name: "disk", show: |place, report| Box::pin(disk::show(place, report)) },
    Part { name: "tokens", show: |place, report| Box::pin(tokens::show(place, report)) },
    Part { name: "packets", show: |place, report| Box::pin(packets::show(place, report)) },
    Part { name: "connections", show: |place, report| Box::pin(connections::show(place, report)) },
];

async fn run(env: &Env) -> Result<Report, ShowError> {
    show(env, PARTS).await
}

/// These kinds against one server, with what has to hold after each of them: a good client beside it loses nothing,
/// and the server gives its memory back.
///
/// # Errors
/// Where it cannot be carried out.
pub async fn show(env: &Env, parts: &[Part]) -> Result<Report, ShowError> {
    let run = async {
        let mut report = Report::new();
        let mut place = Place::new(env).await?;
        let before = place.server.resident_bytes().ok_or("the server's memory cannot be read")?;
        for part in parts {
            (part.show)(&place, &mut report).await.map_err(|error| format!("{}: {error}", part.name))?;
            place.record().await.map_err(|error| format!("after {}: {error}", part.name))?;
        }
        let after = place.server.resident_bytes().ok_or("the server is gone")?;
        place.end(&mut report).await?;
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        report.note("resident memory of the server before, in MiB", mebibytes(before));
        report.at_most("what it has grown by, in MiB", mebibytes(after) - mebibytes(before), GROWTH_MAX_MIB);
        Checked::Ok(report)
    };
    run.await.map_err(ShowError::unexpected)
}

/// What the server's memory may have grown by once all of it is over.
const GROWTH_MAX_MIB: f64 = 20.0;
