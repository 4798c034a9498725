//! Every host in turn.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Load, LoadBalancingPolicy, RoutingQuality, RoutingQuery, Target, rotate};
use crate::host::{Distance, Host, HostIndex, TableId};
use crate::rng::Rng;
use crate::routing::View;

/// Every host in turn, wherever it stands: for clusters of one datacenter, and for tests. Each plan starts one host
/// further on; a plan that goes on after a failure goes on anywhere, so that the neighbour of a failing host does not get
/// all of its requests.
#[derive(Debug)]
pub struct RoundRobin {
    /// Where the next plan starts. Relaxed: plans only need to differ, not to be counted.
    next: AtomicUsize,
}

impl RoundRobin {
    /// Starts at a random host, so that processes started together do not walk in step.
    pub fn new() -> RoundRobin {
        RoundRobin::starting_at(Rng::from_entropy().below(u32::MAX) as usize)
    }

    /// Starts at the host with this place in the order of hosts.
    pub fn starting_at(place: usize) -> RoundRobin {
        RoundRobin { next: AtomicUsize::new(place) }
    }

    /// Where a plan that tried `tried` goes on.
    pub(super) fn start(&self, tried: &[HostIndex], rng: &mut Rng) -> usize {
        if tried.is_empty() {
            self.next.fetch_add(1, Ordering::Relaxed)
        } else {
            rng.below(u32::MAX) as usize
        }
    }
}

impl Default for RoundRobin {
    fn default() -> Self {
        RoundRobin::new()
    }
}

impl LoadBalancingPolicy for RoundRobin {
    fn distance(&self, _: &Host) -> Distance {
        Distance::Local
    }

    fn wants_token(&self, _: View<'_>, _: TableId) -> bool {
        false
    }

    fn next(
        &self,
        _: &RoutingQuery,
        view: View<'_>,
        load: &dyn Load,
        tried: &[HostIndex],
        rng: &mut Rng,
    ) -> Option<Target> {
        let host = rotate(view.hosts_at(Distance::Local), self.start(tried, rng), load, tried)?;
        Some(Target { host, shard: None, quality: RoutingQuality::Unrouted })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::routing::Route;

    #[test]
    fn each_plan_starts_one_further_on_and_covers_every_usable_host_once() {
        let policy = RoundRobin::starting_at(1);
        let (builder, _) = builder((0..4).map(|number| member(number, "dc", "r", &[])).collect());
        let route = builder.finish(&policy);
        let load = FakeLoad { unusable: [2].into(), ..FakeLoad::default() };
        let mut rng = Rng::seeded(1);
        let mut starts = Vec::new();
        for _ in 0..5 {
            let mut covered = numbers(&plan(&policy, &RoutingQuery::default(), &route, &load, &mut rng));
            starts.push(covered[0]);
            covered.sort_unstable();
            assert_eq!(covered, [0, 1, 3]);
        }
        assert_eq!(starts, [1, 3, 3, 0, 1], "host 2 is unusable, so its turn goes to host 3");
    }

    #[test]
    fn no_hosts_give_an_empty_plan() {
        let policy = RoundRobin::new();
        let route = Route::default();
        let targets =
            plan(&policy, &RoutingQuery::default(), &route, &FakeLoad::default(), &mut Rng::seeded(1));
        assert_eq!(targets, []);
    }
}
