//! What the tests of the control plane have in common.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use chorus_actors::Engine;

/// Far more than anything takes, for a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `holds` does; fails when it does not for a long time.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let patience = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(tokio::time::Instant::now() < patience, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until the future `attempt` makes is ready with `true`; fails when it is not for a long time.
pub(crate) async fn eventually_async<F: Future<Output = bool>>(what: &str, mut attempt: impl FnMut() -> F) {
    let patience = tokio::time::Instant::now() + PATIENCE;
    while !attempt().await {
        assert!(tokio::time::Instant::now() < patience, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An address of this machine where nobody ever listens, another one each time. A port that was free a moment ago may be
/// somebody else's by now.
pub(crate) fn nobody() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    SocketAddr::from(([127, 0, 99, NEXT.fetch_add(1, Ordering::Relaxed)], 1))
}

/// How many hosts the route says are up.
pub(crate) fn up(engine: &Engine) -> usize {
    engine.route().hosts().iter().filter(|host| host.up && host.member).count()
}
