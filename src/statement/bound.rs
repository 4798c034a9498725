//! A prepared statement with its values.

use std::fmt;
use std::sync::Arc;

use chorus_protocol::IntoRow;

use super::PreparedStatement;
use crate::error::Error;
use crate::request::put_row;

/// A prepared statement with encoded values, for later: as a member of a [`Batch`](crate::Batch) or of mixed
/// [concurrent](crate::Session::execute_concurrent) work.
///
/// Where the values are at hand when the request is sent, [`Session::execute`](crate::Session::execute) is one copy cheaper.
#[derive(Clone)]
pub struct BoundStatement {
    pub(crate) prepared: PreparedStatement,
    /// The `[value]`s one after the other.
    pub(crate) values: Arc<[u8]>,
}

impl BoundStatement {
    pub(crate) fn new(prepared: PreparedStatement, values: &impl IntoRow) -> Result<Self, Error> {
        let mut encoded = Vec::new();
        put_row(&prepared.shared, values, &mut encoded)?;
        Ok(Self { prepared, values: encoded.into() })
    }

    /// The statement the values belong to.
    pub fn prepared(&self) -> &PreparedStatement {
        &self.prepared
    }
}

impl fmt::Debug for BoundStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundStatement")
            .field("text", &self.prepared.text())
            .field("bytes", &self.values.len())
            .finish_non_exhaustive()
    }
}
