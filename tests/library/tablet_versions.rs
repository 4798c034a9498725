//! Versions of tablets, as sessions and servers agree on them: only with the feature `unstable-tablets-v2`.

use std::sync::Arc;
use std::time::Duration;

use chorus::policy::TokenAware;
use chorus::protocol::token::murmur3_token;
use chorus::{Consistency, PreparedStatement, ProtocolVersion, Session, SessionBuilder};
use chorus_node::{EmbeddedCluster, EmbeddedClusterBuilder, RoutingCounts, Shards, Tablet};

const KEYSPACE: &str = "CREATE KEYSPACE ks WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 2} \
                        AND tablets = {'enabled': true, 'initial': 16}";

struct Stage {
    cluster: EmbeddedCluster,
    session: Session,
    insert: PreparedStatement,
    select: PreparedStatement,
}

impl Stage {
    async fn new(
        cluster: EmbeddedCluster,
        keyspace: &str,
        configure: impl FnOnce(SessionBuilder) -> SessionBuilder,
    ) -> Self {
        let builder = Session::builder()
            .contact_point(cluster.address(0))
            .port(cluster.address(0).port())
            .wait_for_all_hosts(true)
            // Each replica gets its share, however slow the machine makes it.
            .load_balancing(Arc::new(TokenAware::default().slow_hosts(None)));
        let session = configure(builder).connect().await.expect("the nodes are reachable");
        session.query(keyspace, ()).await.expect("made");
        session.query("CREATE TABLE ks.t (k int PRIMARY KEY, v int)", ()).await.expect("made");
        let connected = async {
            loop {
                let stats = session.shard_stats().await.expect("open");
                if stats.len() == 3 && stats.values().all(|stats| stats.connected == stats.shards) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), connected).await.expect("every shard is connected");
        let insert = session.prepare("INSERT INTO ks.t (k, v) VALUES (?, ?)").await.expect("prepared");
        let select = session.prepare("SELECT v FROM ks.t WHERE k = ?").await.expect("prepared");
        Self { cluster, session, insert, select }
    }

    /// Writes and reads rows in each way there is; returns where the requests arrived.
    async fn traffic(&self, rows: i32) -> RoutingCounts {
        self.cluster.reset_routing();
        for k in 0..rows {
            self.session.execute(&self.insert, (k, k)).await.expect("written");
            let read = self.session.execute(&self.select, (k,)).await.expect("read");
            assert_eq!(read.single_row::<(i32,)>().expect("one row"), (k,));
            let page = self.session.execute_page(&self.select, (k,), None).await.expect("read");
            assert_eq!(page.single_row::<(i32,)>().expect("one row"), (k,));
        }
        let pairs = || (0..rows).map(|k| (k, k));
        self.session.bulk(&self.insert).load(pairs()).await.expect("written");
        self.session.execute_concurrent_with_args(&self.insert, pairs()).run().await.expect("written");
        self.cluster.routing_report().total()
    }

    /// The versions of the tablets the session knows; `None` for those it was told without.
    fn versions(&self) -> Vec<Option<u64>> {
        let route = &self.session.state().route;
        let table = route.table_id("ks", "t").expect("it is known");
        route.tablets(table).map(|map| map.iter().map(|tablet| tablet.version).collect()).unwrap_or_default()
    }

    fn tablets(&self) -> Vec<Tablet> {
        self.cluster.tablets("ks", "t").expect("it has tablets")
    }

    /// Reads every row, and counts the reads that its leader answered.
    async fn led(&self, select: &PreparedStatement, rows: i32) -> usize {
        let tablets = self.tablets();
        let mut led = 0;
        for k in 0..rows {
            let result = self.session.execute(select, (k,)).await.expect("read");
            let token = murmur3_token(&k.to_be_bytes()).0;
            let tablet = tablets.iter().find(|tablet| tablet.first < token && token <= tablet.last);
            let leader = self.cluster.address(tablet.expect("they cover it").replicas[0].0);
            let host = self.session.state().host_at(leader).expect("a member").index;
            led += usize::from(result.host() == host);
        }
        led
    }
}

fn cluster(shards: Shards) -> EmbeddedClusterBuilder {
    EmbeddedCluster::builder().nodes(3).racks(3).shards(shards)
}

