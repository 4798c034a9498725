//! What values are written with: timestamps and encryption.

use std::sync::Arc;

use super::SessionBuilder;
use crate::timestamp::{MonotonicTimestampGenerator, TimestampGenerator};

/// What values are written with.
impl SessionBuilder {
    /// Whether writes carry a timestamp made by this client. Without it, the server that coordinates a write stamps it, and
    /// two writes to a cell in quick succession may end in the wrong order. Defaults to true.
    pub fn client_timestamps(mut self, on: bool) -> Self {
        match (on, &self.timestamps) {
            (false, _) => self.timestamps = None,
            (true, None) => self.timestamps = Some(Arc::new(MonotonicTimestampGenerator::new())),
            (true, Some(_)) => {}
        }
        self
    }

    /// Where write timestamps come from, and turns them on. Defaults to [`MonotonicTimestampGenerator`].
    pub fn timestamp_generator(mut self, generator: Arc<dyn TimestampGenerator>) -> Self {
        self.timestamps = Some(generator);
        self
    }

    /// Encrypts the columns that this policy names, in what is bound to statements and in the rows that come back; see
    /// [`encryption`](crate::encryption). Statements with a marker for a column of a primary key that is not encrypted
    /// deterministically are refused when they are prepared. Defaults to none.
    #[cfg(feature = "encryption")]
    pub fn column_encryption(mut self, policy: Arc<dyn crate::encryption::ColumnEncryptionPolicy>) -> Self {
        self.encryption = crate::encryption::Encryption(Some(policy));
        self
    }
}
