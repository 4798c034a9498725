//! A client that says exactly what a test tells it to.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use chorus_protocol::request::{
    Execute, Prepare, Query, QueryParameters, Register, Request, Startup, Values,
};
use chorus_protocol::segment::{SegmentDecoder, SegmentEncoder};
use chorus_protocol::{
    Bytes, Compression, CustomPayload, Envelope, ErrorBody, FrameHeader, FrameShape, HEADER_LEN, Opcode,
    PreparedBody, ProtocolVersion, RequestExtensions, Response, ResultBody, STREAM_OFFSET, Supported,
    begin_frame, finish_frame, flags,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    pub(crate) shape: FrameShape,
    compression: Option<Compression>,
    segments: Option<(SegmentEncoder, SegmentDecoder)>,
    raw: Vec<u8>,
    envelopes: Vec<u8>,
    tracing_id: Option<uuid::Uuid>,
    /// What came before the last answer.
    pub(crate) payload: CustomPayload,
}

impl Client {
    pub(crate) fn open(address: SocketAddr, version: ProtocolVersion) -> Self {
        Self::over(TcpStream::connect(address).unwrap(), version)
    }

    /// Connects from a local port of that many modulo `modulus`.
    pub(crate) fn open_from(
        address: SocketAddr,
        remainder: u16,
        modulus: u16,
        version: ProtocolVersion,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let socket = runtime.block_on(async {
            for port in (50_000..65_000).filter(|port| port % modulus == remainder) {
                let socket = tokio::net::TcpSocket::new_v4().unwrap();
                let local = SocketAddr::new(address.ip(), port);
                if socket.bind(local).is_ok() {
                    let socket = socket.connect(address).await.unwrap().into_std().unwrap();
                    socket.set_nonblocking(false).unwrap();
                    return socket;
                }
            }
            panic!("no local port is free")
        });
        Self::over(socket, version)
    }

