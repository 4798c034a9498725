//! Requests reach the host, and the shard, that have their partition.

use std::time::Duration;

use chorus::{Batch, DbError, ErrorKind, Placement, PreparedStatement, Session, SessionBuilder, Statement};
use chorus_node::{
    EmbeddedCluster, EmbeddedClusterBuilder, Fault, Requests, RoutingCounts, ShardPort, Shards, Tablet,
};
use chorus_topology::RoutingQuality;

/// Keep it for as long as the session is used.
struct Sharded {
    cluster: EmbeddedCluster,
    session: Session,
}

const RING: &str = "{'class': 'NetworkTopologyStrategy', 'replication_factor': 2}";
const TABLETS: &str = "{'class': 'NetworkTopologyStrategy', 'replication_factor': 2} \
                       AND tablets = {'enabled': true, 'initial': 32}";

impl Sharded {
    /// A session with connections to every shard, and the table `ks.t (k int PRIMARY KEY, v int)`.
    async fn start(cluster: EmbeddedClusterBuilder, replication: &str) -> Self {
        Self::with(cluster, replication, |builder| builder).await
    }

    async fn with(
        cluster: EmbeddedClusterBuilder,
        replication: &str,
        configure: impl FnOnce(SessionBuilder) -> SessionBuilder,
    ) -> Self {
        let cluster = cluster.start().expect("the nodes start");
        // As with ScyllaDB, peers are told without their ports.
        let builder = Session::builder()
            .contact_points(cluster.addresses())
            .port(cluster.address(0).port())
            .wait_for_all_hosts(true);
        let session = configure(builder).connect().await.expect("the nodes are reachable");
        let sharded = Self { cluster, session };
        sharded.run(&format!("CREATE KEYSPACE ks WITH replication = {replication}")).await;
        sharded.run("CREATE TABLE ks.t (k int PRIMARY KEY, v int)").await;
        sharded.connected().await;
        sharded
    }

    async fn run(&self, cql: &str) {
        self.session.query(cql, ()).await.unwrap_or_else(|error| panic!("{cql}: {error}"));
    }

