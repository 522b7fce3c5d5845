//! Runs the checker: over everything there is, or until a property breaks.

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model};

use crate::config::Config;
use crate::model::{LedgerModel, Step};

/// What a complete run has seen.
#[derive(Debug)]
pub struct Exploration {
    /// Different states.
    pub states: usize,
    /// Steps tried, those into known states too.
    pub steps: usize,
    /// The longest shortest path.
    pub depth: usize,
    /// Properties that broke, each with the steps that break it; and sights that were never seen.
    pub failures: Vec<(&'static str, Vec<Step>)>,
}

/// Visits every state of the configuration.
pub fn explore(config: Config) -> Exploration {
    let model = LedgerModel { config };
    let checker = model.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let discoveries = checker.discoveries();
    let failures = model.properties().into_iter().filter_map(|property| {
        let found = discoveries.get(property.name).cloned();
        let fails = found.is_some() == property.expectation.discovery_is_failure();
        fails.then(|| (property.name, found.map(|path| path.into_actions()).unwrap_or_default()))
    });
    Exploration {
        failures: failures.collect(),
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
    }
}

/// A shortest way to break the property, if there is one within so many tried steps.
///
/// The checker keeps the last counterexample of a block of states, not the first, so the search is repeated below
/// the depth of what was found until nothing is.
pub fn counterexample(config: Config, property: &'static str, steps_max: usize) -> Option<Vec<Step>> {
    let mut shortest: Option<Vec<Step>> = None;
    loop {
        let builder = LedgerModel { config }.checker().target_state_count(steps_max);
        let builder = match &shortest {
            // A path of n steps visits n + 1 states, and the checker does not look at the last of its bound.
            Some(steps) => builder.target_max_depth(steps.len() + 1),
            None => builder,
        };
        let wanted = HasDiscoveries::AnyOf(BTreeSet::from([property]));
        let checker = builder.finish_when(wanted).spawn_bfs().join();
        match checker.discovery(property) {
            Some(path) => shortest = Some(path.into_actions()),
            None => return shortest,
        }
    }
}
