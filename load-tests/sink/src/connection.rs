//! One client connection: read much, answer all of it, write once.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use crate::answers::{self, Canned, Prepared};
use crate::catalog::Catalog;

/// A whole window of a busy client fits into one read.
const READ_BYTES: usize = 256 * 1024;
const HEADER: usize = 9;
/// No request we understand is longer; whoever says so is not a CQL client.
const LONGEST: usize = 64 * 1024 * 1024;

mod opcode {
    pub(super) const ERROR: u8 = 0x00;
    pub(super) const STARTUP: u8 = 0x01;
    pub(super) const READY: u8 = 0x02;
    pub(super) const OPTIONS: u8 = 0x05;
    pub(super) const SUPPORTED: u8 = 0x06;
    pub(super) const QUERY: u8 = 0x07;
    pub(super) const RESULT: u8 = 0x08;
    pub(super) const PREPARE: u8 = 0x09;
    pub(super) const EXECUTE: u8 = 0x0A;
    pub(super) const REGISTER: u8 = 0x0B;
    pub(super) const BATCH: u8 = 0x0D;
}

const PROTOCOL_ERROR: i32 = 0x000A;

/// Serves one client until it goes.
pub(crate) fn run(mut socket: TcpStream, catalog: &Catalog, delay: Duration) -> io::Result<()> {
    let canned = Canned::new();
    let mut input = vec![0; READ_BYTES];
    let mut filled = 0;
    let mut output = Vec::with_capacity(READ_BYTES);
    let late = if delay.is_zero() { None } else { Some(Late::start(socket.try_clone()?, delay)) };
    loop {
        let read = socket.read(&mut input[filled..])?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let taken = answer_all(&input[..filled], &mut output, catalog, &canned)?;
        input.copy_within(taken..filled, 0);
        filled -= taken;
        if filled >= HEADER {
            // The rest of a frame that is longer than the buffer.
            let whole = frame_length(&input[..HEADER])?;
            if whole > input.len() {
                input.resize(whole, 0);
            }
        }
        if output.is_empty() {
            continue;
        }
        match &late {
            None => {
                socket.write_all(&output)?;
                output.clear();
            }
            Some(late) => late.send(std::mem::take(&mut output)),
        }
    }
}

fn frame_length(header: &[u8]) -> io::Result<usize> {
    let body = u32::from_be_bytes([header[5], header[6], header[7], header[8]]) as usize;
    if body > LONGEST { Err(io::Error::other("a frame of an impossible length")) } else { Ok(HEADER + body) }
}

/// Answers every whole frame; returns how many bytes they were.
fn answer_all(input: &[u8], output: &mut Vec<u8>, catalog: &Catalog, canned: &Canned) -> io::Result<usize> {
    let mut at = 0;
    while let Some(header) = input.get(at..at + HEADER) {
        let end = at + frame_length(header)?;
        let Some(body) = input.get(at + HEADER..end) else { break };
        let (version, opcode) = (header[0] & 0x7F, header[4]);
        let stream = [header[2], header[3]];
        if opcode == opcode::EXECUTE && body.get(2) == Some(&(Prepared::Write as u8)) {
            // What a run consists of: thirteen bytes, nothing looked up.
            output.extend_from_slice(&[
                version | 0x80,
                0,
                stream[0],
                stream[1],
                opcode::RESULT,
                0,
                0,
                0,
                4,
                0,
                0,
                0,
                1,
            ]);
        } else {
            let (answer, body) = answer(version, opcode, body, catalog, canned);
            // A version we do not speak is refused in the newest that we do.
            output.extend_from_slice(&[version.min(4) | 0x80, 0, stream[0], stream[1], answer]);
            output.extend_from_slice(&(body.len() as u32).to_be_bytes());
            output.extend_from_slice(&body);
        }
        at = end;
    }
    Ok(at)
}

