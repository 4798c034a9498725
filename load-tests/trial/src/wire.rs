//! The frames of the trial, encoded once, and the answers, which are counted.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

const HEADER: usize = 9;
/// The sink answers an insert with thirteen bytes.
const VOID: usize = HEADER + 4;

/// Connects and prepares the insert of the load tests; a frame for each request in flight, whose stream id is its place.
pub(crate) fn prepare(contact_point: &str, in_flight: usize) -> io::Result<(TcpStream, Vec<Vec<u8>>)> {
    let mut socket = TcpStream::connect(contact_point)?;
    socket.set_nodelay(true)?;
    let mut startup = 1_u16.to_be_bytes().to_vec();
    for text in ["CQL_VERSION", "3.0.0"] {
        startup.extend((text.len() as u16).to_be_bytes());
        startup.extend(text.as_bytes());
    }
    exchange(&mut socket, 0x01, &startup)?;
    let text = "INSERT INTO bench.kv (id, payload) VALUES (?, ?)";
    let mut question = (text.len() as u32).to_be_bytes().to_vec();
    question.extend(text.as_bytes());
    let prepared = exchange(&mut socket, 0x09, &question)?;
    // The kind of result, then a short and the id.
    let length = usize::from(u16::from_be_bytes([prepared[4], prepared[5]]));
    let id = &prepared[6..6 + length];
    let frames = (0..in_flight).map(|stream| frame(stream as u16, 0x0A, &execute(id, stream as i64)));
    Ok((socket, frames.collect()))
}

/// The stream ids of the whole answers in `input`; what is left of the bytes is moved to its front.
pub(crate) fn answers(input: &mut [u8], filled: &mut usize, mut each: impl FnMut(u16)) {
    let whole = *filled / VOID * VOID;
    for answer in input[..whole].chunks_exact(VOID) {
        each(u16::from_be_bytes([answer[2], answer[3]]));
    }
    input.copy_within(whole..*filled, 0);
    *filled -= whole;
}

fn frame(stream: u16, opcode: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![4, 0];
    frame.extend(stream.to_be_bytes());
    frame.push(opcode);
    frame.extend((body.len() as u32).to_be_bytes());
    frame.extend(body);
    frame
}

/// Quorum, values, no metadata in the answer.
fn execute(id: &[u8], key: i64) -> Vec<u8> {
    let mut body = (id.len() as u16).to_be_bytes().to_vec();
    body.extend(id);
    body.extend([0, 6, 0x03, 0, 2]);
    for value in [key.to_be_bytes().as_slice(), &[0x70; 100]] {
        body.extend((value.len() as u32).to_be_bytes());
        body.extend(value);
    }
    body
}

fn exchange(socket: &mut TcpStream, opcode: u8, body: &[u8]) -> io::Result<Vec<u8>> {
    socket.write_all(&frame(0, opcode, body))?;
    let mut header = [0; HEADER];
    socket.read_exact(&mut header)?;
    let mut answer = vec![0; u32::from_be_bytes([header[5], header[6], header[7], header[8]]) as usize];
    socket.read_exact(&mut answer)?;
    match header[4] {
        0 => Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned())),
        _ => Ok(answer),
    }
}
