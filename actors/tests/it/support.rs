//! Short ways to say what the tests say often.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use chorus_actors::{
    Engine, EngineConfig, MetricsSnapshot, Preparation, Reply, RequestError, RequestKind, RequestOptions,
};
use chorus_node::{EmbeddedCluster, Watch};
use chorus_protocol::{
    Consistency, FrameShape, Opcode, begin_frame, finish_frame,
    request::{Execute, Prepare, Query, QueryParameters},
    response::{Envelope, Response, ResultBody},
};

/// A statement every node can answer without any schema.
pub(crate) const LOCAL: &str = "SELECT key FROM system.local";

/// Far more than anything takes, for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn cluster(nodes: usize) -> EmbeddedCluster {
    EmbeddedCluster::start(nodes).expect("an embedded cluster starts")
}

/// A configuration for all nodes of a cluster, quick to notice that hosts are gone.
pub(crate) fn config(cluster: &EmbeddedCluster) -> EngineConfig {
    let mut config = EngineConfig::new(cluster.addresses());
    config.wait_for_all_hosts = true;
    config.reconnection = Arc::new(
        chorus_topology::ExponentialReconnection::new(Duration::from_millis(50), Duration::from_millis(500))
            .expect("base below cap"),
    );
    config
}

pub(crate) async fn engine(cluster: &EmbeddedCluster) -> Engine {
    Engine::connect(config(cluster)).await.expect("the engine connects")
}

/// Waits until one of the requests that are watched has reached its node.
pub(crate) async fn arrived(watched: &Watch) {
    let arrival = async {
        while watched.count() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, arrival).await.expect("it is sent");
}

/// Waits until the engine has counted what is wanted.
pub(crate) async fn counted(
    engine: &Engine,
    what: &str,
    wanted: impl Fn(&MetricsSnapshot) -> bool,
) -> MetricsSnapshot {
    let until = Instant::now() + PATIENCE;
    loop {
        let metrics = engine.metrics().await.expect("the engine runs");
        if wanted(&metrics) {
            return metrics;
        }
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}: {metrics:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Appends a QUERY.
pub(crate) fn query_frame(shape: &FrameShape, cql: &str, out: &mut Vec<u8>) {
    let start = begin_frame(out, shape.version, Opcode::Query, 0);
    let parameters = QueryParameters { consistency: Consistency::One, ..QueryParameters::default() };
    Query { cql, parameters }.encode(shape, out).expect("a short query");
    finish_frame(out, start).expect("a short frame");
}

/// Appends an EXECUTE without values.
pub(crate) fn execute_frame(shape: &FrameShape, prepared: &Prepared, out: &mut Vec<u8>) {
    let start = begin_frame(out, shape.version, Opcode::Execute, 0);
    let execute = Execute {
        id: &prepared.preparation.id,
        result_metadata_id: prepared.metadata_id.as_deref(),
        parameters: QueryParameters { consistency: Consistency::One, ..QueryParameters::default() },
        tablet_version_block: 0,
    };
    execute.encode(shape, out).expect("a short statement");
    finish_frame(out, start).expect("a short frame");
}

pub(crate) fn reads(timeout: Duration) -> RequestOptions {
    RequestOptions { timeout: Some(timeout), idempotent: true, ..RequestOptions::default() }
}

pub(crate) fn writes(timeout: Duration) -> RequestOptions {
    RequestOptions { kind: RequestKind::Write, idempotent: false, ..reads(timeout) }
}

pub(crate) async fn query(
    engine: &Engine,
    cql: &str,
    options: RequestOptions,
) -> Result<Reply, RequestError> {
    let mut request = engine.request();
    query_frame(&engine.shape(), cql, request.frame());
    request.options(options);
    request.send().await
}

/// A prepared statement as the tests need it.
pub(crate) struct Prepared {
    pub(crate) preparation: Arc<Preparation>,
    metadata_id: Option<Bytes>,
}

pub(crate) async fn prepare(engine: &Engine, cql: &str) -> Prepared {
    let mut request = engine.request();
    let shape = engine.shape();
    let frame = request.frame();
    let start = begin_frame(frame, shape.version, Opcode::Prepare, 0);
    Prepare { cql, keyspace: None }.encode(&shape, frame).expect("a short statement");
    finish_frame(frame, start).expect("a short frame");
    request.options(reads(Duration::from_secs(5)));
    let reply = request.send().await.expect("the statement is prepared");
    match decode(engine, reply) {
        ResultBody::Prepared(body) => Prepared {
            preparation: Arc::new(Preparation::new(body.id, cql.into(), None, None, body.bind.columns)),
            metadata_id: body.result_metadata_id,
        },
        other => panic!("{other:?} is not a prepared statement"),
    }
}

pub(crate) async fn execute(
    engine: &Engine,
    prepared: &Prepared,
    options: RequestOptions,
) -> Result<Reply, RequestError> {
    let mut request = engine.request();
    execute_frame(&engine.shape(), prepared, request.frame());
    request.options(options);
    request.prepared(&prepared.preparation);
    request.send().await
}

pub(crate) fn decode(engine: &Engine, reply: Reply) -> ResultBody {
    let (opcode, flags) = (reply.opcode(), reply.flags());
    let envelope = Envelope::split(flags, reply.into_bytes()).expect("a well-formed envelope");
    match Response::decode(opcode, envelope.body, &engine.shape()) {
        Ok(Response::Result(body)) => body,
        other => panic!("{other:?} is not a result"),
    }
}

/// The number of rows in an answer.
pub(crate) fn rows(engine: &Engine, reply: Reply) -> u32 {
    match decode(engine, reply) {
        ResultBody::Rows(rows) => rows.row_count,
        other => panic!("{other:?} are not rows"),
    }
}
