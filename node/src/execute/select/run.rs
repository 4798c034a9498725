//! Running a SELECT.

use std::ops::{Bound, ControlFlow};

use super::super::expression::{Environment, Expression, Value};
use super::super::outcome::{ExecContext, ExecResult, Outcome, RowSet};
use super::super::reader::{Cell, RowSource, split_key};
use super::super::restriction::{BoundFilter, RowRange};
use super::super::write::seconds;
use super::SelectPlan;
use super::aggregate::Accumulator;
use super::evaluate::RowContext;
use super::paging::Position;
use crate::cql::{CqlError, quote};
use crate::store::{Partition, PartitionKey, Store, read_parts};
use crate::value::{encode_ordered, quote_json, to_json, write_cell};

impl SelectPlan {
    /// Answers from the data in `store`.
    pub(crate) fn run(
        &self,
        store: &Store,
        context: &ExecContext<'_>,
        environment: &Environment<'_>,
    ) -> ExecResult {
        let schema = &self.table.schema;
        let limit = limit(self.limit.as_ref(), environment)?;
        let per_partition = limit_or_all(self.per_partition_limit.as_ref(), environment)?;
        let page = context.page_size.and_then(|size| u32::try_from(size).ok()).filter(|size| *size > 0);
        if self.sorted_columns > 0 && page.is_some() && self.aggregates.is_empty() {
            return Err(CqlError::invalid(
                "Cannot page queries with both ORDER BY and a IN restriction on the partition key; you must either remove the \
                 ORDER BY or the IN and sort client side, or disable paging for this query",
            ));
        }
        let resume = match context.paging_state.filter(|_| self.aggregates.is_empty()) {
            Some(state) => Some(Position::decode(state, schema.id)?),
            None => None,
        };
        let filters = self
            .restrictions
            .filters
            .iter()
            .map(|filter| filter.bind(schema, environment))
            .collect::<Result<_, _>>()?;
        let whole = !self.aggregates.is_empty() || self.sorted_columns > 0;
        let mut scan = Scan {
            plan: self,
            environment,
            now: seconds(environment.now),
            ranges: self.restrictions.row_ranges(schema, environment)?,
            filters,
            per_partition,
            page_left: if whole { u32::MAX } else { page.unwrap_or(u32::MAX) },
            remaining: match &resume {
                Some(position) => position.remaining,
                None => limit.filter(|_| !whole),
            },
            content: Vec::new(),
            row_count: 0,
            order: Vec::new(),
            accumulators: self.aggregates.iter().map(|_| Accumulator::default()).collect(),
            first_row: None,
            last: None,
            paging_state: None,
            failure: None,
        };
        if scan.remaining != Some(0) {
            self.visit(store, environment, resume.as_ref(), &mut scan)?;
        }
        if let Some(failure) = scan.failure {
            return Err(failure);
        }
        if !self.aggregates.is_empty() {
            scan.finish_aggregates()?;
        } else if self.sorted_columns > 0 {
            scan.sort(limit);
        }
        Ok(Outcome::Rows(RowSet {
            columns: self.columns.clone(),
            row_count: scan.row_count,
            content: scan.content.into(),
            paging_state: scan.paging_state.map(|position: Position| position.encode(schema.id)),
        }))
    }

    /// Shows the scan every partition that may have rows.
    fn visit(
        &self,
        store: &Store,
        environment: &Environment<'_>,
        resume: Option<&Position>,
        scan: &mut Scan<'_, '_>,
    ) -> Result<(), CqlError> {
        if let Some(keys) = self.restrictions.partition_keys(&self.table.schema, environment)? {
            let keys: Vec<PartitionKey> = keys.iter().map(|key| PartitionKey::new(key)).collect();
            let first = match resume {
                Some(position) => {
                    keys.iter().position(|key| *key == position.key).ok_or_else(Position::invalid)?
                }
                None => 0,
            };
            for key in &keys[first..] {
                let inside = resume.filter(|position| position.key == *key);
                if inside.is_some_and(|position| position.row.is_none()) {
                    continue;
                }
                let shard = store.read(key.token);
                if let Some(partition) = shard.get(key)
                    && scan.partition(key, partition, inside).is_break()
                {
                    break;
                }
            }
            return Ok(());
        }
        let Some(tokens) = self.restrictions.token_range(environment)? else {
            return Ok(());
        };
        let first = PartitionKey { token: tokens.first, bytes: Box::default() };
        let start = resume.map_or(&first, |position| &position.key);
        store.scan(start, tokens.last, |key, partition| {
            let inside = resume.filter(|position| position.key == *key);
            if inside.is_some_and(|position| position.row.is_none()) {
                return ControlFlow::Continue(());
            }
            scan.partition(key, partition, inside)
        });
        Ok(())
    }
}

