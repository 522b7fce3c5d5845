//! What is taken from one user and one address.
//!
//! Sizes that both ends know are in `keepline_protocol::limits`. Rates are token buckets: a burst at once, a steady
//! rate after it. Who is over his rate is told when to come again, and loses nothing by it.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::ids::OwnerId;

/// Beyond this many addresses, those that are at rest are forgotten: some 64 bytes each.
const ADDRESSES_MAX: usize = 65_536;

/// How much is taken from one user or address.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Rates {
    /// Actions of one user in a second, over all of his connections. Default 2,000: no app comes near it but by a
    /// loop gone wild.
    pub actions_per_second: u32,
    /// Actions of one user at once, before that rate counts. Default 20,000: two full queues of a client that
    /// comes back.
    pub actions_burst: u32,
    /// New connections of one address in a second. Default 100: a carrier's gateway has many phones behind it.
    pub connections_per_second: u32,
    /// New connections of one address at once, before that rate counts. Default 2,000, for the same reason when
    /// the server was restarted.
    pub connections_burst: u32,
    /// Connections of one user at the same time. Default 100.
    pub connections_per_user_max: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            actions_per_second: 2_000,
            actions_burst: 20_000,
            connections_per_second: 100,
            connections_burst: 2_000,
            connections_per_user_max: 100,
        }
    }
}

impl Rates {
    /// Rates that a load test on one machine, as one user, does not meet.
    pub fn generous() -> Self {
        Self {
            actions_per_second: 200_000,
            actions_burst: 400_000,
            connections_per_second: 20_000,
            connections_burst: 20_000,
            connections_per_user_max: 20_000,
        }
    }
}

/// A token bucket. Time is an argument.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    tokens: f64,
    filled_ms: i64,
}

impl Bucket {
    pub(crate) fn full(burst: u32, now_ms: i64) -> Self {
        Self { tokens: f64::from(burst), filled_ms: now_ms }
    }

    /// Takes one, or says how long to wait for it.
    pub(crate) fn take(&mut self, (per_second, burst): (u32, u32), now_ms: i64) -> Result<(), Duration> {
        let rate = f64::from(per_second.max(1));
        self.fill(rate, burst, now_ms);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        // Never less than a millisecond, or an obedient client would come back at once.
        Err(Duration::from_secs_f64((1.0 - self.tokens) / rate).max(Duration::from_millis(1)))
    }

    fn fill(&mut self, rate: f64, burst: u32, now_ms: i64) {
        // A clock that was set back fills nothing.
        let passed = u32::try_from(now_ms.saturating_sub(self.filled_ms).max(0)).unwrap_or(u32::MAX);
        self.tokens = (self.tokens + rate * f64::from(passed) / 1_000.0).min(f64::from(burst));
        self.filled_ms = now_ms;
    }
}

/// The rates of addresses and users, and how many connections each user has.
#[derive(Debug)]
pub(crate) struct Gate {
    rates: Rates,
    addresses: Mutex<HashMap<IpAddr, Bucket>>,
    users: Mutex<HashMap<OwnerId, Arc<User>>>,
}

#[derive(Debug)]
struct User {
    actions: Mutex<Bucket>,
    connections: Mutex<u32>,
}

/// One connection's place among its user's. Given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    gate: Arc<Gate>,
    owner: OwnerId,
    user: Arc<User>,
}

impl Gate {
    pub(crate) fn new(rates: Rates) -> Arc<Self> {
        Arc::new(Self { rates, addresses: Mutex::default(), users: Mutex::default() })
    }

    /// Lets an address make one more connection, or says when.
    pub(crate) fn knock(&self, address: IpAddr, now_ms: i64) -> Result<(), Duration> {
        let rate = (self.rates.connections_per_second, self.rates.connections_burst);
        let mut addresses = lock(&self.addresses);
        if addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(&address) {
            let burst = f64::from(rate.1);
            addresses.retain(|_, bucket| {
                bucket.fill(f64::from(rate.0), rate.1, now_ms);
                bucket.tokens < burst
            });
        }
        addresses.entry(address).or_insert_with(|| Bucket::full(rate.1, now_ms)).take(rate, now_ms)
    }

