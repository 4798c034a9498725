//! Which address was found under which name, for whoever must insist on the name.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, RwLock};

/// The names of contact points behind addresses, as the resolver told last. One for all connections of a session: written
/// when names are looked up, read when a connection is opened.
#[derive(Debug, Default)]
pub(crate) struct ContactNames(RwLock<BTreeMap<IpAddr, Arc<str>>>);

impl ContactNames {
    /// Takes in what a name stands for now. An address that another name stands for already keeps that.
    pub(crate) fn learn(&self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        let name: Arc<str> = name.into();
        let mut names = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        names.retain(|_, known| *known != name);
        for address in addresses {
            names.entry(address).or_insert_with(|| Arc::clone(&name));
        }
    }

    /// The name that stands for an address, if it was given by one.
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "only TLS insists on names"))]
    pub(crate) fn of(&self, address: IpAddr) -> Option<Arc<str>> {
        self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner()).get(&address).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_what_it_was_last_found_to_be() {
        let names = ContactNames::default();
        let at = |last: u8| IpAddr::from([10, 0, 0, last]);
        names.learn("db", [at(1), at(2)]);
        names.learn("other", [at(2), at(3)]);
        let of = |last: u8| names.of(at(last));
        assert_eq!(of(2).as_deref(), Some("db"));
        assert_eq!(of(3).as_deref(), Some("other"));
        names.learn("db", [at(4)]);
        assert_eq!((of(1), of(2)), (None, None));
        assert_eq!(of(4).as_deref(), Some("db"));
    }
}
