//! Routes to hosts that cannot be reached at the addresses they tell, as `system.client_routes` has them.
//!
//! A host may be offered over several connections (private links, say), each known by an id that the user was given. Pure:
//! rows go in, and what comes out is an immutable table of the one route to each host.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chorus_protocol::literal::quote_text;
use chorus_protocol::response::ClientRoutesChange;
use uuid::Uuid;

use crate::rows::ClientRouteRow;

/// One connection by which hosts are offered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientRouteProxy {
    /// The connection's id, as `system.client_routes` has it.
    pub connection_id: String,
    /// A host name or an IP address to use instead of the one in the table.
    pub address: Option<String>,
}

impl ClientRouteProxy {
    /// A connection by its id; addresses are those of the table.
    pub fn new(connection_id: impl Into<String>) -> Self {
        Self { connection_id: connection_id.into(), address: None }
    }

    /// Goes to this host name or IP address (without a port) instead of the one in the table.
    #[must_use]
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }
}

/// By which connections hosts may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientRoutes {
    /// The connections; at least one.
    pub proxies: Vec<ClientRouteProxy>,
    /// Whether routes keep the source port of connections, so that the shard-aware port of a host may be used through them.
    /// Defaults to false: address translation usually changes it.
    pub advanced_shard_awareness: bool,
}

impl ClientRoutes {
    /// Routes by these connections.
    pub fn new(proxies: impl IntoIterator<Item = ClientRouteProxy>) -> Self {
        Self { proxies: proxies.into_iter().collect(), advanced_shard_awareness: false }
    }

    /// Whether routes keep the source port of connections. Defaults to false.
    #[must_use]
    pub fn advanced_shard_awareness(mut self, on: bool) -> Self {
        self.advanced_shard_awareness = on;
        self
    }

    /// The query for the routes to `hosts`, or to all.
    pub fn select(&self, hosts: &RouteScope) -> String {
        let ids: Vec<String> = self.proxies.iter().map(|proxy| quote_text(&proxy.connection_id)).collect();
        let mut query =
            format!("SELECT * FROM system.client_routes WHERE connection_id IN ({})", ids.join(", "));
        if let RouteScope::Hosts(hosts) = hosts {
            let hosts: Vec<String> = hosts.iter().map(Uuid::to_string).collect();
            query.push_str(&format!(" AND host_id IN ({})", hosts.join(", ")));
        }
        query
    }

    /// What must be read after an event; nothing when it is about connections of others.
    pub fn scope_of(&self, change: &ClientRoutesChange) -> Option<RouteScope> {
        let (connections, hosts) = (&change.connection_ids, &change.host_ids);
        if connections.is_empty() || connections.len() != hosts.len() {
            return Some(RouteScope::All);
        }
        let mut ours = BTreeSet::new();
        for (_, host) in
            connections.iter().zip(hosts).filter(|(connection, _)| self.proxy(connection).is_some())
        {
            match host.parse() {
                Ok(host) => ours.insert(host),
                Err(_) => return Some(RouteScope::All),
            };
        }
        (!ours.is_empty()).then_some(RouteScope::Hosts(ours))
    }

    fn proxy(&self, connection_id: &str) -> Option<&ClientRouteProxy> {
        self.proxies.iter().find(|proxy| proxy.connection_id == connection_id)
    }
}

/// Which routes to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteScope {
    /// To every host.
    All,
    /// To these.
    Hosts(BTreeSet<Uuid>),
}

impl RouteScope {
    /// Both together; a great many hosts are all.
    pub fn add(&mut self, other: Self) {
        const MOST: usize = 256;
        match (&mut *self, other) {
            (Self::Hosts(hosts), Self::Hosts(more)) if hosts.len() + more.len() <= MOST => hosts.extend(more),
            _ => *self = Self::All,
        }
    }

    fn includes(&self, host: Uuid) -> bool {
        match self {
            Self::All => true,
            Self::Hosts(hosts) => hosts.contains(&host),
        }
    }
}

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRoute {
    /// The connection it belongs to.
    pub connection_id: Arc<str>,
    /// A host name or an IP address.
    pub address: Arc<str>,
    /// The port; that for TLS in sessions that use it.
    pub port: u16,
}

/// The route to each host that has one. Immutable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteTable(HashMap<Uuid, ClientRoute>);

/// Not one of the rows can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "none of the {rows} rows of system.client_routes has an address, a port, a host and a connection: the former routes stay in use"
)]
pub struct NoUsableRoute {
    /// How many there were.
    pub rows: usize,
}

/// What a read of routes led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteUpdate {
    /// The routes from now on.
    pub table: RouteTable,
    /// Hosts whose route is another than before, or gone.
    pub changed: Vec<Uuid>,
    /// Rows that cannot be used.
    pub unusable: usize,
}