/// One execution on its way through the data.
struct Scan<'p, 'e> {
    plan: &'p SelectPlan,
    environment: &'p Environment<'e>,
    now: u32,
    ranges: Vec<RowRange>,
    filters: Vec<BoundFilter<'p>>,
    per_partition: u32,
    page_left: u32,
    remaining: Option<u32>,
    content: Vec<u8>,
    row_count: u32,
    /// Of each row its sortable key and its bytes in `content`, where rows are sorted later.
    order: Vec<(Box<[u8]>, std::ops::Range<usize>)>,
    accumulators: Vec<Accumulator>,
    /// The cells of the first row, which columns beside aggregates are taken from.
    first_row: Option<Vec<Cell<'static>>>,
    /// The last row of a full page.
    last: Option<Position>,
    paging_state: Option<Position>,
    failure: Option<CqlError>,
}

impl Scan<'_, '_> {
    fn partition(
        &mut self,
        key: &PartitionKey,
        partition: &Partition,
        inside: Option<&Position>,
    ) -> ControlFlow<()> {
        let plan = self.plan;
        let parts = split_key(&key.bytes, plan.table.schema.partition_key().len());
        let static_row = partition.static_row().filter(|row| row.is_live(self.now));
        let mut in_partition = inside.map_or(0, |position| position.in_partition);
        if plan.distinct {
            let now = self.now;
            let exists = static_row.is_some()
                || partition.range(Bound::Unbounded, None, false).any(|(_, row)| row.is_live(now));
            if exists {
                let source = RowSource { key: &parts, static_row, row: None };
                return self.row(key, None, &source, &mut in_partition);
            }
            return ControlFlow::Continue(());
        }
        let mut found = inside.is_some();
        let resumed = inside.and_then(|position| position.row.as_deref());
        let count = self.ranges.len();
        for index in 0..count {
            let range = self.ranges[if plan.reversed { count - 1 - index } else { index }].clone();
            let (start, end) = match resumed {
                Some(row) if plan.reversed => {
                    let before = range.end.as_deref().is_none_or(|end| row < end);
                    (
                        Bound::Included(range.start.as_slice()),
                        if before { Some(row) } else { range.end.as_deref() },
                    )
                }
                Some(row) if row >= range.start.as_slice() => (Bound::Excluded(row), range.end.as_deref()),
                _ => (Bound::Included(range.start.as_slice()), range.end.as_deref()),
            };
            for (row_key, row) in partition.range(start, end, plan.reversed) {
                if !row.is_live(self.now) {
                    continue;
                }
                found = true;
                if in_partition >= self.per_partition {
                    return ControlFlow::Continue(());
                }
                let source = RowSource { key: &parts, static_row, row: Some(row) };
                self.row(key, Some(row_key), &source, &mut in_partition)?;
            }
        }
        // A partition whose rows are all gone is still there with its static columns.
        if !found && static_row.is_some() && !plan.restrictions.restricts_clustering {
            let source = RowSource { key: &parts, static_row, row: None };
            return self.row(key, None, &source, &mut in_partition);
        }
        ControlFlow::Continue(())
    }

