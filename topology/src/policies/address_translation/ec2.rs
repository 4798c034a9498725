//! Public addresses of EC2 from within the same region.

use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};

use super::AddressTranslator;

/// Translates the public addresses of a cluster that spans EC2 regions to the private ones of the hosts in the same region,
/// where those are faster and cheaper.
///
/// The name of a public address is looked up, and then the addresses of that name: EC2's name servers answer with the private
/// address inside the region and with the public one outside. The first answer of the same family is taken. When there is no
/// name or no answer, the address stays as it is.
#[derive(Debug, Clone)]
pub struct Ec2MultiRegion<N> {
    names: N,
}

/// Looks up names and addresses. Its methods may block.
pub trait NameService: Send + Sync + Debug {
    /// The name of an address.
    fn name_of(&self, address: IpAddr) -> Option<String>;

    /// The addresses of a name, best first.
    fn addresses_of(&self, name: &str) -> Vec<IpAddr>;
}

impl<N: NameService> Ec2MultiRegion<N> {
    /// Asks these names.
    pub fn new(names: N) -> Ec2MultiRegion<N> {
        Ec2MultiRegion { names }
    }
}

impl<N: NameService> AddressTranslator for Ec2MultiRegion<N> {
    fn translate(&self, address: SocketAddr) -> SocketAddr {
        let same_family = |found: &IpAddr| found.is_ipv4() == address.is_ipv4();
        let found = (self.names.name_of(address.ip()))
            .and_then(|name| self.names.addresses_of(&name).into_iter().find(same_family));
        found.map_or(address, |ip| SocketAddr::new(ip, address.port()))
    }

    fn may_block(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Region;

    impl NameService for Region {
        fn name_of(&self, address: IpAddr) -> Option<String> {
            match address.to_string().as_str() {
                "203.0.113.5" => Some("ec2-203-0-113-5.example".into()),
                "203.0.113.6" => Some("nowhere.example".into()),
                "2001:db8::5" => Some("ec2-203-0-113-5.example".into()),
                _ => None,
            }
        }

        fn addresses_of(&self, name: &str) -> Vec<IpAddr> {
            match name {
                "ec2-203-0-113-5.example" => {
                    ["fd00::5", "10.0.0.5", "10.0.0.6"].map(|ip| ip.parse().unwrap()).to_vec()
                }
                _ => Vec::new(),
            }
        }
    }

    #[test]
    fn a_public_address_becomes_the_first_private_one_of_its_family_and_keeps_its_port() {
        let translator = Ec2MultiRegion::new(Region);
        for (told, reachable) in [
            ("203.0.113.5:9042", "10.0.0.5:9042"),
            ("[2001:db8::5]:9142", "[fd00::5]:9142"),
            ("203.0.113.6:9042", "203.0.113.6:9042"),
            ("203.0.113.7:9042", "203.0.113.7:9042"),
        ] {
            let told: SocketAddr = told.parse().unwrap();
            assert_eq!(translator.translate(told), reachable.parse().unwrap());
        }
        assert!(translator.may_block(), "names take a while");
    }
}
