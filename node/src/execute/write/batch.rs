//! Writes, one or many at once.

use chorus_protocol::request::BatchKind;

use super::super::outcome::{ExecResult, Outcome};
use super::apply::{Clock, Verdict, applied};
use super::bind::BoundWrite;
use super::change::Moment;
use crate::cql::CqlError;
use crate::store::PartitionKey;

/// Carries out a write that is not part of a batch.
pub(crate) fn run(write: &BoundWrite<'_>, clock: Clock<'_>) -> ExecResult {
    if write.plan.is_conditional() {
        return write.write_if(clock);
    }
    write.write().map(|()| Outcome::Void)
}

/// Carries out the writes of a batch; all of them have been bound, so none has a bad value.
pub(crate) fn run_batch(kind: BatchKind, writes: &[BoundWrite<'_>], clock: Clock<'_>) -> ExecResult {
    let counters = writes.iter().filter(|write| write.plan.is_counter()).count();
    if kind == BatchKind::Logged && counters > 0 {
        return Err(CqlError::invalid("Cannot include a counter statement in a logged batch"));
    }
    if kind == BatchKind::Counter && counters < writes.len() {
        return Err(CqlError::invalid("Cannot include non-counter statement in a counter batch"));
    }
    if counters > 0 && counters < writes.len() {
        return Err(CqlError::invalid("Counter and non-counter mutations cannot exist in the same batch"));
    }
    if writes.iter().any(|write| write.plan.is_conditional()) {
        return run_conditional(writes, clock);
    }
    writes.iter().try_for_each(BoundWrite::write)?;
    Ok(Outcome::Void)
}

/// All conditions are looked at before anything is written, while the one partition they are about is locked.
fn run_conditional(writes: &[BoundWrite<'_>], clock: Clock<'_>) -> ExecResult {
    let Some(first) = writes.first() else {
        return Ok(Outcome::Void);
    };
    let schema = &first.plan.table.schema;
    if writes.iter().any(|write| write.plan.table.schema.id != schema.id) {
        return Err(CqlError::invalid("Batch with conditions cannot span multiple tables"));
    }
    let mut keys: Vec<PartitionKey> = writes.iter().flat_map(BoundWrite::partition_keys).collect();
    keys.dedup();
    let [key] = keys.as_slice() else {
        return Err(CqlError::invalid("Batch with conditions cannot span multiple partitions"));
    };
    first.plan.table.table.store.modify(key.clone(), |partition| {
        let mut refusals = Vec::new();
        for write in writes {
            if let Verdict::Refused { columns, cells } = write.judge(key, partition, true) {
                refusals.push((columns, cells));
            }
        }
        if !refusals.is_empty() {
            // Rows of one answer have the same columns: those of the first that has any.
            let columns =
                refusals.iter().map(|(columns, _)| columns.clone()).find(|columns| !columns.is_empty());
            let columns = columns.unwrap_or_default();
            let rows: Vec<_> =
                refusals.into_iter().filter(|(own, _)| *own == columns).map(|(_, cells)| cells).collect();
            return (0, Ok(applied(false, schema, &columns, &rows)));
        }
        let mut grown = 0;
        let timestamp = clock();
        for write in writes {
            let (more, result) = write.apply(partition, &Moment { timestamp, ..write.moment });
            grown += more;
            if let Err(error) = result {
                return (grown, Err(error));
            }
        }
        (grown, Ok(applied(true, schema, &[], &[])))
    })
}
