//! The tables that nobody created: `system.*`, `system_schema.*`, `system_traces.*` and the virtual ones.
//!
//! Drivers learn from them what the cluster looks like and what is in it, so their columns and the form of their values
//! are those of Apache Cassandra 5.0, or of [2.2](Release). They are computed when they are read; the database's SELECT does the rest.

mod cell;
mod client_routes;
mod definitions;
mod describe;
mod legacy;
mod local;
mod release;
mod schema;
mod traces;

use std::sync::Arc;

use crate::catalog::{Catalog, Dialect};
use crate::cluster::Roster;
use crate::execute::{SystemKeyspace, SystemTables};
use crate::server::Versions;

use cell::Cell;
pub use client_routes::ClientRoute;
pub(crate) use client_routes::ClientRoutes;
pub(crate) use describe::describe;
pub use release::{RELEASE_VERSION, Release};
pub(crate) use traces::{Trace, Traces};

/// The system tables of a cluster.
pub(crate) struct ClusterTables {
    pub(crate) roster: Arc<Roster>,
    pub(crate) traces: Arc<Traces>,
    pub(crate) routes: Arc<ClientRoutes>,
    pub(crate) versions: Versions,
    pub(crate) dialect: Dialect,
    pub(crate) release: Release,
}

impl SystemTables for ClusterTables {
    fn keyspaces(&self) -> Vec<SystemKeyspace> {
        let keyspace = |name: &str, is_virtual, definitions: &[&str]| SystemKeyspace {
            name: name.to_owned(),
            is_virtual,
            definitions: definitions.iter().map(|definition| (*definition).to_owned()).collect(),
        };
        if self.release == Release::Cassandra22 {
            let system = [definitions::SYSTEM_22, legacy::DEFINITIONS].concat();
            return vec![
                keyspace("system", false, &system),
                keyspace("system_traces", false, definitions::SYSTEM_TRACES),
            ];
        }
        let mut system = definitions::SYSTEM.to_vec();
        let mut system_schema = definitions::SYSTEM_SCHEMA.to_vec();
        if self.dialect == Dialect::Scylla {
            system.extend(definitions::SCYLLA);
            system_schema.extend(definitions::SCYLLA_SCHEMA);
        }
        vec![
            keyspace("system", false, &system),
            keyspace("system_schema", false, &system_schema),
            keyspace("system_traces", false, definitions::SYSTEM_TRACES),
            keyspace("system_virtual_schema", true, definitions::SYSTEM_VIRTUAL_SCHEMA),
            keyspace("system_views", true, definitions::SYSTEM_VIEWS),
        ]
    }

    fn rows(&self, node: usize, keyspace: &str, table: &str, catalog: &Catalog) -> Vec<Vec<Cell>> {
        let membership = &*self.roster.now();
        let Some(own) = membership.member(node) else { return Vec::new() };
        match (keyspace, table) {
            ("system", "local") if self.release == Release::Cassandra22 => {
                vec![local::local_row_22(membership, own, catalog, self.versions)]
            }
            ("system", "local") => vec![local::local_row(membership, own, catalog, self.versions)],
            ("system", "peers") => local::peer_rows(membership, own, catalog, self.release),
            ("system", "peers_v2") => local::peer_v2_rows(membership, own, catalog),
            ("system", "client_routes") => self.routes.rows(),
            ("system", table) if table.starts_with("schema_") => legacy::rows(table, catalog),
            ("system_schema", table) => schema::rows(table, catalog),
            ("system_virtual_schema", table) => schema::virtual_rows(table, catalog),
            ("system_traces", "sessions") => self.traces.session_rows(),
            ("system_traces", "events") => self.traces.event_rows(),
            ("system_views", "settings") => vec![
                vec![cell::text("cluster_name"), cell::text(&membership.name)],
                vec![cell::text("num_tokens"), cell::text(own.tokens.len().to_string())],
                vec![cell::text("storage"), cell::text("memory")],
            ],
            _ => Vec::new(),
        }
    }
}
