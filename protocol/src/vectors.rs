//! Checking messages against literal bytes, for the tests beside them.

use bytes::Bytes;

use crate::error::DecodeError;
use crate::frame::{FrameHeader, FrameShape, HEADER_LEN, STREAM_OFFSET, begin_frame, finish_frame, flags};
use crate::request::{Request, RequestEnvelope};
use crate::response::Response;
use crate::version::ProtocolVersion;

pub(crate) const V3: FrameShape = FrameShape::new(ProtocolVersion::V3);
pub(crate) const V4: FrameShape = FrameShape::new(ProtocolVersion::V4);
pub(crate) const V5: FrameShape = FrameShape::new(ProtocolVersion::V5);

/// Bytes from hexadecimal text; spaces do not matter.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Request and bytes of the whole frame belong together, both ways; no part of the body can be missing, and more may
/// follow.
#[track_caller]
pub(crate) fn check_request(shape: &FrameShape, stream: u16, envelope: &RequestEnvelope<'_>, expected: &str) {
    let expected = hex(expected);
    let mut out = Vec::new();
    let mut bits = if envelope.tracing { flags::TRACING } else { 0 };
    if !envelope.custom_payload.is_empty() {
        bits |= flags::CUSTOM_PAYLOAD;
    }
    let start = begin_frame(&mut out, shape.version, envelope.request.opcode(), bits);
    if !envelope.custom_payload.is_empty() {
        envelope.custom_payload.encode(&mut out).unwrap();
    }
    envelope.request.encode(shape, &mut out).unwrap();
    finish_frame(&mut out, start).unwrap();
    out[STREAM_OFFSET..STREAM_OFFSET + 2].copy_from_slice(&stream.to_be_bytes());
    assert_eq!(out, expected, "encoded {out:02x?}");

    let (header, body) = expected.split_first_chunk::<HEADER_LEN>().unwrap();
    let header = FrameHeader::decode(header, 1 << 20).unwrap();
    assert_eq!(header.length as usize, body.len());
    assert_eq!(&Request::decode(&header, &Bytes::copy_from_slice(body), shape).unwrap(), envelope);
    for length in 0..body.len() {
        let cut = Bytes::copy_from_slice(&body[..length]);
        assert!(Request::decode(&header, &cut, shape).is_err(), "body cut at {length}");
    }
    let longer = Bytes::from([body, &[0xaa; 3]].concat());
    assert_eq!(&Request::decode(&header, &longer, shape).unwrap(), envelope);
}

/// As [`check_request`], without tracing and payload.
#[track_caller]
pub(crate) fn check_plain_request(shape: &FrameShape, stream: u16, request: Request<'_>, expected: &str) {
    let envelope = RequestEnvelope { tracing: false, custom_payload: Default::default(), request };
    check_request(shape, stream, &envelope, expected);
}

/// Response and bytes of its body belong together, both ways.
#[track_caller]
pub(crate) fn check_response(shape: &FrameShape, response: &Response, expected: &str) {
    let expected = hex(expected);
    let mut out = Vec::new();
    let opcode = response.encode(shape, &mut out).unwrap().as_u8();
    assert_eq!(out, expected, "encoded {out:02x?}");
    assert_eq!(&Response::decode(opcode, expected.into(), shape).unwrap(), response);
}

/// No part of a response's body can be missing, and more may follow.
#[track_caller]
pub(crate) fn check_cuts(shape: &FrameShape, response: &Response) {
    let mut body = Vec::new();
    let opcode = response.encode(shape, &mut body).unwrap().as_u8();
    for length in 0..body.len() {
        let cut: Result<Response, DecodeError> =
            Response::decode(opcode, Bytes::copy_from_slice(&body[..length]), shape);
        assert!(cut.is_err(), "body cut at {length} gave {cut:?}");
    }
    body.extend_from_slice(&[0xaa; 3]);
    assert_eq!(&Response::decode(opcode, body.into(), shape).unwrap(), response);
}
