//! Telling a host the statements of the session: all of them before requests are let onto its first connection, and single
//! ones when another host has prepared them.
//!
//! Nothing here is needed for correctness: a server that does not know a statement says so, and is told then. It saves the
//! crowd of requests that would all find out at once when a host comes back.

use std::sync::Arc;
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Handler, WrapFuture};
use chorus_protocol::request::Prepare;
use chorus_protocol::response::{Response, ResultBody};
use chorus_protocol::{EncodeError, Opcode};
use chorus_topology::Rng;
use futures::future::join_all;
use tracing::debug;

use super::PoolActor;
use super::dial::Dial;
use super::messages::GiveLesson;
use crate::connection::ConnectionHandle;
use crate::connection::handshake::use_statement;
use crate::host::PrepareThere;
use crate::internal::{InternalError, ask, frame, query_frame};
use crate::request::{Preparation, RequestErrorKind};

/// Statements that are prepared at the same time on one connection.
const AT_A_TIME: usize = 10;

/// How long a host may take for so many.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a host is told before it is used.
pub(super) struct Lessons {
    /// Those of one keyspace stand together.
    pub(super) statements: Vec<Arc<Preparation>>,
    /// The keyspace that the connection uses, and must use afterwards.
    pub(super) keyspace: Option<Arc<str>>,
}

impl Lessons {
    /// Has the host prepare everything. A statement that it refuses (its table may be gone) is left out; a host that does not
    /// answer in time is let go with what it has learned.
    pub(super) async fn teach(self, connection: &ConnectionHandle) {
        let in_message = connection.shape.version.has_keyspace_field();
        let mut current = self.keyspace.as_deref();
        let of_one_keyspace =
            self.statements.chunk_by(|one, next| one.session_keyspace == next.session_keyspace);
        'all: for group in of_one_keyspace {
            let home = group.first().and_then(|statement| statement.session_keyspace.as_deref());
            // Where the session has no keyspace nothing was ever prepared in one.
            if !in_message && home.is_some() && home != current && self.keyspace.is_some() {
                match use_keyspace(connection, home).await {
                    Ok(()) => current = home,
                    Err(error) => {
                        debug!(address = %connection.address, %error, "statements of a keyspace are not prepared");
                        continue;
                    }
                }
            }
            for some in group.chunks(AT_A_TIME) {
                let outcomes =
                    join_all(some.iter().map(|statement| prepare(connection, statement, PATIENCE))).await;
                if outcomes.contains(&Outcome::NoAnswer) {
                    break 'all;
                }
            }
        }
        if current != self.keyspace.as_deref()
            && let Err(error) = use_keyspace(connection, self.keyspace.as_deref()).await
        {
            debug!(address = %connection.address, %error, "the connection is in another keyspace than it should be");
            connection.close();
        }
    }
}

/// What came of a PREPARE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The host knows the statement now.
    Learned,
    /// It refused it, or understands something else by it.
    Refused,
    /// It did not say.
    NoAnswer,
}

async fn prepare(connection: &ConnectionHandle, statement: &Preparation, limit: Duration) -> Outcome {
    let message = Prepare { cql: &statement.cql, keyspace: statement.keyspace_in_message(&connection.shape) };
    let text: Result<Vec<u8>, EncodeError> =
        frame(&connection.shape, Opcode::Prepare, |body| message.encode(&connection.shape, body));
    let (address, cql) = (connection.address, &statement.cql);
    match ask(connection, text, limit).await {
        Ok(Response::Result(ResultBody::Prepared(answer))) => match statement.refusal(&answer) {
            None => Outcome::Learned,
            Some(refusal) => {
                debug!(%address, %cql, ?refusal, "a host understands a statement differently");
                if answer.id == statement.id {
                    // It knows the id now, and would take values of the old types under it.
                    statement.set_outdated(refusal);
                }
                Outcome::Refused
            }
        },
        Ok(_) => {
            debug!(%address, %cql, "the answer to PREPARE is none");
            Outcome::Refused
        }
        Err(error) => {
            debug!(%address, %cql, %error, "a statement could not be prepared on another host");
            match error {
                InternalError::Request(error) if !matches!(error.kind(), RequestErrorKind::Database(_)) => {
                    Outcome::NoAnswer
                }
                _ => Outcome::Refused,
            }
        }
    }
}

async fn use_keyspace(connection: &ConnectionHandle, name: Option<&str>) -> Result<(), InternalError> {
    let Some(name) = name else { return Ok(()) };
    ask(connection, query_frame(&connection.shape, &use_statement(name)), PATIENCE).await.map(drop)
}

impl Handler<GiveLesson> for PoolActor {
    type Result = ();

    /// On a connection of its own, which uses the keyspace of the statement and is closed again.
    fn handle(&mut self, GiveLesson(lesson): GiveLesson, ctx: &mut Self::Context) {
        if self.stopping.is_some() {
            self.coordinator.taught(lesson, false);
            return;
        }
        let mut options = self.setup.settings.connect.clone();
        options.keyspace.clone_from(&lesson.statement.session_keyspace);
        let dial = Dial {
            endpoint: self.setup.host.endpoint.clone(),
            through: None,
            options,
            budget: Arc::clone(&self.setup.settings.budget),
            rng: Rng::seeded(self.rng.next_u64()),
        };
        let dialled = dial
            .run()
            .into_actor(self)
            .map(|dialled, actor, _| dialled.outcome.map(|established| actor.adopt(established, None)));
        let taught = dialled.then(|connection, actor, _| {
            let lesson_given = async move {
                match connection {
                    Ok(connection) => {
                        let outcome = prepare(&connection, &lesson.statement, PATIENCE).await;
                        connection.close();
                        (lesson, outcome == Outcome::Learned)
                    }
                    Err(error) => {
                        debug!(%error, "no connection to prepare a statement in its keyspace");
                        (lesson, false)
                    }
                }
            };
            lesson_given.into_actor(actor)
        });
        ctx.spawn(taught.map(|(lesson, learned), actor, _| actor.coordinator.taught(lesson, learned)));
    }
}

impl Handler<PrepareThere> for PoolActor {
    type Result = ();

    /// Any connection will do: servers share what one of them has prepared.
    fn handle(&mut self, there: PrepareThere, ctx: &mut Self::Context) {
        let Some(connection) = self.slots.iter().find(|connection| connection.is_open()).cloned() else {
            return;
        };
        let lesson = async move {
            prepare(&connection, &there.statement, there.limit).await;
            // Tells that this host is done.
            drop(there.done);
        };
        ctx.spawn(lesson.into_actor(self));
    }
}
