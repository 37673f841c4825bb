//! Connections that have not shown a valid token yet, counted by where they come
//! from.
//!
//! Whoever has no token can hold a few connections of the server and no more,
//! however many it opens; whoever has one does not count. Addresses of IPv6 are
//! counted by the network of 64 bits that one site has to itself.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::refusal::Origin;
use crate::engine::identity::Chain;

/// The part of an IPv6 address that is the network's.
const NETWORK_V6: u128 = !(u64::MAX as u128);

/// Counts strangers by address, up to a limit for each.
#[derive(Debug)]
pub struct Strangers {
    by_address: Mutex<HashMap<IpAddr, usize>>,
    limit: usize,
}

/// One place under the limit of an address, given back when dropped.
#[derive(Debug)]
pub struct Stranger {
    strangers: Arc<Strangers>,
    address: IpAddr,
    origin: Origin,
}

/// A connection that may become known; clones are of the same one.
#[derive(Clone, Debug)]
pub struct Acquaintance(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    origin: Origin,
    certificate: Option<Arc<Chain>>,
    is_known: AtomicBool,
    stranger: Mutex<Option<Stranger>>,
}

// === impl Strangers ===

impl Strangers {
    /// Nobody there, and at most `limit` strangers of one address.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { by_address: Mutex::default(), limit })
    }

    /// Lets a stranger in, unless its address has too many.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Stranger> {
        let (address, origin) = (site_of(address), origin_of(address));
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_address.entry(address).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Stranger { strangers: Arc::clone(self), address, origin })
    }
}

/// Who shares a limit: an address of IPv4, a network of IPv6.
fn site_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & NETWORK_V6).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// From how far away an address is.
fn origin_of(address: IpAddr) -> Origin {
    let is_private = match address.to_canonical() {
        it if it.is_loopback() => return Origin::Loopback,
        // RFC 1918, RFC 3927, RFC 6598 (100.64.0.0/10).
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let is_shared = first == 100 && second & 0xc0 == 64;
            v4.is_private() || v4.is_link_local() || is_shared
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    if is_private { Origin::Private } else { Origin::Public }
}

// === impl Stranger ===

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut by_address =
            self.strangers.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

// === impl Acquaintance ===

impl Acquaintance {
    /// Not known yet; with the certificate that it showed in the handshake.
    pub fn new(stranger: Stranger, certificate: Option<Arc<Chain>>) -> Self {
        let origin = stranger.origin;
        let stranger = Mutex::new(Some(stranger));
        Self(Arc::new(Inner { origin, certificate, is_known: AtomicBool::new(false), stranger }))
    }

    /// From how far away it comes.
    pub fn origin(&self) -> Origin {
        self.0.origin
    }

    /// The certificate that it showed in the handshake.
    pub(super) fn certificate(&self) -> Option<&Arc<Chain>> {
        self.0.certificate.as_ref()
    }

    /// It showed a valid token: from now on it does not count.
    pub(super) fn introduce(&self) {
        // Every call comes here: nearly always there is nothing to do.
        if !self.0.is_known.load(Ordering::Relaxed) {
            drop(self.0.stranger.lock().unwrap_or_else(PoisonError::into_inner).take());
            self.0.is_known.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_its_own_places_and_gets_them_back() {
        let strangers = Strangers::new(2);
        let first = strangers.enter(address("10.0.0.1"));
        let second = strangers.enter(address("10.0.0.1"));
        assert!(first.is_some() && second.is_some());
        assert!(strangers.enter(address("10.0.0.1")).is_none());
        assert!(strangers.enter(address("10.0.0.2")).is_some());
        drop(first);
        assert!(strangers.enter(address("10.0.0.1")).is_some());
        drop(second);
        assert!(strangers.by_address.lock().unwrap().is_empty());
    }

    #[test]
    fn whoever_is_known_no_longer_counts() {
        let strangers = Strangers::new(1);
        let known = Acquaintance::new(strangers.enter(address("10.0.0.1")).unwrap(), None);
        known.introduce();
        let next = strangers.enter(address("10.0.0.1"));
        assert!(next.is_some());
        // Once is enough, and another's place is not given away.
        known.introduce();
        drop(known);
        assert!(strangers.enter(address("10.0.0.1")).is_none());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_and_a_mapped_address_as_what_it_maps() {
        let strangers = Strangers::new(1);
        let _one = strangers.enter(address("2001:db8::1")).unwrap();
        assert!(strangers.enter(address("2001:db8::ffff:2")).is_none());
        assert!(strangers.enter(address("2001:db8:0:1::1")).is_some());
        let _mapped = strangers.enter(address("::ffff:10.0.0.1")).unwrap();
        assert!(strangers.enter(address("10.0.0.1")).is_none());
    }

    #[test]
    fn an_address_is_here_near_or_far() {
        for (at, origin) in [
            ("127.0.0.1", Origin::Loopback),
            ("127.8.8.8", Origin::Loopback),
            ("::1", Origin::Loopback),
            ("::ffff:127.0.0.1", Origin::Loopback),
            ("10.1.2.3", Origin::Private),
            ("172.16.0.1", Origin::Private),
            ("192.168.1.1", Origin::Private),
            ("169.254.169.254", Origin::Private),
            ("100.64.0.1", Origin::Private),
            ("100.127.255.255", Origin::Private),
            ("fd12::1", Origin::Private),
            ("fe80::1", Origin::Private),
            ("::ffff:10.0.0.1", Origin::Private),
            ("100.128.0.0", Origin::Public),
            ("100.63.255.255", Origin::Public),
            ("172.32.0.1", Origin::Public),
            ("8.8.8.8", Origin::Public),
            ("2001:4860::1", Origin::Public),
        ] {
            let stranger = Strangers::new(1).enter(address(at)).unwrap();
            assert_eq!(Acquaintance::new(stranger, None).origin(), origin, "{at}");
        }
    }
}
