//! Speaking to a server that lacks extensions which the session's requests have.
//!
//! The nodes of a cluster that is being upgraded offer different extensions. Two of them change what requests look like, and
//! requests are written before it is known who gets them: the first server decides for the whole session. A connection to one that
//! lacks ids of result metadata takes them out of what is sent, and puts empty ones into what comes. Such a server describes the
//! rows of every answer, so nothing is lost but the saving. For one that lacks versions of tablets the byte that names one is left
//! off; it tells of tablets in the first form.

use bytes::Bytes;
use chorus_protocol::response::Envelope;
use chorus_protocol::wire::Reader;
use chorus_protocol::{CustomPayload, HEADER_LEN, LENGTH_OFFSET, Opcode, RequestExtensions, flags};

/// Where the opcode of an envelope is.
const OPCODE_OFFSET: usize = 4;
/// The kind of a RESULT that answers PREPARE.
const PREPARED: [u8; 4] = [0, 0, 0, 4];
/// The flag of a request that asks for rows without their description.
const SKIP_METADATA: u8 = 0x02;

/// Writes an envelope without what the server lacks: of an EXECUTE the metadata id behind the id of the statement (before protocol
/// v5), and the version of a tablet at its end. Everything else, and what cannot be read, stays as it is.
#[cold]
pub(super) fn take_extensions(lacks: RequestExtensions, envelope: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    if rewrite_execute(lacks, envelope, out).is_none() {
        out.truncate(start);
        out.extend_from_slice(envelope);
    }
}

fn rewrite_execute(lacks: RequestExtensions, envelope: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (header, body) = envelope.split_at_checked(HEADER_LEN)?;
    if header[OPCODE_OFFSET] != Opcode::Execute as u8 {
        return None;
    }
    let start = out.len();
    out.extend_from_slice(header);
    if lacks.metadata_id {
        let shared = Bytes::copy_from_slice(body);
        let mut reader = Reader::new(&shared);
        if header[1] & flags::CUSTOM_PAYLOAD != 0 {
            CustomPayload::decode(&mut reader, &shared).ok()?;
        }
        reader.short_bytes("statement id").ok()?;
        let before = body.len() - reader.rest().len();
        reader.short_bytes("metadata id").ok()?;
        out.extend_from_slice(&body[..before]);
        let rest_at = out.len();
        out.extend_from_slice(reader.rest());
        // Behind the two bytes of the consistency.
        *out.get_mut(rest_at + 2)? &= !SKIP_METADATA;
    } else {
        out.extend_from_slice(body);
    }
    if lacks.tablets_v2 {
        // The last byte, and nothing of a body without one.
        (out.len() > start + HEADER_LEN).then(|| out.pop())?;
    }
    let length = u32::try_from(out.len() - start - HEADER_LEN).ok()?;
    out[start + LENGTH_OFFSET..start + HEADER_LEN].copy_from_slice(&length.to_be_bytes());
    Some(())
}

/// The answer to a PREPARE with an empty metadata id, from its uncompressed body; and the flags it has then. `None` for other
/// answers, and for what cannot be read.
#[cold]
pub(super) fn put_metadata_id(frame_flags: u8, body: Bytes) -> Option<(u8, Vec<u8>)> {
    let envelope = Envelope::split(frame_flags, body).ok()?;
    if !envelope.body.starts_with(&PREPARED) {
        return None;
    }
    let mut reader = Reader::new(&envelope.body);
    reader.int("kind").ok()?;
    reader.short_bytes("statement id").ok()?;
    let rest = reader.rest();
    let mut out = Vec::with_capacity(envelope.body.len() + 64);
    let prefix = envelope.encode_prefix(&mut out).ok()?;
    out.extend_from_slice(&envelope.body[..envelope.body.len() - rest.len()]);
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(rest);
    Some((frame_flags & !flags::COMPRESSED | prefix, out))
}

#[cfg(test)]
mod tests {
    use chorus_protocol::request::{Execute, QueryParameters, Request};
    use chorus_protocol::{Consistency, FrameShape, ProtocolVersion, begin_frame, finish_frame};

    use super::*;

