//! What events ask for, gathered until it is time. A set, not a queue: ten thousand events are as many refreshes as one.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chorus_protocol::response::{Event, StatusChangeKind, TopologyChangeKind};
use chorus_topology::{ClientRoutes, Rng, RouteScope, SchemaScope};

use super::scope::SchemaParts;
use crate::config::EventWindows;

/// More hosts than this reported up or down at once are looked up by one refresh instead.
const MOST_STATUSES: usize = 512;

/// Work that events asked for and that is due.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    /// Read the members again.
    pub(crate) topology: bool,
    /// Read this much of the schema again.
    pub(crate) schema: SchemaParts,
    /// Hosts said to be up (true) or down; the last word of each.
    pub(crate) statuses: Vec<(SocketAddr, bool)>,
    /// Read these routes again.
    pub(crate) routes: Option<RouteScope>,
}

/// Events gathered and not acted upon. Times are milliseconds on any clock that does not go back.
#[derive(Debug)]
pub(crate) struct Pending {
    windows: EventWindows,
    rng: Rng,
    topology: Option<u64>,
    schema: Option<(u64, SchemaParts)>,
    statuses: HashMap<SocketAddr, (u64, bool)>,
    /// Whose routes count; `None` when hosts are not reached by routes.
    by_routes: Option<Arc<ClientRoutes>>,
    /// Due at once: without its route a host cannot be reached.
    routes: Option<RouteScope>,
}

impl Pending {
    pub(crate) fn new(windows: EventWindows, rng: Rng, by_routes: Option<Arc<ClientRoutes>>) -> Self {
        let statuses = HashMap::new();
        Self { windows, rng, topology: None, schema: None, statuses, by_routes, routes: None }
    }

    /// Notes an event.
    pub(crate) fn on_event(&mut self, event: &Event, now: u64) {
        match event {
            Event::TopologyChange { kind, .. } => {
                let Some(window) = self.windows.topology else { return };
                // A host that left is looked for at once; that it is gone from the tables may take a moment longer,
                // but by then the next event or the lost connections tell.
                let delay = if *kind == TopologyChangeKind::RemovedNode { 0 } else { self.within(window) };
                earliest(&mut self.topology, now + delay);
            }
            Event::StatusChange { kind, address } => {
                let Some(window) = self.windows.status else { return };
                let at = now + self.within(window);
                if self.statuses.len() >= MOST_STATUSES && !self.statuses.contains_key(address) {
                    earliest(&mut self.topology, at);
                    return;
                }
                let up = *kind == StatusChangeKind::Up;
                // The last word counts, and further words do not put it off.
                self.statuses.entry(*address).or_insert((at, up)).1 = up;
            }
            Event::SchemaChange(change) => {
                let Some(window) = self.windows.schema else { return };
                let at = now + self.within(window);
                let (due, parts) = self.schema.get_or_insert_with(|| (at, SchemaParts::default()));
                *due = at.min(*due);
                parts.add(SchemaParts::of(SchemaScope::of_change(change)));
            }
            Event::ClientRoutesChange(change) => {
                let Some(scope) = self.by_routes.as_ref().and_then(|routes| routes.scope_of(change)) else {
                    return;
                };
                match &mut self.routes {
                    Some(routes) => routes.add(scope),
                    none => *none = Some(scope),
                }
            }
        }
    }

    /// Takes what is due at `now`.
    pub(crate) fn take_due(&mut self, now: u64) -> Due {
        let mut statuses: Vec<_> = Vec::new();
        self.statuses.retain(|&address, &mut (at, up)| {
            let due = at <= now;
            if due {
                statuses.push((address, up));
            }
            !due
        });
        statuses.sort_unstable();
        Due {
            topology: self.topology.take_if(|at| *at <= now).is_some(),
            schema: self.schema.take_if(|(at, _)| *at <= now).map(|(_, parts)| parts).unwrap_or_default(),
            statuses,
            routes: self.routes.take(),
        }
    }

    /// When something will be due next.
    pub(crate) fn next_due(&self) -> Option<u64> {
        let statuses = self.statuses.values().map(|&(at, _)| at).min();
        let schema = self.schema.as_ref().map(|(at, _)| *at);
        [self.topology, schema, statuses].into_iter().flatten().min()
    }

    /// Forgets everything: a full refresh answers it all.
    pub(crate) fn clear(&mut self) {
        self.topology = None;
        self.schema = None;
        self.statuses.clear();
        self.routes = None;
    }

    /// A random delay below the window.
    fn within(&mut self, window: Duration) -> u64 {
        let window = u32::try_from(window.as_millis()).unwrap_or(u32::MAX);
        u64::from(self.rng.below(window))
    }
}

