//! Requests that the database answers: QUERY, PREPARE, EXECUTE and BATCH.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use chorus_protocol::request::{Batch, BatchStatement, Execute, Prepare, Query, QueryParameters, Values};
use chorus_protocol::response::{DbError, Response, ResultBody};
use chorus_protocol::wire::Reader;
use chorus_protocol::{BoundValue, ColumnSpec, Consistency, DecodeError, Event, FrameHeader, Opcode, flags};
use uuid::Uuid;

use super::availability::token;
use super::outbound::Outbound;
use super::prepared::PreparedId;
use super::rate::Operation;
use super::reply::Columns;
use super::session::{Flow, Session};
use super::statement::{Prepared, metadata_id};
use super::traced::new_trace_id;
use crate::cql::{CqlError, CqlErrorKind};
use crate::execute::{BatchMember, ExecContext, Outcome, PreparedPlan, RowSet};
use crate::system::describe;

/// Why a request is not answered with a result.
pub(super) enum Refused {
    /// The request contradicts the protocol.
    Protocol(String),
    /// The database will not have it.
    Cql(CqlError),
    /// The node does not know the statement of that id (any more).
    Unprepared(Bytes),
    /// Too few of the nodes that have the data are up.
    Unavailable { consistency: Consistency, required: usize, alive: usize },
    /// The partition was asked for too often.
    TooOften(Operation),
}

impl From<DecodeError> for Refused {
    fn from(error: DecodeError) -> Self {
        Self::Protocol(error.to_string())
    }
}

impl From<CqlError> for Refused {
    fn from(error: CqlError) -> Self {
        Self::Cql(error)
    }
}

/// What a request led to.
struct Done {
    outcome: Outcome,
    columns: Columns,
    /// What the client should know about the tablet it asked for: a custom payload.
    news: Option<Vec<u8>>,
}

impl Done {
    fn new(outcome: Outcome, columns: Columns) -> Self {
        Self { outcome, columns, news: None }
    }
}

impl Session {
    /// Answers a request of a client that has finished its handshake.
    pub(super) fn request(
        &mut self,
        header: &FrameHeader,
        opcode: Opcode,
        body: &[u8],
        out: &mut Outbound,
    ) -> Flow {
        let mut reader = Reader::new(body);
        if header.flags & flags::CUSTOM_PAYLOAD != 0
            && let Err(error) = skip_payload(&mut reader)
        {
            return self.protocol_error(header, out, error.to_string());
        }
        let tracing = header.flags & flags::TRACING != 0;
        let started = tracing.then(Instant::now);
        let session = tracing.then(new_trace_id);
        let refused = match opcode {
            Opcode::Prepare => match self.prepare(reader.clone()) {
                Ok(statement) => {
                    let body = ResultBody::Prepared(statement.body(&self.shape));
                    self.reply(header, out).traced(session).response(&Response::Result(body));
                    None
                }
                Err(refused) => Some(refused),
            },
            _ => {
                let done = match opcode {
                    Opcode::Query => self.query(reader.clone()),
                    Opcode::Execute => self.execute(reader.clone()),
                    _ => self.batch(reader.clone()),
                };
                match done {
                    Ok(done) => {
                        self.answer(header, done, session, out);
                        None
                    }
                    Err(refused) => Some(refused),
                }
            }
        };
        if let Some(refused) = refused {
            let reply = self.reply(header, out).traced(session);
            match refused {
                Refused::Protocol(message) => reply.error(DbError::ProtocolError, message),
                Refused::Cql(error) => reply.refusal(error),
                Refused::Unprepared(id) => {
                    let message = unprepared_message(&id);
                    reply.error(DbError::Unprepared { id }, message);
                }
                Refused::Unavailable { consistency, required, alive } => {
                    let message = format!("Cannot achieve consistency level {consistency}");
                    let count = |count| i32::try_from(count).unwrap_or(i32::MAX);
                    let (required, alive) = (count(required), count(alive));
                    reply.error(DbError::Unavailable { consistency, required, alive }, message);
                }
                Refused::TooOften(operation) => self.refuse_as_too_often(reply, operation),
            }
        }
        if let (Some(session_id), Some(started)) = (session, started) {
            self.record_trace(session_id, started, opcode, reader);
        }
        Flow::Continue
    }

    fn answer(&mut self, header: &FrameHeader, done: Done, session: Option<Uuid>, out: &mut Outbound) {
        let news = done.news.as_deref();
        match done.outcome {
            Outcome::Void => self.reply(header, out).traced(session).with_payload(news).void(),
            Outcome::Rows(rows) => {
                self.reply(header, out).traced(session).with_payload(news).rows(&rows, done.columns);
            }
            Outcome::SetKeyspace(keyspace) => {
                self.keyspace = Some(keyspace.as_str().into());
                let body = ResultBody::SetKeyspace(keyspace);
                self.reply(header, out).traced(session).response(&Response::Result(body));
            }
            Outcome::SchemaChange(change) => {
                let event = Event::SchemaChange(change.clone());
                let body = ResultBody::SchemaChange(change);
                self.reply(header, out).traced(session).response(&Response::Result(body));
                self.node.shared.broadcast(event);
            }
        }
    }

