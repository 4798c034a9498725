//! One client connection: read much, answer all of it, write once.

use std::io;

use crate::answers::{self, prepared};
use crate::host::Host;
use crate::lz4::{self, LONGEST};
use crate::rows::{self, Body};
use crate::wire::Wire;

/// A whole window of a busy client fits into one read.
const READ_BYTES: usize = 256 * 1024;
const HEADER: usize = 9;
/// Rows of this length are not copied to the other answers but sent from where they are.
const LARGE: usize = 16 * 1024;

/// A flag of a frame: its body is compressed.
const COMPRESSED: u8 = 0x01;

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
pub(crate) fn run<W: Wire>(wire: W, host: &Host, shard: u16) -> io::Result<()> {
    let mut connection = Connection::new(wire, host, shard);
    let mut input = vec![0; READ_BYTES];
    let mut filled = 0;
    loop {
        let read = connection.wire.read(&mut input[filled..])?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let taken = connection.answer_all(&input[..filled])?;
        input.copy_within(taken..filled, 0);
        filled -= taken;
        if let Some(header) = input[..filled].first_chunk() {
            // The rest of a frame that is longer than the buffer.
            let whole = HEADER + body_length(header)?;
            if whole > input.len() {
                input.resize(whole, 0);
            }
        }
    }
}

fn body_length(header: &[u8; HEADER]) -> io::Result<usize> {
    let body = u32::from_be_bytes([header[5], header[6], header[7], header[8]]) as usize;
    if body > LONGEST { Err(io::Error::other("a frame of an impossible length")) } else { Ok(body) }
}

struct Connection<'a, W> {
    wire: W,
    host: &'a Host,
    shard: u16,
    /// Whether STARTUP agreed on LZ4.
    lz4: bool,
    /// Answers that are not sent yet.
    output: Vec<u8>,
    /// The body at hand, if it came compressed.
    plain: Vec<u8>,
}

