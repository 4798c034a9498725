//! Statements that a server had forgotten, being prepared there again.
//!
//! The first request to find out makes the coordinator send a PREPARE of its own on the same connection; requests that
//! find out while that is under way join it. When the answer names the same id and has markers of the same types, all of
//! them are sent again on that connection; when it does not, the text means something else there now and they fail, unless
//! the keyspace of the connection is the reason. A statement that failed so is outdated: sessions prepare its text anew.

use bytes::Bytes;
use chorus_protocol::{
    Opcode, begin_frame, finish_frame,
    request::Prepare,
    response::{Envelope, PreparedBody, Response, ResultBody},
};

use std::sync::Arc;

use super::{Cause, CoordinatorActor, Lesson, elsewhere::has_expired, execution, port::Reprepared};
use crate::{
    connection::{ConnectionHandle, Work},
    metrics::Stamps,
    request::{Preparation, Preparations, Request, RequestErrorKind, RequestKind},
};

/// Requests waiting for a statement to be prepared again.
struct Waiting {
    connection: u64,
    id: Bytes,
    /// Its pool has it prepared on a connection in another keyspace.
    aside: bool,
    // Boxes, because boxes are what travels.
    #[expect(clippy::vec_box)]
    requests: Vec<Box<Request>>,
}

/// All of a coordinator.
#[derive(Default)]
pub(super) struct Reprepares {
    waiting: Vec<Waiting>,
}

impl Reprepares {
    #[expect(clippy::vec_box)]
    fn take(&mut self, connection: u64, id: &[u8]) -> Vec<Box<Request>> {
        match self.waiting.iter().position(|one| one.connection == connection && one.id == id) {
            Some(index) => self.waiting.swap_remove(index).requests,
            None => Vec::new(),
        }
    }

    /// Whether any is prepared aside. The others have the deadline of their PREPARE.
    pub(super) fn are_aside(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.aside)
    }

    /// Takes out the requests whose statements are prepared aside.
    #[expect(clippy::vec_box)]
    pub(super) fn take_aside(&mut self) -> Vec<Box<Request>> {
        self.waiting.extract_if(.., |waiting| waiting.aside).flat_map(|waiting| waiting.requests).collect()
    }

    /// The same, of those that have expired.
    #[expect(clippy::vec_box)]
    pub(super) fn take_expired(&mut self, now_us: u64) -> Vec<Box<Request>> {
        let aside = self.waiting.iter_mut().filter(|waiting| waiting.aside);
        aside
            .flat_map(|waiting| waiting.requests.extract_if(.., |request| has_expired(request, now_us)))
            .collect()
    }
}

impl CoordinatorActor {
    /// Parks a request until its statement is known to the host of `connection` again.
    pub(super) fn reprepare(&mut self, mut request: Box<Request>, id: &Bytes, connection: &ConnectionHandle) {
        request.progress.reprepares += 1;
        // Being unprepared is no failure of the request.
        request.progress.attempts.pop();
        let Some(preparation) = request.options.prepared.find(id).cloned() else {
            self.port.fail(request, RequestErrorKind::UnknownPrepared { id: id.to_vec() });
            return;
        };
        let known = self
            .reprepares
            .waiting
            .iter_mut()
            .find(|waiting| waiting.connection == connection.id && waiting.id == *id);
        if let Some(waiting) = known {
            waiting.requests.push(request);
            return;
        }
        if !connection.is_open() {
            self.resend(request, None);
            return;
        }
        self.port.stats.borrow_mut().reprepares += 1;
        let mut prepare = Box::new(Request::new());
        let shape = connection.shape;
        let start = begin_frame(&mut prepare.frame, shape.version, Opcode::Prepare, 0);
        // Not the connection's, which may have changed since.
        let keyspace = preparation.keyspace_in_message(&shape);
        let message = Prepare { cql: &preparation.cql, keyspace };
        let encoded =
            message.encode(&shape, &mut prepare.frame).and_then(|()| finish_frame(&mut prepare.frame, start));
        if let Err(error) = encoded {
            self.port.fail(request, RequestErrorKind::Protocol(error.to_string()));
            return;
        }
        prepare.options.kind = RequestKind::Other;
        prepare.options.timeout = request.options.timeout;
        prepare.options.prepared = Preparations::One(preparation);
        prepare.progress.reprepare = true;
        prepare.progress.connection = connection.id;
        prepare.progress.stamps = Stamps::at(self.port.clock().now_us());
        prepare.progress.deadline_us = self.port.clock().deadline(prepare.options.timeout);
        self.reprepares.waiting.push(Waiting {
            connection: connection.id,
            id: id.clone(),
            aside: false,
            requests: vec![request],
        });
        connection.push(Work::One(prepare), 1);
    }

