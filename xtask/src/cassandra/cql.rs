//! Just enough CQL to ask a node what it knows: one connection, one question, rows of one column of text.
//!
//! Not the driver: what is to be tested must not say when the tests may begin.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long connecting and each answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers are short: a header that says otherwise is not one.
const MOST_BYTES: usize = 1 << 20;

const VERSION: u8 = 4;

/// The first user of a node that asks for a password.
const LOGIN: &[u8] = b"\0cassandra\0cassandra";

mod opcode {
    pub(super) const ERROR: u8 = 0x00;
    pub(super) const STARTUP: u8 = 0x01;
    pub(super) const READY: u8 = 0x02;
    pub(super) const AUTHENTICATE: u8 = 0x03;
    pub(super) const QUERY: u8 = 0x07;
    pub(super) const RESULT: u8 = 0x08;
    pub(super) const AUTH_RESPONSE: u8 = 0x0f;
    pub(super) const AUTH_SUCCESS: u8 = 0x10;
}

/// Runs a SELECT of one text column (`SELECT JSON` makes any that) and returns its rows.
pub(super) fn texts(address: Ipv4Addr, port: u16, statement: &str) -> io::Result<Vec<String>> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((address, port)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (mut code, mut body) = ask(&mut stream, opcode::STARTUP, &startup())?;
    if code == opcode::AUTHENTICATE {
        (code, body) = ask(&mut stream, opcode::AUTH_RESPONSE, &long_bytes(LOGIN))?;
    }
    if !matches!(code, opcode::READY | opcode::AUTH_SUCCESS) {
        return Err(refusal(code, &body));
    }
    // Consistency ONE, no flags.
    let query = [long_bytes(statement.as_bytes()), vec![0, 1, 0]].concat();
    match ask(&mut stream, opcode::QUERY, &query)? {
        (opcode::RESULT, body) => rows(&body).ok_or_else(|| io::Error::other("not rows of one text column")),
        (code, body) => Err(refusal(code, &body)),
    }
}

fn startup() -> Vec<u8> {
    let mut body = vec![0, 1];
    for text in ["CQL_VERSION", "3.0.0"] {
        body.extend((text.len() as u16).to_be_bytes());
        body.extend(text.as_bytes());
    }
    body
}

fn long_bytes(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_be_bytes()[..], content].concat()
}

/// Sends a frame and reads the one that answers it: its opcode and body.
fn ask(stream: &mut TcpStream, code: u8, body: &[u8]) -> io::Result<(u8, Vec<u8>)> {
    let header = [VERSION, 0, 0, 0, code];
    stream.write_all(&[&header[..], &long_bytes(body)].concat())?;
    let mut header = [0; 9];
    stream.read_exact(&mut header)?;
    let length = u32::from_be_bytes([header[5], header[6], header[7], header[8]]) as usize;
    if length > MOST_BYTES {
        return Err(io::Error::other(format!("an answer of {length} bytes")));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((header[4], body))
}

fn refusal(code: u8, body: &[u8]) -> io::Error {
    match code {
        // Its number comes before its text.
        opcode::ERROR => io::Error::other(String::from_utf8_lossy(body.get(6..).unwrap_or_default())),
        _ => io::Error::other(format!("an answer of kind {code:#04x}")),
    }
}

/// The rows in the body of a RESULT; `None` when it is anything else than rows of one text column.
fn rows(mut body: &[u8]) -> Option<Vec<String>> {
    const ROWS: i32 = 2;
    const GLOBAL_TABLE: i32 = 1;
    const TEXT: [u16; 2] = [0x0001, 0x000d];
    let rest = &mut body;
    let (kind, flags, columns) = (int(rest)?, int(rest)?, int(rest)?);
    if (kind, flags, columns) != (ROWS, GLOBAL_TABLE, 1) {
        return None;
    }
    for _name in ["keyspace", "table", "column"] {
        let length = short(rest)?;
        take(rest, length.into())?;
    }
    if !TEXT.contains(&short(rest)?) {
        return None;
    }
    let count = int(rest)?;
    (0..count)
        .map(|_| {
            let length = usize::try_from(int(rest)?).ok()?;
            Some(String::from_utf8_lossy(take(rest, length)?).into_owned())
        })
        .collect()
}

fn take<'b>(rest: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn int(rest: &mut &[u8]) -> Option<i32> {
    take(rest, 4)?.try_into().ok().map(i32::from_be_bytes)
}

fn short(rest: &mut &[u8]) -> Option<u16> {
    take(rest, 2)?.try_into().ok().map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_ROWS: &[u8] = b"\0\0\0\x02\0\0\0\x01\0\0\0\x01\0\x06system\0\x08peers_v2\0\x06[json]\0\x0d\
        \0\0\0\x02\0\0\0\x04{\"a}\0\0\0\x02{}";

    #[test]
    fn rows_of_one_text_column_are_read() {
        assert_eq!(rows(TWO_ROWS), Some(vec!["{\"a}".to_owned(), "{}".to_owned()]));
    }

    #[test]
    fn anything_else_is_not_rows() {
        for length in 0..TWO_ROWS.len() {
            assert_eq!(rows(&TWO_ROWS[..length]), None, "cut after {length}");
        }
        assert_eq!(rows(b"\0\0\0\x01"), None, "void");
    }

    #[test]
    fn a_startup_names_the_version_of_the_language() {
        assert_eq!(startup(), b"\0\x01\0\x0bCQL_VERSION\0\x053.0.0");
    }
}