fn earliest(slot: &mut Option<u64>, at: u64) {
    *slot = Some(slot.map_or(at, |known| known.min(at)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use chorus_protocol::response::{SchemaChange, SchemaChangeKind, SchemaTarget};

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], 9042))
    }

    fn status(kind: StatusChangeKind, last: u8) -> Event {
        Event::StatusChange { kind, address: address(last) }
    }

    fn schema_change() -> Event {
        Event::SchemaChange(SchemaChange {
            kind: SchemaChangeKind::Updated,
            keyspace: "ks".into(),
            target: SchemaTarget::Table("t".into()),
        })
    }

    fn table() -> SchemaParts {
        SchemaParts::of(SchemaScope::table("ks", "t"))
    }

    fn pending() -> Pending {
        Pending::new(EventWindows::default(), Rng::seeded(5), None)
    }

    #[test]
    fn a_burst_of_events_is_one_refresh_within_the_window() {
        let mut pending = pending();
        for _ in 0..10_000 {
            pending.on_event(&schema_change(), 1_000);
        }
        let due = pending.next_due().unwrap();
        assert!((1_000..3_000).contains(&due), "{due}");
        assert_eq!(pending.take_due(due - 1), Due::default());
        assert_eq!(pending.take_due(due), Due { schema: table(), ..Due::default() });
        assert_eq!(pending.next_due(), None);
    }

    #[test]
    fn the_last_word_about_a_host_counts_and_does_not_put_it_off() {
        let mut pending = pending();
        pending.on_event(&status(StatusChangeKind::Down, 1), 0);
        let due = pending.next_due().unwrap();
        for now in 1..100 {
            pending.on_event(&status(StatusChangeKind::Up, 1), now);
        }
        assert_eq!(pending.next_due(), Some(due));
        assert_eq!(pending.take_due(due).statuses, [(address(1), true)]);
    }

    #[test]
    fn a_host_that_left_is_looked_for_at_once() {
        let mut pending = pending();
        pending.on_event(
            &Event::TopologyChange { kind: TopologyChangeKind::RemovedNode, address: address(3) },
            7,
        );
        assert!(pending.take_due(7).topology);
    }

    #[test]
    fn ignored_kinds_leave_no_trace() {
        let windows = EventWindows { schema: None, topology: None, status: None };
        let mut pending = Pending::new(windows, Rng::seeded(1), None);
        pending.on_event(&schema_change(), 0);
        pending.on_event(&status(StatusChangeKind::Up, 1), 0);
        pending
            .on_event(&Event::TopologyChange { kind: TopologyChangeKind::NewNode, address: address(1) }, 0);
        assert_eq!(pending.next_due(), None);
    }

    #[test]
    fn more_hosts_than_make_sense_become_one_refresh() {
        let mut pending = pending();
        for i in 0..u16::try_from(MOST_STATUSES + 50).unwrap() {
            let [high, low] = i.to_be_bytes();
            let address = SocketAddr::from(([10, 0, high, low], 9042));
            pending.on_event(&Event::StatusChange { kind: StatusChangeKind::Up, address }, 0);
        }
        let due = pending.take_due(u64::MAX);
        assert_eq!(due.statuses.len(), MOST_STATUSES);
        assert!(due.topology);
    }

    #[test]
    fn a_window_of_zero_reacts_at_once() {
        let windows = EventWindows { schema: Some(Duration::ZERO), ..EventWindows::default() };
        let mut pending = Pending::new(windows, Rng::seeded(1), None);
        pending.on_event(&schema_change(), 4);
        assert_eq!(pending.take_due(4).schema, table());
    }

    #[test]
    fn routes_are_due_at_once_and_those_of_others_never() {
        use chorus_protocol::response::ClientRoutesChange;
        use chorus_topology::ClientRouteProxy;
        let change = |connection: &str, host: u128| {
            Event::ClientRoutesChange(ClientRoutesChange {
                change: "UPDATE_NODES".into(),
                connection_ids: vec![connection.into()],
                host_ids: vec![uuid::Uuid::from_u128(host).to_string()],
            })
        };
        let routes = Arc::new(ClientRoutes::new([ClientRouteProxy::new("ours")]));
        let mut pending = Pending::new(EventWindows::default(), Rng::seeded(1), Some(routes));
        pending.on_event(&change("theirs", 1), 5);
        assert_eq!(pending.take_due(5), Due::default());
        for host in [1, 2, 1] {
            pending.on_event(&change("ours", host), 5);
        }
        let hosts = [1, 2].map(uuid::Uuid::from_u128).into();
        assert_eq!(pending.take_due(5).routes, Some(RouteScope::Hosts(hosts)));
        assert_eq!(pending.take_due(5), Due::default());
        // Whoever is not reached by routes has nothing to read.
        let mut without = self::pending();
        without.on_event(&change("ours", 1), 5);
        assert_eq!(without.take_due(5), Due::default());
    }
}