    /// Takes one row in, if it passes the filters and there is room.
    fn row(
        &mut self,
        key: &PartitionKey,
        row_key: Option<&[u8]>,
        source: &RowSource<'_>,
        in_partition: &mut u32,
    ) -> ControlFlow<()> {
        let plan = self.plan;
        let schema = &plan.table.schema;
        let mut cells = Vec::new();
        plan.reader.read(schema, source, self.now, &mut cells);
        let accepted = self.filters.iter().all(|filter| {
            filter.accepts(schema, |column| {
                plan.reader.slot(column).and_then(|slot| cells.get(slot)).and_then(Cell::bytes)
            })
        });
        if !accepted {
            return ControlFlow::Continue(());
        }
        if self.page_left == 0 {
            self.paging_state = self.last.take().map(|last| Position { remaining: self.remaining, ..last });
            return ControlFlow::Break(());
        }
        *in_partition += 1;
        let taken =
            if plan.aggregates.is_empty() { self.output(&cells, source) } else { self.accumulate(cells) };
        if let Err(error) = taken {
            self.failure = Some(error);
            return ControlFlow::Break(());
        }
        self.page_left -= 1;
        if self.page_left == 0 {
            let row = row_key.map(Into::into);
            self.last =
                Some(Position { key: key.clone(), row, remaining: None, in_partition: *in_partition });
        }
        if let Some(remaining) = &mut self.remaining {
            *remaining -= 1;
            if *remaining == 0 {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn output(&mut self, cells: &[Cell<'_>], source: &RowSource<'_>) -> Result<(), CqlError> {
        let start = self.content.len();
        self.write(cells, &[])?;
        self.row_count += 1;
        if self.plan.sorted_columns > 0 {
            self.order.push((self.sort_key(source), start..self.content.len()));
        }
        Ok(())
    }

    /// The sortable form of the columns that ORDER BY names, and of those before them.
    fn sort_key(&self, source: &RowSource<'_>) -> Box<[u8]> {
        let columns = &self.plan.table.schema.clustering()[..self.plan.sorted_columns];
        let mut key = Vec::new();
        if let Some(row) = source.row {
            for (column, part) in columns.iter().zip(read_parts(row.header().clustering)) {
                encode_ordered(&column.typ.typ, column.descending, part, &mut key);
            }
        }
        key.into()
    }

    /// Writes the outputs for a row.
    fn write(&mut self, cells: &[Cell<'_>], aggregates: &[Option<Vec<u8>>]) -> Result<(), CqlError> {
        let row = RowContext { cells, environment: self.environment, now: self.now, aggregates };
        if !self.plan.json {
            for output in &self.plan.outputs {
                let value = output.evaluator.evaluate(&row)?;
                write_cell(&mut self.content, value.as_deref());
            }
            return Ok(());
        }
        let mut json = String::from("{");
        for (index, output) in self.plan.outputs.iter().enumerate() {
            if index > 0 {
                json.push_str(", ");
            }
            quote_json(&quote_mixed(&output.spec.name), &mut json);
            json.push_str(": ");
            json.push_str(&to_json(&output.spec.typ, output.evaluator.evaluate(&row)?.as_deref()));
        }
        json.push('}');
        write_cell(&mut self.content, Some(json.as_bytes()));
        Ok(())
    }

    fn accumulate(&mut self, cells: Vec<Cell<'_>>) -> Result<(), CqlError> {
        let row = RowContext { cells: &cells, environment: self.environment, now: self.now, aggregates: &[] };
        for (aggregate, accumulator) in self.plan.aggregates.iter().zip(&mut self.accumulators) {
            let value = match &aggregate.argument {
                Some(argument) => argument.evaluate(&row)?,
                None => None,
            };
            accumulator.add(aggregate, value.as_deref());
        }
        if self.first_row.is_none() {
            let owned = |cell: Cell<'_>| Cell {
                value: cell.value.map(|value| value.into_owned().into()),
                timestamp: cell.timestamp,
                expiry: cell.expiry,
            };
            self.first_row = Some(cells.into_iter().map(owned).collect());
        }
        Ok(())
    }

    /// The one row of an aggregation, which is there even if no other is.
    fn finish_aggregates(&mut self) -> Result<(), CqlError> {
        let results: Vec<Option<Vec<u8>>> = self
            .plan
            .aggregates
            .iter()
            .zip(std::mem::take(&mut self.accumulators))
            .map(|(aggregate, accumulator)| accumulator.finish(aggregate))
            .collect();
        let cells = self.first_row.take().unwrap_or_default();
        self.content.clear();
        self.write(&cells, &results)?;
        self.row_count = 1;
        self.paging_state = None;
        Ok(())
    }

    /// Puts the rows of several partitions in clustering order.
    fn sort(&mut self, limit: Option<u32>) {
        let mut order = std::mem::take(&mut self.order);
        order.sort_by(
            |(left, _), (right, _)| if self.plan.reversed { right.cmp(left) } else { left.cmp(right) },
        );
        order.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
        let mut content = Vec::with_capacity(self.content.len());
        for (_, range) in &order {
            content.extend_from_slice(&self.content[range.clone()]);
        }
        self.content = content;
        self.row_count = u32::try_from(order.len()).unwrap_or(u32::MAX);
    }
}

/// JSON has names that need quotes in CQL with those quotes.
fn quote_mixed(name: &str) -> std::borrow::Cow<'_, str> {
    if name.chars().any(|c| c.is_ascii_uppercase()) { quote(name) } else { name.into() }
}

/// The value of LIMIT; `None` for all rows.
fn limit(expression: Option<&Expression>, environment: &Environment<'_>) -> Result<Option<u32>, CqlError> {
    let Some(expression) = expression else {
        return Ok(None);
    };
    match expression.evaluate(environment)? {
        Value::Unset => Ok(None),
        Value::Null => Err(CqlError::invalid("Invalid null value of limit")),
        Value::Bytes(bytes) => {
            let rows = bytes.as_ref().try_into().map(i32::from_be_bytes).unwrap_or(0);
            match u32::try_from(rows) {
                Ok(rows) if rows > 0 => Ok(Some(rows)),
                _ => Err(CqlError::invalid("LIMIT must be strictly positive")),
            }
        }
    }
}

fn limit_or_all(expression: Option<&Expression>, environment: &Environment<'_>) -> Result<u32, CqlError> {
    Ok(limit(expression, environment)?.unwrap_or(u32::MAX))
}
