//! A bulk insert that gives rows back which were not written.

use std::collections::HashMap;
use std::pin::pin;

use chorus_actors::{RequestError, RequestErrorKind};
use chorus_protocol::IntoRow;
use futures::{Stream, StreamExt};

use super::sink::{BulkSink, Keeper};
use super::{BulkOutcome, ReturnedRow};
use crate::error::Error;

/// The rows under way: as many as there may be, and no more.
struct Kept<R> {
    rows: HashMap<u64, R>,
    returned: Vec<ReturnedRow<R>>,
}

impl<R> Kept<R> {
    fn give_back(&mut self, index: u64, row: R, error: Error) {
        self.returned.push(ReturnedRow { index, row, error });
    }
}

impl<R> Keeper for Kept<R> {
    const KEEPS: bool = true;

    fn settled(&mut self, index: u64, error: Option<&Error>) {
        if let (Some(row), Some(error)) = (self.rows.remove(&index), error) {
            self.give_back(index, row, error.clone());
        }
    }
}

/// See [`BulkInsert::load_returning`](super::BulkInsert::load_returning).
pub(super) async fn load<S>(mut sink: BulkSink, rows: S) -> BulkOutcome<S::Item>
where
    S: Stream,
    S::Item: IntoRow,
{
    let mut kept = Kept { rows: HashMap::new(), returned: Vec::new() };
    let stopped_by = take_all(&mut sink, rows, &mut kept).await.err();
    // What is under way has an outcome yet, unless the engine ends under it, which is the outcome of all that is left then.
    sink.stop();
    let lost = sink.settle_all(&mut kept).await.err();
    for (index, row) in std::mem::take(&mut kept.rows) {
        let error = Error::from(RequestError::from(RequestErrorKind::EngineLost)).at(index);
        kept.give_back(index, row, error);
    }
    let mut returned = kept.returned;
    returned.sort_unstable_by_key(|row| row.index);
    BulkOutcome { report: sink.into_report(), returned, stopped_by: stopped_by.or(lost) }
}

async fn take_all<S>(sink: &mut BulkSink, rows: S, kept: &mut Kept<S::Item>) -> Result<(), Error>
where
    S: Stream,
    S::Item: IntoRow,
{
    let mut rows = pin!(rows);
    while let Some(row) = sink.while_driving(rows.next(), kept).await? {
        let room = sink.make_room(kept).await;
        // A row that was taken is told of, whatever happened to others meanwhile.
        let index = sink.taken();
        match sink.write(&row) {
            Ok(Ok(index)) => drop(kept.rows.insert(index, row)),
            Ok(Err(refused)) => {
                kept.give_back(index, row, refused.clone());
                sink.fail(refused)?;
            }
            Err(closed) => {
                kept.give_back(index, row, closed.clone().at(index));
                return Err(closed);
            }
        }
        room?;
    }
    sink.settle_all(kept).await
}
