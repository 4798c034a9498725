//! A cluster that has something for every panel: requests of every kind, a load that goes on, failures here and there, and hosts
//! that can be stopped.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use chorus::bulk::{BulkLoader, RejectLimit, Source, TableName};
use chorus::metrics::PrometheusEndpoint;
use chorus::{Batch, DbError, Session};
use chorus_node::{EmbeddedCluster, Fault, Requests};
use tokio::runtime::Runtime;

/// Rows of the file that is loaded: more than are written while anybody looks.
const ROWS: u32 = 1_200_000;

/// A session with a served page. Everything of it ends when it is dropped.
pub(super) struct Feed {
    pub(super) cluster: EmbeddedCluster,
    endpoint: Option<PrometheusEndpoint>,
    session: Session,
    progress: chorus::bulk::Progress,
    runtime: Runtime,
    _file: tempfile::TempDir,
}

impl Feed {
    /// Three hosts of two shards in a datacenter of that name, and everything that can happen on them.
    pub(super) fn start(datacenter: &str) -> Self {
        let cluster = EmbeddedCluster::builder().datacenter(datacenter, 3).racks(3).shards(2);
        let cluster = cluster.start().expect("the nodes start");
        fail_now_and_then(&cluster);
        let feed = Self::of(cluster, true);
        for worker in 0..24 {
            feed.runtime.spawn(work(feed.session.clone(), worker));
        }
        feed
    }

    /// One host, and a session that does nothing.
    pub(super) fn quiet() -> Self {
        Self::of(EmbeddedCluster::start(1).expect("the node starts"), false)
    }

    fn of(cluster: EmbeddedCluster, loads: bool) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("threads can be started");
        let session = runtime.block_on(prepare(&cluster));
        let folder = tempfile::tempdir().expect("a folder");
        let loader = BulkLoader::new(&session, TableName::new("shop", "readings"))
            .concurrency(48)
            .reject_limit(RejectLimit::Unlimited);
        let progress = loader.progress();
        if loads {
            let file = folder.path().join("readings.csv");
            std::fs::write(&file, readings()).expect("the file is written");
            let source = Source::path(&file).open().expect("it was just written");
            runtime.spawn(async move { loader.load(source).await });
        }
        let mut feed = Self { cluster, endpoint: None, session, progress, runtime, _file: folder };
        // A host of its own: nobody else gets its port while it is silent.
        feed.serve("127.0.96.1:0".parse().expect("an address"));
        feed
    }

    /// Serves the metrics there; the address.
    pub(super) fn serve(&mut self, address: SocketAddr) -> SocketAddr {
        let progress = self.progress.clone();
        let endpoint = PrometheusEndpoint::start_with(address, &self.session, move || progress.publish());
        self.endpoint = Some(endpoint.expect("the port is free"));
        self.address().expect("it serves")
    }

    /// Where the metrics are.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.endpoint.as_ref().map(PrometheusEndpoint::address)
    }

    /// Serves them no longer.
    pub(super) fn fall_silent(&mut self) {
        self.endpoint = None;
    }

    /// Where a host listens, as metrics call it.
    pub(super) fn host(&self, node: usize) -> String {
        self.cluster.address(node).to_string()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.progress.stop();
        self.endpoint = None;
        let _guard = self.runtime.enter();
        self.runtime.block_on(self.session.shutdown(Duration::from_millis(200)));
    }
}

fn readings() -> String {
    let mut rows = String::from("id,value\n");
    for id in 0..ROWS {
        let _ = writeln!(rows, "{id},{}", id / 7);
    }
    rows
}

/// Latencies that can be seen, and answers that are errors.
fn fail_now_and_then(cluster: &EmbeddedCluster) {
    let faults = cluster.faults();
    let overloaded = Fault::Error(DbError::Overloaded, "busy".into());
    faults.add(Requests::containing("orders").with_probability(0.004), overloaded);
    faults.add(Requests::containing("SELECT").with_probability(0.0006), Fault::DropAnswer);
    for (share, millis) in [(0.01, 40), (0.1, 9), (0.5, 3)] {
        let slow = Fault::Delay(Duration::from_millis(millis));
        faults.add(Requests::containing("orders").with_probability(share), slow);
    }
    faults.add(Requests::containing("readings"), Fault::Delay(Duration::from_millis(4)));
}

async fn prepare(cluster: &EmbeddedCluster) -> Session {
    // Hosts that look like ScyllaDB's do not tell their port.
    let port = cluster.address(0).port();
    let builder = Session::builder().contact_points(cluster.addresses()).port(port).wait_for_all_hosts(true);
    let session = builder.connect().await.expect("the nodes are reachable");
    for cql in [
        "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2}",
        "CREATE TABLE shop.orders (id int, item int, PRIMARY KEY (id, item))",
        "CREATE TABLE shop.readings (id int PRIMARY KEY, value int)",
    ] {
        session.query(cql, ()).await.expect("it is created");
    }
    session
}

/// What one user of the shop does until the end: writes, reads, a batch, a result of several pages. Failures are part of it.
async fn work(session: Session, worker: i32) {
    let timeout = Duration::from_millis(400);
    let insert = session.prepare("INSERT INTO shop.orders (id, item) VALUES (?, ?)").await;
    let insert = insert.expect("the table exists").timeout(timeout).idempotent(true);
    let select = session.prepare("SELECT item FROM shop.orders WHERE id = ?").await;
    let select = select.expect("the table exists").timeout(timeout).idempotent(true).page_size(40);
    for round in 0_i32.. {
        let id = (worker * 31 + round) % 500;
        let _ = session.execute(&insert, (id, round % 100)).await;
        let _ = session.execute(&select, (id,)).await;
        if round % 9 == 0 {
            let mut batch = Batch::logged();
            for item in 0..4 {
                batch.bind(&insert, (id, item)).expect("two ints");
            }
            let _ = session.batch(&batch).await;
        }
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
}
