//! F106: bytes that were never meant to be a request.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chorus_node::EmbeddedCluster;
use chorus_protocol::request::{
    Batch, BatchEntry, BatchKind, BatchStatement, EventKind, Execute, Prepare, Query, QueryParameters,
    Register, Request, Startup, Values,
};
use chorus_protocol::segment::SegmentEncoder;
use chorus_protocol::{
    Compression, Consistency, FrameShape, ProtocolVersion, Response, begin_frame, finish_frame,
};

use crate::client::Client;

const CREATE: &str =
    "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";

/// Repeatable numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

/// A conversation of valid requests.
fn conversation(version: ProtocolVersion) -> Vec<Vec<u8>> {
    let values = Values::Positional { count: 2, bytes: &[0, 0, 0, 1, 7, 255, 255, 255, 255] };
    let parameters = QueryParameters {
        values,
        page_size: Some(10),
        paging_state: Some(b"state"),
        timestamp: Some(5),
        ..QueryParameters::default()
    };
    let entry = |statement| BatchEntry { statement, values };
    let requests = [
        Request::Options,
        Request::Register(Register { events: vec![EventKind::SchemaChange] }),
        Request::Query(Query { cql: CREATE, parameters: QueryParameters::default() }),
        Request::Query(Query { cql: "SELECT * FROM system.local WHERE key = ? AND x = ?", parameters }),
        Request::Prepare(Prepare {
            cql: "SELECT * FROM system_schema.columns WHERE keyspace_name = ?",
            keyspace: None,
        }),
        Request::Execute(Execute {
            id: b"0123456789abcdef",
            result_metadata_id: None,
            parameters,
            tablet_version_block: 0,
        }),
        Request::Batch(Batch {
            kind: BatchKind::Logged,
            entries: vec![
                entry(BatchStatement::Query("INSERT INTO ks.t (a, b) VALUES (?, ?)")),
                entry(BatchStatement::Prepared(b"0123456789abcdef")),
            ],
            consistency: Consistency::Quorum,
            serial_consistency: None,
            timestamp: Some(1),
            keyspace: None,
            now_in_seconds: None,
        }),
    ];
    requests.iter().map(|request| frame(version, request)).collect()
}

fn frame(version: ProtocolVersion, request: &Request<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let start = begin_frame(&mut bytes, version, request.opcode(), 0);
    request.encode(&FrameShape::new(version), &mut bytes).unwrap();
    finish_frame(&mut bytes, start).unwrap();
    bytes
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(4) {
        let position = random.below(bytes.len());
        match random.below(5) {
            0 => bytes[position] = random.below(256) as u8,
            1 => bytes[position] ^= 1 << random.below(8),
            2 => bytes[position] = [0, 0x7f, 0x80, 0xff][random.below(4)],
            3 => bytes.truncate(position.max(1)),
            _ => bytes.insert(position, random.below(256) as u8),
        }
    }
}

#[test]
fn damaged_conversations_neither_panic_nor_hang_nor_harm_others() {
    let panics = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&panics);
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name().is_some_and(|name| name.starts_with("hostile-node")) {
            counter.fetch_add(1, Ordering::SeqCst);
        }
        usual(panic);
    }));
    let cluster = EmbeddedCluster::builder().name("hostile").start().unwrap();
    let mut random = Random(20_261_123);
    for round in 0..1500 {
        let version = ProtocolVersion::ALL[round % 3];
        let compression = [None, Some(Compression::Lz4)][round / 3 % 2];
        let mut startup = Startup::new("3.0.0");
        if let Some(compression) = compression {
            startup.set(Startup::COMPRESSION, compression.name());
        }
        let mut bytes = frame(version, &Request::Startup(startup));
        if round % 7 == 0 {
            damage(&mut bytes, &mut random);
        }
        let mut rest: Vec<u8> = Vec::new();
        for mut request in conversation(version) {
            // Damage inside of a segment would only ever meet its checksum.
            if random.below(3) == 0 {
                damage(&mut request, &mut random);
            }
            rest.extend_from_slice(&request);
        }
        if version == ProtocolVersion::V5 {
            let mut segments = Vec::new();
            SegmentEncoder::new(compression).encode(&rest, &mut segments).unwrap();
            rest = segments;
        }
        bytes.extend_from_slice(&rest);

        let mut socket = TcpStream::connect(cluster.address(0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
        // The server may have hung up before it was sent everything.
        let _ = socket.write_all(&bytes);
        let _ = socket.shutdown(Shutdown::Write);
        let mut answers = Vec::new();
        if let Err(error) = socket.read_to_end(&mut answers) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "round {round} hangs");
        }
    }
    assert_eq!(panics.load(Ordering::SeqCst), 0);
    let mut client = Client::v4(cluster.address(0));
    assert!(matches!(client.query("DESCRIBE KEYSPACES"), Response::Result(_)));
    drop(client);
    let deadline = Instant::now() + Duration::from_secs(5);
    while cluster.connections(0) > 0 {
        assert!(Instant::now() < deadline, "connections are left");
        std::thread::yield_now();
    }
}
