//! A session of a large cluster: a thousand hosts with 256 tokens each in three datacenters, as `system.peers` tells them.
//!
//! Every connection leads to the same embedded node in this process, over a pipe; what the hosts are is made up.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use chorus::policy::{DcAwareRoundRobin, TokenAware};
use chorus::{ColumnSpec, CqlType, Placement, PreparedStatement, ProtocolVersion, Session, Uuid};
use chorus_node::EmbeddedCluster;
use chorus_protocol::response::{Response, ResultBody, RowsBody, RowsMetadata};
use chorus_protocol::{FrameShape, Opcode, begin_frame, encode_row, finish_frame};
use chorus_topology::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Runtime;

use super::peer::Peer;

pub(crate) const HOSTS: usize = 1_000;
pub(crate) const TOKENS: usize = 256;
const DATACENTERS: usize = 3;
const PIPE: usize = 256 * 1024;

/// A connected session and the runtime it lives on. The clock is the machine's.
pub(crate) struct LargeCluster {
    pub(crate) session: Session,
    pub(crate) insert: PreparedStatement,
    pub(crate) runtime: Runtime,
    _cluster: EmbeddedCluster,
}

impl LargeCluster {
    /// Connects to a third of the hosts: those of one datacenter.
    pub(crate) fn connect() -> Self {
        let mut builder = EmbeddedCluster::builder();
        for datacenter in 0..DATACENTERS {
            builder = builder.datacenter(format!("dc{datacenter}"), 1);
        }
        let cluster = builder.start().expect("loopback is there");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (node, peers) = (cluster.address(0), Arc::new(peers()));
        chorus_actors::bench::dial_with(move |_| {
            let (near, far) = tokio::io::duplex(PIPE);
            let peer = Peer::connect(node).expect("the embedded node listens");
            let peer = peer.telling("SELECT * FROM system.peers", Arc::clone(&peers));
            tokio::spawn(serve(far, peer));
            near
        });
        let session = Session::builder()
            .contact_point(node)
            .protocol_version(ProtocolVersion::V4)
            .load_balancing(Arc::new(TokenAware::new(DcAwareRoundRobin::preferring("dc0"))))
            .connect_to_remote_hosts(false)
            .wait_for_all_hosts(true)
            .placement(Placement::Local);
        let (session, insert) = runtime.block_on(async {
            let session = session.connect().await.expect("the peer answers");
            for statement in [
                "CREATE KEYSPACE bench WITH replication = {'class': 'NetworkTopologyStrategy', 'dc0': 3, 'dc1': 3, 'dc2': 3}",
                "CREATE TABLE bench.kv (id bigint PRIMARY KEY, payload blob)",
            ] {
                session.query(statement, ()).await.expect("the node knows it");
            }
            let insert = session.prepare("INSERT INTO bench.kv (id, payload) VALUES (?, ?)").await;
            (session, insert.expect("it is right"))
        });
        assert_eq!(session.state().hosts.len(), HOSTS);
        Self { session, insert, runtime, _cluster: cluster }
    }
}

async fn serve(mut pipe: DuplexStream, mut peer: Peer) {
    let (mut requests, mut answers) = (Vec::new(), Vec::new());
    while pipe.read_buf(&mut requests).await.is_ok_and(|bytes| bytes > 0) {
        peer.answer(&mut requests, &mut answers);
        if pipe.write_all(&answers).await.is_err() {
            return;
        }
        answers.clear();
    }
}

/// The frame that tells all hosts but the one that is asked.
fn peers() -> Vec<u8> {
    let column = |name: &str, typ| ColumnSpec::new("system", "peers", name, typ);
    let columns = [
        column("peer", CqlType::Inet),
        column("data_center", CqlType::Text),
        column("host_id", CqlType::Uuid),
        column("rack", CqlType::Text),
        column("rpc_address", CqlType::Inet),
        column("tokens", CqlType::set(CqlType::Text)),
    ];
    let mut rng = Rng::seeded(1);
    let mut content = Vec::new();
    for host in 1..HOSTS {
        let address = SocketAddr::from(([10, 0, (host / 250) as u8, (host % 250) as u8], 9042)).ip();
        let tokens: Vec<String> = (0..TOKENS).map(|_| (rng.next_u64() as i64).to_string()).collect();
        let (datacenter, rack) = (format!("dc{}", host % DATACENTERS), format!("r{}", host % 8));
        let id = Uuid::from_u128(host as u128 + 1);
        let row: (IpAddr, String, Uuid, String, IpAddr, Vec<String>) =
            (address, datacenter, id, rack, address, tokens);
        encode_row(&row, &columns, &mut content).expect("the values fit");
    }
    let rows = RowsBody {
        metadata: RowsMetadata::new(&columns[..]),
        row_count: (HOSTS - 1) as u32,
        content: content.into(),
    };
    let mut frame = Vec::new();
    let start = begin_frame(&mut frame, ProtocolVersion::V4, Opcode::Result, 0);
    let response = Response::Result(ResultBody::Rows(rows));
    response.encode(&FrameShape::new(ProtocolVersion::V4), &mut frame).expect("it is not too large");
    finish_frame(&mut frame, start).expect("it is not too large");
    frame
}
