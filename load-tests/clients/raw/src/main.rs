//! The floor: no driver at all. Frames that were encoded beforehand, replies counted and not looked at.
//!
//! It comes in two variants. One blocks in its system calls, which nothing undercuts; the other, `async`, has a tokio
//! runtime wait for the socket, which is the least that any driver on tokio can do. What is between the two no such driver
//! can save.

mod blocking;
mod exchange;
mod on_tokio;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use harness::{Arguments, Failure, INSERT, PAGE, PAYLOAD, Phases, READ, Report, Scenario};

use exchange::Exchange;

/// Requests in flight for scenarios that do not say; what Chorus has by default.
const MANY: usize = 2048;
const PAGE_ROWS: u64 = 5000;
const HEADER: usize = 9;

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
    let exchange = Exchange::new(frames, phases);
    let (replies, latencies) = match arguments.variant.as_str() {
        "" => blocking::carry_out(exchange, socket)?,
        "async" => on_tokio::carry_out(exchange, socket)?,
        other => return Err(format!("the raw loop has no variant {other:?}").into()),
    };
    Ok(clock.wait_for_cost()?.report(replies * worth, latencies))
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