    /// Takes a place for one more connection of a user, while he has one.
    pub(crate) fn sit(self: &Arc<Self>, owner: OwnerId, now_ms: i64) -> Option<Seat> {
        let mut users = lock(&self.users);
        let user = users.entry(owner).or_insert_with(|| {
            let actions = Mutex::new(Bucket::full(self.rates.actions_burst, now_ms));
            Arc::new(User { actions, connections: Mutex::new(0) })
        });
        let mut connections = lock(&user.connections);
        if *connections >= self.rates.connections_per_user_max {
            return None;
        }
        *connections += 1;
        drop(connections);
        Some(Seat { gate: self.clone(), owner, user: user.clone() })
    }

    pub(crate) fn actions_per_second(&self) -> u32 {
        self.rates.actions_per_second
    }
}

impl Seat {
    /// Lets the user send one more action, or says when.
    pub(crate) fn act(&self, now_ms: i64) -> Result<(), Duration> {
        let rates = &self.gate.rates;
        lock(&self.user.actions).take((rates.actions_per_second, rates.actions_burst), now_ms)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut users = lock(&self.gate.users);
        let mut connections = lock(&self.user.connections);
        *connections -= 1;
        // A user whose bucket is not full again keeps it, or leaving and coming back would refill it.
        let rested = lock(&self.user.actions).tokens + 1.0 >= f64::from(self.gate.rates.actions_burst);
        if *connections == 0 && (rested || users.len() > ADDRESSES_MAX) {
            users.remove(&self.owner);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(actions: (u32, u32), connections: (u32, u32), per_user: u32) -> Arc<Gate> {
        Gate::new(Rates {
            actions_per_second: actions.0,
            actions_burst: actions.1,
            connections_per_second: connections.0,
            connections_burst: connections.1,
            connections_per_user_max: per_user,
        })
    }

    #[test]
    fn a_burst_then_the_rate() {
        let mut bucket = Bucket::full(3, 0);
        let rate = (10, 3);
        assert!((0..3).all(|_| bucket.take(rate, 0).is_ok()));
        assert_eq!(bucket.take(rate, 0), Err(Duration::from_millis(100)));
        assert!(bucket.take(rate, 99).is_err());
        assert!(bucket.take(rate, 100).is_ok());
        assert!(bucket.take(rate, 100).is_err());
        // A long rest fills the burst and no more.
        assert!((0..3).all(|_| bucket.take(rate, 1_000_000).is_ok()));
        assert!(bucket.take(rate, 1_000_000).is_err());
    }

    #[test]
    fn a_clock_set_back_gives_nothing_and_takes_nothing() {
        let mut bucket = Bucket::full(1, 1_000);
        assert!(bucket.take((1, 1), 0).is_ok());
        assert!(bucket.take((1, 1), 500).is_err());
        assert!(bucket.take((1, 1), 1_000).is_ok());
    }

    #[test]
    fn each_address_has_its_own_rate() {
        let gate = gate((1, 1), (1, 2), 1);
        let (one, two): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        assert!(gate.knock(one, 0).is_ok() && gate.knock(one, 0).is_ok());
        assert!(gate.knock(one, 0).is_err());
        assert!(gate.knock(two, 0).is_ok());
    }

    #[test]
    fn a_users_connections_share_rate_and_number() {
        let gate = gate((1, 2), (1, 1), 2);
        let (first, second) = (gate.sit(OwnerId(1), 0).unwrap(), gate.sit(OwnerId(1), 0).unwrap());
        assert!(gate.sit(OwnerId(1), 0).is_none());
        assert!(gate.sit(OwnerId(2), 0).is_some());
        assert!(first.act(0).is_ok() && second.act(0).is_ok());
        assert!(first.act(0).is_err() && second.act(0).is_err());
        drop((first, second));
        // Leaving does not refill what was used.
        let again = gate.sit(OwnerId(1), 0).unwrap();
        assert!(again.act(0).is_err());
        assert!(again.act(1_000).is_ok());
    }
}