    fn query(&mut self, mut reader: Reader<'_>) -> Result<Done, Refused> {
        let query = Query::decode(&mut reader, &self.shape)?;
        let database = Arc::clone(&self.node.shared.database);
        let keyspace = query.parameters.keyspace.or(self.keyspace.as_deref());
        let context = self.context(&query.parameters, keyspace)?;
        let columns = if query.parameters.skip_metadata { Columns::Skipped } else { Columns::Full };
        if let Some(rows) = describe(query.cql, keyspace, &database, &self.node.shared.roster) {
            return Ok(Done::new(Outcome::Rows(rows?), columns));
        }
        let plan = database.prepare(query.cql, keyspace)?;
        let values = bind(&query.parameters.values, &plan.bind)?;
        let token = token(&plan.pk_indexes, &values);
        self.check_rate(&plan, token)?;
        self.check_replicas(&plan, token, &query.parameters)?;
        let outcome = database.execute(&plan.plan, &context, &values)?;
        Ok(Done::new(outcome, columns))
    }

    fn prepare(&mut self, mut reader: Reader<'_>) -> Result<Arc<Prepared>, Refused> {
        let prepare = Prepare::decode(&mut reader, &self.shape)?;
        let keyspace = prepare.keyspace.or(self.keyspace.as_deref());
        let statement = Arc::new(Prepared::new(&self.node.shared.database, prepare.cql, keyspace)?);
        self.node.prepared.insert(statement.id, Arc::clone(&statement));
        Ok(statement)
    }

    fn execute(&mut self, mut reader: Reader<'_>) -> Result<Done, Refused> {
        let execute = Execute::decode(&mut reader, &self.shape)?;
        let statement = self.find(execute.id)?;
        let parameters = &execute.parameters;
        let values = bind(&parameters.values, &statement.plan.bind)?;
        let context = self.context(parameters, statement.keyspace.as_deref())?;
        let token = token(&statement.plan.pk_indexes, &values);
        let aim = statement.plan.plan.table().and_then(|table| self.count_aim(table, token));
        self.check_rate(&statement.plan, token)?;
        self.check_replicas(&statement.plan, token, parameters)?;
        let outcome = self
            .node
            .shared
            .database
            .execute(&statement.plan.plan, &context, &values)
            .map_err(|error| self.forget_if_stale(error, &statement.id))?;
        let columns = match &outcome {
            Outcome::Rows(rows) => self.columns(rows, &statement, &execute),
            _ => Columns::Full,
        };
        let news = match (&aim, token) {
            (Some((owners, aim)), Some(token)) => {
                self.tablet_news(owners, *aim, token, execute.tablet_version_block)
            }
            _ => None,
        };
        Ok(Done { outcome, columns, news })
    }

    /// Since version 5 a client names the columns it knows and is told when they are others; before, it is believed.
    ///
    /// What a conditional write answers depends on whether it was applied, so its columns are always sent.
    fn columns(&self, rows: &RowSet, statement: &Prepared, execute: &Execute<'_>) -> Columns {
        let skip = execute.parameters.skip_metadata;
        if statement.plan.is_lwt {
            return Columns::Full;
        }
        if !self.shape.metadata_id {
            return if skip { Columns::Skipped } else { Columns::Full };
        }
        let actual = if Arc::ptr_eq(&rows.columns, &statement.plan.result) {
            statement.result_metadata_id.clone()
        } else {
            metadata_id(&rows.columns)
        };
        match execute.result_metadata_id == Some(&*actual) {
            true if skip => Columns::Skipped,
            true => Columns::Full,
            false => Columns::Changed(actual),
        }
    }

