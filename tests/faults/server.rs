//! A server that does what a test says, byte for byte.
//!
//! Handshake and system tables are answered as a good server would; every other request goes to the test's own function, which
//! may say whatever it likes. One thread a connection.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chorus::protocol::request::Startup;
use chorus::protocol::response::{PreparedBody, Response, ResultBody, RowsBody, RowsMetadata};
use chorus::protocol::segment::{SegmentDecoder, SegmentEncoder};
use chorus::protocol::wire::Reader;
use chorus::protocol::{
    ColumnSpec, CqlType, FrameHeader, FrameShape, HEADER_LEN, IntoRow, Opcode, ProtocolVersion, Supported,
    encode_row, flags,
};
use chorus::{Compression, DbError, ErrorBody, Uuid};

/// A request that was not part of the handshake.
pub(crate) struct Heard {
    /// Which connection it came on, the first being 0. The control connection is one of them.
    pub(crate) connection: u64,
    pub(crate) stream: i16,
    pub(crate) opcode: Opcode,
    /// The text of QUERY and PREPARE, empty otherwise.
    pub(crate) cql: String,
    pub(crate) body: Bytes,
}

/// Whether the connection is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    GoOn,
    /// Closed, when everything that was said has been sent.
    Close,
    /// Destroyed.
    Reset,
}

type Play = dyn Fn(&mut Peer, &Heard) -> Then + Send + Sync;

/// Stops listening when it is dropped; connections end with the client's.
pub(crate) struct Hostile {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
}

impl Hostile {
    pub(crate) fn start(
        version: ProtocolVersion,
        play: impl Fn(&mut Peer, &Heard) -> Then + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (accepted, stopped) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let play: Arc<Play> = Arc::new(play);
        let (count, stop) = (Arc::clone(&accepted), Arc::clone(&stopped));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let number = count.fetch_add(1, Ordering::Relaxed);
                let play = Arc::clone(&play);
                std::thread::spawn(move || {
                    stream.set_nodelay(true).expect("a socket");
                    let shape = FrameShape::new(version);
                    let mut peer = Peer {
                        stream,
                        number,
                        shape,
                        compression: None,
                        segments: None,
                        raw: vec![],
                        plain: vec![],
                    };
                    peer.serve(&*play);
                });
            }
        });
        Self { address, accepted, stopped }
    }

    /// Connections so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

/// The server's end of a connection.
pub(crate) struct Peer {
    stream: TcpStream,
    number: u64,
    shape: FrameShape,
    compression: Option<Compression>,
    segments: Option<(SegmentEncoder, SegmentDecoder)>,
    /// What came and was not understood yet: as it came, and out of its segments.
    raw: Vec<u8>,
    plain: Vec<u8>,
}

impl Peer {
    fn serve(&mut self, play: &Play) {
        while let Some((header, body)) = self.hear() {
            match self.answer(&header, body, play) {
                Then::GoOn => {}
                Then::Close => return,
                Then::Reset => return self.reset(),
            }
        }
    }

    /// The next request; `None` when the client has gone.
    fn hear(&mut self) -> Option<(FrameHeader, Bytes)> {
        loop {
            if let Some(head) = self.plain.first_chunk::<HEADER_LEN>() {
                let header = FrameHeader::decode(head, u32::MAX).expect("clients send good headers");
                let end = HEADER_LEN + header.length as usize;
                if self.plain.len() >= end {
                    let body = Bytes::copy_from_slice(&self.plain[HEADER_LEN..end]);
                    self.plain.drain(..end);
                    let body = match self.compression {
                        Some(compression) if header.flags & flags::COMPRESSED != 0 => {
                            compression.decompress_body(&body, 1 << 24).expect("clients compress well").into()
                        }
                        _ => body,
                    };
                    return Some((header, body));
                }
            }
            let mut chunk = [0; 64 * 1024];
            let count = self.stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
            match &mut self.segments {
                None => self.plain.extend_from_slice(&chunk[..count]),
                Some((_, decoder)) => {
                    self.raw.extend_from_slice(&chunk[..count]);
                    let used =
                        decoder.decode(&self.raw, &mut self.plain).expect("clients send good segments");
                    self.raw.drain(..used);
                }
            }
        }
    }

    fn answer(&mut self, header: &FrameHeader, body: Bytes, play: &Play) -> Then {
        let stream = header.stream;
        let ours = self.shape.version.as_u8();
        if header.version > ours {
            self.say(stream, &error(DbError::ProtocolError, "Invalid or unsupported protocol version"));
            return Then::Close;
        }
        let opcode = Opcode::try_from(header.opcode).expect("clients send requests");
        match opcode {
            Opcode::Options => self.say(stream, &Response::Supported(supported())),
            Opcode::Register => self.say(stream, &Response::Ready),
            Opcode::Startup => {
                let startup = Startup::decode(&mut Reader::new(&body)).expect("a good STARTUP");
                let named = startup.options.iter().find(|(key, _)| key == "COMPRESSION");
                let compression = named.map(|(_, name)| name.parse().expect("one that was offered"));
                self.say(stream, &Response::Ready);
                if self.shape.version.uses_segments() {
                    self.segments =
                        Some((SegmentEncoder::new(compression), SegmentDecoder::new(compression, u32::MAX)));
                } else {
                    self.compression = compression;
                }
            }
            _ => {
                let cql = match opcode {
                    Opcode::Query | Opcode::Prepare => {
                        Reader::new(&body).long_string("text").expect("a text").to_owned()
                    }
                    _ => String::new(),
                };
                if let Some(response) = system(opcode, &cql, self.stream.local_addr().expect("a socket")) {
                    self.say(stream, &response);
                } else {
                    return play(self, &Heard { connection: self.number, stream, opcode, cql, body });
                }
            }
        }
        Then::GoOn
    }

