//! Having the other hosts prepare what one has prepared.

use std::sync::Arc;
use std::time::Duration;

use actix::{AsyncContext, Context, Handler, Message, WrapFuture};
use chorus_topology::HostIndex;
use tokio::sync::{mpsc, oneshot};

use super::ClusterActor;
use crate::host::PrepareThere;
use crate::request::Preparation;

/// From the session's handle: `host` has prepared this statement, the others that are up shall do so too. Answered when each
/// of them has, or could not, or had its time.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct PrepareElsewhere {
    pub(crate) statement: Arc<Preparation>,
    pub(crate) host: HostIndex,
    pub(crate) limit: Duration,
    pub(crate) answer: oneshot::Sender<()>,
}

impl Handler<PrepareElsewhere> for ClusterActor {
    type Result = ();

    fn handle(&mut self, elsewhere: PrepareElsewhere, ctx: &mut Context<Self>) {
        let PrepareElsewhere { statement, host, limit, answer } = elsewhere;
        let (done, mut all_done) = mpsc::unbounded_channel();
        if self.stopping || !self.members.prepare_except(host, &PrepareThere { statement, limit, done }) {
            // The sender is dropped, which tells that there is nothing to wait for.
            return;
        }
        let wait = async move {
            while all_done.recv().await.is_some() {}
            let _ = answer.send(());
        };
        ctx.spawn(wait.into_actor(self));
    }
}
