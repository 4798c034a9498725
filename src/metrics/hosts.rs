//! From a snapshot to samples: everything that is about single hosts, in as many series as there may be.
//!
//! Few hosts have all series, more have the important ones, and beyond that hosts are added up by rack. Whatever is left that
//! would exceed the limit shares one label and is counted. What a label has counted never goes down, also when a host that is
//! part of it leaves; a label that stands for nobody any more is forgotten after a while.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use chorus_actors::catalog::{self, CATALOG, Detail};
use chorus_actors::{HOSTS_IN_FULL, HostSnapshot, LatencySnapshot, MetricsSnapshot};
use chorus_topology::{ClusterState, Host, HostIndex};

use super::sample::Samples;

/// How many series there may be, and when hosts that left are forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeriesLimits {
    /// Up to so many hosts have every series. Defaults to 32, and is never more.
    pub hosts_in_full: usize,
    /// Up to so many have the important ones; beyond that they are added up by rack. Defaults to 256.
    pub hosts_one_by_one: usize,
    /// Never more than so many series in all. Defaults to 10,000.
    pub series: usize,
    /// When the numbers of a host that left are forgotten. Defaults to 15 minutes.
    pub forget_after: Duration,
    /// The value of a label `session` that every series has. Defaults to none; name sessions when a program has several.
    pub session: Option<String>,
}

impl Default for SeriesLimits {
    fn default() -> Self {
        Self {
            hosts_in_full: HOSTS_IN_FULL,
            hosts_one_by_one: 256,
            series: 10_000,
            forget_after: Duration::from_secs(15 * 60),
            session: None,
        }
    }
}

impl SeriesLimits {
    /// The limits unless something is said.
    pub fn new() -> Self {
        Self::default()
    }

    /// See [`hosts_in_full`](Self::hosts_in_full).
    #[must_use]
    pub fn hosts_in_full(mut self, hosts: usize) -> Self {
        self.hosts_in_full = hosts.min(HOSTS_IN_FULL);
        self
    }

    /// See [`hosts_one_by_one`](Self::hosts_one_by_one).
    #[must_use]
    pub fn hosts_one_by_one(mut self, hosts: usize) -> Self {
        self.hosts_one_by_one = hosts;
        self
    }

    /// See [`series`](Self::series).
    #[must_use]
    pub fn series(mut self, series: usize) -> Self {
        self.series = series;
        self
    }

    /// See [`forget_after`](Self::forget_after).
    #[must_use]
    pub fn forget_after(mut self, time: Duration) -> Self {
        self.forget_after = time;
        self
    }

    /// See [`session`](Self::session).
    #[must_use]
    pub fn session(mut self, name: impl Into<String>) -> Self {
        self.session = Some(name.into());
        self
    }

    fn detail(&self, hosts: usize) -> Detail {
        match hosts {
            hosts if hosts <= self.hosts_in_full => Detail::FewHosts,
            hosts if hosts <= self.hosts_one_by_one => Detail::OneByOne,
            _ => Detail::Host,
        }
    }

    /// How many labels for hosts or racks there is room for.
    fn room(&self, detail: Detail, reactors: usize) -> usize {
        let series = |least: Detail, most: Detail| -> usize {
            let metrics = CATALOG.iter().filter(|metric| (least..=most).contains(&metric.detail));
            metrics.map(|metric| metric.series(1, reactors)).sum()
        };
        let fixed = series(Detail::Always, Detail::Always);
        self.series.saturating_sub(fixed) / series(Detail::Host, detail).max(1)
    }
}

/// The label of hosts that have none of their own.
const OTHER: &str = "_other";

/// What only grows.
#[derive(Clone, Debug, Default)]
struct Totals {
    ups: u64,
    downs: u64,
    outcomes: [u64; 6],
    service_us: u64,
    sent: u64,
    received: u64,
}

impl Totals {
    fn of(host: &HostSnapshot) -> Self {
        let traffic = &host.traffic;
        Self {
            ups: host.ups,
            downs: host.downs,
            outcomes: traffic.outcomes().map(|(_, attempts)| attempts),
            service_us: traffic.service_us,
            sent: traffic.bytes_sent,
            received: traffic.bytes_received,
        }
    }