impl RouteTable {
    /// The route to a host.
    pub fn route(&self, host: Uuid) -> Option<&ClientRoute> {
        self.0.get(&host)
    }

    /// How many hosts have one.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no host has one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The routes after reading `rows`, which are all there are within `scope`: a host in it without a row loses its route.
    ///
    /// Of several routes to a host the one by the connection in use is kept, else the first counts.
    ///
    /// # Errors
    ///
    /// When there are rows and none can be used.
    pub fn updated(
        &self,
        scope: &RouteScope,
        rows: &[ClientRouteRow],
        routes: &ClientRoutes,
        secured: bool,
    ) -> Result<RouteUpdate, NoUsableRoute> {
        let mut found: BTreeMap<Uuid, ClientRoute> = BTreeMap::new();
        let mut unusable = 0;
        for row in rows {
            // Others' connections are none of our business.
            if row.connection_id.as_deref().is_some_and(|id| routes.proxy(id).is_none()) {
                continue;
            }
            let Some((host, route)) = usable(row, routes, secured) else {
                unusable += 1;
                continue;
            };
            if !scope.includes(host) {
                continue;
            }
            let in_use = self.0.get(&host).map(|route| &route.connection_id);
            match found.get(&host) {
                Some(_) if in_use != Some(&route.connection_id) => {}
                _ => drop(found.insert(host, route)),
            }
        }
        if found.is_empty() && unusable > 0 {
            return Err(NoUsableRoute { rows: unusable });
        }
        let mut table = self.0.clone();
        let mut changed: Vec<Uuid> = Vec::new();
        table.retain(|host, _| {
            let stays = !scope.includes(*host) || found.contains_key(host);
            if !stays {
                changed.push(*host);
            }
            stays
        });
        for (host, route) in found {
            if table.get(&host) != Some(&route) {
                changed.push(host);
                table.insert(host, route);
            }
        }
        changed.sort_unstable();
        Ok(RouteUpdate { table: Self(table), changed, unusable })
    }
}

