//! Before the first row: the header, the table, and the plan that joins them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::input::Input;
use super::resume::Beginning;
use super::{BulkLoader, LoadError};
use crate::PreparedStatement;
use crate::bulk::cell::has_text_form;
use crate::bulk::checkpoint::{ResumeError, WrittenWith};
use crate::bulk::cpu::ThreadMeter;
use crate::bulk::csv::{Advance, Dialect, RecordReader};
use crate::bulk::infer::ColumnGuess;
use crate::bulk::progress::Phase;
use crate::bulk::row::{PlannedColumn, RowPlan};
use crate::bulk::schema::{self, Assignment, Found, NewTable, SchemaError};
use crate::bulk::source::{Block, BlockStream, SourceError};

/// Bytes of the source that are looked at to find the types of a new table.
const SAMPLE_BYTES: usize = 32 << 20;
/// A pipe that is silent for so long has given all there is to look at.
const SAMPLE_SILENCE: Duration = Duration::from_secs(1);

/// Everything decided before the first row is sent.
pub(super) struct Plan {
    /// The inputs of which something is left to load, in order.
    pub(super) inputs: Vec<PlannedInput>,
    /// Those without a row, when there is no table either.
    pub(super) empty: Vec<usize>,
}

/// An input and how its rows are sent.
pub(super) struct PlannedInput {
    /// Its number among all inputs.
    pub(super) number: usize,
    pub(super) input: Input,
    pub(super) header: Header,
    pub(super) target: Target,
    /// The source as it was opened to look at it, when it is to be read from its beginning.
    pub(super) blocks: Option<Blocks>,
}

#[derive(Clone)]
pub(super) struct Target {
    pub(super) statement: PreparedStatement,
    pub(super) rows: Arc<RowPlan>,
}

impl Target {
    /// What a checkpoint says of it.
    pub(super) fn written_with(&self) -> WrittenWith {
        let values = self.statement.bind_columns().iter().map(|spec| format!("{} {}", spec.name, spec.typ));
        WrittenWith { statement: self.statement.text().to_owned(), values: values.collect() }
    }
}

/// The blocks of a source, those looked at already first.
pub(super) struct Blocks {
    seen: VecDeque<Block>,
    stream: BlockStream,
}

impl Blocks {
    pub(super) fn of(stream: BlockStream) -> Self {
        Self { seen: VecDeque::new(), stream }
    }

    /// The next block; `None` at the end. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Result<Block, SourceError>> {
        match self.seen.pop_front() {
            Some(block) => Some(Ok(block)),
            None => self.stream.next().await,
        }
    }

    /// Gives a buffer back to be filled again.
    pub(super) fn recycle(&self, block: Vec<u8>) {
        self.stream.recycle(block);
    }

    /// Reads one more block without using it up; false at the end. Cancel safe.
    async fn look_ahead(&mut self) -> Result<bool, SourceError> {
        match self.stream.next().await {
            None => Ok(false),
            Some(block) => {
                let mut block = block?;
                // Many are kept at once, and a decompressor or a pipe may have filled a fraction of each.
                block.bytes.shrink_to_fit();
                self.seen.push_back(block);
                Ok(true)
            }
        }
    }
}

