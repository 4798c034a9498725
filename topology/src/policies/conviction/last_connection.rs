//! In doubt for the host.

use super::{ConnectionFailure, ConvictionPolicy, ConvictionRecord};
use crate::host::Host;

/// Convicts a host when its last connection is gone: as long as one works, requests use it, and the others are dialled again
/// at the pace of the reconnection policy. The default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastConnection;

impl ConvictionPolicy for LastConnection {
    fn record(&self, _: &Host) -> Box<dyn ConvictionRecord + Send> {
        Box::new(LastConnection)
    }
}

impl ConvictionRecord for LastConnection {
    fn add_failure(&mut self, failure: &ConnectionFailure) -> bool {
        failure.usable == 0
    }

    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_host_is_convicted_with_its_last_connection_and_not_before() {
        let mut record = record(&LastConnection);
        for kind in KINDS {
            assert!(!record.add_failure(&failure(kind, 3)), "{kind:?}");
            assert!(!record.add_failure(&failure(kind, 1)), "{kind:?}");
            assert!(record.add_failure(&failure(kind, 0)), "{kind:?}");
        }
    }
}
