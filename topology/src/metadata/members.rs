//! The members of a cluster, from `system.local` and `system.peers`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use chorus_protocol::token::{AnyToken, Partitioner};
use rustc_hash::FxHashSet;

use super::warning::Warning;
use crate::endpoint::Endpoint;
use crate::host::Host;
use crate::rows::{LocalRow, PeerRow, Tokens};
use crate::server_version::ServerVersion;

/// Replaces the address a cluster tells for a peer by the one the driver can reach. Called once for each peer row.
pub type AddressMap<'a> = &'a dyn Fn(SocketAddr) -> SocketAddr;

/// Decides how a host is reached, other than by its address. Called once for each member, the one that tells included.
pub type EndpointMap<'a> = &'a dyn Fn(&Host) -> Endpoint;

/// What the control connection found out about the members.
#[derive(Clone, Copy)]
pub struct Discovery<'a> {
    /// The row of the host the control connection is to.
    pub local: &'a LocalRow,
    /// Where the control connection is to: the address of that host, whatever its row says.
    pub local_address: SocketAddr,
    /// The rows of `system.peers` or `system.peers_v2`.
    pub peers: &'a [PeerRow],
    /// The port of peers that do not tell one.
    pub default_port: u16,
    /// Translates the addresses of peers; `None` keeps them.
    pub translate: Option<AddressMap<'a>>,
    /// How hosts are reached; `None` reaches them by their addresses.
    pub endpoint: Option<EndpointMap<'a>>,
    /// Whether the hosts' tokens are taken over; without them there is no ring.
    pub with_tokens: bool,
}

impl std::fmt::Debug for Discovery<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Discovery")
            .field("local", self.local)
            .field("local_address", &self.local_address)
            .field("peers", &self.peers)
            .field("default_port", &self.default_port)
            .field("translate", &self.translate.is_some())
            .field("endpoint", &self.endpoint.is_some())
            .field("with_tokens", &self.with_tokens)
            .finish()
    }
}

