//! How many EXECUTEs does one thread of the node serve in a second, and at what cost of CPU?
//!
//! `cargo bench -p chorus-node --bench execute [-- INSERTS]`. One connection keeps windows of requests in flight from a thread of
//! its own; the CPU of the server's thread alone is reported. Linux only, as it reads `/proc`.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use chorus_node::EmbeddedCluster;
use chorus_protocol::request::{Execute, Prepare, Query, QueryParameters, Request, Startup, Values};
use chorus_protocol::{
    Bytes, FrameHeader, FrameShape, HEADER_LEN, ProtocolVersion, Response, ResultBody, begin_frame,
    finish_frame,
};

/// Requests sent before their answers are read.
const WINDOW: usize = 512;

fn main() -> Result<(), Box<dyn Error>> {
    let inserts =
        std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000usize);
    let cluster = EmbeddedCluster::builder().name("bench").threads(1).start()?;
    let shape = FrameShape::new(ProtocolVersion::V4);
    let mut socket = TcpStream::connect(cluster.address(0))?;
    socket.set_nodelay(true)?;
    ask(&mut socket, &shape, &Request::Startup(Startup::new("3.0.0")))?;
    for cql in [
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE ks.t (k bigint PRIMARY KEY, a text, b double, c int)",
    ] {
        ask(&mut socket, &shape, &Request::Query(Query { cql, parameters: QueryParameters::default() }))?;
    }
    let cql = "INSERT INTO ks.t (k, a, b, c) VALUES (?, ?, ?, ?)";
    let prepared = ask(&mut socket, &shape, &Request::Prepare(Prepare { cql, keyspace: None }))?;
    let Response::Result(ResultBody::Prepared(prepared)) = prepared else {
        return Err("not prepared".into());
    };

    let answer_length = HEADER_LEN + 4;
    let mut answers = vec![0; WINDOW * answer_length];
    let mut frames = Vec::new();
    let cpu = server_cpu();
    let started = Instant::now();
    for window in 0..inserts.div_ceil(WINDOW) {
        frames.clear();
        for stream in 0..WINDOW {
            let key = (window * WINDOW + stream) as i64;
            put_insert(&mut frames, &shape, &prepared.id, stream as i16, key)?;
        }
        socket.write_all(&frames)?;
        socket.read_exact(&mut answers)?;
        if answers.chunks(answer_length).any(|answer| answer[4..] != [8, 0, 0, 0, 4, 0, 0, 0, 1]) {
            return Err(format!("not void: {:?}", String::from_utf8_lossy(&answers[..200])).into());
        }
    }
    let (elapsed, cpu) = (started.elapsed(), server_cpu() - cpu);
    let count = inserts.div_ceil(WINDOW) * WINDOW;
    let rate = |time: Duration| count as f64 / time.as_secs_f64();
    writeln!(
        std::io::stdout(),
        "{count} inserts: {:.0}/s, {:.0}/s of the server's CPU ({:.2} us each)",
        rate(elapsed),
        rate(cpu),
        1e6 / rate(cpu)
    )?;
    Ok(())
}

fn put_insert(
    out: &mut Vec<u8>,
    shape: &FrameShape,
    id: &[u8],
    stream: i16,
    key: i64,
) -> Result<(), Box<dyn Error>> {
    let mut values = Vec::with_capacity(64);
    for value in [&key.to_be_bytes()[..], b"some text of a row", &1.5f64.to_be_bytes(), &7i32.to_be_bytes()] {
        values.extend_from_slice(&(value.len() as u32).to_be_bytes());
        values.extend_from_slice(value);
    }
    let values = Values::Positional { count: 4, bytes: &values };
    let parameters = QueryParameters { values, timestamp: Some(key), ..QueryParameters::default() };
    let execute = Execute { id, result_metadata_id: None, parameters, tablet_version_block: 0 };
    let start = begin_frame(out, shape.version, chorus_protocol::Opcode::Execute, 0);
    execute.encode(shape, out)?;
    finish_frame(out, start)?;
    out[start + 2..start + 4].copy_from_slice(&stream.to_be_bytes());
    Ok(())
}

fn ask(
    socket: &mut TcpStream,
    shape: &FrameShape,
    request: &Request<'_>,
) -> Result<Response, Box<dyn Error>> {
    let mut frame = Vec::new();
    let start = begin_frame(&mut frame, shape.version, request.opcode(), 0);
    request.encode(shape, &mut frame)?;
    finish_frame(&mut frame, start)?;
    socket.write_all(&frame)?;
    let mut header = [0; HEADER_LEN];
    socket.read_exact(&mut header)?;
    let header = FrameHeader::decode(&header, u32::MAX)?;
    let mut body = vec![0; header.length as usize];
    socket.read_exact(&mut body)?;
    match Response::decode(header.opcode, Bytes::from(body), shape)? {
        Response::Error(error) => Err(error.message.into()),
        response => Ok(response),
    }
}

/// CPU time of the cluster's threads so far.
fn server_cpu() -> Duration {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let nanoseconds = tasks.flatten().filter_map(|task| {
        let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
        let statistics = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        name.starts_with("bench-node").then(|| statistics.split(' ').next()?.parse::<u64>().ok())?
    });
    Duration::from_nanos(nanoseconds.sum())
}
