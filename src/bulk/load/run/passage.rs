//! One input on its way through the loader.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Aside;
use super::reading::Reading;
use crate::bulk::checkpoint::{Keeper, Span};
use crate::bulk::load::BulkLoader;
use crate::bulk::load::lane::Lane;
use crate::bulk::load::prepare::{Blocks, PlannedInput};
use crate::bulk::report::Ending;
use crate::bulk::row::RowPlan;
use crate::bulk::source::{Block, BlockStream, Part, SourceError};

/// What belongs to one input.
pub(super) struct Passage {
    /// Its number among all inputs.
    pub(super) number: usize,
    pub(super) lane: Lane,
    pub(super) rows: Arc<RowPlan>,
    pub(super) field_names: Vec<String>,
    pub(super) blocks: Blocks,
    pub(super) reading: Reading,
    pub(super) header_passed: bool,
    /// The part being read.
    pub(super) span: Span,
    /// The parts after it, when not everything is read.
    pub(super) ahead: VecDeque<Span>,
    /// The first block of the next part, until the one before is used up.
    pub(super) next_part: Option<Block>,
    /// Its rows take their timestamps from the clock, because they come when they come.
    pub(super) follows_clock: bool,
    /// Bytes of the inputs before it.
    pub(super) bytes_before: u64,
    pub(super) source_error: Option<SourceError>,
}

impl Passage {
    /// Begins to read what is left of an input.
    pub(super) fn enter(
        loader: &BulkLoader,
        planned: PlannedInput,
        keeper: Option<&mut Keeper>,
        aside: &Aside,
    ) -> Result<Self, Ending> {
        let PlannedInput { number, mut input, header, target, blocks } = planned;
        let lane =
            Lane::new(&loader.session, target.statement, loader.concurrency).map_err(Ending::Refused)?;
        let left = keeper.and_then(|keeper| keeper.state().inputs[number].left.clone());
        let header_passed = left.is_some();
        let ahead = VecDeque::from(left.unwrap_or_default());
        let blocks = match blocks {
            Some(blocks) if !header_passed => blocks,
            _ => {
                let cpu = Arc::clone(&aside.reader_cpu);
                let source = input.open().map_err(Ending::SourceFailed)?;
                let part = |span: &Span| Part { from: span.at.offset, to: span.to };
                let stream = match header_passed {
                    false => BlockStream::start(source, cpu),
                    true => BlockStream::of_parts(source, ahead.iter().map(part).collect(), cpu),
                };
                let failed = |source| SourceError::Io { name: input.name.clone(), source };
                Blocks::of(stream.map_err(failed).map_err(Ending::SourceFailed)?)
            }
        };
        // Of a part nothing is left before the first of those ahead begins.
        let span = if header_passed { Span { to: Some(0), ..Span::whole(0) } } else { Span::whole(0) };
        Ok(Self {
            number,
            lane,
            rows: target.rows,
            field_names: header.names,
            blocks,
            reading: Reading::Block,
            header_passed,
            span,
            ahead,
            next_part: None,
            follows_clock: input.file.is_none(),
            bytes_before: aside.sizes[..number].iter().sum(),
            source_error: None,
        })
    }
}
