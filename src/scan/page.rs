//! A page of a scan.

use chorus_protocol::FromRow;

use super::range::ScanRange;
use crate::result::{QueryResult, Rows};
use crate::{Error, HostIndex};

/// Some rows of one piece of a table, in the order the cluster has them.
#[derive(Clone, Debug)]
pub struct ScanPage {
    pub(super) piece: u32,
    pub(super) range: ScanRange,
    pub(super) first_replica: Option<HostIndex>,
    pub(super) is_last: bool,
    pub(super) result: QueryResult,
}

impl ScanPage {
    /// The number of its piece: below 2^32, and no other piece of the scan has it. Pieces that are read from the beginning have the
    /// numbers from zero on in the order of their tokens; what is cut off from one that was too slow gets further numbers.
    pub fn piece(&self) -> u32 {
        self.piece
    }

    /// The tokens of its piece. All pages of a piece tell the same.
    pub fn range(&self) -> &ScanRange {
        &self.range
    }

    /// The first replica of its piece, where that is known.
    pub fn first_replica(&self) -> Option<HostIndex> {
        self.first_replica
    }

    /// Whether the piece is complete with this page.
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// The rows as `T`; see [`QueryResult::rows`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn rows<'f, T: FromRow<'f>>(&'f self) -> Result<Rows<'f, T>, Error> {
        self.result.rows()
    }

    /// How many rows it has: none too, although others follow.
    pub fn row_count(&self) -> usize {
        self.result.row_count()
    }

    /// The answer that it came as.
    pub fn result(&self) -> &QueryResult {
        &self.result
    }

    /// The answer that it came as.
    pub fn into_result(self) -> QueryResult {
        self.result
    }
}
