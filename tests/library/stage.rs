//! A cluster with a keyspace, and a session in it.

use std::time::Duration;

use chorus::{PreparedStatement, Session, SessionBuilder};
use chorus_node::{EmbeddedCluster, Watch};

/// Keep it for as long as the session is used.
pub(crate) struct Stage {
    pub(crate) cluster: EmbeddedCluster,
    pub(crate) session: Session,
}

impl Stage {
    /// One node, a session with every default, the keyspace `ks`.
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// One node, and a session with these settings.
    pub(crate) async fn with(configure: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Self {
        let cluster = EmbeddedCluster::start(1).expect("the node starts");
        let builder = Session::builder().contact_points(cluster.addresses());
        let session = configure(builder).connect().await.expect("the node is reachable");
        let stage = Self { cluster, session };
        stage.run(KEYSPACE).await;
        stage.session.use_keyspace("ks").await.expect("it was just created");
        stage
    }

    /// The same with the table `numbers (id int PRIMARY KEY, value int)`.
    pub(crate) async fn with_numbers() -> Self {
        let stage = Self::new().await;
        stage.run(NUMBERS).await;
        stage
    }

    /// That many nodes, each of which has every row, and the table `numbers`.
    pub(crate) async fn of(nodes: usize) -> Self {
        Self::of_with(nodes, |builder| builder).await
    }

    /// The same, and a session with these settings.
    pub(crate) async fn of_with(
        nodes: usize,
        configure: impl FnOnce(SessionBuilder) -> SessionBuilder,
    ) -> Self {
        let cluster = EmbeddedCluster::start(nodes).expect("the nodes start");
        let builder = Session::builder().contact_points(cluster.addresses()).wait_for_all_hosts(true);
        let session = configure(builder).connect().await.expect("the nodes are reachable");
        let stage = Self { cluster, session };
        stage.run(&KEYSPACE.replace("_factor': 1", &format!("_factor': {nodes}"))).await;
        stage.session.use_keyspace("ks").await.expect("it was just created");
        stage.run(NUMBERS).await;
        stage
    }

    /// Carries out text that has no values and returns nothing.
    pub(crate) async fn run(&self, cql: &str) {
        self.session.query(cql, ()).await.unwrap_or_else(|error| panic!("{cql}: {error}"));
    }

    pub(crate) async fn prepare(&self, cql: &str) -> PreparedStatement {
        self.session.prepare(cql).await.unwrap_or_else(|error| panic!("{cql}: {error}"))
    }

    /// `INSERT` into `numbers`.
    pub(crate) async fn insert(&self) -> PreparedStatement {
        self.prepare("INSERT INTO numbers (id, value) VALUES (?, ?)").await
    }

    /// The rows of `numbers`, by id.
    pub(crate) async fn numbers(&self) -> Vec<(i32, Option<i32>)> {
        let result = self.session.query("SELECT id, value FROM numbers", ()).await.expect("the table exists");
        let mut rows: Vec<_> =
            result.rows().expect("two ints").collect::<Result<_, _>>().expect("every row reads");
        rows.sort_unstable();
        rows
    }
}

/// Waits until so many of the requests that are watched are answered, and all others that were sent are not.
pub(crate) async fn answered(session: &Session, sent: &Watch, count: u64) {
    eventually("so many are answered", async || {
        let in_flight = session.metrics().await.expect("open").in_flight;
        sent.count() > count && in_flight == sent.count() - count
    })
    .await;
}

/// Waits until the node has noticed that nobody is connected.
pub(crate) async fn disconnected(cluster: &EmbeddedCluster) {
    let noticed = async {
        while cluster.connections(0) > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), noticed).await.expect("every connection is closed");
}

/// Waits for something that must become true, for far longer than anything takes.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let patience = std::time::Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(std::time::Instant::now() < patience, "not within thirty seconds: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) const KEYSPACE: &str =
    "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
pub(crate) const NUMBERS: &str = "CREATE TABLE ks.numbers (id int PRIMARY KEY, value int)";
