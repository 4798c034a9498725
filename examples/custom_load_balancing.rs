//! A load balancing policy of one's own: the host that answers fastest at the moment.
//!
//! `cargo run --example custom_load_balancing`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::sync::Arc;
use std::time::Duration;

use chorus::policy::{
    Distance, Host, HostIndex, Load, LoadBalancingPolicy, Rng, RoundRobin, RoutingQuality, RoutingQuery,
    Target, View,
};
use chorus::{Session, Statement};
use chorus_node::{EmbeddedCluster, Fault, Requests};

/// Takes the fastest usable host, and asks the others now and then so that their times stay known.
#[derive(Debug)]
struct Fastest {
    others: RoundRobin,
}

impl LoadBalancingPolicy for Fastest {
    fn distance(&self, _: &Host) -> Distance {
        Distance::Local
    }

    /// Called for every request: no locks here, nothing that allocates or waits.
    fn next(
        &self,
        query: &RoutingQuery,
        view: View<'_>,
        load: &dyn Load,
        tried: &[HostIndex],
        rng: &mut Rng,
    ) -> Option<Target> {
        let usable = |host: &HostIndex| load.usable(*host) && !tried.contains(host);
        let hosts = view.hosts_at(Distance::Local).iter().copied().filter(usable);
        let known = hosts.filter_map(|host| Some((load.latency_us(host)?, host)));
        match known.min() {
            Some((_, host)) if rng.below(100) > 0 => {
                Some(Target { host, shard: None, quality: RoutingQuality::Unrouted })
            }
            _ => self.others.next(query, view, load, tried, rng),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = EmbeddedCluster::start(3)?;
    for (node, millis) in [(0, 8), (1, 2), (2, 16)] {
        let queries = Requests::containing("system.local").on_node(node);
        cluster.faults().add(queries, Fault::Delay(Duration::from_millis(millis)));
    }
    let session = Session::builder()
        .contact_points(cluster.addresses())
        .wait_for_all_hosts(true)
        .load_balancing(Arc::new(Fastest { others: RoundRobin::new() }))
        .connect()
        .await?;
    let statement = Statement::new("SELECT key FROM system.local");
    for round in 1..=3 {
        let before: Vec<u64> = (0..3).map(|node| cluster.requests(node)).collect();
        for _ in 0..200 {
            session.query(&statement, ()).await?;
        }
        let shares: Vec<u64> = (0..3).map(|node| cluster.requests(node) - before[node]).collect();
        println!("round {round}: requests by host {shares:?}");
    }
    Ok(())
}