    /// Answers as a good server would.
    pub(crate) fn say(&mut self, stream: i16, response: &Response) {
        let frame = self.frame(stream, response);
        self.send(&frame);
    }

    /// A whole envelope.
    pub(crate) fn frame(&self, stream: i16, response: &Response) -> Vec<u8> {
        let mut body = Vec::new();
        let opcode = response.encode(&self.shape, &mut body).expect("answers of tests are short");
        self.envelope(stream, opcode.as_u8(), 0, &body)
    }

    /// An envelope of any kind.
    pub(crate) fn envelope(&self, stream: i16, opcode: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let version = self.shape.version.as_u8();
        let length = body.len() as u32;
        FrameHeader { version, response: true, flags, stream, opcode, length }.encode(&mut out);
        out.extend_from_slice(body);
        out
    }

    /// Sends envelopes, in segments where the version has them.
    pub(crate) fn send(&mut self, envelopes: &[u8]) {
        let bytes = self.sealed(envelopes);
        self.send_raw(&bytes);
    }

    /// The bytes that [`send`](Self::send) would send.
    pub(crate) fn sealed(&mut self, envelopes: &[u8]) -> Vec<u8> {
        match &mut self.segments {
            None => envelopes.to_vec(),
            Some((encoder, _)) => {
                let mut out = Vec::new();
                encoder.encode(envelopes, &mut out).expect("answers of tests are short");
                out
            }
        }
    }

    /// Sends bytes as they are. That nobody reads them any more is no concern of the server.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends nothing more, but goes on reading: true when the client closes within the time.
    pub(crate) fn half_close(&mut self, within: Duration) -> bool {
        self.stream.shutdown(Shutdown::Write).expect("an open socket");
        self.stream.set_read_timeout(Some(within)).expect("an open socket");
        loop {
            match self.stream.read(&mut [0; 1024]) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    }

    /// To send from elsewhere, or later.
    pub(crate) fn writer(&self) -> TcpStream {
        self.stream.try_clone().expect("an open socket")
    }

    /// Whether nothing comes from the client within the time.
    pub(crate) fn is_silent(&self, within: Duration) -> bool {
        self.stream.set_read_timeout(Some(within)).expect("an open socket");
        let silent = self.plain.is_empty() && self.stream.peek(&mut [0]).is_err();
        self.stream.set_read_timeout(None).expect("an open socket");
        silent
    }

    fn reset(&mut self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).expect("an open socket");
    }
}

fn supported() -> Supported {
    let list = |values: &[&str]| values.iter().map(ToString::to_string).collect();
    Supported {
        options: vec![
            ("CQL_VERSION".into(), list(&["3.4.7"])),
            ("COMPRESSION".into(), list(&["lz4", "snappy"])),
            ("PROTOCOL_VERSIONS".into(), list(&["3/v3", "4/v4", "5/v5"])),
        ],
    }
}

/// The answers to what every client asks about the cluster.
fn system(opcode: Opcode, cql: &str, address: SocketAddr) -> Option<Response> {
    if opcode != Opcode::Query || !(cql.contains("system.") || cql.contains("system_")) {
        return None;
    }
    if cql.contains("system.peers_v2") {
        return Some(error(DbError::Invalid, "unconfigured table peers_v2"));
    }
    if !cql.contains("system.local") {
        return Some(rows(&[], std::iter::empty::<()>()));
    }
    let columns = [
        column("cluster_name", CqlType::Text),
        column("partitioner", CqlType::Text),
        column("host_id", CqlType::Uuid),
        column("rpc_address", CqlType::Inet),
        column("data_center", CqlType::Text),
        column("rack", CqlType::Text),
        column("tokens", CqlType::set(CqlType::Text)),
        column("release_version", CqlType::Text),
        column("schema_version", CqlType::Uuid),
    ];
    let id = Uuid::from_u128(7);
    let partitioner = "org.apache.cassandra.dht.Murmur3Partitioner";
    let row = ("hostile", partitioner, id, address.ip(), "dc1", "rack1", vec!["0"], "4.1.0", id);
    Some(rows(&columns, [row].into_iter()))
}

pub(crate) fn column(name: &str, typ: CqlType) -> ColumnSpec {
    ColumnSpec::new("k", "t", name, typ)
}

/// A page of rows with their description.
pub(crate) fn rows<R: IntoRow>(columns: &[ColumnSpec], values: impl Iterator<Item = R>) -> Response {
    Response::Result(ResultBody::Rows(page(columns, values)))
}

pub(crate) fn page<R: IntoRow>(columns: &[ColumnSpec], values: impl Iterator<Item = R>) -> RowsBody {
    let (mut content, mut row_count) = (Vec::new(), 0);
    for row in values {
        encode_row(&row, columns, &mut content).expect("rows of tests fit");
        row_count += 1;
    }
    RowsBody { metadata: RowsMetadata::new(columns), row_count, content: content.into() }
}

/// One row with one number.
pub(crate) fn number(value: i32) -> Response {
    rows(&[column("n", CqlType::Int)], [(value,)].into_iter())
}

/// The answer to `GOOD n`, which is n; `None` for any other text.
pub(crate) fn good(cql: &str) -> Option<Response> {
    cql.strip_prefix("GOOD ").map(|text| number(text.parse().expect("a number")))
}

pub(crate) fn error(error: DbError, message: &str) -> Response {
    Response::Error(ErrorBody::new(error, message))
}

pub(crate) fn prepared(id: &'static [u8], result: &[ColumnSpec]) -> PreparedBody {
    PreparedBody {
        id: Bytes::from_static(id),
        result: if result.is_empty() { RowsMetadata::default() } else { RowsMetadata::new(result) },
        ..PreparedBody::default()
    }
}
