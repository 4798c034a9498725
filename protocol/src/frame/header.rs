//! The envelope header and in-place framing.

use crate::error::{EncodeError, FrameError};
use crate::frame::Opcode;
use crate::version::ProtocolVersion;

/// Size of an envelope header in bytes, in every version since v3.
pub const HEADER_LEN: usize = 9;

/// Where in a header the stream id is: two bytes, big-endian.
pub const STREAM_OFFSET: usize = 2;

/// Where in a header the body length is: four bytes, big-endian.
pub const LENGTH_OFFSET: usize = 5;

/// The largest body servers accept by default: 256 MiB.
pub const DEFAULT_MAX_FRAME_LENGTH: u32 = 256 * 1024 * 1024;

/// Bits of the header's flags byte.
pub mod flags {
    /// The body is compressed. Ignored in v5, where segments are.
    pub const COMPRESSED: u8 = 0x01;
    /// On a request: trace it. On a response: a tracing id precedes the body.
    pub const TRACING: u8 = 0x02;
    /// A custom payload precedes the body.
    pub const CUSTOM_PAYLOAD: u8 = 0x04;
    /// Warnings precede the body of a response.
    pub const WARNING: u8 = 0x08;
    /// The client agrees to a protocol version in beta.
    pub const USE_BETA: u8 = 0x10;
}

/// The first nine bytes of an envelope.
///
/// Version and opcode are kept as they came: a response may carry a lower version than the request, and an
/// unknown opcode is for the reader of the body to refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Low seven bits of the first byte.
    pub version: u8,
    /// Top bit of the first byte.
    pub response: bool,
    /// See [`flags`].
    pub flags: u8,
    /// Pairs a response with its request; -1 on events.
    pub stream: i16,
    /// See [`Opcode`].
    pub opcode: u8,
    /// Size of the body in bytes.
    pub length: u32,
}

impl FrameHeader {
    /// Reads a header. Refuses bodies longer than `max_length` bytes, so that nobody waits for or reserves them.
    #[inline]
    pub fn decode(bytes: &[u8; HEADER_LEN], max_length: u32) -> Result<FrameHeader, FrameError> {
        let [version, flags, stream0, stream1, opcode, l0, l1, l2, l3] = *bytes;
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        // "A frame body length is a signed int": the top bit is an error whatever the limit is.
        if length > i32::MAX as u32 {
            return Err(FrameError::NegativeLength(length as i32));
        }
        if length > max_length {
            return Err(FrameError::TooLarge { length, max: max_length });
        }
        Ok(FrameHeader {
            version: version & 0x7f,
            response: version & 0x80 != 0,
            flags,
            stream: i16::from_be_bytes([stream0, stream1]),
            opcode,
            length,
        })
    }

    /// Appends the nine bytes.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let version = (self.version & 0x7f) | if self.response { 0x80 } else { 0 };
        let [s0, s1] = self.stream.to_be_bytes();
        let [l0, l1, l2, l3] = self.length.to_be_bytes();
        out.extend_from_slice(&[version, self.flags, s0, s1, self.opcode, l0, l1, l2, l3]);
    }
}

/// Appends a header with length 0 and stream 0, and returns where it starts, for [`finish_frame`].
///
/// The direction bit follows from the opcode, and the flag of a version in beta from the version.
#[inline]
pub fn begin_frame(out: &mut Vec<u8>, version: ProtocolVersion, opcode: Opcode, flags: u8) -> usize {
    let start = out.len();
    let flags = if version.is_beta() { flags | flags::USE_BETA } else { flags };
    let version = version.as_u8() | if opcode.is_request() { 0 } else { 0x80 };
    out.extend_from_slice(&[version, flags, 0, 0, opcode.as_u8(), 0, 0, 0, 0]);
    start
}

/// Fills in the length of the frame that starts at `start` and ends at the end of `out`.
///
/// # Panics
/// If `start` is not what [`begin_frame`] returned for this buffer.
#[inline]
pub fn finish_frame(out: &mut [u8], start: usize) -> Result<(), EncodeError> {
    let length = out.len() - start - HEADER_LEN;
    if length > DEFAULT_MAX_FRAME_LENGTH as usize {
        return Err(EncodeError::TooLong {
            what: "frame body",
            length,
            max: DEFAULT_MAX_FRAME_LENGTH as usize,
        });
    }
    out[start + LENGTH_OFFSET..start + HEADER_LEN].copy_from_slice(&(length as u32).to_be_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_a_version_in_beta_say_so() {
        for version in [ProtocolVersion::V5, ProtocolVersion::V6] {
            let mut out = Vec::new();
            let start = begin_frame(&mut out, version, Opcode::Query, flags::TRACING);
            finish_frame(&mut out, start).unwrap();
            let header = FrameHeader::decode(out.first_chunk().unwrap(), 0).unwrap();
            assert_eq!(header.version, version.as_u8());
            assert_eq!(header.flags & flags::USE_BETA != 0, version.is_beta());
            assert!(header.flags & flags::TRACING != 0);
        }
    }

    #[test]
    fn a_header_is_nine_bytes_both_ways() {
        let bytes = [0x84, 0x0a, 0xff, 0xff, 0x0c, 0, 0, 1, 2];
        let header = FrameHeader::decode(&bytes, 1000).unwrap();
        let expected =
            FrameHeader { version: 4, response: true, flags: 0x0a, stream: -1, opcode: 0x0c, length: 258 };
        assert_eq!(header, expected);
        let mut out = Vec::new();
        header.encode(&mut out);
        assert_eq!(out, bytes);
    }

    #[test]
    fn negative_and_oversized_lengths_are_refused() {
        let mut bytes = [4, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(FrameHeader::decode(&bytes, u32::MAX), Err(FrameError::NegativeLength(-1)));
        bytes[5..].copy_from_slice(&[0, 0, 1, 0]);
        assert_eq!(FrameHeader::decode(&bytes, 255), Err(FrameError::TooLarge { length: 256, max: 255 }));
        assert!(FrameHeader::decode(&bytes, 256).is_ok());
    }

    #[test]
    fn a_frame_is_closed_behind_what_is_already_in_the_buffer() {
        let mut out = vec![1, 2, 3];
        let start = begin_frame(&mut out, ProtocolVersion::V4, Opcode::Options, 0);
        finish_frame(&mut out, start).unwrap();
        assert_eq!(out, [1, 2, 3, 4, 0, 0, 0, 5, 0, 0, 0, 0]);
        let start = begin_frame(&mut out, ProtocolVersion::V5, Opcode::Ready, flags::WARNING);
        out.extend_from_slice(&[9; 300]);
        finish_frame(&mut out, start).unwrap();
        assert_eq!(out[start..start + 9], [0x85, 8, 0, 0, 2, 0, 0, 1, 44]);
    }
}