    /// Adds what `now` has more than `before`. What began anew meanwhile counts from there.
    fn grow(&mut self, now: &Self, before: &Self) {
        let more = |now: u64, before: u64| if now >= before { now - before } else { now };
        self.ups += more(now.ups, before.ups);
        self.downs += more(now.downs, before.downs);
        for (mine, (now, before)) in
            self.outcomes.iter_mut().zip(now.outcomes.into_iter().zip(before.outcomes))
        {
            *mine += more(now, before);
        }
        self.service_us += more(now.service_us, before.service_us);
        self.sent += more(now.sent, before.sent);
        self.received += more(now.received, before.received);
    }
}

/// How the hosts of one label stand.
#[derive(Clone, Debug, Default)]
struct Standing {
    hosts: u64,
    up: u64,
    in_flight: u64,
    orphans: u64,
    connections: u64,
    target: u64,
    shards: u64,
    shards_connected: u64,
    latencies: LatencySnapshot,
    information: Option<[String; 6]>,
}

/// What is remembered from one time to the next.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// By host: its label, and what it had counted.
    before: HashMap<HostIndex, (String, Totals)>,
    /// By label: what it has counted, and when somebody was last behind it.
    labels: BTreeMap<String, (Totals, Option<Instant>)>,
}

impl Hosts {
    /// Adds everything that is about hosts.
    pub(super) fn add(
        &mut self,
        samples: &mut Samples,
        snapshot: &MetricsSnapshot,
        state: &ClusterState,
        limits: &SeriesLimits,
        now: Instant,
    ) {
        let detail = limits.detail(state.hosts.len());
        let (standing, folded) = self.take_in(snapshot, state, limits, detail, now);
        for (label, standing) in &standing {
            let Some((totals, _)) = self.labels.get(label) else { continue };
            show(samples, label, standing, totals, detail);
        }
        samples.count(&catalog::NODES_FOLDED, &[], folded);
        let members: HashSet<HostIndex> = state.hosts.iter().map(|host| host.index).collect();
        self.before.retain(|host, _| members.contains(host));
        self.labels
            .retain(|_, (_, seen)| seen.is_some_and(|seen| now.duration_since(seen) < limits.forget_after));
    }

    fn take_in(
        &mut self,
        snapshot: &MetricsSnapshot,
        state: &ClusterState,
        limits: &SeriesLimits,
        detail: Detail,
        now: Instant,
    ) -> (BTreeMap<String, Standing>, u64) {
        let counted: HashMap<HostIndex, &HostSnapshot> =
            snapshot.all_hosts().map(|host| (host.host, host)).collect();
        let mut names: Vec<(String, &std::sync::Arc<Host>)> =
            state.hosts.iter().map(|host| (name(host, detail), host)).collect();
        names.sort_by(|one, other| one.0.cmp(&other.0));
        let room = limits.room(detail, snapshot.reactors.len());
        let different = {
            let mut labels: Vec<&str> = names.iter().map(|(name, _)| &**name).collect();
            labels.dedup();
            labels.len()
        };
        // One label is for those that find no room.
        let shown = if different > room { room.saturating_sub(1) } else { different };
        let mut standing: BTreeMap<String, Standing> = BTreeMap::new();
        let (mut place, mut last) = (0, None);
        for (name, host) in names {
            if last.as_ref() != Some(&name) {
                place += 1;
                last = Some(name.clone());
            }
            let label = if place > shown { OTHER.to_owned() } else { name };
            let known = state.route.host(host.index);
            let here = standing.entry(label.clone()).or_default();
            here.hosts += 1;
            here.up += u64::from(known.is_some_and(|known| known.up));
            here.shards += host.sharding.map_or(0, |sharding| sharding.nr_shards.into());
            if label != OTHER && detail >= Detail::OneByOne {
                here.information = Some(information(host, &label));
            }
            let (totals, seen) = self.labels.entry(label.clone()).or_default();
            *seen = Some(now);
            if let Some(host) = counted.get(&host.index) {
                here.in_flight += host.in_flight;
                here.orphans += host.orphans;
                here.connections += host.connections;
                here.target += host.target;
                here.shards_connected += host.shards_connected();
                here.latencies.merge(&host.traffic.service);
                let counts = Totals::of(host);
                // A host that moved to another label takes along only what comes from now on.
                let before = self.before.insert(host.host, (label.clone(), counts.clone()));
                totals.grow(&counts, &before.map(|(_, before)| before).unwrap_or_default());
            }
        }
        (standing, different.saturating_sub(shown) as u64)
    }
}

