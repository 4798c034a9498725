//! Rows that tell the cluster's members.

use std::net::{IpAddr, SocketAddr};

use chorus_protocol::{CqlType, FromCql, ValueError};
use uuid::Uuid;

use super::system_row;

/// The host that answers.
pub const SELECT_LOCAL: &str = "SELECT * FROM system.local WHERE key = 'local'";

/// The other hosts, with their ports: Apache Cassandra 4 and later. Older servers refuse it.
pub const SELECT_PEERS_V2: &str = "SELECT * FROM system.peers_v2";

/// The other hosts: every server.
pub const SELECT_PEERS: &str = "SELECT * FROM system.peers";

/// What schema agreement needs of the host that answers; read as [`LocalRow`].
pub const SELECT_LOCAL_SCHEMA_VERSION: &str =
    "SELECT host_id, schema_version FROM system.local WHERE key = 'local'";

/// What schema agreement needs of the other hosts; read as [`PeerRow`].
pub const SELECT_PEER_V2_SCHEMA_VERSIONS: &str =
    "SELECT peer, peer_port, host_id, schema_version FROM system.peers_v2";

/// What schema agreement needs of the other hosts; read as [`PeerRow`].
pub const SELECT_PEER_SCHEMA_VERSIONS: &str = "SELECT peer, host_id, schema_version FROM system.peers";

system_row! {
    /// The row of `system.local`.
    LocalRow {
        /// The cluster's name.
        cluster_name: Option<String>,
        /// Class name of the partitioner.
        partitioner: Option<String>,
        /// The host's datacenter.
        data_center: Option<String>,
        /// The host's rack.
        rack: Option<String>,
        /// The host's identity.
        host_id: Option<Uuid>,
        /// The ring tokens it owns.
        tokens: Tokens,
        /// The server's version.
        release_version: Option<String>,
        /// The version of a DataStax Enterprise server.
        dse_version: Option<String>,
        /// The schema it knows.
        schema_version: Option<Uuid>,
        /// Where it serves clients.
        rpc_address: Option<IpAddr>,
        /// The port for clients, where told.
        rpc_port: Option<i32>,
        /// The address it tells other hosts.
        broadcast_address: Option<IpAddr>,
        /// The port it tells other hosts, where told.
        broadcast_port: Option<i32>,
        /// The address it listens on for other hosts.
        listen_address: Option<IpAddr>,
        /// The port it listens on for other hosts, where told.
        listen_port: Option<i32>,
        /// What a DataStax Enterprise server does beside storing rows, before version 5.
        workload: Option<String>,
        /// What a DataStax Enterprise server does beside storing rows.
        workloads: Option<Vec<String>>,
    }
}

system_row! {
    /// A row of `system.peers` or `system.peers_v2`. A column that a table does not have is `None`.
    PeerRow {
        /// The address other hosts use for it.
        peer: Option<IpAddr>,
        /// The port other hosts use for it (`peers_v2`).
        peer_port: Option<i32>,
        /// Where it serves clients (DataStax Enterprise 6 and later).
        native_transport_address: Option<IpAddr>,
        /// Where it serves clients (`peers_v2`).
        native_address: Option<IpAddr>,
        /// Where it serves clients (`peers`).
        rpc_address: Option<IpAddr>,
        /// The port for clients (some forks).
        rpc_port: Option<i32>,
        /// The port for clients (`peers_v2`).
        native_port: Option<i32>,
        /// The address it listens on for other hosts, where told.
        listen_address: Option<IpAddr>,
        /// The port it listens on for other hosts, where told.
        listen_port: Option<i32>,
        /// Its datacenter.
        data_center: Option<String>,
        /// Its rack.
        rack: Option<String>,
        /// Its identity.
        host_id: Option<Uuid>,
        /// The ring tokens it owns.
        tokens: Tokens,
        /// The server's version.
        release_version: Option<String>,
        /// The version of a DataStax Enterprise server.
        dse_version: Option<String>,
        /// What a DataStax Enterprise server does beside storing rows, before version 5.
        workload: Option<String>,
        /// What a DataStax Enterprise server does beside storing rows.
        workloads: Option<Vec<String>>,
        /// The schema it knows.
        schema_version: Option<Uuid>,
    }
}

