//! The end of a session: every connection is closed, and whoever shut it down is told how that went.

use std::time::Duration;

use actix::{ActorContext, ActorFutureExt, AsyncContext, Handler, WrapFuture};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::debug;

use super::{ClusterActor, Shutdown};
use crate::connection::handshake::ConnectError;
use crate::control::StopControl;
use crate::host::Stop;
use crate::shutdown::ShutdownReport;

/// How long after the deadline pools that keep to it may take to say so.
const GRACE: Duration = Duration::from_millis(250);

impl Handler<Shutdown> for ClusterActor {
    type Result = ();

    /// The coordinators have drained their requests before: what is left is to close every connection.
    fn handle(&mut self, Shutdown { within, reply }: Shutdown, ctx: &mut Self::Context) {
        if std::mem::replace(&mut self.stopping, true) {
            // Somebody else is shutting the session down; there is nothing left to report.
            let _ = reply.send(ShutdownReport::empty());
            return;
        }
        let begun = Instant::now();
        self.answer_ready(Err(ConnectError::ShutDown));
        let (closed, mut parts) = mpsc::unbounded_channel::<u64>();
        self.control.do_send(StopControl { closed: closed.clone() });
        let deadline = begun + within;
        self.members.stop_all(Stop { deadline, closed });
        let collect = async move {
            let mut report = ShutdownReport::empty();
            let every_part = async {
                while let Some(connections) = parts.recv().await {
                    report.connections += connections;
                }
            };
            // Pools keep to the deadline; a reactor that died takes its pools with it, and they never answer.
            if tokio::time::timeout_at(deadline + GRACE, every_part).await.is_err() {
                report.in_time = false;
            }
            report.took = begun.elapsed();
            debug!(?report, "every connection is closed");
            let _ = reply.send(report);
        };
        ctx.spawn(collect.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}
