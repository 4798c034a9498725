//! When `connect` may return.

/// What is known about one host's first attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstAttempt {
    /// Still under way.
    Running,
    /// It led to a connection, whatever happened since.
    Succeeded,
    /// It failed.
    Failed,
}

/// Whether the session can be handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Nothing can be said yet.
    NotYet,
    /// A host serves; others may follow within a moment, which is worth waiting for.
    Almost,
    /// Hand it out.
    Ready,
    /// No host serves and none will without being tried again.
    Failed,
}

/// Judges from the first attempts on all hosts that are to be connected to.
pub(crate) fn readiness(attempts: impl IntoIterator<Item = FirstAttempt>, wait_for_all: bool) -> Readiness {
    let (mut running, mut succeeded) = (false, false);
    for attempt in attempts {
        running |= attempt == FirstAttempt::Running;
        succeeded |= attempt == FirstAttempt::Succeeded;
    }
    match (running, succeeded) {
        (true, false) => Readiness::NotYet,
        (true, true) if wait_for_all => Readiness::NotYet,
        (true, true) => Readiness::Almost,
        (false, true) => Readiness::Ready,
        (false, false) => Readiness::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::FirstAttempt::{Failed, Running, Succeeded};
    use super::*;

    #[test]
    fn one_host_that_serves_is_enough_unless_all_are_asked_for() {
        assert_eq!(readiness([Running, Running], false), Readiness::NotYet);
        assert_eq!(readiness([Running, Succeeded], false), Readiness::Almost);
        assert_eq!(readiness([Running, Succeeded], true), Readiness::NotYet);
        assert_eq!(readiness([Failed, Succeeded], true), Readiness::Ready);
        assert_eq!(readiness([Succeeded, Succeeded], false), Readiness::Ready);
    }

    #[test]
    fn failure_is_certain_only_when_every_host_was_tried() {
        assert_eq!(readiness([Failed, Running], false), Readiness::NotYet);
        assert_eq!(readiness([Failed, Failed], false), Readiness::Failed);
        assert_eq!(readiness([], false), Readiness::Failed);
    }
}
