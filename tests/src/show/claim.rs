use std::{fmt, future::Future, pin::Pin, time::Duration};

use tokio::time::timeout;

use super::{Env, Report, ShowError};

/// Something that Keepline promises, and how it is shown.
pub struct Claim {
    /// Its name in `scripts/show.sh NAME`.
    pub name: &'static str,
    /// The promise in one sentence.
    pub says: &'static str,
    /// How long it may take before it counts as failed, on a busy machine too.
    pub time_max: Duration,
    /// Carries it out; everything that varies is drawn from the environment's seed.
    pub run: for<'a> fn(&'a Env) -> ClaimRun<'a>,
}

/// A claim that is being shown.
pub type ClaimRun<'a> = Pin<Box<dyn Future<Output = Result<Report, ShowError>> + 'a>>;

impl Claim {
    /// Shows it within its time.
    ///
    /// # Errors
    /// [`ShowError`] where it could not be carried out. A promise that does not hold is no error: the report says so.
    pub async fn show(&self, env: &Env) -> Result<Report, ShowError> {
        match timeout(self.time_max, (self.run)(env)).await {
            Ok(result) => result,
            Err(_) => Err(ShowError::TooSlow(self.time_max)),
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("name", &self.name).finish_non_exhaustive()
    }
}
