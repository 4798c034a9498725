//! A host that one request would rather go to.

use super::{Load, RoutingQuality, RoutingQuery, Target};
use crate::host::HostIndex;
use crate::routing::View;

/// The host a request [would rather go to](RoutingQuery::preferred), before its policy is asked: `None` when it names none,
/// or that one was tried or cannot be used. The plan then goes on as the policy says, without that host.
pub fn preferred_target(
    query: &RoutingQuery,
    view: View<'_>,
    load: &dyn Load,
    tried: &[HostIndex],
) -> Option<Target> {
    let host = query.preferred.filter(|host| !tried.contains(host) && load.usable(*host))?;
    let replicas = match (query.table, query.token) {
        (Some(table), Some(token)) => view.route().replicas(table, token),
        _ => return Some(Target { host, shard: None, quality: RoutingQuality::Unrouted }),
    };
    let (shard, quality) = match replicas.iter().find(|replica| replica.host == host) {
        Some(replica) if replica.shard.is_some() => (replica.shard, RoutingQuality::ReplicaShard),
        Some(_) => (None, RoutingQuality::Replica),
        None if replicas.is_empty() => (None, RoutingQuality::Unrouted),
        None => (None, RoutingQuality::NonReplica),
    };
    Some(Target { host, shard, quality })
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{RoundRobin, TokenAware};
    use super::*;
    use crate::rng::Rng;
    use crate::routing::{Route, ViewId};
    use chorus_protocol::token::Token;

    fn query(route: &Route, preferred: u32) -> RoutingQuery {
        RoutingQuery {
            table: route.table_id("ks", "t"),
            token: Some(Token(5)),
            preferred: Some(HostIndex(preferred)),
            ..RoutingQuery::default()
        }
    }

    /// As the engine asks: the preferred host, then the policy.
    fn whole_plan(query: &RoutingQuery, route: &Route, load: &FakeLoad) -> Vec<u32> {
        let policy = TokenAware::new(RoundRobin::starting_at(0));
        let (view, mut rng, mut tried) = (route.view(ViewId::SESSION), Rng::seeded(1), Vec::new());
        let next = |tried: &[HostIndex], rng: &mut Rng| {
            let preferred = preferred_target(query, view, load, tried);
            preferred.or_else(|| {
                use super::super::LoadBalancingPolicy;
                policy.next(query, view, load, tried, rng)
            })
        };
        while let Some(target) = next(&tried, &mut rng) {
            assert!(!tried.contains(&target.host), "{target:?} was already tried");
            tried.push(target.host);
        }
        tried.iter().map(|host| host.0).collect()
    }

    #[test]
    fn a_preferred_host_comes_first_and_the_rest_of_the_plan_is_without_it() {
        let route = one_datacenter(4, 2);
        let load = FakeLoad::default();
        let plan = whole_plan(&query(&route, 0), &route, &load);
        assert_eq!(plan[0], 0);
        let mut replicas = plan[1..3].to_vec();
        replicas.sort_unstable();
        assert_eq!((replicas, plan[3]), (vec![1, 2], 3), "then the replicas, then the others");
    }

    #[test]
    fn a_preferred_host_that_is_down_or_unknown_leaves_the_plan_as_it_is() {
        let route = one_datacenter(4, 2);
        let load = FakeLoad { unusable: [0].into(), ..FakeLoad::default() };
        let mut plan = whole_plan(&query(&route, 0), &route, &load);
        plan.sort_unstable();
        assert_eq!(plan, [1, 2, 3]);
        let load = FakeLoad { unusable: [77].into(), ..FakeLoad::default() };
        assert_eq!(whole_plan(&query(&route, 77), &route, &load).len(), 4);
    }

    #[test]
    fn its_quality_tells_whether_it_is_a_replica() {
        let route = one_datacenter(4, 2);
        let target = |query: RoutingQuery| {
            preferred_target(&query, route.view(ViewId::SESSION), &FakeLoad::default(), &[]).unwrap()
        };
        assert_eq!(target(query(&route, 1)).quality, RoutingQuality::Replica);
        assert_eq!(target(query(&route, 3)).quality, RoutingQuality::NonReplica);
        let unrouted = RoutingQuery { token: None, ..query(&route, 1) };
        assert_eq!(target(unrouted).quality, RoutingQuality::Unrouted);
    }
}
