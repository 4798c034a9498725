//! The floor: no driver at all. A blocking socket, frames that were encoded beforehand, replies counted and not looked at.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use harness::{Arguments, Failure, INSERT, PAGE, PAYLOAD, Phase, Phases, READ, Report, Scenario};

/// Requests in flight for scenarios that do not say; what Chorus has by default.
const MANY: usize = 2048;
const PAGE_ROWS: u64 = 5000;
const HEADER: usize = 9;
const READ_BYTES: usize = 256 * 1024;
/// One latency in so many is kept.
const SAMPLED: u64 = 16;
const SAMPLES: usize = 1 << 21;

fn main() -> Result<(), Failure> {
    harness::main(run)
}

fn run(arguments: &Arguments) -> Result<Report, Failure> {
    let in_flight = match arguments.scenario {
        Scenario::Concurrent | Scenario::Bulk => MANY,
        _ => arguments.concurrency,
    };
    let (text, worth) = match arguments.scenario {
        Scenario::Insert | Scenario::Concurrent | Scenario::Bulk => (INSERT, 1),
        Scenario::Read => (READ, 1),
        Scenario::Page => (PAGE, PAGE_ROWS),
        other => return Err(format!("the raw loop has no scenario {other:?}").into()),
    };
    let mut socket = TcpStream::connect(&arguments.contact_point)?;
    socket.set_nodelay(true)?;
    exchange(&mut socket, STARTUP, &startup())?;
    let prepared = exchange(&mut socket, PREPARE, &long_string(text))?;
    let id = prepared.get(6..8).ok_or("a short answer to PREPARE")?;
    let frames: Vec<Vec<u8>> = (0..in_flight)
        .map(|stream| frame(stream as u16, EXECUTE, &execute(id, text, stream as i64)))
        .collect();
    let (phases, clock) = Phases::start(arguments, None);
    let (replies, latencies) = send_and_count(&mut socket, &frames, &phases)?;
    Ok(clock.wait_for_cost()?.report(replies * worth, latencies))
}

/// Keeps every frame in flight; the number of replies in the measured part, and some latencies in nanoseconds.
fn send_and_count(
    socket: &mut TcpStream,
    frames: &[Vec<u8>],
    phases: &Phases,
) -> io::Result<(u64, Vec<u32>)> {
    let every = if frames.len() as u64 >= SAMPLED { SAMPLED } else { 1 };
    let mut latencies = Vec::with_capacity(SAMPLES);
    let mut output = frames.concat();
    let mut sent = vec![Instant::now(); frames.len()];
    let mut input = vec![0; READ_BYTES];
    let (mut filled, mut skip, mut replies) = (0, 0, 0_u64);
    loop {
        socket.write_all(&output)?;
        output.clear();
        // A reply that is longer than the buffer may leave nothing to send.
        while output.is_empty() {
            let read = socket.read(&mut input[filled..])?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            let phase = phases.now();
            if phase == Phase::Over {
                return Ok((replies, latencies));
            }
            let now = Instant::now();
            let mut at = 0;
            loop {
                let skipped = skip.min(filled - at);
                (at, skip) = (at + skipped, skip - skipped);
                let Some(header) = input[at..filled].first_chunk::<HEADER>().filter(|_| skip == 0) else {
                    break;
                };
                let stream = usize::from(u16::from_be_bytes([header[2], header[3]]));
                skip = u32::from_be_bytes([header[5], header[6], header[7], header[8]]) as usize;
                at += HEADER;
                if phase == Phase::Measured {
                    replies += 1;
                    if replies.is_multiple_of(every) && latencies.len() < SAMPLES {
                        latencies.push((now - sent[stream]).as_nanos() as u32);
                    }
                }
                sent[stream] = now;
                output.extend_from_slice(&frames[stream]);
            }
            input.copy_within(at..filled, 0);
            filled -= at;
        }
    }
}

const STARTUP: u8 = 0x01;
const PREPARE: u8 = 0x09;
const EXECUTE: u8 = 0x0A;
const ERROR: u8 = 0x00;

fn frame(stream: u16, opcode: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![4, 0];
    frame.extend(stream.to_be_bytes());
    frame.push(opcode);
    frame.extend((body.len() as u32).to_be_bytes());
    frame.extend(body);
    frame
}

/// Sends one request and waits for its answer.
fn exchange(socket: &mut TcpStream, opcode: u8, body: &[u8]) -> Result<Vec<u8>, Failure> {
    socket.write_all(&frame(0, opcode, body))?;
    let mut header = [0; HEADER];
    socket.read_exact(&mut header)?;
    let mut answer = vec![0; u32::from_be_bytes([header[5], header[6], header[7], header[8]]) as usize];
    socket.read_exact(&mut answer)?;
    if header[4] == ERROR { Err(String::from_utf8_lossy(&answer).into()) } else { Ok(answer) }
}

fn startup() -> Vec<u8> {
    let mut body = 1_u16.to_be_bytes().to_vec();
    for text in ["CQL_VERSION", "3.0.0"] {
        body.extend((text.len() as u16).to_be_bytes());
        body.extend(text.as_bytes());
    }
    body
}

fn long_string(text: &str) -> Vec<u8> {
    let mut body = (text.len() as u32).to_be_bytes().to_vec();
    body.extend(text.as_bytes());
    body
}

/// An EXECUTE like a driver's: LOCAL_QUORUM, values, no metadata in the answer.
fn execute(id: &[u8], text: &str, key: i64) -> Vec<u8> {
    const LOCAL_QUORUM: u16 = 6;
    const VALUES_WITHOUT_METADATA: u8 = 0x03;
    let values: &[&[u8]] = match text {
        INSERT => &[&key.to_be_bytes(), &PAYLOAD],
        READ => &[&key.to_be_bytes()],
        _ => &[],
    };
    let mut body = (id.len() as u16).to_be_bytes().to_vec();
    body.extend(id);
    body.extend(LOCAL_QUORUM.to_be_bytes());
    body.push(VALUES_WITHOUT_METADATA);
    body.extend((values.len() as u16).to_be_bytes());
    for value in values {
        body.extend((value.len() as u32).to_be_bytes());
        body.extend(*value);
    }
    body
}
