//! A cluster that has every row on every node, and a session with the tables that tests write to.

use std::time::Duration;

use chorus::{PreparedStatement, Session, SessionBuilder};
use chorus_node::{EmbeddedCluster, Fault, Requests, RuleId, Watch};

pub(crate) struct Stage {
    pub(crate) cluster: EmbeddedCluster,
    pub(crate) session: Session,
}

const TABLES: [&str; 4] = [
    "CREATE TABLE ks.numbers (id int PRIMARY KEY, value int)",
    "CREATE TABLE ks.counters (id int PRIMARY KEY, n counter)",
    "CREATE TABLE ks.lists (id int PRIMARY KEY, items list<int>)",
    "CREATE TABLE ks.wide (part int, n int, pad text, PRIMARY KEY (part, n))",
];

impl Stage {
    pub(crate) async fn of(nodes: usize) -> Self {
        Self::with(nodes, |builder| builder).await
    }

    pub(crate) async fn with(nodes: usize, configure: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Self {
        let cluster = EmbeddedCluster::start(nodes).expect("the nodes start");
        lay_out(&cluster, nodes).await;
        let builder =
            Session::builder().contact_points(cluster.addresses()).keyspace("ks").wait_for_all_hosts(true);
        let session = configure(builder).connect().await.expect("the nodes are reachable");
        Self { cluster, session }
    }

    /// A statement that every node knows already: executing it costs one request.
    pub(crate) async fn prepare(&self, cql: &str) -> PreparedStatement {
        let statement = self.session.prepare(cql).await.expect("the statement is right");
        for address in self.cluster.addresses() {
            let mut client = Session::builder().contact_point(address);
            client =
                client.load_balancing(std::sync::Arc::new(chorus::policy::AllowList::new([address.ip()])));
            let client = client.keyspace("ks").connect().await.expect("the node is reachable");
            client.prepare(cql).await.expect("the statement is right");
            client.shutdown(Duration::from_secs(5)).await;
        }
        statement
    }

    /// Counts from now on what reaches each node of the statements with `text`.
    pub(crate) fn watch(&self, text: &str) -> Vec<Watch> {
        let nodes = 0..self.cluster.addresses().len();
        nodes.map(|node| self.cluster.watch(Requests::containing(text).on_node(node))).collect()
    }

    /// Lets the next `times` requests with `text` go wrong.
    pub(crate) fn let_fail(&self, text: &str, times: u64, fault: Fault) -> RuleId {
        self.cluster.faults().add(Requests::containing(text).times(times), fault)
    }
}

/// The keyspace `ks` with every row on every node, and its tables.
pub(crate) async fn lay_out(cluster: &EmbeddedCluster, nodes: usize) {
    let session = Session::builder().contact_points(cluster.addresses()).connect().await.expect("connects");
    let keyspace = format!(
        "CREATE KEYSPACE ks WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': {nodes}}}"
    );
    for cql in std::iter::once(keyspace.as_str()).chain(TABLES) {
        session.query(cql, ()).await.unwrap_or_else(|error| panic!("{cql}: {error}"));
    }
    session.shutdown(Duration::from_secs(5)).await;
}

/// Waits for something that must become true, for far longer than anything takes.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let patience = std::time::Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(std::time::Instant::now() < patience, "not within thirty seconds: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
