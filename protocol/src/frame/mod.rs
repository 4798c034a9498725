//! Envelopes: the nine-byte header, what a connection negotiated, and body compression.

mod compression;
mod custom_payload;
mod header;
mod opcode;
mod shape;

pub use compression::{Compression, UnknownCompression};
pub(crate) use compression::{compress_lz4_block, decompress_lz4_block};
pub use custom_payload::CustomPayload;
pub use header::{
    DEFAULT_MAX_FRAME_LENGTH, FrameHeader, HEADER_LEN, LENGTH_OFFSET, STREAM_OFFSET, begin_frame,
    finish_frame, flags,
};
pub use opcode::Opcode;
pub use shape::{FrameShape, RequestExtensions};
