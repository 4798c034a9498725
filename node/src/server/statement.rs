//! A statement that a node has prepared.

use std::sync::Arc;

use bytes::Bytes;
use chorus_protocol::response::{BindMetadata, PreparedBody, Response, ResultBody, RowsBody, RowsMetadata};
use chorus_protocol::{ColumnSpec, FrameShape, ProtocolVersion};
use md5::{Digest, Md5};

use super::prepared::{PreparedId, prepared_id};
use crate::cql::CqlError;
use crate::execute::{Database, PreparedPlan};

/// What the node keeps of a PREPARE.
pub(crate) struct Prepared {
    pub(crate) id: PreparedId,
    pub(crate) query: Box<str>,
    pub(crate) keyspace: Option<Box<str>>,
    pub(crate) plan: PreparedPlan,
    /// Names the result's columns: changes when they do (version 5).
    pub(crate) result_metadata_id: Bytes,
}

impl Prepared {
    pub(crate) fn new(database: &Database, query: &str, keyspace: Option<&str>) -> Result<Self, CqlError> {
        let plan = database.prepare(query, keyspace)?;
        Ok(Self {
            id: prepared_id(keyspace, query),
            query: query.into(),
            keyspace: keyspace.map(Into::into),
            result_metadata_id: metadata_id(&plan.result),
            plan,
        })
    }

    /// The answer to PREPARE.
    pub(crate) fn body(&self, shape: &FrameShape) -> PreparedBody {
        let pk_indexes =
            if shape.version.has_partition_key_indexes() { self.plan.pk_indexes.clone() } else { Vec::new() };
        // Where the client understands it, a conditional statement is marked as one.
        let mark = shape.lwt_mask.filter(|_| self.plan.is_lwt).unwrap_or_default();
        PreparedBody {
            id: Bytes::copy_from_slice(&self.id),
            result_metadata_id: shape.metadata_id.then(|| self.result_metadata_id.clone()),
            bind: BindMetadata { flags: mark, columns: Arc::clone(&self.plan.bind), pk_indexes },
            result: metadata(&self.plan.result),
        }
    }
}

/// Metadata with every column in it.
pub(crate) fn metadata(columns: &Arc<[ColumnSpec]>) -> RowsMetadata {
    RowsMetadata {
        column_count: columns.len(),
        columns: Some(Arc::clone(columns)),
        ..RowsMetadata::default()
    }
}

/// The digest of a result's columns.
pub(crate) fn metadata_id(columns: &Arc<[ColumnSpec]>) -> Bytes {
    let mut encoded = Vec::new();
    let empty = RowsBody { metadata: metadata(columns), row_count: 0, content: Bytes::new() };
    // What cannot be encoded cannot be answered either, so it does not matter what it is called.
    let _ =
        Response::Result(ResultBody::Rows(empty)).encode(&FrameShape::new(ProtocolVersion::V5), &mut encoded);
    Bytes::copy_from_slice(&Md5::digest(&encoded))
}