impl Discovery<'_> {
    pub(super) fn partitioner(&self, warnings: &mut Vec<Warning>) -> Partitioner {
        let class = self.local.partitioner.as_deref().unwrap_or_default();
        let partitioner = Partitioner::from_class_name(class);
        if partitioner == Partitioner::Other {
            warnings.push(Warning::UnknownPartitioner { class: class.to_owned() });
        }
        partitioner
    }

    /// The usable hosts, the local one first. Of two rows with one address or one identity the first counts.
    pub(super) fn members(&self, partitioner: Partitioner, warnings: &mut Vec<Warning>) -> Vec<Host> {
        let mut hosts = Vec::with_capacity(self.peers.len() + 1);
        let (mut addresses, mut ids) = (FxHashSet::default(), FxHashSet::default());
        // Nothing but the identity is asked of the local host: the driver is talking to it.
        let local = self.local_host(partitioner, warnings);
        let peers = self.peers.iter().map(|row| self.peer(row, partitioner, warnings)).collect::<Vec<_>>();
        for host in local.into_iter().map(Ok).chain(peers) {
            let host = match host {
                Ok(host) => host,
                Err(warning) => {
                    warnings.push(warning);
                    continue;
                }
            };
            if ids.contains(&host.id) {
                warnings.push(Warning::DuplicateHostId { host_id: host.id, address: host.address });
            } else if !addresses.insert(host.address) {
                warnings.push(Warning::DuplicateAddress { address: host.address, host_id: host.id });
            } else {
                ids.insert(host.id);
                warnings.extend(odd_versions(&host));
                hosts.push(match self.endpoint {
                    Some(endpoint) => {
                        let way = endpoint(&host);
                        host.reached_by(way)
                    }
                    None => host,
                });
            }
        }
        hosts
    }

    fn local_host(&self, partitioner: Partitioner, warnings: &mut Vec<Warning>) -> Option<Host> {
        let address = self.local_address;
        let row = self.local;
        let Some(id) = row.host_id else {
            warnings.push(Warning::HostWithoutId { address });
            return None;
        };
        let datacenter = row.data_center.as_deref().unwrap_or_default();
        let rack = row.rack.as_deref().unwrap_or_default();
        let mut host = Host::new(id, address).located(datacenter, rack).owning(self.tokens(
            &row.tokens,
            partitioner,
            address,
            warnings,
        ));
        host.release_version = row.release_version.as_deref().map(Into::into);
        host.schema_version = row.schema_version;
        host.broadcast_address = row.broadcast_address;
        host.broadcast_port = port(row.broadcast_port);
        host.listen_address = row.listen_address;
        host.listen_port = port(row.listen_port);
        host.broadcast_rpc_address = row.rpc_address;
        host.broadcast_rpc_port = port(row.rpc_port);
        host.dse_version = row.dse_version.as_deref().map(Into::into);
        host.dse_workloads = workloads(row.workloads.as_deref(), row.workload.as_deref());
        Some(host)
    }

    fn peer(
        &self,
        row: &PeerRow,
        partitioner: Partitioner,
        warnings: &mut Vec<Warning>,
    ) -> Result<Host, Warning> {
        let told = |text: &'_ Option<String>| text.clone().filter(|text| !text.is_empty());
        let address = self.address(row).ok_or(Warning::PeerWithoutAddress { host_id: row.host_id })?;
        let id = row.host_id.filter(|id| !id.is_nil()).ok_or(Warning::HostWithoutId { address })?;
        let datacenter = told(&row.data_center).ok_or(Warning::PeerWithoutDatacenter { address })?;
        let rack = told(&row.rack).ok_or(Warning::PeerWithoutRack { address })?;
        if row.tokens == Tokens::Told(Vec::new()) {
            return Err(Warning::PeerWithoutTokens { address });
        }
        let tokens = self.tokens(&row.tokens, partitioner, address, warnings);
        let mut host = Host::new(id, address).located(&datacenter, &rack).owning(tokens);
        host.release_version = row.release_version.as_deref().map(Into::into);
        host.schema_version = row.schema_version;
        host.broadcast_address = row.peer;
        host.broadcast_port = port(row.peer_port);
        host.listen_address = row.listen_address;
        host.listen_port = port(row.listen_port);
        host.broadcast_rpc_address = row.native_transport_address.or(row.native_address).or(row.rpc_address);
        host.broadcast_rpc_port = port(row.rpc_port).or(port(row.native_port));
        host.dse_version = row.dse_version.as_deref().map(Into::into);
        host.dse_workloads = workloads(row.workloads.as_deref(), row.workload.as_deref());
        Ok(host)
    }

    fn tokens(
        &self,
        tokens: &Tokens,
        partitioner: Partitioner,
        address: SocketAddr,
        warnings: &mut Vec<Warning>,
    ) -> Vec<AnyToken> {
        if partitioner == Partitioner::Other || !self.with_tokens {
            return Vec::new();
        }
        let parse = |text: &String| match partitioner.parse_token(text) {
            Ok(token) => Some(token),
            Err(_) => {
                warnings.push(Warning::InvalidToken { address, token: text.chars().take(64).collect() });
                None
            }
        };
        tokens.texts().iter().filter_map(parse).collect()
    }

    /// > native_transport_address, else native_address, else rpc_address; if empty, `0.0.0.0` or `::`, use `peer`.
    /// > Port: rpc_port if non-zero, else native_port, else the configured port; values <= 0 mean absent.
    fn told(&self, row: &PeerRow) -> Option<SocketAddr> {
        let told = row.native_transport_address.or(row.native_address).or(row.rpc_address);
        let usable = |address: Option<IpAddr>| address.filter(|address| !address.is_unspecified());
        let address = usable(told).or(usable(row.peer))?;
        let port = port(row.rpc_port).or(port(row.native_port)).unwrap_or(self.default_port);
        Some(SocketAddr::new(address, port))
    }

    fn address(&self, row: &PeerRow) -> Option<SocketAddr> {
        let told = self.told(row)?;
        Some(self.translate.map_or(told, |translate| translate(told)))
    }

    /// The addresses that peers tell, before any translation.
    pub fn told_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.peers.iter().filter_map(|row| self.told(row))
    }
}

