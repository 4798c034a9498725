//! Asking one host which schema it has.

use actix::{AsyncContext, Handler, WrapFuture};
use chorus_topology::rows::{LocalRow, SELECT_LOCAL_SCHEMA_VERSION};

use super::PoolActor;
use crate::host::AskSchemaVersion;
use crate::internal::rows;

impl Handler<AskSchemaVersion> for PoolActor {
    type Result = ();

    /// Any connection will do. Without one, or without an answer, there is no version.
    fn handle(&mut self, ask: AskSchemaVersion, ctx: &mut Self::Context) {
        let Some(handle) = self.slots.iter().next().cloned() else {
            let _ = ask.reply.send(None);
            return;
        };
        let question = async move {
            let found = rows::<LocalRow>(&handle, SELECT_LOCAL_SCHEMA_VERSION, None, ask.timeout).await;
            let version = found.ok().and_then(|rows| rows.into_iter().next()?.schema_version);
            // Whoever asked may have stopped waiting.
            let _ = ask.reply.send(version);
        };
        ctx.spawn(question.into_actor(self));
    }
}