fn name(host: &Host, detail: Detail) -> String {
    match detail {
        Detail::Host => format!("{}/{}", host.datacenter, host.rack),
        _ => host.address.to_string(),
    }
}

fn information(host: &Host, node: &str) -> [String; 6] {
    let shards = host.sharding.map_or(0, |sharding| sharding.nr_shards);
    [
        node.to_owned(),
        host.id.to_string(),
        host.datacenter.to_string(),
        host.rack.to_string(),
        host.release_version.as_deref().unwrap_or_default().to_owned(),
        shards.to_string(),
    ]
}

fn show(samples: &mut Samples, label: &str, standing: &Standing, totals: &Totals, detail: Detail) {
    let node = [("node", label)];
    samples.number(&catalog::NODE_UP, &node, standing.up as f64 / standing.hosts.max(1) as f64);
    for (outcome, attempts) in catalog::NODE_ATTEMPTS.labels[1].values.iter().zip(totals.outcomes) {
        samples.count(&catalog::NODE_ATTEMPTS, &[("node", label), ("outcome", outcome)], attempts);
    }
    samples.number(&catalog::NODE_SERVICE, &node, totals.service_us as f64 / 1e6);
    samples.count(&catalog::NODE_IN_FLIGHT, &node, standing.in_flight);
    samples.count(&catalog::ORPHANED_STREAMS, &node, standing.orphans);
    samples.count(&catalog::CONNECTIONS, &node, standing.connections);
    samples.count(&catalog::CONNECTIONS_TARGET, &node, standing.target);
    samples.count(&catalog::NODE_SENT_BYTES, &node, totals.sent);
    samples.count(&catalog::NODE_RECEIVED_BYTES, &node, totals.received);
    if let Some(values) = &standing.information {
        let labels: Vec<(&str, &str)> = catalog::NODE_INFO
            .labels
            .iter()
            .map(|label| label.name)
            .zip(values.iter().map(String::as_str))
            .collect();
        samples.count(&catalog::NODE_INFO, &labels, 1);
    }
    if detail >= Detail::FewHosts {
        for (to, times) in [("up", totals.ups), ("down", totals.downs)] {
            samples.count(&catalog::NODE_STATUS_CHANGES, &[("node", label), ("to", to)], times);
        }
        samples.latencies(&catalog::NODE_DURATION, &node, &standing.latencies);
        samples.count(&catalog::NODE_SHARDS, &node, standing.shards);
        samples.count(&catalog::NODE_SHARDS_CONNECTED, &node, standing.shards_connected);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chorus_actors::ReactorSnapshot;
    use chorus_topology::{RoundRobin, RouteBuilder};
    use uuid::Uuid;

    use super::*;
    use crate::metrics::Sampler;
    use crate::metrics::sample::{Sample, Value};

    /// So many hosts in so many racks, all of them up.
    fn cluster(hosts: u16, racks: u16) -> ClusterState {
        let members = (0..hosts).map(|number| {
            let address = ([10, 0, (number / 250) as u8, (number % 250) as u8], 9042).into();
            Host::new(Uuid::from_u128(number.into()), address).located("dc1", &format!("r{}", number % racks))
        });
        let mut builder = RouteBuilder::from_route(&ClusterState::default().route);
        builder.members(members);
        let route = builder.finish(&RoundRobin::new());
        let mut builder = RouteBuilder::from_route(&route);
        for host in route.hosts() {
            builder.up(host.host.index, true);
        }
        let route = builder.finish(&RoundRobin::new());
        let hosts: Vec<Arc<Host>> = route.hosts().iter().map(|host| Arc::clone(&host.host)).collect();
        let mut state = ClusterState::default().with_route(Arc::new(route));
        state.hosts = hosts.into();
        state
    }

    fn series(samples: &[Sample]) -> usize {
        let each = |sample: &Sample| match &sample.value {
            Value::Number(_) => 1,
            value => value.to_buckets().map_or(0, |buckets| buckets.counts.len() + 2),
        };
        samples.iter().map(each).sum()
    }

    fn snapshot(reactors: usize) -> MetricsSnapshot {
        let mut snapshot = MetricsSnapshot::default();
        snapshot.reactors = (0..reactors)
            .map(|index| {
                let mut reactor = ReactorSnapshot::default();
                reactor.index = index;
                reactor
            })
            .collect();
        snapshot
    }

    fn take(limits: SeriesLimits, hosts: u16, racks: u16, reactors: usize) -> Vec<Sample> {
        Sampler::new(limits).take(&snapshot(reactors), &cluster(hosts, racks), Instant::now())
    }

    fn of<'s>(samples: &'s [Sample], name: &str, label: &str) -> Option<&'s Value> {
        let found = samples.iter().find(|sample| {
            sample.metric.name == name && sample.labels.iter().any(|(_, value)| value == label)
        });
        found.map(|sample| &sample.value)
    }

    #[test]
    fn five_hundred_hosts_and_sixty_four_reactors_stay_under_ten_thousand_series() {
        for (hosts, racks) in [(500, 9), (500, 500), (256, 3), (32, 3), (1_000, 40)] {
            let samples = take(SeriesLimits::new(), hosts, racks, 64);
            let count = series(&samples);
            assert!(count < 10_000, "{hosts} hosts in {racks} racks have {count} series");
        }
        let one_by_one = take(SeriesLimits::new().hosts_one_by_one(1_000), 500, 9, 64);
        assert!(series(&one_by_one) < 10_000, "{} series", series(&one_by_one));
    }

    #[test]
    fn the_catalogue_counts_series_as_they_are() {
        for (hosts, racks, reactors, level, shown) in
            [(3, 1, 2, Detail::FewHosts, 3), (100, 1, 4, Detail::OneByOne, 100), (300, 7, 8, Detail::Host, 7)]
        {
            let samples = take(SeriesLimits::new(), hosts, racks, reactors);
            let metrics = CATALOG
                .iter()
                .filter(|metric| metric.detail <= level && metric.owner != catalog::Owner::Bulk);
            let expected: usize = metrics.map(|metric| metric.series(shown, reactors)).sum();
            assert_eq!(series(&samples), expected, "{hosts} hosts");
        }
    }

    #[test]
    fn hosts_beyond_the_limit_share_a_label_and_are_counted() {
        let samples = take(SeriesLimits::new().series(1_500), 100, 1, 1);
        assert!(series(&samples) <= 1_500, "{}", series(&samples));
        let Some(Value::Number(others)) = of(&samples, "chorus_node_up", OTHER) else {
            panic!("nothing is folded")
        };
        assert_eq!(*others, 1.0, "all of them are up");
        let folded = samples.iter().find(|sample| sample.metric.name == "chorus_nodes_folded");
        let Some(Value::Number(folded)) = folded.map(|sample| &sample.value) else { panic!("not counted") };
        let own = samples.iter().filter(|sample| sample.metric.name == "chorus_node_up").count() as f64 - 1.0;
        assert_eq!(folded + own, 100.0);
        assert!(own > 10.0, "{own}");
    }

    #[test]
    fn totals_of_a_label_never_go_down_and_are_forgotten_when_nobody_is_behind_it() {
        let mut sampler = Sampler::new(SeriesLimits::new().forget_after(Duration::from_secs(60)));
        let state = cluster(2, 1);
        let began = Instant::now();
        let mut snapshot = snapshot(1);
        let address = state.hosts[0].address;
        let host = state.hosts[0].index;
        let mut counted = HostSnapshot::new(host, address);
        counted.traffic.bytes_sent = 500;
        snapshot.hosts = vec![counted.clone()];
        let label = address.to_string();
        let sent = |samples: &[Sample]| match of(samples, "chorus_node_sent_bytes_total", &label) {
            Some(Value::Number(bytes)) => Some(*bytes),
            _ => None,
        };
        assert_eq!(sent(&sampler.take(&snapshot, &state, began)), Some(500.0));
        // It counts from nothing again.
        snapshot.hosts[0].traffic.bytes_sent = 20;
        assert_eq!(sent(&sampler.take(&snapshot, &state, began)), Some(520.0));
        // It left, and comes back before and after it was forgotten.
        let without = cluster(0, 1);
        assert_eq!(sent(&sampler.take(&MetricsSnapshot::default(), &without, began)), None);
        snapshot.hosts[0].traffic.bytes_sent = 7;
        let soon = began + Duration::from_secs(30);
        assert_eq!(sent(&sampler.take(&snapshot, &state, soon)), Some(527.0));
        let later = soon + Duration::from_secs(61);
        assert_eq!(sent(&sampler.take(&MetricsSnapshot::default(), &without, later)), None);
        assert_eq!(sent(&sampler.take(&snapshot, &state, later)), Some(7.0));
    }
}