/// A port as a column tells it; what is none counts as not told.
fn port(told: Option<i32>) -> Option<u16> {
    told.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0)
}

/// The column with many where there is one.
fn workloads(many: Option<&[String]>, one: Option<&str>) -> Arc<[Arc<str>]> {
    match (many, one) {
        (Some(many), _) => many.iter().map(|name| name.as_str().into()).collect(),
        (None, one) => one.into_iter().map(Into::into).collect(),
    }
}

/// The versions of a host that cannot be read as a whole.
fn odd_versions(host: &Host) -> impl Iterator<Item = Warning> {
    let address = host.address;
    [&host.release_version, &host.dse_version].into_iter().flatten().filter_map(move |text| {
        let assumed = text.parse::<ServerVersion>().ok();
        let is_odd = assumed.as_ref().is_none_or(ServerVersion::is_odd);
        is_odd.then(|| Warning::OddVersion { address, text: text.chars().take(64).collect(), assumed })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chorus_protocol::token::Token;
    use uuid::Uuid;

    const LOCAL: [u8; 4] = [10, 0, 0, 1];

    fn ip(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([10, 0, 0, last]))
    }

    fn local() -> LocalRow {
        LocalRow {
            partitioner: Some("org.apache.cassandra.dht.Murmur3Partitioner".into()),
            data_center: Some("dc".into()),
            rack: Some("r".into()),
            host_id: Some(Uuid::from_u128(1)),
            tokens: Tokens::Told(vec!["0".into()]),
            ..LocalRow::default()
        }
    }

    fn peer(last: u8) -> PeerRow {
        PeerRow {
            peer: ip(last),
            rpc_address: ip(last),
            data_center: Some("dc".into()),
            rack: Some("r".into()),
            host_id: Some(Uuid::from_u128(last.into())),
            tokens: Tokens::Told(vec![last.to_string()]),
            ..PeerRow::default()
        }
    }

    fn discover(peers: &[PeerRow], translate: Option<AddressMap<'_>>) -> (Vec<Host>, Vec<Warning>) {
        let local = local();
        let local_address = (LOCAL, 9999).into();
        let discovery = Discovery {
            local: &local,
            local_address,
            peers,
            default_port: 9042,
            translate,
            endpoint: None,
            with_tokens: true,
        };
        let mut warnings = Vec::new();
        let partitioner = discovery.partitioner(&mut warnings);
        (discovery.members(partitioner, &mut warnings), warnings)
    }

    #[test]
    fn versions_that_cannot_be_read_are_warned_of_and_the_hosts_are_kept() {
        let versioned = |text: &str, last| PeerRow { release_version: Some(text.into()), ..peer(last) };
        let peers =
            [versioned("4.0-rc1", 2), versioned("1.2.3.4.5", 3), versioned("mine", 4), versioned("5.0.4", 5)];
        let (hosts, warnings) = discover(&peers, None);
        assert_eq!(hosts.len(), 5);
        let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "the version \"1.2.3.4.5\" of host 10.0.0.3:9042 is odd: it is taken for 1.2.3.4",
                "the version \"mine\" of host 10.0.0.4:9042 is odd: it is taken for a new one",
            ]
        );
        assert_eq!(hosts[1].server_version().unwrap().pre_release(), Some("rc1"));
        assert_eq!(hosts[3].server_version(), None);
    }

    #[test]
    fn hosts_tell_every_address_of_theirs_and_what_they_are() {
        let own = LocalRow {
            broadcast_address: ip(11),
            broadcast_port: Some(7000),
            listen_address: ip(12),
            listen_port: Some(7001),
            rpc_address: ip(13),
            rpc_port: Some(9043),
            release_version: Some("4.0.0".into()),
            dse_version: Some("6.8.1".into()),
            workloads: Some(vec!["Search".into(), "Graph".into()]),
            ..local()
        };
        let other = PeerRow {
            peer_port: Some(7002),
            native_address: ip(22),
            native_port: Some(9044),
            listen_address: ip(23),
            listen_port: Some(70_000),
            dse_version: Some("5.0".into()),
            workload: Some("Cassandra".into()),
            ..peer(2)
        };
        let discovery = Discovery {
            local: &own,
            local_address: (LOCAL, 9999).into(),
            peers: &[other, peer(3)],
            default_port: 9042,
            translate: None,
            endpoint: None,
            with_tokens: true,
        };
        let hosts = discovery.members(Partitioner::Murmur3, &mut Vec::new());
        let told = |host: &Host| {
            [
                (host.broadcast_address, host.broadcast_port),
                (host.listen_address, host.listen_port),
                (host.broadcast_rpc_address, host.broadcast_rpc_port),
            ]
        };
        assert_eq!(told(&hosts[0]), [(ip(11), Some(7000)), (ip(12), Some(7001)), (ip(13), Some(9043))]);
        assert_eq!(told(&hosts[1]), [(ip(2), Some(7002)), (ip(23), None), (ip(22), Some(9044))]);
        assert_eq!(told(&hosts[2]), [(ip(3), None), (None, None), (ip(3), None)]);
        let product = |host: &Host| (host.dse_version.clone(), host.dse_workloads.join("+"));
        assert_eq!(product(&hosts[0]), (Some("6.8.1".into()), "Search+Graph".into()));
        assert_eq!(product(&hosts[1]), (Some("5.0".into()), "Cassandra".into()));
        assert_eq!(product(&hosts[2]), (None, String::new()));
        assert_eq!(hosts[0].release_version.as_deref(), Some("4.0.0"));
    }

    fn address_of(peer: PeerRow) -> Option<String> {
        let (hosts, _) = discover(&[peer], None);
        hosts.get(1).map(|host| host.address.to_string())
    }

    #[test]
    fn the_local_host_has_the_address_the_driver_reached_it_by() {
        let (hosts, warnings) = discover(&[peer(2)], None);
        let addresses: Vec<String> = hosts.iter().map(|host| host.address.to_string()).collect();
        assert_eq!(addresses, ["10.0.0.1:9999", "10.0.0.2:9042"]);
        assert_eq!(hosts[1].tokens[..], [AnyToken::Murmur3(Token(2))]);
        assert_eq!(warnings, []);
    }

    #[test]
    fn the_most_specific_address_wins() {
        let row = PeerRow { rpc_address: ip(4), ..peer(2) };
        assert_eq!(address_of(row.clone()).as_deref(), Some("10.0.0.4:9042"));
        let row = PeerRow { native_address: ip(5), ..row };
        assert_eq!(address_of(row.clone()).as_deref(), Some("10.0.0.5:9042"));
        let row = PeerRow { native_transport_address: ip(6), ..row };
        assert_eq!(address_of(row).as_deref(), Some("10.0.0.6:9042"));
    }

    #[test]
    fn a_missing_or_unspecified_address_stands_for_the_one_other_hosts_use() {
        let unspecified = [IpAddr::from([0, 0, 0, 0]), IpAddr::from([0u16; 8])];
        for address in [None, Some(unspecified[0]), Some(unspecified[1])] {
            assert_eq!(
                address_of(PeerRow { rpc_address: address, ..peer(2) }).as_deref(),
                Some("10.0.0.2:9042")
            );
        }
    }

    #[test]
    fn ports_that_are_not_positive_mean_absent() {
        let port = |rpc_port, native_port| address_of(PeerRow { rpc_port, native_port, ..peer(2) }).unwrap();
        assert_eq!(port(Some(1), Some(2)), "10.0.0.2:1");
        assert_eq!(port(Some(0), Some(2)), "10.0.0.2:2");
        assert_eq!(port(Some(-1), Some(2)), "10.0.0.2:2");
        assert_eq!(port(Some(70_000), None), "10.0.0.2:9042");
        assert_eq!(port(None, Some(0)), "10.0.0.2:9042");
    }

    #[test]
    fn peers_that_cannot_be_used_are_left_out_with_a_reason() {
        let address = SocketAddr::from(([10, 0, 0, 2], 9042));
        let host_id = Some(Uuid::from_u128(2));
        for (row, expected) in [
            (PeerRow { peer: None, rpc_address: None, ..peer(2) }, Warning::PeerWithoutAddress { host_id }),
            (PeerRow { host_id: None, ..peer(2) }, Warning::HostWithoutId { address }),
            (PeerRow { data_center: None, ..peer(2) }, Warning::PeerWithoutDatacenter { address }),
            (PeerRow { rack: Some(String::new()), ..peer(2) }, Warning::PeerWithoutRack { address }),
            (PeerRow { tokens: Tokens::Told(vec![]), ..peer(2) }, Warning::PeerWithoutTokens { address }),
        ] {
            let (hosts, warnings) = discover(&[row, peer(3)], None);
            assert_eq!(hosts.len(), 2, "{expected}");
            assert_eq!(warnings, [expected]);
        }
    }

    #[test]
    fn a_table_without_tokens_rejects_nobody() {
        let (hosts, warnings) = discover(&[PeerRow { tokens: Tokens::NotTold, ..peer(2) }], None);
        assert_eq!((hosts.len(), warnings.len()), (2, 0));
    }

    #[test]
    fn of_two_rows_with_one_address_or_one_identity_the_first_counts() {
        let same_address = PeerRow { rpc_address: ip(2), ..peer(3) };
        let same_id = PeerRow { host_id: Some(Uuid::from_u128(2)), ..peer(4) };
        let myself = PeerRow { host_id: Some(Uuid::from_u128(1)), ..peer(5) };
        let (hosts, warnings) = discover(&[peer(2), same_address, same_id, myself, peer(6)], None);
        let ids: Vec<u128> = hosts.iter().map(|host| host.id.as_u128()).collect();
        assert_eq!(ids, [1, 2, 6]);
        let at = |last| SocketAddr::from(([10, 0, 0, last], 9042));
        assert_eq!(
            warnings,
            [
                Warning::DuplicateAddress { address: at(2), host_id: Uuid::from_u128(3) },
                Warning::DuplicateHostId { host_id: Uuid::from_u128(2), address: at(4) },
                Warning::DuplicateHostId { host_id: Uuid::from_u128(1), address: at(5) },
            ]
        );
    }

    #[test]
    fn peers_are_translated_and_the_contact_point_is_not() {
        let translate = |address: SocketAddr| SocketAddr::new([1, 2, 3, 4].into(), address.port() + 1);
        let (hosts, _) = discover(&[peer(2)], Some(&translate));
        let addresses: Vec<String> = hosts.iter().map(|host| host.address.to_string()).collect();
        assert_eq!(addresses, ["10.0.0.1:9999", "1.2.3.4:9043"]);
    }

    #[test]
    fn a_token_that_is_none_is_left_out() {
        let row = PeerRow { tokens: Tokens::Told(vec!["x".into(), "7".into()]), ..peer(2) };
        let (hosts, warnings) = discover(&[row], None);
        assert_eq!(hosts[1].tokens[..], [AnyToken::Murmur3(Token(7))]);
        let address = ([10, 0, 0, 2], 9042).into();
        assert_eq!(warnings, [Warning::InvalidToken { address, token: "x".into() }]);
    }

    #[test]
    fn an_unknown_partitioner_keeps_the_hosts_and_drops_the_tokens() {
        let local = LocalRow { partitioner: Some("com.example.Mine".into()), ..local() };
        let peers = [peer(2)];
        let local_address = (LOCAL, 9042).into();
        let discovery = Discovery {
            local: &local,
            local_address,
            peers: &peers,
            default_port: 9042,
            translate: None,
            endpoint: None,
            with_tokens: true,
        };
        let mut warnings = Vec::new();
        let partitioner = discovery.partitioner(&mut warnings);
        let hosts = discovery.members(partitioner, &mut warnings);
        assert_eq!(hosts.len(), 2);
        assert!(hosts.iter().all(|host| host.tokens.is_empty()));
        assert_eq!(warnings, [Warning::UnknownPartitioner { class: "com.example.Mine".into() }]);
    }
}
