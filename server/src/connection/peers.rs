use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// Counts what each address holds, in all and by itself.
#[derive(Debug, Clone)]
pub(super) struct Peers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max: usize,
    per_address_max: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One place; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    peers: Peers,
    address: IpAddr,
}

impl Peers {
    pub(super) fn new(max: usize, per_address_max: usize) -> Self {
        Self(Arc::new(Inner { max, per_address_max, counts: Mutex::default() }))
    }

    /// A place for that address, if one is left.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Place> {
        let address = group(address);
        let mut counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let own = counts.by_address.get(&address).copied().unwrap_or(0);
        if counts.all >= self.0.max || own >= self.0.per_address_max {
            return None;
        }
        counts.all += 1;
        counts.by_address.insert(address, own + 1);
        Some(Place { peers: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.peers.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        if let Some(own) = counts.by_address.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                counts.by_address.remove(&self.address);
            }
        }
        if counts.by_address.is_empty() {
            counts.by_address = HashMap::new();
        }
    }
}

/// One subscriber has a whole IPv6 network of 64 bits, so that is what counts as an address.
fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_beyond_the_limit_is_refused_until_a_place_is_given_back() {
        let peers = Peers::new(3, 2);
        let (a, b, c): (IpAddr, IpAddr, IpAddr) =
            ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap(), "10.0.0.3".parse().unwrap());
        let first = peers.enter(a).unwrap();
        let _second = peers.enter(a).unwrap();
        assert!(peers.enter(a).is_none(), "two for one address");
        let _third = peers.enter(b).unwrap();
        assert!(peers.enter(c).is_none(), "three in all");
        drop(first);
        assert!(peers.enter(a).is_some());
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let peers = Peers::new(9, 1);
        let _place = peers.enter("2001:db8::1".parse().unwrap()).unwrap();
        assert!(peers.enter("2001:db8::ffff:2".parse().unwrap()).is_none());
        assert!(peers.enter("2001:db8:0:1::1".parse().unwrap()).is_some());
    }

    #[test]
    fn an_ipv4_address_inside_ipv6_is_the_same_one() {
        let peers = Peers::new(9, 1);
        let _place = peers.enter("::ffff:10.0.0.1".parse().unwrap()).unwrap();
        assert!(peers.enter("10.0.0.1".parse().unwrap()).is_none());
    }
}
