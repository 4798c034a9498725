//! QUERY: a statement as text.

use crate::error::{DecodeError, EncodeError};
use crate::frame::FrameShape;
use crate::request::QueryParameters;
use crate::wire::{Reader, put_long_string};

/// Runs a statement once.
#[derive(Debug, Clone, PartialEq)]
pub struct Query<'a> {
    /// CQL.
    pub cql: &'a str,
    /// Values and options.
    pub parameters: QueryParameters<'a>,
}

impl<'a> Query<'a> {
    /// Appends the body.
    pub fn encode(&self, shape: &FrameShape, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_long_string(out, self.cql, "statement")?;
        self.parameters.encode(shape, out)
    }

    /// Reads the body.
    pub fn decode(reader: &mut Reader<'a>, shape: &FrameShape) -> Result<Self, DecodeError> {
        Ok(Self {
            cql: reader.long_string("statement")?,
            parameters: QueryParameters::decode(reader, shape)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consistency::{Consistency, SerialConsistency};
    use crate::frame::CustomPayload;
    use crate::request::{Request, RequestEnvelope, Values};
    use crate::value::BoundValue;
    use crate::vectors::{V3, V4, V5, check_plain_request, check_request};

    fn query(parameters: QueryParameters<'_>) -> Request<'_> {
        Request::Query(Query { cql: "a", parameters })
    }

    fn one() -> QueryParameters<'static> {
        QueryParameters { consistency: Consistency::One, ..Default::default() }
    }

    #[test]
    fn a_query_has_the_reference_bytes() {
        check_plain_request(&V4, 1, query(one()), "0400000107000000080000000161000100");
        let parameters = QueryParameters {
            page_size: Some(5000),
            serial_consistency: Some(SerialConsistency::Serial),
            timestamp: Some(1),
            ..one()
        };
        check_plain_request(
            &V4,
            1,
            query(parameters),
            "0400000107000000160000000161000134000013880008 0000000000000001",
        );
        check_plain_request(
            &V5,
            1,
            query(QueryParameters { keyspace: Some("ks"), ..parameters }),
            "05000001070000001d00000001610001000000b4000013880008 0000000000000001 00026b73",
        );
    }

    #[test]
    fn tracing_and_payload_stand_in_front() {
        let envelope = RequestEnvelope {
            tracing: true,
            custom_payload: CustomPayload::from_iter([("k", "v")]),
            request: query(one()),
        };
        check_request(&V4, 1, &envelope, "040600010700000012 0001 00016b 0000000176 0000000161 0001 00");
    }

    #[test]
    fn every_option_has_its_place() {
        let parameters = QueryParameters {
            consistency: Consistency::Quorum,
            values: Values::Positional { count: 2, bytes: &[0, 0, 0, 1, 7, 255, 255, 255, 254] },
            skip_metadata: true,
            page_size: Some(2),
            paging_state: Some(b"p"),
            serial_consistency: Some(SerialConsistency::LocalSerial),
            timestamp: Some(3),
            keyspace: Some("k"),
            now_in_seconds: Some(-4),
        };
        check_plain_request(
            &V5,
            2,
            query(parameters),
            "0500000207 00000030 00000001 61 0004 000001bf 0002 0000000107 fffffffe 00000002 00000001 70 0009
             0000000000000003 00016b fffffffc",
        );
        assert_eq!(
            parameters.values.iter().map(|(_, value)| value).collect::<Vec<_>>(),
            [BoundValue::Bytes(&[7]), BoundValue::Unset]
        );
    }

    #[test]
    fn values_may_have_names() {
        let values = Values::Named { count: 1, bytes: &[0, 1, b'n', 255, 255, 255, 255] };
        let request = query(QueryParameters { values, ..one() });
        check_plain_request(&V3, 1, request, "0300000107 00000011 00000001 61 0001 41 0001 00016e ffffffff");
        assert_eq!(values.iter().collect::<Vec<_>>(), [(Some("n"), BoundValue::Null)]);
    }

    #[test]
    fn what_the_version_has_no_place_for_is_refused() {
        let refused =
            |parameters: QueryParameters<'_>| query(parameters).encode(&V4, &mut Vec::new()).is_err();
        assert!(refused(QueryParameters { keyspace: Some("k"), ..one() }));
        assert!(refused(QueryParameters { now_in_seconds: Some(1), ..one() }));
        assert!(refused(QueryParameters { timestamp: Some(-1), ..one() }));
        assert!(!refused(QueryParameters { timestamp: Some(0), ..one() }));
        let unset = Values::Positional { count: 1, bytes: &[255, 255, 255, 254] };
        let unset = query(QueryParameters { values: unset, ..one() });
        assert!(unset.encode(&V3, &mut Vec::new()).is_err() && unset.encode(&V4, &mut Vec::new()).is_ok());
    }

    #[test]
    fn values_that_do_not_come_are_an_error() {
        let body = [0, 0, 0, 0, 0, 1, 1, 0xff, 0xff, 0, 0, 0, 0];
        assert!(Query::decode(&mut Reader::new(&body), &V4).is_err());
        let below_unset = [0, 0, 0, 0, 0, 1, 1, 0, 1, 255, 255, 255, 253];
        let error = Query::decode(&mut Reader::new(&below_unset), &V4).unwrap_err();
        assert_eq!(error, DecodeError::InvalidValueLength(-3));
    }
}
