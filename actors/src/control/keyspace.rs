//! Trying a keyspace on the control connection before the others are told of it.

use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Handler, WrapFuture};

use super::{ControlActor, TryKeyspace};
use crate::cluster::{KeyspaceExists, UseKeyspaceError};
use crate::connection::handshake::use_statement;
use crate::internal::{ask, query_frame};

impl Handler<TryKeyspace> for ControlActor {
    type Result = ();

    fn handle(&mut self, TryKeyspace { keyspace, answer }: TryKeyspace, ctx: &mut Self::Context) {
        let Some(link) = self.link.clone() else {
            let _ = answer.send(Err(UseKeyspaceError::NotConnected));
            return;
        };
        let (cluster, timeout) = (self.setup.cluster.clone(), self.setup.config.control_timeout);
        let attempt = async move {
            let frame = query_frame(&link.shape(), &use_statement(&keyspace));
            match ask(link.handle(), frame, timeout).await {
                Ok(_) => {
                    cluster.do_send(KeyspaceExists { keyspace: Arc::clone(&keyspace), answer });
                    Some(keyspace)
                }
                Err(error) => {
                    let _ = answer.send(Err(UseKeyspaceError::Refused { reason: error.to_string().into() }));
                    None
                }
            }
        };
        ctx.spawn(attempt.into_actor(self).map(|used, actor, _| {
            if actor.serves_requests() && used.is_some() {
                actor.options.keyspace = used;
            }
        }));
    }
}
