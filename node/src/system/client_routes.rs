//! `system.client_routes`: by which ways clients reach nodes whose own addresses they cannot.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use uuid::Uuid;

use super::cell::{self, Cell};

/// A way to a node, as `system.client_routes` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRoute {
    /// A host name or an address; none is told as null.
    pub address: Option<String>,
    /// The port for plain connections; none is told as null.
    pub port: Option<i32>,
    /// The port for TLS; none is told as null.
    pub tls_port: Option<i32>,
}

impl ClientRoute {
    /// To this place, whether over TLS or not.
    pub fn to(address: impl Into<String>, port: u16) -> Self {
        let port = Some(i32::from(port));
        Self { address: Some(address.into()), port, tls_port: port }
    }
}

/// The rows, by connection and node.
#[derive(Debug, Default)]
pub(crate) struct ClientRoutes(RwLock<BTreeMap<(String, Uuid), ClientRoute>>);

impl ClientRoutes {
    pub(crate) fn set(&self, connection: &str, host: Uuid, route: Option<ClientRoute>) {
        let mut routes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let key = (connection.to_owned(), host);
        match route {
            Some(route) => drop(routes.insert(key, route)),
            None => drop(routes.remove(&key)),
        }
    }

    pub(super) fn rows(&self) -> Vec<Vec<Cell>> {
        let routes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let row = |((connection, host), route): (&(String, Uuid), &ClientRoute)| {
            vec![
                cell::text(connection),
                cell::uuid(*host),
                route.address.as_ref().and_then(cell::text),
                route.port.and_then(cell::int),
                route.tls_port.and_then(cell::int),
            ]
        };
        routes.iter().map(row).collect()
    }
}
