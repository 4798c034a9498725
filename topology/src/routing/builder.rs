//! Making the next [`Route`] from the last one.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::hosts::RouteHost;
use super::news::{TabletNews, UnknownReplica};
use super::placement::Placement;
use super::replication::ReplicationStrategy;
use super::ring::Ring;
use super::route::{KeyspaceRoute, Route, TableRoute};
use super::sites::Sites;
use super::tablet_payload::TabletHint;
use super::view::Sight;
use crate::host::{Distance, Host, HostIndex, Sharding, TableId};
use crate::policies::load_balancing::LoadBalancingPolicy;

/// What routing needs to know of one keyspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyspaceRouting {
    /// The keyspace's name.
    pub name: Arc<str>,
    /// Where its replicas are.
    pub replication: ReplicationStrategy,
    /// How its replicas agree; `None` for eventually.
    pub consistency: Option<String>,
    /// Names of its tables and materialized views.
    pub tables: Vec<Arc<str>>,
}

impl KeyspaceRouting {
    /// Whether each of its tablets has a leader, which serves best: where the replicas of a tablet form one group.
    fn has_leaders(&self) -> bool {
        self.consistency.as_deref() == Some("global")
    }
}

/// Makes the next [`Route`]: starts as the last one, takes the changes, and shares every part they do not touch.
///
/// A host going up or down costs a copy of the host array; tablets cost the maps of their tables; only a change of
/// members, tokens or places builds a ring, and only then, or for a new strategy, is a placement computed.
#[derive(Debug)]
pub struct RouteBuilder {
    route: Route,
    hosts: Vec<RouteHost>,
    /// Whether ring or keyspaces changed, so that every table must be placed again.
    placements_stale: bool,
    news: TabletNews,
}

impl RouteBuilder {
    /// Starts from `previous`.
    pub fn from_route(previous: &Route) -> RouteBuilder {
        RouteBuilder {
            hosts: previous.hosts.to_vec(),
            route: previous.clone(),
            placements_stale: false,
            news: TabletNews::default(),
        }
    }

    /// Replaces the members. Gives each its number, in order of appearance for new host ids, and returns them with it.
    /// Hosts not listed have left: they are ignored and their tablets forgotten. New ones count as up until told
    /// otherwise; known ones keep their state, and their shards when `members` does not tell.
    pub fn members(&mut self, members: impl IntoIterator<Item = Host>) -> Vec<Arc<Host>> {
        let mut present = FxHashSet::default();
        let mut joined = Vec::new();
        let before = self.hosts.iter().filter(|entry| entry.member).count();
        let mut stayed = 0;
        for mut host in members {
            let next = HostIndex(self.hosts.len() as u32);
            let index = match self.route.host_numbers.get(&host.id) {
                Some(known) => *known,
                None => *Arc::make_mut(&mut self.route.host_numbers).entry(host.id).or_insert(next),
            };
            if !present.insert(index) {
                continue;
            }
            host.index = index;
            joined.push(match self.hosts.get_mut(index.as_usize()) {
                Some(known) => {
                    let (old, was_member) = (Arc::clone(&known.host), known.member);
                    let host = known.rejoin(host);
                    stayed += usize::from(was_member && stands_where_it_did(&old, &host));
                    host
                }
                None => {
                    let host = Arc::new(host);
                    self.hosts.push(RouteHost::new(host.clone()));
                    host
                }
            });
        }
        let departed: Vec<HostIndex> = (self.hosts.iter_mut())
            .filter(|entry| entry.member && !present.contains(&entry.host.index))
            .map(RouteHost::leave)
            .collect();
        self.forget_tablets_of(&departed);
        // Most often nothing has moved, and a ring of a large cluster takes its time.
        if stayed != before || joined.len() != before || self.route.ring.is_empty() {
            self.place_hosts(&joined);
        }
        joined
    }

    /// Notes that a host became reachable or unreachable.
    pub fn up(&mut self, host: HostIndex, up: bool) -> &mut Self {
        if let Some(entry) = self.hosts.get_mut(host.as_usize()) {
            entry.up = up;
        }
        self
    }