    /// Waits until every shard of every host has a connection in service.
    async fn connected(&self) {
        let everywhere = async {
            loop {
                let metrics = self.session.metrics().await.expect("open");
                let state = self.session.state();
                let complete = state.hosts.iter().all(|host| {
                    let wanted = host.sharding.map_or(1, |sharding| u64::from(sharding.nr_shards));
                    let counted = metrics.hosts.iter().find(|counted| counted.host == host.index);
                    counted.is_some_and(|counted| counted.connections >= wanted)
                });
                if complete {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(20), everywhere).await.is_err() {
            let hosts = self.session.metrics().await.expect("open").hosts;
            let counts: Vec<_> = hosts.iter().map(|host| (host.address, host.connections)).collect();
            panic!("not every shard is connected: {counts:?} of {:?}", self.session.state().hosts);
        }
    }

    async fn insert(&self) -> PreparedStatement {
        self.session.prepare("INSERT INTO ks.t (k, v) VALUES (?, ?)").await.expect("prepared")
    }

    async fn select(&self) -> PreparedStatement {
        self.session.prepare("SELECT v FROM ks.t WHERE k = ?").await.expect("prepared")
    }

    /// Sends `rows` rows in each way there is, and returns where they arrived.
    async fn traffic(&self, rows: i32) -> RoutingCounts {
        let (insert, select) = (self.insert().await, self.select().await);
        self.cluster.reset_routing();
        for k in 0..rows / 10 {
            self.session.execute(&insert, (k, k)).await.expect("written");
            self.session.execute(&select, (k,)).await.expect("read");
        }
        let pairs = || (0..rows).map(|k| (k, k));
        self.session.execute_concurrent_with_args(&insert, pairs()).run().await.expect("written");
        self.session.bulk(&insert).load(pairs()).await.expect("written");
        for k in 0..rows / 10 {
            let mut batch = Batch::unlogged();
            batch.bind(&insert, (k, k)).expect("fits").bind(&insert, (k, k + 1)).expect("fits");
            self.session.batch(&batch).await.expect("written");
        }
        self.cluster.routing_report().total()
    }

    fn tablet_of(&self, k: i32) -> Tablet {
        let token = chorus::protocol::token::murmur3_token(&k.to_be_bytes()).0;
        let tablets = self.cluster.tablets("ks", "t").expect("the keyspace has tablets");
        tablets
            .into_iter()
            .find(|tablet| tablet.first < token && token <= tablet.last)
            .expect("they cover it")
    }
}

/// At least 999 of 1,000 arrived at the right shard of the right host.
#[track_caller]
fn assert_right(counts: RoutingCounts) {
    assert!(counts.right > 1_000, "{counts:?}");
    assert!(counts.accuracy() >= 0.999, "{counts:?}");
}

fn cluster(nodes: usize, shards: impl Into<Shards>) -> EmbeddedClusterBuilder {
    EmbeddedCluster::builder().nodes(nodes).racks(3).shards(shards)
}

#[tokio::test]
async fn on_the_ring_every_request_reaches_its_shard() {
    let sharded = Sharded::start(cluster(6, 4), RING).await;
    assert_right(sharded.traffic(3_000).await);
    let metrics = sharded.session.metrics().await.expect("open");
    assert!(metrics.routed(RoutingQuality::ReplicaShard) > 6_000, "{:?}", metrics.routing);
    assert_eq!(metrics.routed(RoutingQuality::ReplicaOtherShard), 0, "{:?}", metrics.routing);
}

#[tokio::test]
async fn hosts_without_shards_get_the_requests_that_are_for_them() {
    let sharded = Sharded::start(EmbeddedCluster::builder().nodes(5).racks(2), RING).await;
    assert_right(sharded.traffic(2_000).await);
}

#[tokio::test]
async fn several_reactors_together_reach_every_shard_as_one_does() {
    let dedicated = |builder: SessionBuilder| builder.placement(Placement::Dedicated { threads: 2 });
    let sharded = Sharded::with(cluster(3, 5), RING, dedicated).await;
    assert_right(sharded.traffic(2_000).await);
}

#[tokio::test]
async fn tablets_are_learned_from_answers_and_then_every_request_reaches_its_shard() {
    let sharded = Sharded::start(cluster(6, 4), TABLETS).await;
    let first = sharded.traffic(2_000).await;
    assert!(
        first.right < first.other_shard + first.elsewhere + first.right,
        "nobody knows at first: {first:?}"
    );
    assert_eq!(sharded.session.state().route.tablet_count(), 32);
    assert_right(sharded.traffic(3_000).await);
    let metrics = sharded.session.metrics().await.expect("open");
    assert!(metrics.tablets_told > 0 && metrics.tablets_refused == 0);
}

#[tokio::test]
async fn tablets_that_move_split_or_merge_are_learned_anew() {
    let sharded = Sharded::start(cluster(3, 2), TABLETS).await;
    sharded.traffic(1_000).await;
    assert_right(sharded.traffic(1_500).await);
    for k in 0..20 {
        let tablet = sharded.tablet_of(k);
        let (from, shard) = tablet.replicas[0];
        let to =
            (0..3).find(|node| tablet.replicas.iter().all(|(other, _)| other != node)).expect("two of three");
        sharded.cluster.move_tablet("ks", "t", tablet.last, from, (to, 1 - shard)).expect("it can move");
    }
    sharded.traffic(1_000).await;
    assert_right(sharded.traffic(1_500).await);
    sharded.cluster.split_tablets("ks", "t").expect("they are few");
    // Halves are where the whole was: nobody notices.
    assert_right(sharded.traffic(1_500).await);
    sharded.cluster.merge_tablets("ks", "t").expect("they are many");
    sharded.cluster.merge_tablets("ks", "t").expect("they are many");
    sharded.traffic(1_000).await;
    assert_right(sharded.traffic(1_500).await);
    assert!(sharded.session.state().route.tablet_count() <= 32);
}

#[tokio::test]
async fn tablets_are_forgotten_with_their_table_their_keyspace_and_their_host() {
    let sharded = Sharded::start(cluster(4, 2), TABLETS).await;
    sharded.traffic(1_000).await;
    assert_eq!(sharded.session.state().route.tablet_count(), 32);
    sharded.cluster.remove_node(3);
    let gone = async {
        while sharded.session.state().hosts.len() == 4 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("the session hears of it");
    let known = sharded.session.state().route.tablet_count();
    assert!(known < 32, "{known} of 32 are left, though a quarter of the replicas is gone");
    sharded.traffic(1_000).await;
    assert_right(sharded.traffic(1_500).await);
    sharded.run("DROP TABLE ks.t").await;
    assert_eq!(sharded.session.state().route.tablet_count(), 0);
}

#[tokio::test]
async fn f54_what_makes_no_sense_as_a_tablet_is_counted_and_the_result_delivered() {
    let sharded = Sharded::start(cluster(1, 2), RING).await;
    let select = sharded.select().await;
    sharded.run("INSERT INTO ks.t (k, v) VALUES (1, 10)").await;
    let mut inverted = vec![0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1];
    inverted.extend([0, 0, 0, 4, 0, 0, 0, 0]);
    let payloads = [b"garbage".to_vec(), Vec::new(), inverted];
    for (garbage, refused) in payloads.into_iter().zip(1..) {
        let fault = Fault::Payload("tablets-routing-v1".to_owned(), garbage);
        let rule = sharded.cluster.faults().add(Requests::containing("where k"), fault);
        let result = sharded.session.execute(&select, (1,)).await.expect("read");
        assert_eq!(result.single_row::<(i32,)>().expect("one row"), (10,));
        assert_eq!(sharded.cluster.faults().remove(rule), Some(1));
        assert_eq!(sharded.session.metrics().await.expect("open").tablets_refused, refused);
    }
    assert_eq!(sharded.session.state().route.tablet_count(), 0);
}

#[tokio::test]
async fn f56_behind_address_translation_every_shard_is_reached_through_the_ordinary_port() {
    for port in [ShardPort::Translated, ShardPort::Dead, ShardPort::Absent] {
        let sharded = Sharded::start(cluster(2, Shards::new(4).port(port)), RING).await;
        assert_right(sharded.traffic(1_500).await);
        // The control connection, one for each shard, and those parked or closed on the way.
        let accepted: u64 = (0..2).map(|node| sharded.cluster.accepted(node)).sum();
        assert!(accepted < 60, "{port:?}: {accepted} connections were made");
    }
}

#[tokio::test]
async fn a_host_that_comes_back_with_other_shards_is_routed_by_them() {
    let sharded = Sharded::start(cluster(2, 2), RING).await;
    sharded.cluster.reshard_node(1, 5).expect("it restarts");
    let resharded = async {
        while !sharded
            .session
            .state()
            .hosts
            .iter()
            .any(|host| host.sharding.is_some_and(|s| s.nr_shards == 5))
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), resharded).await.expect("the session hears of it");
    sharded.connected().await;
    assert_right(sharded.traffic(1_500).await);
}

#[tokio::test]
async fn f75_a_keyspace_that_is_gone_is_not_routed_by_and_its_requests_fail_with_what_the_server_says() {
    let sharded = Sharded::start(cluster(3, 2), TABLETS).await;
    let select = sharded.select().await;
    sharded.traffic(500).await;
    sharded.run("DROP KEYSPACE ks").await;
    let error = sharded.session.execute(&select, (1,)).await.expect_err("there is no such table");
    assert!(error.is_invalid_statement(), "{error}");
    let before = sharded.session.metrics().await.expect("open").routed(RoutingQuality::Unrouted);
    sharded.session.execute(&select, (2,)).await.expect_err("there is still none");
    let after = sharded.session.metrics().await.expect("open").routed(RoutingQuality::Unrouted);
    assert!(after > before, "it went to any host");
    sharded
        .run("CREATE KEYSPACE ks WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}")
        .await;
    sharded.run("CREATE TABLE ks.t (k int PRIMARY KEY, v int)").await;
    sharded.session.execute(&select, (3,)).await.expect("it is prepared again");
}

#[tokio::test]
async fn conditional_statements_are_marked_and_all_go_to_one_replica() {
    let sharded = Sharded::start(cluster(3, 2), RING).await;
    let conditional =
        sharded.session.prepare("UPDATE ks.t SET v = ? WHERE k = ? IF v = ?").await.expect("prepared");
    assert!(conditional.is_lwt());
    assert!(!sharded.select().await.is_lwt());
    sharded.cluster.reset_routing();
    for v in 0..60 {
        sharded.session.execute(&conditional, (v, 7, v)).await.expect("decided");
    }
    let nodes = sharded.cluster.routing_report().nodes;
    assert_eq!(nodes.iter().map(|node| node.right).max(), Some(60), "{nodes:?}");
}

#[tokio::test]
async fn f59_a_rate_limit_is_an_error_of_its_own_and_not_retried() {
    let sharded = Sharded::start(cluster(2, 2), RING).await;
    sharded.run("ALTER TABLE ks.t WITH per_partition_rate_limit = {'max_writes_per_second': 0}").await;
    let insert = sharded.insert().await.idempotent(true);
    let error = sharded.session.execute(&insert, (1, 1)).await.expect_err("none is allowed");
    assert_eq!(error.kind(), ErrorKind::Db);
    assert!(matches!(error.db().map(|body| &body.error), Some(DbError::RateLimitReached { .. })), "{error}");
    assert_eq!(sharded.session.metrics().await.expect("open").retries(), 0);
}

#[tokio::test]
async fn text_that_says_where_its_rows_are_reaches_their_shard() {
    let sharded = Sharded::start(cluster(6, 4), RING).await;
    let routed = async || {
        let metrics = sharded.session.metrics().await.expect("open");
        metrics.routed(RoutingQuality::ReplicaShard)
    };
    let text = |k: i32| Statement::new(format!("INSERT INTO ks.t (k, v) VALUES ({k}, {k})"));
    let aimed = |k: i32| text(k).routing_key("ks", "t", &[&k.to_be_bytes()]);
    let before = routed().await;
    for k in 0..50 {
        sharded.session.query(aimed(k), ()).await.expect("written");
    }
    assert_eq!(routed().await - before, 50);
    // In a batch the first member that says it decides.
    let before = routed().await;
    for k in 0..50 {
        let mut batch = Batch::unlogged();
        batch.push(text(k)).push(aimed(k));
        sharded.session.batch(&batch).await.expect("written");
    }
    assert_eq!(routed().await - before, 50);
    let before = routed().await;
    for k in 0..10 {
        sharded.session.query(aimed(k).without_routing_key(), ()).await.expect("written");
    }
    assert_eq!(routed().await, before, "nobody knows where it belongs");
    let long = vec![0; 65536];
    let statement = text(1).routing_key("ks", "t", &[&long, b"x"]);
    let error = sharded.session.query(statement, ()).await.expect_err("too long for a composite key");
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
}

#[tokio::test]
async fn conditional_statements_are_known_by_the_mark_of_the_server() {
    let sharded = Sharded::start(cluster(1, 1), RING).await;
    let conditional = "INSERT INTO ks.t (k, v) VALUES (?, ?) IF NOT EXISTS";
    let conditional = sharded.session.prepare(conditional).await.expect("prepared");
    let plain = sharded.insert().await;
    assert!(conditional.is_lwt() && !plain.is_lwt());
    let mut batch = Batch::unlogged();
    batch.bind(&plain, (1, 1)).expect("two ints").push("DELETE FROM ks.t WHERE k = 2");
    assert!(!batch.is_lwt());
    batch.bind(&conditional, (1, 1)).expect("two ints");
    assert!(batch.is_lwt(), "any member makes it one");
}
