//! A table of addresses.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::AddressTranslator;

/// Translates by a fixed table, for tunnels, port forwarding and address translation that does not change.
///
/// ```
/// use chorus_topology::{AddressTranslator, FixedAddresses};
///
/// let translator = FixedAddresses::new()
///     .address("10.0.0.1:9042".parse()?, "127.0.0.1:19042".parse()?)
///     .ip("10.0.0.2".parse()?, "203.0.113.2".parse()?);
/// assert_eq!(translator.translate("10.0.0.1:9042".parse()?), "127.0.0.1:19042".parse()?);
/// assert_eq!(translator.translate("10.0.0.2:9042".parse()?), "203.0.113.2:9042".parse()?);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FixedAddresses {
    addresses: HashMap<SocketAddr, SocketAddr>,
    ips: HashMap<IpAddr, IpAddr>,
}

impl FixedAddresses {
    /// A table that translates nothing yet. Addresses it does not list stay as they are.
    pub fn new() -> FixedAddresses {
        FixedAddresses::default()
    }

    /// Translates one address and port. Goes before [`ip`](Self::ip).
    #[must_use]
    pub fn address(mut self, told: SocketAddr, reachable: SocketAddr) -> Self {
        self.addresses.insert(told, reachable);
        self
    }

    /// Translates an address on any port, which stays the same.
    #[must_use]
    pub fn ip(mut self, told: IpAddr, reachable: IpAddr) -> Self {
        self.ips.insert(told, reachable);
        self
    }
}

impl Extend<(SocketAddr, SocketAddr)> for FixedAddresses {
    fn extend<I: IntoIterator<Item = (SocketAddr, SocketAddr)>>(&mut self, pairs: I) {
        self.addresses.extend(pairs);
    }
}

impl FromIterator<(SocketAddr, SocketAddr)> for FixedAddresses {
    fn from_iter<I: IntoIterator<Item = (SocketAddr, SocketAddr)>>(pairs: I) -> Self {
        FixedAddresses { addresses: pairs.into_iter().collect(), ips: HashMap::new() }
    }
}

impl AddressTranslator for FixedAddresses {
    fn translate(&self, address: SocketAddr) -> SocketAddr {
        match self.addresses.get(&address) {
            Some(reachable) => *reachable,
            None => {
                let ip = self.ips.get(&address.ip()).copied();
                ip.map_or(address, |ip| SocketAddr::new(ip, address.port()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    #[test]
    fn an_address_with_its_port_goes_before_the_address_alone_and_others_stay() {
        let table: FixedAddresses = [(at("10.0.0.1:9042"), at("127.0.0.1:1"))].into_iter().collect();
        let table = table.ip("10.0.0.1".parse().unwrap(), "192.0.2.1".parse().unwrap());
        for (told, reachable) in [
            ("10.0.0.1:9042", "127.0.0.1:1"),
            ("10.0.0.1:9142", "192.0.2.1:9142"),
            ("10.0.0.2:9042", "10.0.0.2:9042"),
            ("[2001:db8::1]:9042", "[2001:db8::1]:9042"),
        ] {
            assert_eq!(table.translate(at(told)), at(reachable));
        }
        assert!(!table.may_block());
    }

    #[test]
    fn a_pair_added_later_replaces_an_earlier_one() {
        let mut table = FixedAddresses::new().address(at("10.0.0.1:9042"), at("127.0.0.1:1"));
        table.extend([(at("10.0.0.1:9042"), at("127.0.0.1:2"))]);
        assert_eq!(table.translate(at("10.0.0.1:9042")), at("127.0.0.1:2"));
    }
}