    fn over(socket: TcpStream, version: ProtocolVersion) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        let shape = FrameShape::new(version);
        Self {
            socket,
            shape,
            compression: None,
            segments: None,
            raw: Vec::new(),
            envelopes: Vec::new(),
            tracing_id: None,
            payload: CustomPayload::new(),
        }
    }

    /// Connects with version 4 and every extension the node offers, and says what that is.
    pub(crate) fn scylla(address: SocketAddr) -> (Self, Supported) {
        let mut client = Self::open(address, ProtocolVersion::V4);
        let supported = client.extend();
        (client, supported)
    }

    /// Finishes a handshake with every extension the node offers.
    pub(crate) fn extend(&mut self) -> Supported {
        let supported = match self.ask(&Request::Options) {
            Response::Supported(supported) => supported,
            other => panic!("{other:?}"),
        };
        let mut startup = Startup::new("3.0.0");
        // As clients do by default, the versions of tablets are left alone.
        let wanted = RequestExtensions { metadata_id: true, tablets_v2: false };
        let shape = supported.shape(self.shape.version, wanted);
        for (key, value) in Supported::extension_echo(&shape) {
            startup.set(key, value);
        }
        assert_eq!(self.ask(&Request::Startup(startup)), Response::Ready);
        self.shape = shape;
        supported
    }

    /// Connects and finishes a handshake without authentication.
    pub(crate) fn connect(
        address: SocketAddr,
        version: ProtocolVersion,
        compression: Option<Compression>,
    ) -> Self {
        let mut client = Self::open(address, version);
        assert_eq!(client.startup(compression), Response::Ready);
        client
    }

    pub(crate) fn v4(address: SocketAddr) -> Self {
        Self::connect(address, ProtocolVersion::V4, None)
    }

    /// Sends STARTUP, and goes on as the answer says.
    pub(crate) fn startup(&mut self, compression: Option<Compression>) -> Response {
        let mut startup = Startup::new("3.0.0");
        if let Some(compression) = compression {
            startup.set(Startup::COMPRESSION, compression.name());
        }
        let response = self.ask(&Request::Startup(startup));
        if !matches!(response, Response::Error(_)) {
            self.compression = compression;
            if self.shape.version.uses_segments() {
                self.segments =
                    Some((SegmentEncoder::new(compression), SegmentDecoder::new(compression, u32::MAX)));
            }
        }
        response
    }

    pub(crate) fn send(&mut self, stream: i16, request: &Request<'_>) {
        let mut frame = Vec::new();
        let start = begin_frame(&mut frame, self.shape.version, request.opcode(), 0);
        request.encode(&self.shape, &mut frame).unwrap();
        if let Some(compression) = self.compression
            && self.segments.is_none()
            && frame.len() > HEADER_LEN
        {
            let body = frame.split_off(HEADER_LEN);
            compression.compress_body(&body, &mut frame).unwrap();
            frame[1] |= flags::COMPRESSED;
        }
        finish_frame(&mut frame, start).unwrap();
        frame[STREAM_OFFSET..STREAM_OFFSET + 2].copy_from_slice(&stream.to_be_bytes());
        self.send_envelopes(&frame);
    }

    /// Sends whole envelopes the way this connection wraps them.
    pub(crate) fn send_envelopes(&mut self, envelopes: &[u8]) {
        match &mut self.segments {
            None => self.socket.write_all(envelopes).unwrap(),
            Some((encoder, _)) => {
                let mut bytes = Vec::new();
                encoder.encode(envelopes, &mut bytes).unwrap();
                self.socket.write_all(&bytes).unwrap();
            }
        }
    }

    /// Sends an envelope that may be wrong.
    pub(crate) fn send_raw(&mut self, opcode: u8, stream: i16, flags: u8, body: &[u8]) {
        let version = self.shape.version.as_u8();
        let header =
            FrameHeader { version, response: false, flags, stream, opcode, length: body.len() as u32 };
        let mut frame = Vec::new();
        header.encode(&mut frame);
        frame.extend_from_slice(body);
        self.send_envelopes(&frame);
    }

    /// What comes next; `None` when the server has closed the connection.
    pub(crate) fn receive(&mut self) -> Option<(FrameHeader, Response)> {
        loop {
            let source = if self.segments.is_some() { &mut self.envelopes } else { &mut self.raw };
            if let Some(length) = SegmentDecoder::whole_envelope(source) {
                let envelope: Vec<u8> = source.drain(..length).collect();
                return Some(self.decode(&envelope));
            }
            let mut chunk = [0; 65536];
            match self.socket.read(&mut chunk) {
                Ok(0) => return None,
                Ok(count) => self.raw.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no answer: {error}"),
            }
            if let Some((_, decoder)) = &mut self.segments {
                let consumed = decoder.decode(&self.raw, &mut self.envelopes).unwrap();
                self.raw.drain(..consumed);
            }
        }
    }

    /// The next answer, with the id of its trace.
    pub(crate) fn receive_traced(&mut self) -> (uuid::Uuid, Response) {
        let (_, response) = self.receive().expect("the connection is open");
        (self.tracing_id.expect("the answer has a tracing id"), response)
    }

    fn decode(&mut self, envelope: &[u8]) -> (FrameHeader, Response) {
        let header = FrameHeader::decode(envelope.first_chunk().unwrap(), u32::MAX).unwrap();
        assert!(header.response);
        let mut body = envelope[HEADER_LEN..].to_vec();
        if header.flags & flags::COMPRESSED != 0 {
            body = self.compression.unwrap().decompress_body(&body, 1 << 28).unwrap();
        }
        let parts = Envelope::split(header.flags, Bytes::from(body)).unwrap();
        self.tracing_id = parts.tracing_id;
        self.payload = parts.custom_payload;
        let response = Response::decode(header.opcode, parts.body, &self.shape).unwrap();
        (header, response)
    }

    /// The next answer, with its stream.
    pub(crate) fn answer(&mut self) -> (i16, Response) {
        let (header, response) = self.receive().expect("the connection is open");
        (header.stream, response)
    }

    pub(crate) fn ask(&mut self, request: &Request<'_>) -> Response {
        self.send(7, request);
        let (stream, response) = self.answer();
        assert_eq!(stream, 7);
        response
    }

    /// Asks for what the server offers, and takes whatever comes, in whichever version.
    pub(crate) fn ask_anything(&mut self) -> Response {
        self.send(7, &Request::Options);
        self.receive().expect("the connection is open").1
    }

    pub(crate) fn query(&mut self, cql: &str) -> Response {
        self.ask(&Request::Query(Query { cql, parameters: QueryParameters::default() }))
    }

    pub(crate) fn prepare(&mut self, cql: &str) -> PreparedBody {
        match self.ask(&Request::Prepare(Prepare { cql, keyspace: None })) {
            Response::Result(ResultBody::Prepared(body)) => body,
            other => panic!("{cql}: {other:?}"),
        }
    }

    pub(crate) fn execute(&mut self, id: &[u8]) -> Response {
        let parameters = QueryParameters::default();
        self.ask(&Request::Execute(Execute {
            id,
            result_metadata_id: None,
            parameters,
            tablet_version_block: 0,
        }))
    }

    /// Executes with one int.
    pub(crate) fn execute_int(&mut self, statement: &PreparedBody, value: i32) -> Response {
        let bytes = [&4i32.to_be_bytes()[..], &value.to_be_bytes()].concat();
        let values = Values::Positional { count: 1, bytes: &bytes };
        self.ask(&Request::Execute(Execute {
            id: &statement.id,
            result_metadata_id: statement.result_metadata_id.as_deref(),
            parameters: QueryParameters { values, ..QueryParameters::default() },
            tablet_version_block: 0,
        }))
    }

    pub(crate) fn register(&mut self, events: Vec<chorus_protocol::request::EventKind>) {
        assert_eq!(self.ask(&Request::Register(Register { events })), Response::Ready);
    }

    /// True when the server has closed the connection, false when it still answers.
    pub(crate) fn is_closed(&mut self) -> bool {
        let alive = self.socket.write_all(&[]).is_ok();
        if !alive {
            return true;
        }
        self.send_raw(Opcode::Options.as_u8(), 99, 0, &[]);
        self.receive().is_none()
    }
}

/// The code and message of an error.
pub(crate) fn error(response: Response) -> (i32, String) {
    match response {
        Response::Error(ErrorBody { code, message, .. }) => (code, message),
        other => panic!("expected an error, got {other:?}"),
    }
}