    fn batch(&mut self, mut reader: Reader<'_>) -> Result<Done, Refused> {
        let batch = Batch::decode(&mut reader, &self.shape)?;
        let database = Arc::clone(&self.node.shared.database);
        let keyspace = batch.keyspace.or(self.keyspace.as_deref()).map(str::to_owned);
        let parameters = QueryParameters {
            consistency: batch.consistency,
            serial_consistency: batch.serial_consistency,
            timestamp: batch.timestamp,
            now_in_seconds: batch.now_in_seconds,
            ..QueryParameters::default()
        };
        let mut ids: Vec<Option<PreparedId>> = Vec::with_capacity(batch.entries.len());
        let mut items = Vec::with_capacity(batch.entries.len());
        let mut first = None;
        for entry in &batch.entries {
            let (plan, values) = match entry.statement {
                BatchStatement::Query(cql) => {
                    let plan = database.prepare(cql, keyspace.as_deref())?;
                    let values = bind(&entry.values, &plan.bind)?;
                    self.check_member(&plan, &values, &parameters)?;
                    ids.push(None);
                    (plan.plan, values)
                }
                BatchStatement::Prepared(id) => {
                    let statement = self.find(id)?;
                    let values = bind(&entry.values, &statement.plan.bind)?;
                    let token = self.check_member(&statement.plan, &values, &parameters)?;
                    first = first.or_else(|| Some((Arc::clone(&statement.plan.plan), token?)));
                    ids.push(Some(statement.id));
                    (Arc::clone(&statement.plan.plan), values)
                }
            };
            items.push((plan, values));
        }
        // A batch is sent to where its first partition is.
        if let Some((plan, token)) = &first
            && let Some(table) = plan.table()
        {
            self.count_aim(table, Some(*token));
        }
        let context = self.context(&parameters, keyspace.as_deref())?;
        let members: Vec<BatchMember<'_>> =
            items.iter().map(|(plan, values)| BatchMember { plan, values }).collect();
        let outcome = database.batch(batch.kind, &members, &context).map_err(|error| {
            // Which of them it is does not show, and preparing one too many again does no harm.
            match (&error.kind, ids.iter().flatten().next()) {
                (CqlErrorKind::Stale, Some(id)) => self.forget_if_stale(error, id),
                _ => Refused::Cql(error),
            }
        })?;
        Ok(Done::new(outcome, Columns::Full))
    }

    /// Whether a member of a batch may be carried out, and the token of its partition.
    fn check_member(
        &self,
        plan: &PreparedPlan,
        values: &[BoundValue<'_>],
        parameters: &QueryParameters<'_>,
    ) -> Result<Option<i64>, Refused> {
        let token = token(&plan.pk_indexes, values);
        self.check_rate(plan, token)?;
        self.check_replicas(plan, token, parameters)?;
        Ok(token)
    }

    fn find(&mut self, id: &[u8]) -> Result<Arc<Prepared>, Refused> {
        let found = self.prepared.find(&self.node.prepared, id);
        found.ok_or_else(|| Refused::Unprepared(Bytes::copy_from_slice(id)))
    }

    /// A statement whose table has changed has to be prepared again: the client is told that it is unknown.
    fn forget_if_stale(&self, error: CqlError, id: &PreparedId) -> Refused {
        if error.kind == CqlErrorKind::Stale {
            self.node.prepared.remove(id);
            Refused::Unprepared(Bytes::copy_from_slice(id))
        } else {
            Refused::Cql(error)
        }
    }

    fn context<'a>(
        &self,
        parameters: &QueryParameters<'a>,
        keyspace: Option<&'a str>,
    ) -> Result<ExecContext<'a>, Refused> {
        if parameters.timestamp == Some(i64::MIN) {
            let (least, most) = (i64::MIN + 1, i64::MAX);
            return Err(Refused::Protocol(format!(
                "Out of bound timestamp, must be in [{least}, {most}] (got {})",
                i64::MIN
            )));
        }
        let mut context = ExecContext::new(keyspace);
        context.consistency = parameters.consistency;
        context.timestamp = parameters.timestamp;
        if let Some(seconds) = parameters.now_in_seconds {
            context.now = i64::from(seconds) * 1_000_000;
        }
        context.page_size = parameters.page_size;
        context.paging_state = parameters.paging_state;
        context.coordinator = self.node.index;
        Ok(context)
    }
}

/// The values in the order of the markers.
fn bind<'a>(values: &Values<'a>, markers: &[ColumnSpec]) -> Result<Vec<BoundValue<'a>>, Refused> {
    let wrong_amount = || Refused::Cql(CqlError::invalid("Invalid amount of bind variables"));
    if let Values::Named { .. } = values {
        let by_name = |marker: &ColumnSpec| {
            let mut found = values.iter().filter(|(name, _)| *name == Some(&*marker.name));
            found.next().map(|(_, value)| value).ok_or_else(wrong_amount)
        };
        return markers.iter().map(by_name).collect();
    }
    if values.len() != markers.len() {
        return Err(wrong_amount());
    }
    Ok(values.iter().map(|(_, value)| value).collect())
}

fn skip_payload(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    for _ in 0..reader.short("custom payload")? {
        reader.string("custom payload key")?;
        reader.bytes("custom payload value")?;
    }
    Ok(())
}

fn unprepared_message(id: &[u8]) -> String {
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "Prepared query with ID {hex} not found (either the query was not prepared on this host (maybe the host has been \
         restarted?) or you have prepared too many queries and it has been evicted from the internal cache)"
    )
}