/// Looks at every input that is not done, before a row of any is written.
pub(super) async fn prepare(
    loader: &BulkLoader,
    inputs: Vec<Input>,
    beginning: &mut Option<Beginning>,
    cpu: &Arc<ThreadMeter>,
) -> Result<Plan, LoadError> {
    loader.progress.set_phase(Phase::Preparing);
    loader.progress.set_source_size(inputs.iter().map(|input| input.size).sum());
    // What is read once is kept; of what can be read again only the beginning is looked at.
    let keep = inputs.len() == 1 && beginning.as_ref().is_none_or(|beginning| !beginning.resumed);
    let mut plan = Plan { inputs: Vec::with_capacity(inputs.len()), empty: Vec::new() };
    for (number, mut input) in inputs.into_iter().enumerate() {
        if beginning.as_ref().is_some_and(|beginning| beginning.state.inputs[number].is_done()) {
            continue;
        }
        let stream = BlockStream::start(input.open()?, Arc::clone(cpu)).map_err(LoadError::Thread)?;
        let mut sample = Sample::new(loader.dialect, Blocks::of(stream));
        let header = sample.header(&input.name).await?;
        // Files of one kind have one statement.
        let alike = plan.inputs.last().filter(|before| before.header.names == header.names);
        let alike = alike.map(|before| before.target.clone());
        let Some(target) = target_of(loader, &mut sample, &header, beginning.as_ref(), alike).await? else {
            plan.empty.push(number);
            continue;
        };
        if let Some(beginning) = beginning {
            beginning.written_with(number, target.written_with())?;
        }
        let blocks = keep.then_some(sample.blocks);
        plan.inputs.push(PlannedInput { number, input, header, target, blocks });
    }
    Ok(plan)
}

/// How the rows of an input are sent; nothing when it has no rows and the table does not exist, so there is nothing to do.
async fn target_of(
    loader: &BulkLoader,
    sample: &mut Sample,
    header: &Header,
    beginning: Option<&Beginning>,
    alike: Option<Target>,
) -> Result<Option<Target>, LoadError> {
    let targets = loader.mapping.targets(&header.names)?;
    let assignments = match schema::look_up(&loader.session, &loader.table).await? {
        Found::Table(columns) => {
            if let Some(key) = &loader.key
                && !schema::has_key(&columns, key)
            {
                tracing::warn!(table = %loader.table, "the table exists with another primary key; the key given is ignored");
            }
            Some(schema::assign(&loader.table, &columns, &targets)?)
        }
        _ if beginning.is_some_and(Beginning::has_begun) => {
            return Err(ResumeError::TableGone { table: loader.table.to_string() }.into());
        }
        found => create(loader, sample, &targets, found).await?,
    };
    match (assignments, alike) {
        (Some(_), Some(alike)) => Ok(Some(alike)),
        (Some(assignments), None) => Ok(Some(target(loader, header.names.len(), &assignments).await?)),
        (None, _) => Ok(None),
    }
}

/// Creates the table, or says why not. `None` when there is not one row to learn the types from.
async fn create(
    loader: &BulkLoader,
    sample: &mut Sample,
    targets: &[Option<String>],
    found: Found,
) -> Result<Option<Vec<Assignment>>, LoadError> {
    let with_keyspace = found == Found::NoKeyspace;
    let Some(key) = &loader.key else {
        let keyspace = loader.table.keyspace.clone();
        return Err(if with_keyspace {
            SchemaError::NoSuchKeyspace { keyspace }
        } else {
            SchemaError::NoSuchTable { table: loader.table.clone() }
        }
        .into());
    };
    let guesses = sample.guess(loader, targets.len()).await?;
    let types: Vec<_> = guesses.columns.iter().map(ColumnGuess::cql_type).collect();
    let (table, assignments) = NewTable::plan(&loader.table, key, targets, &types)?;
    if guesses.rows == 0 {
        return Ok(None);
    }
    table.create(&loader.session, with_keyspace).await?;
    Ok(Some(assignments))
}

async fn target(loader: &BulkLoader, fields: usize, assignments: &[Assignment]) -> Result<Target, LoadError> {
    let insert = schema::insert(&loader.table, assignments);
    let statement = loader.session.prepare(insert).await?.consistency(loader.consistency).idempotent(true);
    let mut columns = Vec::with_capacity(assignments.len());
    for (assignment, spec) in assignments.iter().zip(statement.bind_columns()) {
        if !has_text_form(&spec.typ) {
            let (column, typ) = (assignment.column.clone(), spec.typ.clone());
            return Err(SchemaError::NotLoadable { column, typ }.into());
        }
        columns.push(PlannedColumn { field: assignment.field, spec: spec.clone(), key: assignment.key });
    }
    Ok(Target { statement, rows: Arc::new(RowPlan::new(fields, columns, loader.format.clone())) })
}

