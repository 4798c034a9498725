//! After the faults: the session finds back to every host by itself, and nothing is left behind.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chorus::metrics::HostSnapshot;
use chorus::policy::Distance;
use chorus::{Session, Statement};
use chorus_node::EmbeddedCluster;
use tokio::runtime::Handle;

use crate::report::Findings;
use crate::story::Story;
use crate::workload::CALM;

/// Time the session has to find back. Reconnection waits 460 ms at the most, so this is for the machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until the session is as if nothing had happened. `swallowed` answers may be outstanding for ever.
pub(crate) async fn heal(
    story: &Story,
    cluster: &EmbeddedCluster,
    session: &Session,
    swallowed: u64,
    findings: &Findings,
) {
    let began = Instant::now();
    loop {
        let Some(missing) = what_is_missing(story, cluster, session, swallowed).await else { return };
        if began.elapsed() > PATIENCE {
            return findings.add(format!("not healed: {missing}"));
        }
        // What is wrong with a connection shows when it is used; which host and which reactor is a matter of turns.
        for _ in 0..4 {
            let _ = session.query(Statement::new("SELECT key FROM system.local").timeout(CALM), ()).await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn what_is_missing(
    story: &Story,
    cluster: &EmbeddedCluster,
    session: &Session,
    swallowed: u64,
) -> Option<String> {
    // What began to trickle during the faults goes on, and holds up what is behind it: a host is not back before that is
    // through, or its connection replaced because no heartbeat got through.
    let trickling = cluster.faults().trickling();
    if trickling > 0 {
        return Some(format!("answers still trickle on {trickling} connections"));
    }
    let members: BTreeSet<SocketAddr> = cluster.addresses().into_iter().collect();
    let state = session.state();
    let hosts: BTreeSet<SocketAddr> = state.hosts.iter().map(|host| host.address).collect();
    if hosts != members {
        return Some(format!("the hosts are {hosts:?} and the members {members:?}"));
    }
    let wanted: Vec<_> =
        state.route.hosts().iter().filter(|host| host.member && host.distance != Distance::Ignored).collect();
    if let Some(down) = wanted.iter().find(|host| !host.up) {
        return Some(format!("{} is not up", down.host.address));
    }
    let Ok(metrics) = session.metrics().await else { return Some("there are no metrics".to_owned()) };
    for address in wanted.iter().map(|host| &host.host.address) {
        let connected = metrics.hosts.iter().find(|host| host.address == *address);
        let connections = connected.map_or(0, |host| host.connections);
        let node = (0..).find(|node| cluster.address(*node) == *address).expect("a member is a node");
        let shards = cluster.shard_connections(node).len() as u16;
        let wanted = story.client.connections((shards > 0).then_some(shards));
        if connections != wanted {
            return Some(format!("{address} has {connections} connections and should have {wanted}"));
        }
    }
    let orphans: u64 = metrics.hosts.iter().map(|host| host.orphans).sum();
    let queued: u64 = metrics.actors.iter().map(|actor| actor.queue_depth).sum();
    if metrics.in_flight != orphans || queued > 0 || orphans > swallowed {
        return Some(format!(
            "{} in flight, {orphans} of them orphans where {swallowed} were swallowed, {queued} queued",
            metrics.in_flight
        ));
    }
    // Fewer than what makes a connection be replaced may stay, if they are not too many to work beside.
    let crowded = |host: &&HostSnapshot| host.orphans > story.client.bearable_orphans() * host.connections;
    if let Some(host) = metrics.hosts.iter().find(crowded) {
        return Some(format!(
            "{} orphans stay on {} connections to {}",
            host.orphans, host.connections, host.address
        ));
    }
    None
}

/// Waits until the session has left nothing in its runtime or at the nodes.
pub(crate) async fn nothing_is_left(
    cluster: &Arc<EmbeddedCluster>,
    tasks_before: usize,
    findings: &Findings,
) {
    let began = Instant::now();
    loop {
        let tasks = Handle::current().metrics().num_alive_tasks();
        let nodes = cluster.addresses().len();
        let connections: usize = (0..nodes).map(|node| cluster.connections(node)).sum();
        if tasks == tasks_before && connections == 0 {
            return;
        }
        if began.elapsed() > Duration::from_secs(5) {
            return findings.add(format!(
                "left behind: {connections} connections, {tasks} tasks where {tasks_before} were before"
            ));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
