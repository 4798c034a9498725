//! The names this machine knows.

use std::net::{IpAddr, ToSocketAddrs};

use chorus_topology::NameService;

/// Asks the system's resolver: hosts file, name servers, and whatever else it is configured for. For
/// [`Ec2MultiRegion`](chorus_topology::Ec2MultiRegion).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemNames;

impl NameService for SystemNames {
    fn name_of(&self, address: IpAddr) -> Option<String> {
        let name = dns_lookup::lookup_addr(&address).ok()?;
        // Where there is no name the resolver gives the address back as text.
        (name.parse::<IpAddr>().is_err()).then_some(name)
    }

    fn addresses_of(&self, name: &str) -> Vec<IpAddr> {
        let found = (name, 0).to_socket_addrs();
        found.map(|addresses| addresses.map(|address| address.ip()).collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_knows_itself_by_name_and_nothing_else_is_made_up() {
        let loopback: IpAddr = "127.0.0.1".parse().expect("an address");
        let name = SystemNames.name_of(loopback).expect("every machine names its loopback address");
        assert!(SystemNames.addresses_of(&name).iter().any(IpAddr::is_loopback), "{name}");
        assert_eq!(SystemNames.addresses_of("no such name"), Vec::<IpAddr>::new());
    }
}
