//! What stands in where the feature `encryption` is off: nothing is encrypted, and asking costs nothing.

use std::sync::Arc;

use chorus_protocol::ColumnSpec;
use chorus_topology::ClusterState;

use crate::error::Error;
use crate::result::RowSet;
use crate::statement::Described;

/// What a session encrypts: nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Encryption(());

/// The markers of a statement that are encrypted: there is no such statement.
#[derive(Debug)]
pub(crate) enum EncryptedMarkers {}

impl Encryption {
    #[inline(always)]
    pub(crate) const fn is_on(&self) -> bool {
        false
    }

    pub(crate) fn markers(&self, _: &Described, _: &ClusterState) -> Result<Option<EncryptedMarkers>, Error> {
        Ok(None)
    }

    pub(crate) fn plain_columns(&self, columns: Arc<[ColumnSpec]>) -> Arc<[ColumnSpec]> {
        columns
    }

    pub(crate) fn decrypt(&self, rows: RowSet) -> Result<RowSet, Error> {
        Ok(rows)
    }
}

impl EncryptedMarkers {
    pub(crate) fn plain(&self) -> &Arc<[ColumnSpec]> {
        match *self {}
    }

    pub(crate) fn encrypt_row(&self, _: &mut Vec<u8>, _: usize) -> Result<(), Error> {
        match *self {}
    }
}