    /// Looks at the answers to the PREPAREs.
    pub(super) fn settle_reprepared(&mut self) {
        let settled = std::mem::take(&mut *self.port.reprepared.borrow_mut());
        for Reprepared { request: prepare, connection } in settled {
            let Preparations::One(preparation) = &prepare.options.prepared else { continue };
            let waiting = self.reprepares.take(prepare.progress.connection, &preparation.id);
            let verdict = connection.as_ref().map(|connection| prepared_body(&prepare, connection));
            if let (Some(Ok(answer)), Some(connection)) = (&verdict, &connection)
                && answer.id != preparation.id
                && self.prepare_aside(preparation, connection)
            {
                self.reprepares.waiting.push(Waiting {
                    connection: connection.id,
                    id: preparation.id.clone(),
                    aside: true,
                    requests: waiting,
                });
                continue;
            }
            let refusal = match &verdict {
                Some(Ok(answer)) => preparation.refusal(answer),
                _ => None,
            };
            if let Some(refusal) = &refusal {
                preparation.set_outdated(refusal.clone());
            }
            for request in waiting {
                match (&verdict, &refusal, &connection) {
                    (Some(Ok(_)), Some(refusal), _) => self.port.fail(request, refusal.clone()),
                    (Some(Ok(_)), None, Some(connection)) if connection.has_room() => {
                        self.hand_over(request, connection);
                    }
                    (Some(Ok(_)), None, connection) => {
                        self.resend(request, connection.as_ref().map(|connection| connection.host));
                    }
                    (Some(Err(what)), ..) => {
                        self.port.fail(request, RequestErrorKind::Protocol(what.clone()));
                    }
                    (None, ..) => self.resend(request, None),
                }
            }
        }
    }

    /// A text without the name of a keyspace means another statement where connections use another keyspace, and below v5 a
    /// PREPARE cannot name one: the pool opens a connection for it that uses the one the statement was prepared in. False when
    /// that is not what is wrong, or there is no pool.
    fn prepare_aside(&self, preparation: &Arc<Preparation>, connection: &ConnectionHandle) -> bool {
        let statement = Arc::clone(preparation);
        preparation.session_keyspace.is_some()
            && preparation.keyspace_in_message(&connection.shape).is_none()
            && self.port.teach(connection.host, Lesson { statement, connection: connection.id })
    }

    /// Looks at what came of statements prepared aside.
    pub(super) fn settle_aside(&mut self) {
        if self.port.taught.borrow().is_empty() {
            return;
        }
        let settled = std::mem::take(&mut *self.port.taught.borrow_mut());
        for (Lesson { statement, connection }, learned) in settled {
            for request in self.reprepares.take(connection, &statement.id) {
                match learned {
                    true => {
                        let host = request.progress.host;
                        self.resend(request, host);
                    }
                    false => self.port.fail(request, statement.id_changed()),
                }
            }
        }
    }

    /// The PREPARE itself failed: so do those that wait for it, except that a lost connection, and a host that serves nobody, only
    /// moves them.
    pub(super) fn reprepare_failed(
        &mut self,
        prepare: Box<Request>,
        cause: Cause,
        connection: &ConnectionHandle,
    ) {
        let Preparations::One(preparation) = &prepare.options.prepared else { return };
        for request in self.reprepares.take(connection.id, &preparation.id) {
            match &cause {
                // The EXECUTE was answered with UNPREPARED, so nothing was applied: any host will do.
                Cause::ConnectionLost { .. } | Cause::Returned => self.resend(request, None),
                Cause::Timeout { .. } => {
                    let after = request.options.timeout.unwrap_or_default();
                    let in_flight = connection.in_flight();
                    self.port.fail(request, RequestErrorKind::Timeout { after, written: false, in_flight });
                }
                // Every host of the plan once, as it would have been sent to them.
                Cause::Database(body) if body.is_out_of_service() => self.resend(request, None),
                Cause::Database(_) => self.port.fail(request, execution::error_kind(cause.clone())),
            }
        }
    }
}

/// The answer to a PREPARE.
fn prepared_body(prepare: &Request, connection: &ConnectionHandle) -> Result<PreparedBody, String> {
    let crate::request::Outcome::Answered { opcode, flags, .. } = prepare.outcome else {
        return Err("PREPARE was not answered".into());
    };
    let body = prepare.large_body.clone().unwrap_or_else(|| Bytes::copy_from_slice(&prepare.body));
    let body = connection.decompress(flags, body)?;
    let envelope = Envelope::split(flags, body).map_err(|error| error.to_string())?;
    match Response::decode(opcode, envelope.body, &connection.shape) {
        Ok(Response::Result(ResultBody::Prepared(prepared))) => Ok(prepared),
        Ok(_) => Err("the answer to PREPARE is not a prepared statement".into()),
        Err(error) => Err(error.to_string()),
    }
}