impl LocalRow {
    /// The address the host tells clients, or else other hosts; `None` when it tells none that is one.
    pub fn told_address(&self, default_port: u16) -> Option<SocketAddr> {
        let told = [self.rpc_address, self.broadcast_address, self.listen_address];
        let address = told.into_iter().flatten().find(|address| !address.is_unspecified())?;
        let port = self.rpc_port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
        Some(SocketAddr::new(address, port.unwrap_or(default_port)))
    }
}

system_row! {
    /// A row of `system.client_routes`.
    ClientRouteRow {
        /// The connection by which the host is offered.
        connection_id: Option<String>,
        /// The host.
        host_id: Option<Uuid>,
        /// A host name or an IP address.
        address: Option<String>,
        /// The port for plain connections.
        port: Option<i32>,
        /// The port for TLS.
        tls_port: Option<i32>,
    }
}

/// The texts of a host's tokens. A host without any is told apart from a table without such a column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Tokens {
    /// The query did not ask for tokens, or the table has none.
    #[default]
    NotTold,
    /// These, possibly none.
    Told(Vec<String>),
}

impl Tokens {
    /// The texts; none when not told.
    pub fn texts(&self) -> &[String] {
        match self {
            Self::NotTold => &[],
            Self::Told(texts) => texts,
        }
    }
}

impl<'f> FromCql<'f> for Tokens {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        Vec::<String>::check(typ)
    }

    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        Vec::from_cql(typ, cell).map(Self::Told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chorus_protocol::{ColumnSpec, RowsIter, encode_row};

    fn column(name: &str, typ: CqlType) -> ColumnSpec {
        ColumnSpec::new("system", "peers", name, typ)
    }

    #[test]
    fn columns_are_found_by_name_and_unknown_ones_skipped() {
        let columns = [
            column("zone", CqlType::Text),
            column("tokens", CqlType::set(CqlType::Text)),
            column("peer", CqlType::Inet),
            column("native_port", CqlType::Int),
        ];
        let mut content = Vec::new();
        let address = IpAddr::from([10, 0, 0, 1]);
        encode_row(&("z", vec!["5", "-7"], address, 9042), &columns, &mut content).unwrap();
        let none = (None::<&str>, None::<Vec<&str>>, None::<IpAddr>, None::<i32>);
        encode_row(&none, &columns, &mut content).unwrap();
        let rows: Vec<PeerRow> = RowsIter::new(&columns, &content, 2).unwrap().map(Result::unwrap).collect();
        let expected = PeerRow {
            peer: Some(address),
            native_port: Some(9042),
            tokens: Tokens::Told(vec!["5".into(), "-7".into()]),
            ..PeerRow::default()
        };
        assert_eq!(rows, [expected, PeerRow { tokens: Tokens::Told(vec![]), ..PeerRow::default() }]);
    }

    #[test]
    fn a_host_tells_the_address_for_clients_first_and_none_that_is_no_address() {
        let at = |last: u8| Some(IpAddr::from([10, 0, 0, last]));
        let row = LocalRow { broadcast_address: at(2), listen_address: at(3), ..LocalRow::default() };
        let told = |row: &LocalRow| row.told_address(9042).map(|address| address.to_string());
        assert_eq!(told(&row).as_deref(), Some("10.0.0.2:9042"));
        let row = LocalRow { rpc_address: at(1), rpc_port: Some(9999), ..row };
        assert_eq!(told(&row).as_deref(), Some("10.0.0.1:9999"));
        let row = LocalRow { rpc_address: Some(IpAddr::from([0, 0, 0, 0])), rpc_port: Some(-1), ..row };
        assert_eq!(told(&row).as_deref(), Some("10.0.0.2:9042"));
        assert_eq!(told(&LocalRow::default()), None);
    }

    #[test]
    fn a_known_column_of_another_type_is_an_error() {
        let columns = [column("peer", CqlType::Text)];
        assert!(RowsIter::<PeerRow>::new(&columns, &[], 0).is_err());
        let other = [column("zone", CqlType::Text)];
        assert!(RowsIter::<PeerRow>::new(&other, &[], 0).is_ok());
    }
}
