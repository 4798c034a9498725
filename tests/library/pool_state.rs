//! What a session tells of its connections, and which it has as policies change their minds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chorus::policy::{HostFilter, TokenAware};
use chorus::{ClusterEvent, ErrorKind, PoolState, Session};
use chorus_node::{EmbeddedCluster, Fault, Requests};

use crate::stage::Stage;

const NAME: &str = "SELECT cluster_name FROM system.local";

/// Asks for the state of the pools until it is as wanted; in the order of the nodes.
async fn pools_until(session: &Session, what: &str, wanted: impl Fn(&[PoolState]) -> bool) -> Vec<PoolState> {
    for _ in 0..5_000 {
        let mut pools = session.pool_state().await.expect("open");
        pools.sort_by_key(|pool| pool.host.address);
        if wanted(&pools) {
            return pools;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("not {what}: {:?}", session.pool_state().await);
}

fn open(pools: &[PoolState]) -> Vec<usize> {
    pools.iter().map(PoolState::open_count).collect()
}

#[tokio::test]
async fn each_connection_tells_its_shard_what_is_in_flight_on_it_and_what_nobody_waits_for() {
    let cluster = EmbeddedCluster::builder().nodes(2).shards(3).start().expect("the nodes start");
    let session = Session::builder()
        .contact_points(cluster.addresses())
        .port(cluster.address(0).port())
        .connect()
        .await
        .expect("the nodes are reachable");
    let pools = pools_until(&session, "every shard connected", |pools| open(pools) == [3, 3]).await;
    for pool in &pools {
        assert!(session.state().host_by_id(pool.host.id).is_some() && !pool.is_shut_down);
        let shards: Vec<_> = pool.connections.iter().map(|connection| connection.shard).collect();
        assert_eq!(shards, [Some(0), Some(1), Some(2)]);
        assert_eq!((pool.in_flight(), pool.orphans()), (0, 0));
    }
    assert!(session.is_shard_aware());
    let stats = session.shard_stats().await.expect("open");
    assert_eq!(stats.keys().copied().collect::<Vec<_>>(), cluster.addresses());
    assert!(stats.values().all(|stats| (stats.shards, stats.connected) == (3, 3)), "{stats:?}");

    let rule = cluster.faults().add(Requests::containing("cluster_name"), Fault::DropAnswer);
    let callers: Vec<_> = (0..12)
        .map(|_| {
            let session = session.clone();
            tokio::spawn(async move { session.query(NAME, ()).await })
        })
        .collect();
    let total = |pools: &[PoolState], of: fn(&PoolState) -> u64| pools.iter().map(of).sum::<u64>();
    let pools =
        pools_until(&session, "twelve in flight", |pools| total(pools, PoolState::in_flight) == 12).await;
    assert_eq!(total(&pools, PoolState::orphans), 0, "callers wait");
    callers.iter().for_each(tokio::task::JoinHandle::abort);
    let pools = pools_until(&session, "twelve orphans", |pools| total(pools, PoolState::orphans) == 12).await;
    assert_eq!(total(&pools, PoolState::in_flight), 12, "their stream ids are taken");
    cluster.faults().remove(rule);
}

#[tokio::test]
async fn a_host_that_is_down_has_no_connections_and_one_without_shards_no_shard_stats() {
    let stage = Stage::of(2).await;
    let pools = pools_until(&stage.session, "both connected", |pools| open(pools) == [1, 1]).await;
    assert!(pools.iter().all(|pool| pool.connections[0].shard.is_none()));
    assert!(!stage.session.is_shard_aware());
    assert!(stage.session.shard_stats().await.expect("open").is_empty());
    let away = stage.cluster.address(1);
    stage.cluster.stop_node(1);
    let pools = pools_until(&stage.session, "one down", |pools| {
        pools.iter().all(|pool| (pool.host.address == away) == pool.connections.is_empty())
    })
    .await;
    assert!(pools.iter().all(|pool| !pool.is_shut_down), "it is tried again, not given up");
    stage.session.shutdown(Duration::from_secs(2)).await;
    let error = stage.session.pool_state().await.expect_err("there are no pools any more");
    assert_eq!(error.kind(), ErrorKind::SessionClosed);
}

#[tokio::test]
async fn a_host_that_begins_to_be_ignored_loses_its_connections_and_gets_them_back_when_it_is_not() {
    let cluster = EmbeddedCluster::start(3).expect("the nodes start");
    let (wanted, last) = (Arc::new(AtomicBool::new(true)), cluster.address(2));
    let policy = {
        let wanted = Arc::clone(&wanted);
        HostFilter::new(TokenAware::default(), move |host| {
            host.address != last || wanted.load(Ordering::SeqCst)
        })
    };
    let session = Session::builder()
        .contact_points([cluster.address(0)])
        .wait_for_all_hosts(true)
        .load_balancing(Arc::new(policy))
        .connect()
        .await
        .expect("the nodes are reachable");
    pools_until(&session, "all connected", |pools| open(pools) == [1, 1, 1]).await;

    // One that is in flight on the host meanwhile is answered all the same.
    let there = Requests::containing("cluster_name").on_node(2);
    cluster.faults().add(there.clone(), Fault::Delay(Duration::from_secs(2)));
    let third = session.state().host_at(last).expect("it is a member").index;
    let received = cluster.watch(there.clone());
    let slow = tokio::spawn({
        let (session, statement) = (session.clone(), chorus::Statement::new(NAME).on_host(third));
        async move { session.query(statement, ()).await }
    });
    while received.count() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let mut events = session.events();
    wanted.store(false, Ordering::SeqCst);
    session.refresh_topology().await.expect("read again");
    let pools = pools_until(&session, "the third closed", |pools| open(pools) == [1, 1, 0]).await;
    assert_eq!(pools.iter().map(|pool| pool.is_shut_down).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(session.state().hosts.len(), 3, "it is a member all the same");
    let answer = slow.await.expect("it does not panic").expect("it is answered");
    assert_eq!(answer.host(), third);
    let sent = cluster.watch(there);
    for _ in 0..30 {
        session.query(NAME, ()).await.expect("others serve");
    }
    assert_eq!(sent.count(), 0, "nothing goes there");

    wanted.store(true, Ordering::SeqCst);
    session.refresh_topology().await.expect("read again");
    pools_until(&session, "all connected again", |pools| open(pools) == [1, 1, 1]).await;
    let up = async {
        loop {
            match events.next().await.expect("the session lives") {
                ClusterEvent::HostUp(host) if host.address == last => break,
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), up).await.expect("it is told");
    let statement = chorus::Statement::new("SELECT key FROM system.local").on_host(third);
    assert_eq!(session.query(statement, ()).await.expect("it serves again").host(), third);
}
