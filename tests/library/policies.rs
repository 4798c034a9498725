//! Policies of sessions, profiles and statements, and requests aimed at one host.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chorus::policy::{
    AllowList, ConstantSpeculation, DcAwareRoundRobin, FallthroughRetry, RoundRobin, SpeculativePolicy,
    TokenAware,
};
use chorus::{Batch, DbError, ErrorKind, ExecutionProfile, HostIndex, Session, Statement};
use chorus_node::{EmbeddedCluster, Fault, Requests};

use crate::stage::Stage;

const NAME: &str = "SELECT cluster_name FROM system.local";

/// The number of a node's host.
fn host(stage: &Stage, node: usize) -> HostIndex {
    stage.session.state().host_at(stage.cluster.address(node)).expect("it is a member").index
}

fn after(millis: u64) -> Arc<dyn SpeculativePolicy> {
    Arc::new(ConstantSpeculation::new(Duration::from_millis(millis), 1))
}

#[tokio::test]
async fn statements_of_every_kind_can_be_sent_to_one_host_and_no_other() {
    let stage = Stage::of(3).await;
    let insert = stage.insert().await;
    for node in 0..3 {
        let only = host(&stage, node);
        let text = Statement::new("SELECT id FROM ks.numbers").on_host(only);
        let prepared = insert.clone().on_host(&stage.session.state().hosts[node]);
        let mut batch = Batch::unlogged().on_host(only);
        batch.bind(&insert, (node as i32, 1)).expect("two ints");
        for _ in 0..5 {
            let result = stage.session.query(text.clone(), ()).await.expect("served");
            assert_eq!(result.host(), only);
            let result = stage.session.batch(&batch).await.expect("served");
            assert_eq!(result.host(), only);
            let named = stage.session.state().hosts[node].index;
            let result = stage.session.execute(&prepared, (7, 7)).await.expect("served");
            assert_eq!(result.host(), named);
        }
        // The same statement without the option goes wherever it likes again.
        stage.session.execute(&insert, (8, 8)).await.expect("served");
    }
}

