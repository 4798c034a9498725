//! A session without a socket: every connection leads to a [`Peer`] in the same thread.

use std::time::Duration;

use chorus::{Placement, PreparedStatement, ProtocolVersion, Session};
use chorus_node::EmbeddedCluster;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Runtime;

use super::peer::Peer;
use super::server_side::ServerSide;

/// As much as a socket takes before its reader comes.
const PIPE: usize = 1024 * 1024;
/// What passes for the client while its peer answers everything that arrived together.
const ROUND_TRIP: Duration = Duration::from_micros(100);

/// The value that is written and read.
pub(crate) const PAYLOAD: [u8; 100] = [0x70; 100];

/// A connected session, the runtime it lives on, and the cluster that its peers learn their answers from.
pub(crate) struct InMemory {
    pub(crate) session: Session,
    pub(crate) insert: PreparedStatement,
    pub(crate) read: PreparedStatement,
    runtime: Runtime,
    _cluster: EmbeddedCluster,
}

impl InMemory {
    /// Connects. The clock of the runtime stands still but for a fixed time at each answer, so that deadlines, sweeps
    /// and histograms do the same in every run, however slow the machine.
    pub(crate) fn connect() -> Self {
        let cluster = EmbeddedCluster::builder().start().expect("loopback is there");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        chorus_actors::bench::dial_with(|address| {
            let (near, far) = tokio::io::duplex(PIPE);
            let peer = Peer::connect(address).expect("the embedded node listens");
            tokio::spawn(ServerSide::new(serve(far, peer)));
            near
        });
        let session = Session::builder()
            .contact_point(cluster.addresses()[0])
            .protocol_version(ProtocolVersion::V4)
            .placement(Placement::Local);
        let session = runtime.block_on(session.connect()).expect("the peer answers");
        for statement in [
            "CREATE KEYSPACE bench WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
            "CREATE TABLE bench.kv (id bigint PRIMARY KEY, payload blob)",
        ] {
            runtime.block_on(create(&session, statement));
        }
        let (insert, read) = runtime.block_on(async {
            let insert = session.prepare("INSERT INTO bench.kv (id, payload) VALUES (?, ?)").await;
            let read = session.prepare("SELECT id, payload FROM bench.kv WHERE id = ?").await;
            let (insert, read) = (insert.expect("it is right"), read.expect("it is right"));
            // The first answer of each is the one the peer repeats.
            session.execute(&insert, (0_i64, PAYLOAD.as_slice())).await.expect("it is stored");
            session.execute(&read, (0_i64,)).await.expect("it is there");
            (insert, read)
        });
        Self { session, insert, read, runtime, _cluster: cluster }
    }

    /// Creates a table.
    pub(crate) fn create(&self, statement: &str) {
        self.run(create(&self.session, statement));
    }

    /// Runs a future to its end on the session's runtime.
    pub(crate) fn run<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Starts a task on it.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }
}

async fn create(session: &Session, statement: &str) {
    session.query(statement, ()).await.expect("the node knows it");
    // The session hears of it and reads the schema again; the clock jumps to the end of that.
    tokio::time::sleep(Duration::from_secs(10)).await;
}

/// The server's side of one connection.
async fn serve(mut pipe: DuplexStream, mut peer: Peer) {
    let (mut requests, mut answers) = (Vec::with_capacity(PIPE), Vec::with_capacity(PIPE));
    while pipe.read_buf(&mut requests).await.is_ok_and(|bytes| bytes > 0) {
        peer.answer(&mut requests, &mut answers);
        tokio::time::advance(ROUND_TRIP).await;
        if pipe.write_all(&answers).await.is_err() {
            return;
        }
        answers.clear();
    }
}
