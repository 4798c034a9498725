//! The system tables of a small cluster with one keyspace, as far as drivers read them.

use std::net::Ipv4Addr;

use crate::encode::{Type, collection};
use crate::tables::{KEYSPACE, TABLES as OWN_TABLES, Table};

/// One row of a system table: the cells that are not null, by column.
pub(crate) type Row = Vec<(&'static str, Vec<u8>)>;

/// What one host says about itself and the others.
pub(crate) struct Catalog {
    local: Row,
    peers: Vec<Row>,
}

const SCHEMA_VERSION: [u8; 16] = [0x5c; 16];
const RELEASE: &str = "4.1.0";
/// As many as Cassandra's default, so that routing costs the client what it would.
const TOKENS_A_HOST: usize = 16;

impl Catalog {
    pub(crate) fn new(hosts: &[Ipv4Addr], index: usize, port: u16) -> Catalog {
        let own = hosts[index];
        let mut local = about(own, index, hosts.len());
        local.extend([
            ("key", b"local".to_vec()),
            ("bootstrapped", b"COMPLETED".to_vec()),
            ("cluster_name", b"sink".to_vec()),
            ("cql_version", b"3.4.6".to_vec()),
            ("native_protocol_version", b"4".to_vec()),
            ("partitioner", b"org.apache.cassandra.dht.Murmur3Partitioner".to_vec()),
            ("broadcast_address", own.octets().to_vec()),
            ("listen_address", own.octets().to_vec()),
            ("rpc_port", i32::from(port).to_be_bytes().to_vec()),
        ]);
        let others = hosts.iter().enumerate().filter(|(other, _)| *other != index);
        let peers = others
            .map(|(other, address)| {
                let mut row = about(*address, other, hosts.len());
                row.extend([
                    ("peer", address.octets().to_vec()),
                    ("peer_port", 7000_i32.to_be_bytes().to_vec()),
                    ("native_address", address.octets().to_vec()),
                    ("native_port", i32::from(port).to_be_bytes().to_vec()),
                ]);
                row
            })
            .collect();
        Catalog { local, peers }
    }

    /// The columns and rows of a system table, or nothing when there is no such table. Conditions are the reader's
    /// business: a table has few rows, and drivers pick theirs.
    pub(crate) fn table(&self, name: &str) -> Option<(&'static [&'static str], Vec<Row>)> {
        Some(match name {
            "system.local" => (LOCAL, vec![self.local.clone()]),
            "system.peers" => (PEERS, self.peers.clone()),
            "system.peers_v2" => (PEERS_V2, self.peers.clone()),
            "system_schema.keyspaces" => (KEYSPACES, vec![keyspace()]),
            "system_schema.tables" => (TABLES, OWN_TABLES.iter().zip(0..).map(table).collect()),
            "system_schema.columns" => (COLUMNS, OWN_TABLES.iter().flat_map(columns).collect()),
            "system_schema.types" => (TYPES, Vec::new()),
            "system_schema.views" => (VIEWS, Vec::new()),
            "system_schema.indexes" => (INDEXES, Vec::new()),
            "system_schema.functions" => (FUNCTIONS, Vec::new()),
            "system_schema.aggregates" => (AGGREGATES, Vec::new()),
            "system_schema.triggers" => (TRIGGERS, Vec::new()),
            // For drivers that ask every server since Cassandra 4.
            "system_virtual_schema.keyspaces" => (&KEYSPACES[..1], Vec::new()),
            "system_virtual_schema.tables" => (&TABLES[..2], Vec::new()),
            "system_virtual_schema.columns" => (COLUMNS, Vec::new()),
            _ => return None,
        })
    }
}

const LOCAL: &[&str] = &[
    "key",
    "bootstrapped",
    "broadcast_address",
    "cluster_name",
    "cql_version",
    "data_center",
    "host_id",
    "listen_address",
    "native_protocol_version",
    "partitioner",
    "rack",
    "release_version",
    "rpc_address",
    "rpc_port",
    "schema_version",
    "tokens",
];
const PEERS: &[&str] = &[
    "peer",
    "data_center",
    "host_id",
    "preferred_ip",
    "rack",
    "release_version",
    "rpc_address",
    "schema_version",
    "tokens",
];
const PEERS_V2: &[&str] = &[
    "peer",
    "peer_port",
    "data_center",
    "host_id",
    "native_address",
    "native_port",
    "preferred_ip",
    "rack",
    "release_version",
    "schema_version",
    "tokens",
];
const KEYSPACES: &[&str] = &["keyspace_name", "durable_writes", "replication"];
const TABLES: &[&str] = &[
    "keyspace_name",
    "table_name",
    "bloom_filter_fp_chance",
    "caching",
    "comment",
    "compaction",
    "compression",
    "default_time_to_live",
    "extensions",
    "flags",
    "gc_grace_seconds",
    "id",
];
const COLUMNS: &[&str] = &[
    "keyspace_name",
    "table_name",
    "column_name",
    "clustering_order",
    "column_name_bytes",
    "kind",
    "position",
    "type",
];
const TYPES: &[&str] = &["keyspace_name", "type_name", "field_names", "field_types"];
const VIEWS: &[&str] = &[
    "keyspace_name",
    "view_name",
    "base_table_id",
    "base_table_name",
    "comment",
    "flags",
    "id",
    "include_all_columns",
    "where_clause",
];
const INDEXES: &[&str] = &["keyspace_name", "table_name", "index_name", "kind", "options"];
const FUNCTIONS: &[&str] = &[
    "keyspace_name",
    "function_name",
    "argument_types",
    "argument_names",
    "body",
    "language",
    "return_type",
];
const AGGREGATES: &[&str] =
    &["keyspace_name", "aggregate_name", "argument_types", "state_func", "state_type", "return_type"];
