//! Bytes of a handshake: one message out, one answer in, in bare envelopes first and in segments later.

use bytes::Bytes;
use chorus_protocol::response::{Envelope, Response};
use chorus_protocol::segment::{SegmentDecoder, SegmentEncoder};
use chorus_protocol::{
    Compression, FrameHeader, FrameShape, HEADER_LEN, ProtocolVersion, begin_frame, finish_frame, flags,
};
use secrecy::zeroize::Zeroize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::banner::{Banner, TELLING};
use super::error::{ConnectError, Phase};
use super::states::Message;
use super::tls_problem::TlsProblem;

/// The stream id of every message of a handshake; nothing else is on the connection yet.
const STREAM: i16 = 0;

/// How long a peer that is no CQL server may take to say enough to be recognised.
const BANNER_PATIENCE: std::time::Duration = std::time::Duration::from_millis(200);

/// A connection that is still shaking hands.
pub(super) struct Wire<S> {
    stream: S,
    max_frame: u32,
    /// Envelopes that were read and not yet decoded.
    incoming: Vec<u8>,
    segments: Option<Segments>,
    /// Whether the peer has sent anything yet, for telling what it is.
    heard: bool,
}

struct Segments {
    encoder: SegmentEncoder,
    decoder: SegmentDecoder,
    /// Read and not yet a whole segment.
    raw: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S, max_frame: u32) -> Self {
        Self { stream, max_frame, incoming: Vec::new(), segments: None, heard: false }
    }

    /// Whether the peer has sent anything at all.
    pub(super) fn heard(&self) -> bool {
        self.heard
    }

    /// From now on both sides speak in segments. Only right after READY or AUTHENTICATE.
    pub(super) fn switch_to_segments(
        &mut self,
        compression: Option<Compression>,
    ) -> Result<(), ConnectError> {
        if !self.incoming.is_empty() {
            return Err(ConnectError::protocol(
                Phase::Startup,
                "bytes outside of a segment after the handshake",
            ));
        }
        self.segments = Some(Segments {
            encoder: SegmentEncoder::new(compression),
            decoder: SegmentDecoder::new(compression, self.max_frame),
            raw: Vec::new(),
        });
        Ok(())
    }

    /// Sends one message.
    pub(super) async fn send(
        &mut self,
        mut message: Message,
        version: ProtocolVersion,
        phase: Phase,
    ) -> Result<(), ConnectError> {
        let mut frame = Vec::with_capacity(HEADER_LEN + message.body.len());
        let start = begin_frame(&mut frame, version, message.opcode, 0);
        frame.extend_from_slice(&message.body);
        finish_frame(&mut frame, start).map_err(|error| ConnectError::protocol(phase, error.to_string()))?;
        let mut outgoing = match &mut self.segments {
            None => std::mem::take(&mut frame),
            Some(Segments { encoder, .. }) => {
                let mut segment = Vec::with_capacity(frame.len() + 16);
                encoder
                    .encode(&frame, &mut segment)
                    .map_err(|error| ConnectError::protocol(phase, error.to_string()))?;
                segment
            }
        };
        let written = match self.stream.write_all(&outgoing).await {
            Ok(()) => self.stream.flush().await,
            Err(error) => Err(error),
        };
        if message.secret {
            message.body.zeroize();
            frame.zeroize();
            outgoing.zeroize();
        }
        written.map_err(|error| broken(phase, error))
    }

    /// Waits for the answer. An answer in a lower version is decoded in that version: an error about versions is.
    pub(super) async fn receive(
        &mut self,
        shape: &FrameShape,
        compression: Option<Compression>,
        phase: Phase,
    ) -> Result<(Response, u8), ConnectError> {
        let header = loop {
            if let Some(bytes) = self.incoming.first_chunk::<HEADER_LEN>() {
                break FrameHeader::decode(bytes, self.max_frame)
                    .map_err(|error| ConnectError::protocol(phase, error.to_string()))?;
            }
            self.read(phase).await?;
        };
        if !header.response {
            return Err(ConnectError::protocol(phase, "a request came from the server"));
        }
        if header.stream != STREAM {
            return Err(ConnectError::protocol(
                phase,
                format!("an answer on stream {} nobody asked on", header.stream),
            ));
        }
        let version = ProtocolVersion::try_from(header.version)
            .map_err(|error| ConnectError::protocol(phase, error.to_string()))?;
        let end = HEADER_LEN + header.length as usize;
        while self.incoming.len() < end {
            self.read(phase).await?;
        }
        let rest = self.incoming.split_off(end);
        let whole = Bytes::from(std::mem::replace(&mut self.incoming, rest));
        let body = expand(&header, whole.slice(HEADER_LEN..), compression, self.max_frame, phase)?;
        let shape = if version == shape.version { *shape } else { FrameShape::new(version) };
        let decoded = Envelope::split(header.flags, body)
            .and_then(|envelope| Response::decode(header.opcode, envelope.body, &shape))
            .map_err(|error| ConnectError::protocol(phase, error.to_string()))?;
        Ok((decoded, header.version))
    }

    /// Gives the stream back together with what arrived after the last answer, as it came off the wire.
    pub(super) fn into_parts(self) -> Result<(S, Vec<u8>), ConnectError> {
        match self.segments {
            None => Ok((self.stream, self.incoming)),
            Some(segments) if self.incoming.is_empty() => Ok((self.stream, segments.raw)),
            Some(_) => Err(ConnectError::protocol(Phase::Keyspace, "an answer nobody asked for")),
        }
    }

    /// Reads once, through the segments when they are in use.
    async fn read(&mut self, phase: Phase) -> Result<(), ConnectError> {
        let mut chunk = [0; 4096];
        let read = self.stream.read(&mut chunk).await.map_err(|error| broken(phase, error))?;
        if read == 0 {
            return Err(ConnectError::Closed { during: phase });
        }
        match &mut self.segments {
            None => {
                self.incoming.extend_from_slice(&chunk[..read]);
                if !self.heard {
                    self.heard = true;
                    self.recognise().await?;
                }
            }
            Some(Segments { decoder, raw, .. }) => {
                raw.extend_from_slice(&chunk[..read]);
                let consumed = decoder
                    .decode(raw, &mut self.incoming)
                    .map_err(|error| ConnectError::protocol(phase, error.to_string()))?;
                raw.drain(..consumed);
            }
        }
        Ok(())
    }

    /// Fails when the first bytes are another protocol's, having given the peer a moment to say more than one byte.
    async fn recognise(&mut self) -> Result<(), ConnectError> {
        if Banner::recognise(&self.incoming).is_none() {
            return Ok(());
        }
        let more = async {
            let mut chunk = [0; 64];
            while self.incoming.len() < TELLING {
                match self.stream.read(&mut chunk).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => self.incoming.extend_from_slice(&chunk[..read]),
                }
            }
        };
        let _ = tokio::time::timeout(BANNER_PATIENCE, more).await;
        match Banner::recognise(&self.incoming) {
            Some(banner) => Err(ConnectError::NotCql(banner)),
            None => Ok(()),
        }
    }
}

/// Undoes body compression, which exists below v5 only.
fn expand(
    header: &FrameHeader,
    body: Bytes,
    compression: Option<Compression>,
    max_frame: u32,
    phase: Phase,
) -> Result<Bytes, ConnectError> {
    // "0x01 compressed body (ignored in v5)".
    if header.flags & flags::COMPRESSED == 0 || header.version >= ProtocolVersion::V5.as_u8() {
        return Ok(body);
    }
    let Some(compression) = compression else {
        return Err(ConnectError::protocol(
            phase,
            "a compressed answer although no compression was agreed on",
        ));
    };
    compression
        .decompress_body(&body, max_frame as usize)
        .map(Bytes::from)
        .map_err(|error| ConnectError::protocol(phase, error.to_string()))
}

/// A reset is a way to close; everything else is the system's own error.
fn broken(phase: Phase, error: std::io::Error) -> ConnectError {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    if let Some(problem) = TlsProblem::behind(&error) {
        return ConnectError::Tls(problem.clone());
    }
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => {
            ConnectError::Closed { during: phase }
        }
        _ => ConnectError::io(phase, error),
    }
}
