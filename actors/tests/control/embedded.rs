//! Sessions with the embedded cluster.

use std::sync::Arc;
use std::time::Duration;

use chorus_actors::{Engine, EngineConfig, RequestError, RequestOptions};
use chorus_node::EmbeddedCluster;
use chorus_protocol::request::{Query, QueryParameters};
use chorus_protocol::{Consistency, Envelope, Opcode, Response, begin_frame, finish_frame};
use chorus_topology::ExponentialReconnection;

/// A configuration for a test: everything as by default, but quick to notice and to try again.
pub(crate) fn config(cluster: &EmbeddedCluster) -> EngineConfig {
    let mut config = EngineConfig::new(cluster.addresses().into_iter().take(1));
    config.reconnection = Arc::new(
        ExponentialReconnection::new(Duration::from_millis(100), Duration::from_secs(10))
            .expect("a valid policy"),
    );
    config
}

/// Sends a statement and decodes its answer.
pub(crate) async fn query(engine: &Engine, text: &str) -> Result<Response, RequestError> {
    let shape = engine.shape();
    let mut builder = engine.request();
    let (frame, options) = builder.parts();
    let start = begin_frame(frame, shape.version, Opcode::Query, 0);
    let parameters = QueryParameters { consistency: Consistency::LocalOne, ..QueryParameters::default() };
    Query { cql: text, parameters }.encode(&shape, frame).expect("short statements fit");
    finish_frame(frame, start).expect("short statements fit");
    *options = RequestOptions::default();
    options.timeout = Some(Duration::from_secs(5));
    options.idempotent = text.starts_with("SELECT");
    let reply = builder.send().await?;
    let (opcode, flags) = (reply.opcode(), reply.flags());
    let envelope = Envelope::split(flags, reply.into_bytes()).expect("a valid envelope");
    Ok(Response::decode(opcode, envelope.body, &shape).expect("a valid answer"))
}