const TRIGGERS: &[&str] = &["keyspace_name", "table_name", "trigger_name", "options"];

/// The type of a column; a name has one type in all these tables.
pub(crate) fn type_of(column: &str) -> Type {
    match column {
        "host_id" | "schema_version" | "id" | "base_table_id" => Type::Uuid,
        "broadcast_address" | "listen_address" | "rpc_address" | "peer" | "native_address"
        | "preferred_ip" => Type::Inet,
        "rpc_port"
        | "peer_port"
        | "native_port"
        | "position"
        | "default_time_to_live"
        | "gc_grace_seconds" => Type::Int,
        "durable_writes" | "include_all_columns" => Type::Boolean,
        "bloom_filter_fp_chance" => Type::Double,
        "column_name_bytes" => Type::Blob,
        "tokens" | "flags" => Type::SetOfText,
        "replication" | "caching" | "compaction" | "compression" | "options" => Type::MapOfText,
        "extensions" => Type::MapOfBlob,
        "field_names" | "field_types" | "argument_types" | "argument_names" => Type::ListOfText,
        _ => Type::Text,
    }
}

fn about(address: Ipv4Addr, index: usize, hosts: usize) -> Row {
    let mut host_id = [0x40; 16];
    host_id[15] = index as u8;
    vec![
        ("data_center", b"datacenter1".to_vec()),
        ("rack", b"rack1".to_vec()),
        ("host_id", host_id.to_vec()),
        ("release_version", RELEASE.into()),
        ("rpc_address", address.octets().to_vec()),
        ("schema_version", SCHEMA_VERSION.to_vec()),
        ("tokens", tokens(index, hosts)),
    ]
}

/// Evenly spread, taken in turn.
fn tokens(index: usize, hosts: usize) -> Vec<u8> {
    let step = u64::MAX / (TOKENS_A_HOST * hosts) as u64;
    let own: Vec<String> = (0..TOKENS_A_HOST)
        .map(|turn| (i64::MIN.wrapping_add_unsigned(step * (turn * hosts + index + 1) as u64)).to_string())
        .collect();
    collection(own.len(), own.iter().map(String::as_str))
}

fn keyspace() -> Row {
    let replication = ["class", "org.apache.cassandra.locator.SimpleStrategy", "replication_factor", "1"];
    vec![
        ("keyspace_name", KEYSPACE.into()),
        ("durable_writes", vec![1]),
        ("replication", collection(2, replication.into_iter())),
        // cdrs-tokio asks for it like this.
        (
            "tojson(replication)",
            format!(
                r#"{{"{}":"{}","{}":"{}"}}"#,
                replication[0], replication[1], replication[2], replication[3]
            )
            .into(),
        ),
    ]
}

fn table((table, number): (&Table, u8)) -> Row {
    vec![
        ("keyspace_name", KEYSPACE.into()),
        ("table_name", table.name.into()),
        ("comment", Vec::new()),
        ("flags", collection(1, ["compound"].into_iter())),
        ("id", vec![0x4b + number; 16]),
    ]
}

fn columns(table: &Table) -> Vec<Row> {
    let place = |index| if index == 0 { ("partition_key", 0_i32) } else { ("regular", -1) };
    let column = |(index, (name, typ)): (usize, &(&str, Type))| -> Row {
        let (kind, position) = place(index);
        vec![
            ("keyspace_name", KEYSPACE.into()),
            ("table_name", table.name.into()),
            ("column_name", (*name).into()),
            ("column_name_bytes", (*name).into()),
            ("clustering_order", b"none".to_vec()),
            ("kind", kind.into()),
            ("position", position.to_be_bytes().to_vec()),
            ("type", typ.name().into()),
        ]
    };
    table.columns.iter().enumerate().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_own_different_tokens() {
        let hosts = [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2)];
        assert_ne!(tokens(0, 2), tokens(1, 2));
        let catalog = Catalog::new(&hosts, 0, 9042);
        assert_eq!(catalog.table("system.peers").expect("it is known").1.len(), 1);
        assert!(catalog.table("system.nothing").is_none());
    }

    #[test]
    fn every_cell_has_a_column_of_its_table() {
        let catalog = Catalog::new(&[Ipv4Addr::LOCALHOST], 0, 9042);
        for name in
            ["system.local", "system_schema.keyspaces", "system_schema.tables", "system_schema.columns"]
        {
            let (columns, rows) = catalog.table(name).expect("it is known");
            for (cell, _) in rows.iter().flatten().filter(|(cell, _)| !cell.contains('(')) {
                assert!(columns.contains(cell), "{name} has no {cell}");
            }
        }
    }
}
