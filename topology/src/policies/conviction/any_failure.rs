//! In doubt against the host.

use super::{ConnectionFailure, ConnectionFailureKind, ConvictionPolicy, ConvictionRecord};
use crate::host::Host;

/// Convicts a host at its first failure, unless something only took too long: what other drivers do by default.
///
/// For clusters where a lost connection mostly means a lost server: requests leave a host at the first sign instead of
/// finding out connection by connection. The price is that one broken connection takes all others of its host down with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SimpleConviction;

impl ConvictionPolicy for SimpleConviction {
    fn record(&self, _: &Host) -> Box<dyn ConvictionRecord + Send> {
        Box::new(SimpleConviction)
    }
}

impl ConvictionRecord for SimpleConviction {
    fn add_failure(&mut self, failure: &ConnectionFailure) -> bool {
        failure.kind != ConnectionFailureKind::TimedOut
    }

    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn any_failure_convicts_a_host_except_something_that_took_too_long() {
        let mut record = record(&SimpleConviction);
        for kind in KINDS {
            let convicts = kind != ConnectionFailureKind::TimedOut;
            assert_eq!(record.add_failure(&failure(kind, 5)), convicts, "{kind:?}");
        }
    }
}