#[tokio::test]
async fn a_host_that_is_down_is_not_replaced_for_statements_that_want_it_and_no_other() {
    let stage = Stage::of(3).await;
    let insert = stage.insert().await.idempotent(true);
    let (only, preferred) = (host(&stage, 1), host(&stage, 1));
    stage.cluster.stop_node(1);
    let gone = Instant::now() + Duration::from_secs(10);
    while stage.session.state().route.hosts().iter().filter(|host| host.up).count() > 2 {
        assert!(Instant::now() < gone, "nobody notices that the host is down");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let targeted = insert.clone().on_host(only);
    let error = stage.session.execute(&targeted, (1, 1)).await.expect_err("it is down");
    assert_eq!(error.kind(), ErrorKind::NoHostAvailable, "{error}");
    let report = stage.session.bulk(&targeted).errors_allowed(1_000).load((0..500).map(|id| (id, id))).await;
    let report = report.expect("errors are allowed");
    assert_eq!((report.written, report.failed.len()), (0, 500), "rows of a bulk insert are not moved either");

    let favoured = insert.clone().prefer_host(preferred);
    for id in 0..10 {
        let result = stage.session.execute(&favoured, (id, id)).await.expect("another host serves");
        assert_ne!(result.host(), preferred);
    }
}

#[tokio::test]
async fn a_preferred_host_serves_single_requests_and_rows_of_a_bulk_insert() {
    let stage = Stage::of(3).await;
    let preferred = host(&stage, 2);
    let insert = stage.insert().await.prefer_host(preferred);
    for id in 0..20 {
        let result = stage.session.execute(&insert, (id, id)).await.expect("served");
        assert_eq!(result.host(), preferred);
    }
    let elsewhere =
        [0, 1].map(|node| stage.cluster.watch(Requests::containing("insert into numbers").on_node(node)));
    stage.session.bulk(&insert).load((0..300).map(|id| (id, id))).await.expect("written");
    assert_eq!(elsewhere.map(|sent| sent.count()), [0, 0]);
    assert_eq!(stage.numbers().await.len(), 300);
}

#[tokio::test]
async fn policies_of_the_sessions_profile_are_in_force() {
    let profile = ExecutionProfile::new().retry_policy(Arc::new(FallthroughRetry));
    let stage = Stage::with(|builder| builder.profile(profile)).await;
    let busy = Fault::Error(DbError::Overloaded, "busy".into());
    let rule = stage.cluster.faults().add(Requests::containing("cluster_name"), busy);
    let statement = Statement::new(NAME).idempotent(true);
    let error = stage.session.query(statement, ()).await.expect_err("not retried");
    assert_eq!(error.kind(), ErrorKind::Db, "{error}");
    assert_eq!(stage.cluster.faults().fired(rule), Some(1));
}

#[tokio::test]
async fn a_profile_may_prefer_another_datacenter_than_the_session() {
    let cluster =
        EmbeddedCluster::builder().datacenter("east", 2).datacenter("west", 2).start().expect("starts");
    let session = Session::builder()
        .contact_point(cluster.address(0))
        .load_balancing(Arc::new(TokenAware::new(DcAwareRoundRobin::preferring("east"))))
        .connect()
        .await
        .expect("connects");
    let west = TokenAware::new(DcAwareRoundRobin::preferring("west"));
    let profile = ExecutionProfile::new().load_balancing(Arc::new(west));
    session.connect_profile(&profile).await;
    let served_in = |host: HostIndex| {
        let state = session.state();
        state.hosts.iter().find(|known| known.index == host).expect("known").datacenter.clone()
    };
    for _ in 0..10 {
        let abroad = Statement::new(NAME).profile(&profile);
        let result = session.query(abroad, ()).await.expect("served");
        assert_eq!(&*served_in(result.host()), "west");
        let result = session.query(NAME, ()).await.expect("served");
        assert_eq!(&*served_in(result.host()), "east");
    }
}

#[tokio::test]
async fn an_allow_list_keeps_requests_and_connections_to_the_hosts_on_it() {
    let cluster = EmbeddedCluster::start(3).expect("starts");
    let listed = AllowList::over(TokenAware::new(RoundRobin::new()), [cluster.address(2)]);
    let session = Session::builder()
        .contact_point(cluster.address(2))
        .load_balancing(Arc::new(listed))
        .connect()
        .await
        .expect("connects");
    for _ in 0..20 {
        session.query(NAME, ()).await.expect("served");
    }
    assert_eq!((cluster.connections(0), cluster.connections(1)), (0, 0));
}

#[tokio::test]
async fn late_requests_are_speculated_for_idempotent_statements_of_a_profile_that_says_so() {
    let stage = Stage::of(2).await;
    let profile = ExecutionProfile::new().speculation(after(20));
    let late = |delay| {
        let first = Requests::containing("cluster_name").times(1);
        stage.cluster.faults().add(first, Fault::Delay(delay));
        Instant::now()
    };
    let sent = async || stage.session.metrics().await.expect("open").speculative_sent;

    let statement = Statement::new(NAME).profile(&profile);
    let (very, slightly) = (Duration::from_secs(5), Duration::from_millis(300));
    let began = late(very);
    stage.session.query(statement.clone().idempotent(true), ()).await.expect("by the second host");
    assert!(began.elapsed() < very, "{:?}", began.elapsed());
    assert_eq!(sent().await, 1);

    // F61: by default a statement is not idempotent.
    for statement in [statement.clone(), statement.idempotent(true).speculation(None)] {
        let began = late(slightly);
        stage.session.query(statement, ()).await.expect("by the first host");
        assert!(began.elapsed() >= slightly, "{:?}", began.elapsed());
        assert_eq!(sent().await, 1);
    }
}

#[tokio::test]
async fn speculation_of_the_session_serves_prepared_statements_with_the_right_rows() {
    let cluster = EmbeddedCluster::start(3).expect("starts");
    let session = Session::builder()
        .contact_points(cluster.addresses())
        .speculation(after(15))
        .wait_for_all_hosts(true)
        .connect()
        .await
        .expect("connects");
    for cql in [
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}",
        "CREATE TABLE ks.numbers (id int PRIMARY KEY, value int)",
    ] {
        session.query(cql, ()).await.expect("created");
    }
    let insert = session.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?)").await.expect("prepared");
    let rows = (0..200).map(|id| (id, id * 10));
    session.execute_concurrent_with_args(&insert, rows).run().await.expect("written");
    let select = session.prepare("SELECT id, value FROM ks.numbers WHERE id = ?").await.expect("prepared");
    let select = select.idempotent(true);
    let sometimes = Requests::containing("select id").with_probability(0.1);
    cluster.faults().add(sometimes, Fault::Delay(Duration::from_millis(60)));
    for id in 0..200 {
        let result = session.execute(&select, (id,)).await.expect("read");
        assert_eq!(result.single_row::<(i32, i32)>().expect("one row"), (id, id * 10));
    }
    let metrics = session.metrics().await.expect("open");
    assert!(metrics.speculative_won > 0, "{} were sent", metrics.speculative_sent);
}