fn answer(version: u8, opcode: u8, body: &[u8], catalog: &Catalog, canned: &Canned) -> (u8, Vec<u8>) {
    if !(3..=4).contains(&version) {
        let message = "Invalid or unsupported protocol version; supported versions are (3/v3, 4/v4)";
        return (opcode::ERROR, answers::error(PROTOCOL_ERROR, message));
    }
    let result = |answer: Result<Vec<u8>, Vec<u8>>| match answer {
        Ok(body) => (opcode::RESULT, body),
        Err(error) => (opcode::ERROR, error),
    };
    match opcode {
        opcode::OPTIONS => (opcode::SUPPORTED, answers::supported()),
        opcode::STARTUP | opcode::REGISTER => (opcode::READY, Vec::new()),
        opcode::QUERY => result(answers::query(&long_string(body), catalog, canned)),
        opcode::PREPARE => result(answers::prepare(&long_string(body), version)),
        opcode::EXECUTE => result(execute(body, canned)),
        opcode::BATCH => (opcode::RESULT, answers::VOID.to_vec()),
        other => {
            (opcode::ERROR, answers::error(PROTOCOL_ERROR, &format!("opcode {other} is not understood")))
        }
    }
}

fn execute(body: &[u8], canned: &Canned) -> Result<Vec<u8>, Vec<u8>> {
    let statement = match body.get(2) {
        Some(id) if *id == Prepared::ReadOne as u8 => Prepared::ReadOne,
        Some(id) if *id == Prepared::ReadPage as u8 => Prepared::ReadPage,
        _ => return Err(answers::error(PROTOCOL_ERROR, "no such prepared statement")),
    };
    // Flags follow the id (two bytes of length and one of id) and two bytes of consistency.
    let skip_metadata = body.get(5).is_some_and(|flags| flags & 0x02 != 0);
    Ok(canned.rows(statement, skip_metadata).to_vec())
}

fn long_string(body: &[u8]) -> String {
    let length = body.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes) as usize);
    String::from_utf8_lossy(body.get(4..4 + length).unwrap_or_default()).into_owned()
}

/// Writes answers some time after they were made.
struct Late {
    answers: Sender<(Instant, Vec<u8>)>,
    delay: Duration,
}

impl Late {
    fn start(socket: TcpStream, delay: Duration) -> Late {
        let (answers, due) = mpsc::channel();
        std::thread::spawn(move || write_when_due(socket, &due));
        Late { answers, delay }
    }

    fn send(&self, answer: Vec<u8>) {
        // Nobody is there to write to once the writer is gone; the next read finds out.
        let _ = self.answers.send((Instant::now() + self.delay, answer));
    }
}

fn write_when_due(mut socket: TcpStream, due: &Receiver<(Instant, Vec<u8>)>) {
    for (when, answer) in due {
        std::thread::sleep(when.saturating_duration_since(Instant::now()));
        if socket.write_all(&answer).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn answered(input: &[u8]) -> (usize, Vec<u8>) {
        let mut output = Vec::new();
        let catalog = Catalog::new(&[Ipv4Addr::LOCALHOST], 0, 9042);
        let taken =
            answer_all(input, &mut output, &catalog, &Canned::new()).expect("the input is well formed");
        (taken, output)
    }

    #[test]
    fn a_write_is_answered_on_its_stream_and_half_a_frame_is_left() {
        let input = [4, 0, 0x12, 0x34, 0x0A, 0, 0, 0, 4, 0, 1, b'w', 0, 4, 0, 0, 1, 0x0A, 0, 0, 0, 9, 0];
        let (taken, output) = answered(&input);
        assert_eq!(taken, 13);
        assert_eq!(output, [0x84, 0, 0x12, 0x34, 0x08, 0, 0, 0, 4, 0, 0, 0, 1]);
    }

    #[test]
    fn a_later_protocol_version_is_refused_in_version_four() {
        let (_, output) = answered(&[5, 0, 0, 1, 0x05, 0, 0, 0, 0]);
        assert_eq!(output[..5], [0x84, 0, 0, 1, 0x00]);
        assert_eq!(output[9..13], [0, 0, 0, 0x0A]);
    }
}
