//! Changing the keyspace of a session's connections: one connection tries it, then all follow.

use std::sync::Arc;

use actix::{AsyncContext, Handler, WrapFuture};
use tokio::sync::mpsc;

use super::{ChangeKeyspace, ClusterActor, KeyspaceExists, UseKeyspaceError};
use crate::control::TryKeyspace;
use crate::host::UseKeyspace;

impl Handler<ChangeKeyspace> for ClusterActor {
    type Result = ();

    /// Asks the control connection first: a keyspace that does not exist must not cost a single connection.
    fn handle(&mut self, ChangeKeyspace { keyspace, answer }: ChangeKeyspace, _: &mut Self::Context) {
        if self.stopping {
            let _ = answer.send(Err(UseKeyspaceError::ShutDown));
            return;
        }
        self.control.do_send(TryKeyspace { keyspace, answer });
    }
}

impl Handler<KeyspaceExists> for ClusterActor {
    type Result = ();

    fn handle(&mut self, KeyspaceExists { keyspace, answer }: KeyspaceExists, ctx: &mut Self::Context) {
        self.keyspace = Some(Arc::clone(&keyspace));
        let (reply, mut outcomes) = mpsc::unbounded_channel();
        let timeout = self.config.connect_timeout;
        self.members.tell_all(UseKeyspace { keyspace, timeout, reply });
        let collect = async move {
            let mut refused = Vec::new();
            while let Some(outcome) = outcomes.recv().await {
                refused.extend(outcome.err());
            }
            let outcome = if refused.is_empty() { Ok(()) } else { Err(UseKeyspaceError::Partly(refused)) };
            let _ = answer.send(outcome);
        };
        ctx.spawn(collect.into_actor(self));
    }
}