    /// All shapes a request of this version can have.
    fn shapes(version: ProtocolVersion) -> Vec<FrameShape> {
        let bare = FrameShape::new(version);
        let ids: &[bool] = if bare.metadata_id { &[true] } else { &[false, true] };
        let with = |metadata_id, tablets_v2| {
            bare.with_request_extensions(RequestExtensions { metadata_id, tablets_v2 })
        };
        ids.iter().flat_map(|&id| [with(id, false), with(id, true)]).collect()
    }

    fn execute(shape: &FrameShape, payload: bool, skip_metadata: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let header_flags = if payload { flags::CUSTOM_PAYLOAD } else { 0 };
        let start = begin_frame(&mut out, shape.version, Opcode::Execute, header_flags);
        if payload {
            CustomPayload::from_iter([("key", "value")]).encode(&mut out).unwrap();
        }
        let parameters = QueryParameters {
            consistency: Consistency::Quorum,
            skip_metadata,
            page_size: Some(7),
            ..QueryParameters::default()
        };
        let id = shape.metadata_id.then_some(&b"metadata"[..]);
        Execute { id: b"statement", result_metadata_id: id, parameters, tablet_version_block: 0x7a }
            .encode(shape, &mut out)
            .unwrap();
        finish_frame(&mut out, start).unwrap();
        out
    }

    #[test]
    fn an_execute_without_what_a_server_lacks_is_what_it_would_have_been_sent() {
        for version in [ProtocolVersion::V4, ProtocolVersion::V5] {
            for session in shapes(version) {
                for host in shapes(version) {
                    let (has, knows) = (session.request_extensions(), host.request_extensions());
                    let lacks = has.without(knows);
                    if lacks.is_empty() || !knows.without(has).is_empty() {
                        continue;
                    }
                    for payload in [false, true] {
                        let mut out = b"before".to_vec();
                        take_extensions(lacks, &execute(&session, payload, session.metadata_id), &mut out);
                        let expected = execute(&host, payload, host.metadata_id);
                        assert_eq!(out[6..], expected, "{session:?} for {host:?}, payload: {payload}");
                    }
                }
            }
        }
    }

    #[test]
    fn other_requests_and_what_cannot_be_read_stay_as_they_are() {
        let newer = *shapes(ProtocolVersion::V4).last().unwrap();
        let lacks = newer.request_extensions();
        let mut query = Vec::new();
        let start = begin_frame(&mut query, newer.version, Opcode::Options, 0);
        Request::Options.encode(&newer, &mut query).unwrap();
        finish_frame(&mut query, start).unwrap();
        let whole = execute(&newer, false, true);
        for envelope in [&query[..], &whole[..HEADER_LEN + 5], &whole[..4], &[]] {
            let mut out = Vec::new();
            take_extensions(lacks, envelope, &mut out);
            assert_eq!(out, envelope);
        }
        let mut out = Vec::new();
        take_extensions(
            RequestExtensions { metadata_id: false, tablets_v2: true },
            &whole[..HEADER_LEN],
            &mut out,
        );
        assert_eq!(out, whole[..HEADER_LEN], "there is no byte to leave off");
    }

    #[test]
    fn a_prepared_statement_gets_an_empty_id_behind_its_own() {
        let body: &[u8] = &[0, 0, 0, 4, 0, 2, b'i', b'd', 9, 9, 9];
        let expected = [0, 0, 0, 4, 0, 2, b'i', b'd', 0, 0, 9, 9, 9];
        let (frame_flags, out) = put_metadata_id(flags::COMPRESSED, Bytes::from_static(body)).unwrap();
        assert_eq!((frame_flags, &out[..]), (0, &expected[..]));
        let warned = Envelope { warnings: vec!["w".into()], ..Envelope::default() };
        let mut with_warning = Vec::new();
        let prefix = warned.encode_prefix(&mut with_warning).unwrap();
        let before = with_warning.len();
        with_warning.extend_from_slice(body);
        let (frame_flags, out) = put_metadata_id(prefix, with_warning.clone().into()).unwrap();
        assert_eq!((frame_flags, &out[before..]), (prefix, &expected[..]));
        assert!(put_metadata_id(0, Bytes::from_static(&[0, 0, 0, 1])).is_none());
        assert!(put_metadata_id(0, Bytes::from_static(&body[..6])).is_none());
    }
}