fn usable(row: &ClientRouteRow, routes: &ClientRoutes, secured: bool) -> Option<(Uuid, ClientRoute)> {
    let told = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let connection_id = told(&row.connection_id)?;
    let address = told(&row.address)?;
    let port = if secured { row.tls_port } else { row.port };
    let port = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0)?;
    let instead = routes.proxy(&connection_id).and_then(|proxy| proxy.address.clone());
    let address = instead.unwrap_or(address);
    Some((row.host_id?, ClientRoute { connection_id: connection_id.into(), address: address.into(), port }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn row(connection: &str, number: u128, port: i32) -> ClientRouteRow {
        ClientRouteRow {
            connection_id: Some(connection.into()),
            host_id: Some(host(number)),
            address: Some(format!("{connection}.example")),
            port: Some(port),
            tls_port: Some(port + 1),
        }
    }

    fn ours() -> ClientRoutes {
        ClientRoutes::new([ClientRouteProxy::new("a"), ClientRouteProxy::new("b")])
    }

    fn table(rows: &[ClientRouteRow]) -> RouteTable {
        RouteTable::default().updated(&RouteScope::All, rows, &ours(), false).unwrap().table
    }

    fn only(numbers: &[u128]) -> RouteScope {
        RouteScope::Hosts(numbers.iter().map(|number| host(*number)).collect())
    }

    #[test]
    fn a_full_read_replaces_everything_and_tells_what_changed() {
        let before = table(&[row("a", 1, 10), row("a", 2, 20)]);
        let rows = [row("a", 2, 20), row("b", 3, 30)];
        let update = before.updated(&RouteScope::All, &rows, &ours(), false).unwrap();
        assert_eq!(update.changed, [host(1), host(3)]);
        assert_eq!(update.table, table(&rows));
        let none = before.updated(&RouteScope::All, &[], &ours(), false).unwrap();
        assert_eq!((none.table.len(), none.changed.len()), (0, 2));
    }

    #[test]
    fn a_read_of_some_hosts_changes_those_alone_and_a_host_without_a_row_loses_its_route() {
        let before = table(&[row("a", 1, 10), row("a", 2, 20), row("a", 3, 30)]);
        let update =
            before.updated(&only(&[1, 2]), &[row("a", 1, 11), row("a", 3, 99)], &ours(), false).unwrap();
        assert_eq!(update.changed, [host(1), host(2)]);
        assert_eq!(update.table.route(host(1)).unwrap().port, 11);
        assert_eq!(update.table.route(host(2)), None);
        assert_eq!(update.table.route(host(3)).unwrap().port, 30);
    }

    #[test]
    fn of_several_routes_the_one_in_use_is_kept_and_else_the_first_counts() {
        let connection = |table: &RouteTable| table.route(host(1)).unwrap().connection_id.to_string();
        let both = [row("a", 1, 10), row("b", 1, 20)];
        assert_eq!(connection(&table(&both)), "a");
        let before = table(&[row("b", 1, 20)]);
        for rows in [both.clone(), [both[1].clone(), both[0].clone()]] {
            let update = before.updated(&RouteScope::All, &rows, &ours(), false).unwrap();
            assert_eq!(connection(&update.table), "b");
            assert!(update.changed.is_empty());
        }
        let update = before.updated(&RouteScope::All, &both[..1], &ours(), false).unwrap();
        assert_eq!(connection(&update.table), "a");
    }

    #[test]
    fn a_route_needs_an_address_a_port_of_the_right_kind_a_host_and_a_connection() {
        let good = row("a", 1, 10);
        let broken = [
            ClientRouteRow { address: None, ..good.clone() },
            ClientRouteRow { address: Some(String::new()), ..good.clone() },
            ClientRouteRow { port: None, ..good.clone() },
            ClientRouteRow { port: Some(0), ..good.clone() },
            ClientRouteRow { port: Some(70_000), ..good.clone() },
            ClientRouteRow { port: Some(-1), ..good.clone() },
            ClientRouteRow { host_id: None, ..good.clone() },
            ClientRouteRow { connection_id: None, ..good.clone() },
        ];
        let before = table(&[row("a", 9, 90)]);
        for row in &broken {
            let outcome = before.updated(&RouteScope::All, std::slice::from_ref(row), &ours(), false);
            assert_eq!(outcome, Err(NoUsableRoute { rows: 1 }), "{row:?}");
        }
        let some =
            before.updated(&RouteScope::All, &[broken[0].clone(), good.clone()], &ours(), false).unwrap();
        assert_eq!((some.unusable, some.table.len()), (1, 1));
        let no_tls = ClientRouteRow { tls_port: None, ..good.clone() };
        assert!(before.updated(&RouteScope::All, &[no_tls], &ours(), true).is_err());
        let secured = before.updated(&RouteScope::All, &[good], &ours(), true).unwrap();
        assert_eq!(secured.table.route(host(1)).unwrap().port, 11);
    }

    #[test]
    fn routes_by_connections_of_others_do_not_count_and_an_address_can_be_replaced() {
        let routes = ClientRoutes::new([ClientRouteProxy::new("a").address("here.example")]);
        let rows = [row("a", 1, 10), row("z", 2, 20)];
        let update = RouteTable::default().updated(&RouteScope::All, &rows, &routes, false).unwrap();
        assert_eq!(update.changed, [host(1)]);
        assert_eq!(&*update.table.route(host(1)).unwrap().address, "here.example");
        assert_eq!(update.unusable, 0);
    }

    #[test]
    fn an_event_names_the_hosts_to_read_and_one_that_makes_no_sense_asks_for_all() {
        let change = |connections: &[&str], hosts: &[String]| ClientRoutesChange {
            change: "UPDATE_NODES".into(),
            connection_ids: connections.iter().map(ToString::to_string).collect(),
            host_ids: hosts.to_vec(),
        };
        let (one, two) = (host(1).to_string(), host(2).to_string());
        let routes = ours();
        assert_eq!(routes.scope_of(&change(&["a", "z"], &[one.clone(), two.clone()])), Some(only(&[1])));
        assert_eq!(routes.scope_of(&change(&["z"], std::slice::from_ref(&one))), None);
        for senseless in [
            change(&[], &[]),
            change(&["a"], &[]),
            change(&["a", "b"], &[one]),
            change(&["a"], &["x".into()]),
        ] {
            assert_eq!(routes.scope_of(&senseless), Some(RouteScope::All), "{senseless:?}");
        }
    }

    #[test]
    fn scopes_add_up_and_many_hosts_are_all() {
        let mut scope = only(&[1]);
        scope.add(only(&[2]));
        assert_eq!(scope, only(&[1, 2]));
        scope.add(RouteScope::Hosts((0..300).map(host).collect()));
        assert_eq!(scope, RouteScope::All);
        scope.add(only(&[2]));
        assert_eq!(scope, RouteScope::All);
    }

    #[test]
    fn ids_are_quoted_in_the_query() {
        let routes = ClientRoutes::new([ClientRouteProxy::new("o'hara"), ClientRouteProxy::new("b")]);
        assert_eq!(
            routes.select(&only(&[1])),
            "SELECT * FROM system.client_routes WHERE connection_id IN ('o''hara', 'b') \
             AND host_id IN (00000000-0000-0000-0000-000000000001)"
        );
        assert!(routes.select(&RouteScope::All).ends_with("IN ('o''hara', 'b')"));
    }
}