    /// Notes the shards a connection to the host reported.
    pub fn sharding(&mut self, host: HostIndex, sharding: Option<Sharding>) -> &mut Self {
        if let Some(entry) = self.hosts.get_mut(host.as_usize())
            && entry.sharding != sharding
        {
            entry.sharding = sharding;
            entry.host = Arc::new(Host::clone(&entry.host).sharded(sharding));
        }
        self
    }

    /// Replaces the keyspaces. Tables not listed are dropped, tablets of keyspaces that are replicated otherwise forgotten.
    pub fn keyspaces<'k>(&mut self, keyspaces: impl IntoIterator<Item = &'k KeyspaceRouting>) -> &mut Self {
        let names = Arc::make_mut(&mut self.route.names);
        let mut routes = vec![KeyspaceRoute::default(); names.keyspace_count()];
        let mut tables: Vec<TableRoute> = self.route.tables.iter().map(TableRoute::dropped).collect();
        for keyspace in keyspaces {
            let id = names.intern_keyspace(&keyspace.name);
            let same = self.route.keyspaces.get(id.0 as usize).is_some_and(|old| old.is_like(keyspace));
            for table in &keyspace.tables {
                let table = names.intern_table(&keyspace.name, table);
                let old = self.route.tables.get(table.as_usize());
                let tablets = old.filter(|_| same).and_then(|route| route.tablets.clone());
                let route = TableRoute::new(id, tablets, keyspace.has_leaders());
                match tables.get_mut(table.as_usize()) {
                    Some(slot) => *slot = route,
                    None => tables.push(route),
                }
            }
            routes.resize(routes.len().max(id.0 as usize + 1), KeyspaceRoute::default());
            routes[id.0 as usize] = KeyspaceRoute::new(keyspace);
        }
        // Placements of the previous snapshot stay reachable through it until they are shared or dropped in `finish`.
        for (route, old) in routes.iter_mut().zip(self.route.keyspaces.iter()) {
            if route.replication == old.replication {
                route.placement = old.placement.clone();
            }
        }
        self.route.keyspaces = routes.into();
        self.route.tables = tables.into();
        self.placements_stale = true;
        self
    }

    /// Learns a tablet of `table` as the server told it.
    pub fn learn(&mut self, table: TableId, hint: &TabletHint) -> Result<(), UnknownReplica> {
        let (numbers, hosts) = (&self.route.host_numbers, &self.hosts);
        self.news.add(table, hint, |id| {
            let host = *numbers.get(&id)?;
            hosts.get(host.as_usize()).filter(|entry| entry.member).map(|_| host)
        })
    }

    /// Forgets the tablets of a table.
    pub fn forget_tablets(&mut self, table: TableId) -> &mut Self {
        self.news.forget_table(table);
        if self.route.tablets(table).is_some() {
            Arc::make_mut(&mut self.route.tables)[table.as_usize()].tablets = None;
        }
        self
    }

    /// The new snapshot as `policy` sees it; see [`Route::seen_by`] for further ones.
    pub fn finish(mut self, policy: &dyn LoadBalancingPolicy) -> Route {
        policy.assign(&mut self.hosts);
        for entry in self.hosts.iter_mut().filter(|entry| !entry.member) {
            entry.distance = Distance::Ignored;
        }
        self.route.look(Sight::of(&self.hosts));
        self.route.hosts = self.hosts.into();
        self.news.apply(&mut self.route);
        if self.placements_stale {
            self.route.place_tables();
        }
        self.route.note_everywhere();
        self.route.version += 1;
        self.route
    }

    /// New ring and sites, unless they are what they were.
    fn place_hosts(&mut self, members: &[Arc<Host>]) {
        let sites = Sites::of(members);
        for entry in &mut self.hosts {
            if let Some(site) = sites.site(entry.host.index) {
                (entry.dc, entry.rack) = (site.datacenter, site.rack);
            }
        }
        let ring = Ring::of(members);
        if *self.route.ring == ring && *self.route.sites == sites {
            return;
        }
        self.route.ring = Arc::new(ring);
        self.route.sites = Arc::new(sites);
        for keyspace in Arc::make_mut(&mut self.route.keyspaces) {
            keyspace.placement = None;
        }
        self.placements_stale = true;
    }

    fn forget_tablets_of(&mut self, departed: &[HostIndex]) {
        self.news.forget_hosts(departed);
        for host in departed {
            for number in 0..self.route.tables.len() {
                let map = self.route.tables[number].tablets.as_ref();
                if let Some(left) = map.and_then(|map| map.without_host(*host)) {
                    Arc::make_mut(&mut self.route.tables)[number].tablets = Some(Arc::new(left));
                }
            }
        }
    }
}

