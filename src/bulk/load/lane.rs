//! The loader's way to the engine: encoded rows in, outcomes out.

use std::sync::Arc;

use chorus_actors::{BulkJob, BulkOptions, CompletedChunk, Preparations, RequestError, RequestOptions};
use chorus_protocol::token::Token;

use crate::bulk::row::BindError;
use crate::error::UsageProblem;
use crate::statement::{Route, Template};
use crate::{Error, PreparedStatement, Session};

/// Bytes of rows that travel together: small against the window, so that answers to one chunk come while others are
/// on their way.
const CHUNK_BYTES: usize = 8 * 1024;

/// One bulk job of the engine, for one statement.
pub(super) struct Lane {
    session: Session,
    job: BulkJob,
    statement: PreparedStatement,
    options: Arc<RequestOptions>,
}

/// Why a row could not be encoded.
#[derive(Debug)]
pub(super) enum PutError {
    /// A cell does not fit its column.
    Bind(BindError),
    /// The row as a whole cannot be sent.
    Row(Error),
}

impl Lane {
    pub(super) fn new(session: &Session, statement: PreparedStatement, window: usize) -> Result<Self, Error> {
        // Any timestamp will do: it makes room for the one each row gets.
        let statement = statement.timestamp(0);
        let (template, prepared) = (statement.template()?, &statement.shared);
        let engine = &session.inner.engine;
        let mut options = RequestOptions::default();
        // A row without values says where in each frame the consistency stands.
        let written =
            template.write(prepared, None, Some(0), Route::Anywhere, &mut Vec::new(), |_| Ok(()))?;
        template.describe(prepared.table(engine), written, &mut options);
        options.prepared = Preparations::One(Arc::clone(&prepared.preparation));
        let job =
            engine.bulk(BulkOptions { concurrency: window, chunk_bytes: CHUNK_BYTES, keep_replies: false });
        Ok(Self { session: session.clone(), job, statement, options: Arc::new(options) })
    }

    /// Encodes a row; [`Lane::commit`] sends it.
    #[inline]
    pub(super) fn put(
        &mut self,
        timestamp: i64,
        put_values: impl FnOnce(&mut Vec<u8>) -> Result<(), BindError>,
    ) -> Result<Option<Token>, PutError> {
        let mut failed = None;
        let template = self.statement.template().map_err(PutError::Row)?;
        let route = if self.job.wants_token(&self.options) { Route::ByToken } else { Route::Anywhere };
        let frame = self.job.row();
        let written = template.write(&self.statement.shared, None, Some(timestamp), route, frame, |out| {
            let start = out.len();
            put_values(out).map_err(|error| {
                failed = Some(error);
                // Any error will do: the one that counts is beside it.
                Error::from(UsageProblem::KeyTooLong(0))
            })?;
            match &self.statement.shared.encrypted {
                Some(encrypted) => encrypted.encrypt_row(out, start),
                None => Ok(()),
            }
        });
        match (written, failed) {
            (Ok(written), _) => {
                let (prepared, engine) = (&self.statement.shared, &self.session.inner.engine);
                Template::name_tablet(prepared, self.options.table, written, engine, frame);
                Ok(written.token)
            }
            (Err(_), Some(error)) => Err(PutError::Bind(error)),
            (Err(error), None) => Err(PutError::Row(error)),
        }
    }

    /// Hands the row encoded last to the engine.
    #[inline]
    pub(super) fn commit(&mut self, tag: u64, token: Option<Token>) -> Result<(), RequestError> {
        self.job.commit(tag, token, &self.options)
    }

    /// Rows in the hands of the engine.
    pub(super) fn outstanding(&self) -> usize {
        self.job.outstanding()
    }

    /// Whether the engine takes another row now.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.job.has_room()
    }

    /// The next rows with an outcome; `None` when the engine has none. Cancel safe.
    pub(super) async fn completed(&mut self) -> Option<Result<CompletedChunk, RequestError>> {
        self.job.completed().await
    }

    /// Gives a chunk back, and learns the table's place in the ring if it was too new to be known.
    pub(super) fn recycle(&mut self, chunk: CompletedChunk) {
        self.job.recycle(chunk);
        if self.options.table.is_none()
            && let Some(table) = self.statement.shared.table(&self.session.inner.engine)
        {
            let mut options = (*self.options).clone();
            options.table = Some(table);
            self.options = Arc::new(options);
        }
    }
}