/// The first record of the source.
pub(super) struct Header {
    /// As it was read.
    pub(super) raw: Vec<u8>,
    /// Its fields, without blanks around them.
    pub(super) names: Vec<String>,
}

struct Guesses {
    columns: Vec<ColumnGuess>,
    rows: u64,
}

/// A look at the beginning of the source that uses nothing up.
struct Sample {
    reader: RecordReader,
    blocks: Blocks,
    /// Blocks of `blocks.seen` the reader was fed.
    fed: usize,
}

impl Sample {
    fn new(dialect: Dialect, blocks: Blocks) -> Self {
        Self { reader: RecordReader::new(dialect), blocks, fed: 0 }
    }

    /// Goes to the next record, looking ahead as far as it takes, or `limit` bytes, which counts as the end. Needs a
    /// block when the source says nothing for as long as `silence`.
    async fn advance(&mut self, limit: usize, silence: Option<Duration>) -> Result<Advance, SourceError> {
        loop {
            match self.reader.advance() {
                Advance::NeedBlock => {}
                other => return Ok(other),
            }
            let looked_at: usize = self.blocks.seen.iter().map(|block| block.bytes.len()).sum();
            if looked_at >= limit {
                return Ok(Advance::End);
            }
            if self.fed == self.blocks.seen.len() {
                let more = match silence {
                    None => self.blocks.look_ahead().await?,
                    Some(silence) => match tokio::time::timeout(silence, self.blocks.look_ahead()).await {
                        Ok(more) => more?,
                        Err(_) => return Ok(Advance::NeedBlock),
                    },
                };
                if !more {
                    self.reader.finish();
                    continue;
                }
            }
            if let Some(block) = self.blocks.seen.get(self.fed) {
                self.reader.feed(&block.bytes, Vec::new);
                self.fed += 1;
            }
        }
    }

    async fn header(&mut self, name: &str) -> Result<Header, SourceError> {
        let problem = |problem: String| SourceError::Header { name: name.to_owned(), problem };
        match self.advance(usize::MAX, None).await? {
            Advance::Record => {}
            Advance::Malformed { error, .. } => {
                return Err(problem(format!("its header cannot be read: {error}")));
            }
            Advance::NeedBlock | Advance::End => return Err(SourceError::Empty { name: name.to_owned() }),
        }
        let record = self.reader.record();
        let mut names = Vec::with_capacity(record.len());
        for index in 0..record.len() {
            let field = record.field(index).unwrap_or_default();
            let text = std::str::from_utf8(field)
                .map_err(|_| problem(format!("field {} of its header is not UTF-8", index + 1)))?;
            names.push(text.trim().to_owned());
        }
        Ok(Header { raw: record.raw().to_vec(), names })
    }

    /// What the cells of each field have in common. Records of the wrong length say nothing.
    async fn guess(&mut self, loader: &BulkLoader, fields: usize) -> Result<Guesses, SourceError> {
        let mut guesses = Guesses { columns: vec![ColumnGuess::default(); fields], rows: 0 };
        loop {
            match self.advance(SAMPLE_BYTES, Some(SAMPLE_SILENCE)).await {
                Ok(Advance::Record) => {}
                Ok(Advance::Malformed { .. }) => continue,
                // A pipe that has said something and pauses: its rows should not wait for the next.
                Ok(Advance::NeedBlock) if guesses.rows > 0 => return Ok(guesses),
                Ok(Advance::NeedBlock) => continue,
                Ok(Advance::End) => return Ok(guesses),
                // A source that fails further on is still loaded as far as it goes.
                Err(_) if guesses.rows > 0 => return Ok(guesses),
                Err(error) => return Err(error),
            }
            let record = self.reader.record();
            if record.len() != fields {
                continue;
            }
            guesses.rows += 1;
            for (index, guess) in guesses.columns.iter_mut().enumerate() {
                let cell = record.field(index).unwrap_or_default();
                if !loader.format.nulls.iter().any(|null| null == cell) {
                    guess.observe(cell);
                }
            }
        }
    }
}