/// Whether nothing about a host has changed that ring and placements depend on.
fn stands_where_it_did(old: &Host, new: &Host) -> bool {
    Arc::ptr_eq(&old.tokens, &new.tokens) && old.datacenter == new.datacenter && old.rack == new.rack
}

impl Route {
    /// Notes for each table whether every member holds all of it.
    fn note_everywhere(&mut self) {
        let members = self.hosts.iter().filter(|host| host.member);
        let sharded = members.clone().any(|host| host.sharding.is_some());
        let members = members.count();
        let everywhere = |table: &TableRoute| {
            let Some(placement) = table.placement.as_ref().filter(|_| !sharded && table.tablets.is_none())
            else {
                return false;
            };
            // Each position has the same number of replicas, and they are distinct.
            placement.replicas_per_position() >= members
        };
        let flags: Vec<bool> = self.tables.iter().map(everywhere).collect();
        if self.tables.iter().zip(&flags).any(|(table, flag)| table.everywhere != *flag) {
            for (table, flag) in Arc::make_mut(&mut self.tables).iter_mut().zip(flags) {
                table.everywhere = flag;
            }
        }
    }

    /// Gives each keyspace its placement, one for all keyspaces of equal replication, and each table its keyspace's.
    fn place_tables(&mut self) {
        let mut shared: Vec<(ReplicationStrategy, Arc<Placement>)> = Vec::new();
        for keyspace in self.keyspaces.iter() {
            if let (Some(replication), Some(placement)) = (&keyspace.replication, &keyspace.placement)
                && !shared.iter().any(|(known, _)| known == replication)
            {
                shared.push((replication.clone(), placement.clone()));
            }
        }
        for keyspace in Arc::make_mut(&mut self.keyspaces) {
            keyspace.placement = None;
            let Some(replication) = &keyspace.replication else { continue };
            if let Some((_, placement)) = shared.iter().find(|(known, _)| known == replication) {
                keyspace.placement = Some(placement.clone());
                continue;
            }
            let placement = Arc::new(Placement::new(replication, &self.ring, &self.sites));
            if placement.replicas_per_position() > 0 {
                shared.push((replication.clone(), placement.clone()));
                keyspace.placement = Some(placement);
            }
        }
        let keyspaces = &self.keyspaces;
        for table in Arc::make_mut(&mut self.tables) {
            let live = table.live.then(|| keyspaces.get(table.keyspace.0 as usize)).flatten();
            table.placement = live.and_then(|keyspace| keyspace.placement.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    use crate::policies::load_balancing::RoundRobin;
    use crate::policies::load_balancing::testing::{builder, member};
    use crate::routing::{ReplicationFactor, ViewId};
    use chorus_protocol::token::Token;

    fn keyspace(name: &str, factor: u32, tables: &[&str]) -> KeyspaceRouting {
        KeyspaceRouting {
            name: name.into(),
            replication: ReplicationStrategy::Simple(ReplicationFactor::new(factor)),
            consistency: None,
            tables: tables.iter().map(|table| Arc::from(*table)).collect(),
        }
    }

    fn members() -> Vec<Host> {
        vec![member(0, "dc", "r", &[0]), member(1, "dc", "r", &[10]), member(2, "dc", "r", &[20])]
    }

    fn three_hosts() -> Route {
        let (mut builder, _) = builder(members());
        builder.keyspaces([
            &keyspace("a", 2, &["t", "u"]),
            &keyspace("b", 2, &["t"]),
            &keyspace("c", 1, &["t"]),
        ]);
        builder.finish(&RoundRobin::starting_at(0))
    }

    fn next(route: &Route, change: impl FnOnce(&mut RouteBuilder)) -> Route {
        let mut builder = RouteBuilder::from_route(route);
        change(&mut builder);
        builder.finish(&RoundRobin::starting_at(0))
    }

    fn replicas(route: &Route, table: &str, token: i64) -> Vec<u32> {
        let (keyspace, table) = table.split_once('.').unwrap();
        let table = route.table_id(keyspace, table).unwrap();
        route.replicas(table, Token(token)).iter().map(|replica| replica.host.0).collect()
    }

    fn hint(first: i64, last: i64, hosts: &[u128]) -> TabletHint {
        let replicas = hosts.iter().map(|host| (Uuid::from_u128(host + 1), 0)).collect();
        TabletHint { first: Token(first), last: Token(last), replicas, version: None }
    }

    #[test]
    fn keyspaces_of_equal_replication_share_their_placement() {
        let route = three_hosts();
        let placement = |name| route.placement(route.keyspace_id(name).unwrap()).unwrap();
        assert!(Arc::ptr_eq(placement("a"), placement("b")));
        assert!(!Arc::ptr_eq(placement("a"), placement("c")));
        assert_eq!(replicas(&route, "a.u", 5), [1, 2]);
        assert_eq!(replicas(&route, "c.t", 5), [1]);
    }

    #[test]
    fn a_table_is_everywhere_when_its_factor_reaches_the_number_of_hosts_and_nothing_is_sharded() {
        let replicated = |factor: u32| KeyspaceRouting {
            name: format!("by{factor}").into(),
            replication: ReplicationStrategy::Simple(ReplicationFactor::new(factor)),
            tables: vec!["t".into()],
            consistency: Default::default(),
        };
        let everywhere = |builder: RouteBuilder| {
            let route = builder.finish(&RoundRobin::new());
            [2, 3].map(|factor| route.is_everywhere(route.table_id(&format!("by{factor}"), "t").unwrap()))
        };
        let build = |hosts: u32| {
            let mut builder = RouteBuilder::from_route(&Route::default());
            let members: Vec<_> = (0..hosts).map(|n| member(n, "east", "r1", &[i64::from(n)])).collect();
            builder.members(members);
            builder.keyspaces([&replicated(2), &replicated(3)]);
            builder
        };
        assert_eq!(everywhere(build(3)), [false, true]);
        assert_eq!(everywhere(build(2)), [true, true]);
        assert_eq!(everywhere(build(4)), [false, false]);
        let mut sharded = build(3);
        sharded.sharding(HostIndex(1), Some(Sharding { nr_shards: 2, ignore_msb: 12 }));
        assert_eq!(everywhere(sharded), [false, false]);
    }

    #[test]
    fn a_host_going_down_keeps_ring_placements_and_tables() {
        let before = three_hosts();
        let after = next(&before, |builder| {
            builder.up(HostIndex(1), false).up(HostIndex(99), true);
        });
        assert_eq!(after.version(), before.version() + 1);
        assert!(!after.hosts()[1].up && before.hosts()[1].up);
        assert!(Arc::ptr_eq(&after.ring, &before.ring));
        assert!(Arc::ptr_eq(&after.tables, &before.tables));
        assert!(Arc::ptr_eq(&after.keyspaces, &before.keyspaces));
        assert!(Arc::ptr_eq(&after.sights[0].sight, &before.sights[0].sight));
        assert!(Arc::ptr_eq(&after.names, &before.names));
    }

    #[test]
    fn hearing_the_same_members_again_changes_nothing_but_the_version() {
        let before = three_hosts();
        let after = next(&before, |builder| {
            builder.members(members());
        });
        assert!(Arc::ptr_eq(&after.ring, &before.ring));
        assert!(Arc::ptr_eq(&after.tables, &before.tables));
        let same = |(left, right): (&RouteHost, &RouteHost)| Arc::ptr_eq(&left.host, &right.host);
        assert!(after.hosts().iter().zip(before.hosts()).all(same));
    }

    #[test]
    fn a_changed_ring_places_every_table_again() {
        let before = three_hosts();
        let after = next(&before, |builder| {
            let mut members = members();
            members.push(member(3, "dc", "r", &[12]));
            builder.members(members);
        });
        assert_eq!(replicas(&before, "a.t", 11), [2, 0]);
        assert_eq!(replicas(&after, "a.t", 11), [3, 2]);
        assert_eq!(replicas(&after, "c.t", 11), [3]);
    }

    #[test]
    fn a_host_that_returns_finds_its_number_again() {
        let before = three_hosts();
        let without = next(&before, |builder| {
            builder.members([member(2, "dc", "r", &[20]), member(0, "dc", "r", &[0])]);
        });
        let gone = &without.hosts()[1];
        assert_eq!((gone.member, gone.up, gone.distance), (false, false, Distance::Ignored));
        assert_eq!(without.view(ViewId::SESSION).hosts_at(Distance::Local), [HostIndex(0), HostIndex(2)]);
        assert_eq!(replicas(&without, "a.t", 5), [2, 0]);
        let again = next(&without, |builder| {
            let mut members = members();
            members.insert(0, member(7, "dc", "r", &[30]));
            let numbered = builder.members(members);
            let numbers: Vec<u32> = numbered.iter().map(|host| host.index.0).collect();
            assert_eq!(numbers, [3, 0, 1, 2]);
        });
        assert!(again.hosts()[1].member && again.hosts()[1].up);
        assert_eq!(again.host_index(Uuid::from_u128(2)), Some(HostIndex(1)));
        assert_eq!(replicas(&again, "a.t", 5), [1, 2]);
    }

    #[test]
    fn a_member_listed_twice_counts_once() {
        let (mut builder, _) = builder(vec![]);
        let joined = builder.members([member(0, "dc", "r", &[0]), member(0, "other", "r", &[9])]);
        assert_eq!(joined.len(), 1);
        assert_eq!(&*joined[0].datacenter, "dc");
    }

    #[test]
    fn shards_once_told_outlive_refreshes_of_the_topology() {
        let sharding = Some(Sharding { nr_shards: 4, ignore_msb: 12 });
        let told = next(&three_hosts(), |builder| {
            builder.sharding(HostIndex(1), sharding);
        });
        let refreshed = next(&told, |builder| {
            builder.members(members());
        });
        assert_eq!(refreshed.hosts()[1].sharding, sharding);
        assert_eq!(refreshed.hosts()[1].host.sharding, sharding);
        assert_eq!(refreshed.hosts()[0].sharding, None);
    }

    #[test]
    fn a_host_at_a_new_address_counts_as_up_until_tried() {
        let down = next(&three_hosts(), |builder| {
            builder.up(HostIndex(0), false).up(HostIndex(1), false);
        });
        let moved = next(&down, |builder| {
            let mut members = members();
            members[1].address = ([10, 9, 9, 9], 9042).into();
            builder.members(members);
        });
        assert!(!moved.hosts()[0].up);
        assert!(moved.hosts()[1].up);
    }

    #[test]
    fn dropped_tables_have_no_replicas_and_keep_their_number() {
        let before = three_hosts();
        let id = before.table_id("a", "t").unwrap();
        let dropped = next(&before, |builder| {
            builder.keyspaces([&keyspace("a", 2, &["u", "w"]), &keyspace("c", 1, &["t"])]);
        });
        assert!(dropped.replicas(id, Token(5)).is_empty());
        assert!(replicas(&dropped, "b.t", 5).is_empty());
        assert_eq!(replicas(&dropped, "a.w", 5), [1, 2]);
        let again = next(&dropped, |builder| {
            builder.keyspaces([&keyspace("a", 1, &["t"])]);
        });
        assert_eq!(again.table_id("a", "t"), Some(id));
        assert_eq!(replicas(&again, "a.t", 5), [1]);
    }

    #[test]
    fn tablets_are_learned_per_table_and_share_everything_else() {
        let before = three_hosts();
        let (t, u) = (before.table_id("a", "t").unwrap(), before.table_id("a", "u").unwrap());
        let after = next(&before, |builder| {
            builder.learn(t, &hint(0, 8, &[2])).unwrap();
            builder.learn(t, &hint(8, 9, &[0])).unwrap();
            builder.learn(TableId(99), &hint(8, 9, &[0])).unwrap();
        });
        assert_eq!(replicas(&after, "a.t", 5), [2]);
        assert_eq!(replicas(&after, "a.t", 9), [0]);
        assert_eq!(replicas(&after, "a.u", 5), [1, 2]);
        assert_eq!(after.tablet_count(), 2);
        assert!(after.tablets(u).is_none());
        assert!(Arc::ptr_eq(&after.ring, &before.ring));
        let forgotten = next(&after, |builder| {
            builder.forget_tablets(t);
        });
        assert_eq!(replicas(&forgotten, "a.t", 5), [1, 2]);
    }

    #[test]
    fn learning_alone_shares_hosts_and_what_policies_see() {
        let before = three_hosts();
        let t = before.table_id("a", "t").unwrap();
        let (known, stranger) = (hint(0, 8, &[2]), hint(8, 9, &[0, 77]));
        let (after, unknown) = before.learning([(t, &known), (t, &stranger), (TableId(99), &known)]);
        assert_eq!(unknown, [UnknownReplica(Uuid::from_u128(78))]);
        assert_eq!((after.version(), after.tablet_count()), (before.version() + 1, 1));
        assert_eq!(replicas(&after, "a.t", 5), [2]);
        assert!(Arc::ptr_eq(&after.hosts, &before.hosts) && Arc::ptr_eq(&after.sights, &before.sights));
        assert!(Arc::ptr_eq(&after.ring, &before.ring));
        let dropped = next(&after, |builder| {
            builder.keyspaces([&keyspace("b", 2, &["t"])]);
        });
        assert_eq!(dropped.learning([(t, &known)]).0.tablet_count(), 0, "F75: a table that is gone");
    }

    #[test]
    fn a_tablet_on_an_unknown_or_departed_host_is_not_cached() {
        let before = three_hosts();
        let t = before.table_id("a", "t").unwrap();
        let after = next(&before, |builder| {
            let refused = builder.learn(t, &hint(0, 8, &[0, 77]));
            assert_eq!(refused, Err(UnknownReplica(Uuid::from_u128(78))));
            builder.learn(t, &hint(10, 11, &[2])).unwrap();
            builder.members(members().drain(..2));
            assert!(builder.learn(t, &hint(0, 8, &[2])).is_err());
        });
        assert_eq!(after.tablet_count(), 0);
    }

    #[test]
    fn tablets_go_with_their_host_their_table_and_a_change_of_replication() {
        let learned = next(&three_hosts(), |builder| {
            for table in [0, 1, 2] {
                builder.learn(TableId(table), &hint(0, 8, &[2])).unwrap();
                builder.learn(TableId(table), &hint(8, 9, &[0])).unwrap();
            }
        });
        assert_eq!(learned.tablet_count(), 6);
        let without_host = next(&learned, |builder| {
            builder.members(members().drain(..2));
        });
        assert_eq!(without_host.tablet_count(), 3);
        let altered = next(&learned, |builder| {
            // a.u is dropped, b is replicated otherwise, a.t stays.
            builder.keyspaces([&keyspace("a", 2, &["t"]), &keyspace("b", 3, &["t"])]);
        });
        assert_eq!(altered.tablet_count(), 2);
        assert_eq!(replicas(&altered, "a.t", 5), [2]);
        assert_eq!(replicas(&altered, "b.t", 5), [1, 2, 0]);
        let global = KeyspaceRouting { consistency: Some("global".into()), ..keyspace("a", 2, &["t"]) };
        assert_eq!(next(&altered, |builder| _ = builder.keyspaces([&global])).tablet_count(), 0);
    }
}