#[tokio::test]
async fn a_slow_replica_is_passed_over_by_requests_that_know_their_partition() {
    let stage = Stage::of(3).await;
    let insert = stage.insert().await;
    stage.session.execute(&insert, (1, 10)).await.expect("written");
    let select = stage.prepare("SELECT value FROM numbers WHERE id = ?").await;
    let slow = Requests::containing("select value").on_node(0);
    stage.cluster.faults().add(slow.clone(), Fault::Delay(Duration::from_millis(60)));
    let ask = async || {
        let asked = stage.cluster.watch(slow.clone());
        for _ in 0..30 {
            stage.session.execute(&select, (1,)).await.expect("read");
        }
        asked.count()
    };
    let patience = Instant::now() + Duration::from_secs(30);
    while ask().await > 0 {
        assert!(Instant::now() < patience, "the slow replica is still asked");
    }
    assert_eq!(ask().await, 0);
}

#[tokio::test]
async fn rows_are_grouped_by_a_replica_of_each() {
    let cluster = EmbeddedCluster::start(3).expect("starts");
    let builder = Session::builder().contact_points(cluster.addresses()).wait_for_all_hosts(true);
    let session = builder.connect().await.expect("connects");
    for cql in [
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE ks.numbers (id int PRIMARY KEY, value int)",
    ] {
        session.query(cql, ()).await.expect("created");
    }
    let insert = session.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?)").await.expect("prepared");
    let groups = session.group_by_replica(&insert, (0..300).map(|id| (id, id))).expect("they fit");
    assert_eq!(groups.len(), 3, "one replica each, three hosts");
    let mut all = Vec::new();
    for group in &groups {
        let host = group.host.expect("every partition has a replica that is up");
        let before = session.metrics().await.expect("open").routed(chorus::policy::RoutingQuality::Replica);
        let first = group.rows[0];
        let result = session.execute(&insert, first).await.expect("written");
        assert_eq!(result.host(), host, "the driver sends the row there too");
        let after = session.metrics().await.expect("open").routed(chorus::policy::RoutingQuality::Replica);
        assert_eq!(after, before + 1);
        all.extend(group.rows.iter().map(|(id, _)| *id));
    }
    all.sort_unstable();
    assert_eq!(all, (0..300).collect::<Vec<i32>>());
    assert_eq!(session.group_by_shard(&insert, [(1, 1)]).expect("it fits")[0].shard, None, "no shards");

    let unknown = session.prepare("SELECT key FROM system.local WHERE key = ?").await.expect("prepared");
    let groups = session.group_by_replica(&unknown, [("local",)]).expect("it fits");
    assert_eq!((groups.len(), groups[0].host), (1, None), "a table without replicas");
    let error = session.group_by_replica(&insert, [("text", 1)]).expect_err("not an int");
    assert_eq!(error.kind(), ErrorKind::Values, "{error}");
}

#[tokio::test]
async fn rows_are_grouped_by_shard_where_hosts_have_shards() {
    let cluster = EmbeddedCluster::builder().nodes(2).shards(4).start().expect("starts");
    let builder = Session::builder().contact_points(cluster.addresses()).wait_for_all_hosts(true);
    // Such servers do not tell each other's ports.
    let builder = builder.port(cluster.address(0).port());
    let session = builder.connect().await.expect("connects");
    for cql in [
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE ks.numbers (id int PRIMARY KEY, value int)",
    ] {
        session.query(cql, ()).await.expect("created");
    }
    let insert = session.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?)").await.expect("prepared");
    // Every host was connected to, so that its shards are known.
    let groups = session.group_by_shard(&insert, (0..400).map(|id| (id, id))).expect("they fit");
    let places: std::collections::BTreeSet<_> =
        groups.iter().map(|group| (group.host, group.shard)).collect();
    assert_eq!((groups.len(), places.len()), (8, 8), "two hosts of four shards: {places:?}");
    assert!(groups.iter().all(|group| group.host.is_some() && group.shard.is_some_and(|shard| shard < 4)));
    assert_eq!(session.group_by_replica(&insert, (0..400).map(|id| (id, id))).expect("they fit").len(), 2);
}