impl<'a, W: Wire> Connection<'a, W> {
    fn new(wire: W, host: &'a Host, shard: u16) -> Connection<'a, W> {
        let (output, plain) = (Vec::with_capacity(READ_BYTES), Vec::new());
        Connection { wire, host, shard, lz4: false, output, plain }
    }

    /// Answers every whole frame; returns how many bytes they were.
    fn answer_all(&mut self, input: &[u8]) -> io::Result<usize> {
        let mut rest = input;
        while let Some((header, body)) = rest.split_first_chunk() {
            let Some((body, next)) = body.split_at_checked(body_length(header)?) else { break };
            rest = next;
            // What a run consists of: a write that is not compressed, known by five bytes.
            let kind = body.get(2).copied().unwrap_or_default();
            if header[4] == opcode::EXECUTE && kind == prepared::WRITE && header[1] & COMPRESSED == 0 {
                self.write_is_done(header);
            } else {
                self.answer(header, body)?;
            }
        }
        if !self.output.is_empty() {
            self.wire.send(&mut self.output, &[])?;
        }
        Ok(input.len() - rest.len())
    }

    /// Thirteen bytes, nothing looked up.
    fn write_is_done(&mut self, request: &[u8; HEADER]) {
        let mut answer = [0x80, 0, 0, 0, opcode::RESULT, 0, 0, 0, 4, 0, 0, 0, 1];
        answer[0] |= request[0];
        [answer[2], answer[3]] = [request[2], request[3]];
        self.output.extend_from_slice(&answer);
    }

    fn answer(&mut self, header: &[u8; HEADER], body: &[u8]) -> io::Result<()> {
        if header[1] & COMPRESSED == 0 {
            return self.answer_plain(header, body);
        }
        let mut plain = std::mem::take(&mut self.plain);
        lz4::decompress(body, &mut plain)?;
        let answered = self.answer_plain(header, &plain);
        self.plain = plain;
        answered
    }

    fn answer_plain(&mut self, header: &[u8; HEADER], body: &[u8]) -> io::Result<()> {
        let version = header[0] & 0x7F;
        if !(3..=4).contains(&version) {
            let message = "Invalid or unsupported protocol version; supported versions are (3/v3, 4/v4)";
            self.made(header, opcode::ERROR, &answers::error(PROTOCOL_ERROR, message));
            return Ok(());
        }
        let (opcode, made) = match header[4] {
            opcode::EXECUTE => return self.execute(header, body),
            opcode::OPTIONS => (opcode::SUPPORTED, Ok(answers::supported(self.host, self.shard))),
            opcode::STARTUP => {
                self.lz4 = self.host.settings.lz4 && answers::wants_lz4(body);
                (opcode::READY, Ok(Vec::new()))
            }
            opcode::REGISTER => (opcode::READY, Ok(Vec::new())),
            opcode::QUERY => (opcode::RESULT, answers::query(&long_string(body), &self.host.catalog)),
            opcode::PREPARE => (opcode::RESULT, answers::prepare(&long_string(body), version)),
            opcode::BATCH => (opcode::RESULT, Ok(answers::VOID.to_vec())),
            other => {
                let message = format!("opcode {other} is not understood");
                (opcode::ERROR, Err(answers::error(PROTOCOL_ERROR, &message)))
            }
        };
        match made {
            Ok(body) => self.made(header, opcode, &body),
            Err(error) => self.made(header, opcode::ERROR, &error),
        }
        Ok(())
    }

    fn execute(&mut self, header: &[u8; HEADER], body: &[u8]) -> io::Result<()> {
        // Flags follow the id and two bytes of consistency.
        let id_length = body.first_chunk().map_or(0, |bytes| usize::from(u16::from_be_bytes(*bytes)));
        let skip_metadata = body.get(id_length + 4).is_some_and(|flags| flags & 0x02 != 0);
        match body.get(2) {
            Some(&prepared::WRITE) => self.write_is_done(header),
            Some(&prepared::NEVER) => {}
            Some(&prepared::READ_ONE) => self.canned(header, rows::ONE.body(skip_metadata))?,
            Some(&prepared::READ_PAGE) => self.canned(header, rows::PAGE.body(skip_metadata))?,
            _ => {
                let error = answers::error(PROTOCOL_ERROR, "no such prepared statement");
                self.made(header, opcode::ERROR, &error);
            }
        }
        Ok(())
    }

    fn canned(&mut self, request: &[u8; HEADER], body: &Body) -> io::Result<()> {
        let (flags, body) = match &body.lz4 {
            Some(compressed) if self.lz4 => (COMPRESSED, compressed),
            _ => (0, &body.plain),
        };
        self.header(request, flags, opcode::RESULT, body.len());
        if body.len() >= LARGE {
            return self.wire.send(&mut self.output, body);
        }
        self.output.extend_from_slice(body);
        Ok(())
    }

    fn made(&mut self, request: &[u8; HEADER], opcode: u8, body: &[u8]) {
        self.header(request, 0, opcode, body.len());
        self.output.extend_from_slice(body);
    }

    fn header(&mut self, request: &[u8; HEADER], flags: u8, opcode: u8, length: usize) {
        // A version we do not speak is refused in the newest that we do.
        let version = (request[0] & 0x7F).min(4);
        self.output.extend_from_slice(&[version | 0x80, flags, request[2], request[3], opcode]);
        self.output.extend_from_slice(&(length as u32).to_be_bytes());
    }
}

fn long_string(body: &[u8]) -> String {
    let length = body.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes) as usize);
    String::from_utf8_lossy(body.get(4..4 + length).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::test_host;

    /// Says nothing and keeps what it hears.
    struct Ear(Vec<u8>);

    impl Wire for Ear {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }

        fn send(&mut self, answers: &mut Vec<u8>, rows: &[u8]) -> io::Result<()> {
            self.0.append(answers);
            self.0.extend_from_slice(rows);
            Ok(())
        }
    }

    fn answered(inputs: &[&[u8]]) -> (usize, Vec<u8>) {
        let host = test_host(0, true);
        let mut connection = Connection::new(Ear(Vec::new()), &host, 0);
        let taken = inputs.iter().map(|input| connection.answer_all(input).expect("it is well formed")).sum();
        (taken, connection.wire.0)
    }

    const WRITE: [u8; 14] = [4, 0, 0x12, 0x34, 0x0A, 0, 0, 0, 5, 0, 2, b'w', 0, 0];
    const DONE: [u8; 13] = [0x84, 0, 0x12, 0x34, 0x08, 0, 0, 0, 4, 0, 0, 0, 1];

    #[test]
    fn a_write_is_answered_on_its_stream_and_half_a_frame_is_left() {
        let input = [&WRITE[..], &[4, 0, 0, 1, 0x0A, 0, 0, 0, 9, 0]].concat();
        let (taken, output) = answered(&[&input]);
        assert_eq!(taken, WRITE.len());
        assert_eq!(output, DONE);
    }

    #[test]
    fn a_later_protocol_version_is_refused_in_version_four() {
        let (_, output) = answered(&[&[5, 0, 0, 1, 0x05, 0, 0, 0, 0]]);
        assert_eq!(output[..5], [0x84, 0, 0, 1, 0x00]);
        assert_eq!(output[9..13], [0, 0, 0, 0x0A]);
    }

    #[test]
    fn a_write_to_never_is_not_answered_but_the_next_request_is() {
        let mut never = WRITE;
        never[11] = prepared::NEVER;
        let (_, output) = answered(&[&never, &WRITE]);
        assert_eq!(output, DONE);
    }

    #[test]
    fn compressed_requests_are_read_and_rows_go_back_compressed() {
        let startup =
            [&[4, 0, 0, 0, 0x01, 0, 0, 0, 20, 0, 1, 0, 11][..], b"COMPRESSION", &[0, 3], b"lz4"].concat();
        let read = [0, 2, prepared::READ_PAGE, 0, 0, 1, 0x02];
        let mut block = 7_u32.to_be_bytes().to_vec();
        block.extend(lz4_flex::block::compress(&read));
        let mut frame = vec![4, 1, 0, 7, 0x0A, 0, 0, 0, block.len() as u8];
        frame.extend(block);
        let (_, output) = answered(&[&startup, &frame]);
        let rows = &output[9..];
        assert_eq!(rows[..5], [0x84, 1, 0, 7, 0x08]);
        let mut plain = Vec::new();
        lz4::decompress(&rows[9..], &mut plain).expect("it was compressed by us");
        assert_eq!(plain, rows::PAGE.body(true).plain);
    }
}
