//! The prepared statements of a scan, and whatever is the same for all its requests.

use std::sync::Arc;

use chorus_protocol::ColumnSpec;
use chorus_topology::HostIndex;
use futures::future::try_join_all;

use super::piece::Piece;
use super::range::ScanRange;
use super::text::{Bounds, Parts};
use crate::error::{Error, UsageProblem};
use crate::policy::SpeculativePolicy;
use crate::request::AnyStatement;
use crate::statement::{PageSize, PreparedStatement, Statement, StatementOptions};
use crate::{ExecutionProfile, Session, request};

/// One text for each set of bounds that pieces have.
pub(super) struct Statements {
    prepared: Vec<(Bounds, PreparedStatement)>,
}

impl Statements {
    /// Prepares what `ranges` and their parts need.
    pub(super) async fn prepare(
        session: &Session,
        parts: &Parts,
        options: &StatementOptions,
        ranges: &[ScanRange],
    ) -> Result<Self, Error> {
        let mut needed =
            vec![Bounds::BOTH, Bounds { after: true, last: false }, Bounds { after: false, last: true }];
        if ranges.contains(&ScanRange::ALL) {
            needed.push(Bounds::NONE);
        }
        let prepare = |bounds: Bounds| async move {
            let statement = Statement { options: options.clone(), ..Statement::new(parts.text(bounds)) };
            let prepared = request::prepare(session, statement).await?;
            match prepared.bind_columns().len() == bounds.count() {
                true => Ok((bounds, prepared)),
                false => Err(Error::from(UsageProblem::MarkersInFilter)),
            }
        };
        Ok(Self { prepared: try_join_all(needed.into_iter().map(prepare)).await? })
    }

    /// The columns of the pages.
    pub(super) fn columns(&self) -> Arc<[ColumnSpec]> {
        self.prepared.first().map_or_else(|| Arc::from([]), |(_, statement)| statement.result_columns())
    }

    /// The request for a page of a piece.
    pub(super) fn request(&self, piece: &Piece, host: Option<HostIndex>) -> Result<AnyStatement, Error> {
        let range = &piece.range;
        let bounds = Bounds { after: range.after.is_some(), last: range.last.is_some() };
        let prepared = self.prepared.iter().find(|(known, _)| *known == bounds);
        let (_, prepared) = prepared.expect("a piece without bounds is one of those it began with");
        let mut statement = prepared.clone().page_size(piece.page_size);
        if let Some(host) = host {
            statement = statement.prefer_host(host);
        }
        Ok(AnyStatement::Bound(statement.bind(range.bounds())?))
    }
}

/// What all requests of a scan have: they may be repeated, and are not asked twice at a time.
pub(super) fn repeatable(mut options: StatementOptions) -> StatementOptions {
    options.idempotent = true;
    options.speculation = Some(crate::config::Speculation(None::<Arc<dyn SpeculativePolicy>>));
    options
}

/// The rows of a page where the scan says nothing of it: never all rows at once.
pub(super) fn page_rows(session: &Session, options: &StatementOptions) -> u32 {
    let of_profile = options.profile.as_ref().and_then(|profile| profile.page_size);
    match of_profile.or(session.inner.defaults.profile.page_size) {
        Some(PageSize::Rows(rows)) if rows > 0 => rows,
        _ => ExecutionProfile::DEFAULT_PAGE_SIZE,
    }
}
