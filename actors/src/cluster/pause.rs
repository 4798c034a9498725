//! A clock for callers that may have none: they live on any runtime, or on no one.

use std::time::Duration;

use actix::{AsyncContext, Context, Handler, Message};
use tokio::sync::oneshot;

use super::ClusterActor;

/// From the session's handle: answer after so long. Whoever does not wait any longer drops the other end.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Pause {
    pub(crate) length: Duration,
    pub(crate) over: oneshot::Sender<()>,
}

impl Handler<Pause> for ClusterActor {
    type Result = ();

    fn handle(&mut self, Pause { length, over }: Pause, ctx: &mut Context<Self>) {
        ctx.run_later(length, move |_, _| {
            let _ = over.send(());
        });
    }
}