fn versioned() -> EmbeddedCluster {
    cluster(Shards::new(2).tablets_v2(true)).start().expect("the nodes start")
}

#[track_caller]
fn assert_right(counts: RoutingCounts) {
    assert!(counts.right > 500 && counts.accuracy() >= 0.999, "{counts:?}");
}

#[tokio::test]
async fn tablets_are_learned_with_their_versions_and_learned_anew_when_those_change() {
    let stage = Stage::new(versioned(), KEYSPACE, |builder| builder.tablet_versions(true)).await;
    stage.traffic(400).await;
    let before = stage.versions();
    assert_eq!(before, stage.tablets().iter().map(|tablet| Some(tablet.version)).collect::<Vec<_>>());
    assert_right(stage.traffic(400).await);
    for tablet in stage.tablets().iter().take(5) {
        let (from, shard) = tablet.replicas[0];
        let others = |node: &usize| tablet.replicas.iter().all(|(other, _)| other != node);
        let to = (0..3).find(others).expect("it has two replicas");
        stage.cluster.move_tablet("ks", "t", tablet.last, from, (to, 1 - shard)).expect("it can move");
    }
    // A request names four bits of a version, which are those of another by chance at times.
    for _ in 0..3 {
        stage.traffic(400).await;
    }
    assert_right(stage.traffic(400).await);
    let known = stage.versions();
    assert_eq!(known, stage.tablets().iter().map(|tablet| Some(tablet.version)).collect::<Vec<_>>());
    assert_ne!(known, before);
}

#[tokio::test]
async fn without_being_asked_for_tablets_are_told_without_versions() {
    let stage = Stage::new(versioned(), KEYSPACE, |builder| builder).await;
    stage.traffic(300).await;
    assert_eq!(stage.versions(), vec![None; 16]);
    assert_right(stage.traffic(300).await);
}

#[tokio::test]
async fn leaders_of_strongly_consistent_tablets_are_asked_first_unless_one_replica_will_do() {
    let keyspace = format!("{KEYSPACE} AND consistency = 'global'");
    let stage = Stage::new(versioned(), &keyspace, |builder| builder.tablet_versions(true)).await;
    stage.traffic(300).await;
    let quorum = stage.select.clone().consistency(Consistency::LocalQuorum);
    assert_eq!(stage.led(&quorum, 200).await, 200);
    let one = stage.led(&stage.select.clone().consistency(Consistency::LocalOne), 200).await;
    assert!((40..160).contains(&one), "each replica gets its share of reads for any of them: {one}");
    for tablet in stage.tablets() {
        let next = tablet.replicas[1].0;
        stage.cluster.elect_leader("ks", "t", tablet.last, next).expect("it is a replica");
    }
    for _ in 0..3 {
        stage.traffic(300).await;
    }
    assert_eq!(stage.led(&quorum, 200).await, 200, "what leads now");
}

#[tokio::test]
async fn leaders_are_replicas_like_others_when_that_is_asked_for() {
    let keyspace = format!("{KEYSPACE} AND consistency = 'global'");
    let stage = Stage::new(versioned(), &keyspace, |builder| {
        let policy = TokenAware::default().slow_hosts(None).prefer_leader(false);
        builder.tablet_versions(true).load_balancing(Arc::new(policy))
    })
    .await;
    stage.traffic(300).await;
    let led = stage.led(&stage.select.clone().consistency(Consistency::LocalQuorum), 200).await;
    assert!((40..160).contains(&led), "{led}");
}

#[tokio::test]
async fn hosts_that_do_not_know_versions_are_spoken_to_as_they_expect_it() {
    for version in [ProtocolVersion::V4, ProtocolVersion::V5] {
        let cluster = cluster(Shards::new(2).tablets_v2(true)).newest_protocol(version);
        let cluster = cluster.start().expect("the nodes start");
        for older in [1, 2] {
            let shards = Shards::new(2).metadata_ids(older == 1);
            cluster.reshard_node(older, shards).expect("it starts again");
        }
        let stage = Stage::new(cluster, KEYSPACE, |builder| builder.tablet_versions(true)).await;
        for _ in 0..2 {
            stage.traffic(300).await;
        }
        let versions = stage.versions();
        assert!(versions.contains(&None), "some were told by hosts without versions: {versions:?}");
        assert_right(stage.traffic(300).await);
    }
}
