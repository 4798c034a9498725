//! A scripted peer on loopback: the test says what it hears and what it answers.

use std::net::SocketAddr;

use bytes::Bytes;
use chorus_protocol::response::Response;
use chorus_protocol::segment::{SegmentDecoder, SegmentEncoder};
use chorus_protocol::{
    Compression, FrameHeader, FrameShape, HEADER_LEN, Opcode, ProtocolVersion, Supported, begin_frame,
    finish_frame,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Listens on a free port of loopback.
pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = listener.local_addr().expect("a bound listener has an address");
    (listener, address)
}

/// One accepted connection.
pub(crate) struct Peer {
    stream: TcpStream,
    incoming: Vec<u8>,
    segments: Option<(SegmentEncoder, SegmentDecoder)>,
}

impl Peer {
    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().await.expect("accepting on loopback works");
        Self { stream, incoming: Vec::new(), segments: None }
    }

    /// The next request: version, opcode and body. `None` when the client closed.
    pub(crate) async fn hear(&mut self) -> Option<(FrameHeader, Bytes)> {
        loop {
            if let Some(header) = self.incoming.first_chunk::<HEADER_LEN>() {
                let header = FrameHeader::decode(header, 1 << 20).expect("the client sends valid headers");
                let end = HEADER_LEN + header.length as usize;
                if self.incoming.len() >= end {
                    let rest = self.incoming.split_off(end);
                    let frame = Bytes::from(std::mem::replace(&mut self.incoming, rest));
                    return Some((header, frame.slice(HEADER_LEN..)));
                }
            }
            let mut chunk = [0; 4096];
            let read = self.stream.read(&mut chunk).await.ok().filter(|&read| read > 0)?;
            match &mut self.segments {
                None => self.incoming.extend_from_slice(&chunk[..read]),
                Some((_, decoder)) => {
                    let consumed =
                        decoder.decode(&chunk[..read], &mut self.incoming).expect("intact segments");
                    assert_eq!(consumed, read, "the test's segments are small enough to arrive whole");
                }
            }
        }
    }

    /// The next request, which must have this opcode. Returns its body.
    pub(crate) async fn expect(&mut self, opcode: Opcode) -> Bytes {
        let (header, body) =
            self.hear().await.unwrap_or_else(|| panic!("the client closed before {opcode:?}"));
        assert_eq!(header.opcode, opcode.as_u8(), "expected {opcode:?}");
        body
    }

    /// Answers on stream 0.
    pub(crate) async fn say(&mut self, version: ProtocolVersion, response: Response) {
        let mut body = Vec::new();
        let opcode = response.encode(&FrameShape::new(version), &mut body).expect("test answers fit");
        self.say_body(version, opcode, 0, &body).await;
    }

    pub(crate) async fn say_body(
        &mut self,
        version: ProtocolVersion,
        opcode: Opcode,
        flags: u8,
        body: &[u8],
    ) {
        let mut frame = Vec::new();
        let start = begin_frame(&mut frame, version, opcode, flags);
        frame.extend_from_slice(body);
        finish_frame(&mut frame, start).expect("test answers fit");
        let bytes = match &mut self.segments {
            None => frame,
            Some((encoder, _)) => {
                let mut out = Vec::new();
                encoder.encode(&frame, &mut out).expect("small frames fit");
                out
            }
        };
        self.say_bytes(&bytes).await;
    }

    pub(crate) async fn say_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the client reads");
        self.stream.flush().await.expect("the client reads");
    }

    /// Speaks in segments from now on.
    pub(crate) fn switch_to_segments(&mut self, compression: Option<Compression>) {
        self.segments = Some((SegmentEncoder::new(compression), SegmentDecoder::new(compression, 1 << 20)));
    }

    /// OPTIONS, SUPPORTED, STARTUP, READY. Returns the entries of STARTUP.
    pub(crate) async fn welcome(
        &mut self,
        version: ProtocolVersion,
        supported: Supported,
    ) -> Vec<(String, String)> {
        self.expect(Opcode::Options).await;
        self.say(version, Response::Supported(supported)).await;
        let startup = startup_entries(&self.expect(Opcode::Startup).await);
        self.say(version, Response::Ready).await;
        if version.uses_segments() {
            let lz4 = startup.iter().any(|(key, value)| key == "COMPRESSION" && value == "lz4");
            self.switch_to_segments(lz4.then_some(Compression::Lz4));
        }
        startup
    }
}

/// The entries of a STARTUP body.
pub(crate) fn startup_entries(body: &[u8]) -> Vec<(String, String)> {
    let mut reader = chorus_protocol::wire::Reader::new(body);
    chorus_protocol::request::Startup::decode(&mut reader).expect("the client sends a valid STARTUP").options
}

/// What a plain Cassandra offers.
pub(crate) fn cassandra() -> Supported {
    let list = |values: &[&str]| values.iter().map(ToString::to_string).collect();
    Supported {
        options: vec![
            ("CQL_VERSION".to_owned(), list(&["3.4.7"])),
            ("COMPRESSION".to_owned(), list(&["snappy", "lz4"])),
        ],
    }
}
