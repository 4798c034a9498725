//! What a checkpoint says.

use serde::{Deserialize, Serialize};

use super::asked::Asked;
use super::span::Span;
use crate::bulk::rejects::KeptRejects;
use crate::bulk::source::Fingerprint;

/// The version of the form below; another one is refused.
pub(crate) const VERSION: u32 = 1;

/// Everything another process needs to go on with a load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) version: u32,
    /// When the load began, in nanoseconds since 1970.
    pub(crate) began_ns: i64,
    /// Nothing is left to do.
    pub(crate) finished: bool,
    pub(crate) asked: Asked,
    pub(crate) totals: Totals,
    /// The write timestamp of the first row of the next input that is begun.
    pub(crate) timestamp: i64,
    pub(crate) inputs: Vec<InputState>,
}

/// What was done so far, by all runs of the load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// Rows acknowledged.
    pub(crate) written: u64,
    /// Rows sent again.
    pub(crate) retried: u64,
    /// Rows rejected, by stage.
    pub(crate) rejected: [u64; 3],
    /// Decompressed bytes read.
    pub(crate) bytes: u64,
    /// Microseconds spent loading.
    pub(crate) elapsed_us: u64,
    /// Microseconds of processor time of the client.
    pub(crate) cpu_us: u64,
}

/// One of the inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct InputState {
    /// Where it lies, as an absolute path.
    pub(crate) path: String,
    pub(crate) fingerprint: Fingerprint,
    /// How its rows are written: the statement, and the types of its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) written_with: Option<WrittenWith>,
    /// What of it is not acknowledged or rejected; everything else is. Nothing before it was begun; empty when all of it
    /// is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) left: Option<Vec<Span>>,
    /// Where its rejected rows go, and how many bytes of those files count.
    pub(crate) rejects: KeptRejects,
}

/// A statement and the types of its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WrittenWith {
    pub(crate) statement: String,
    /// `column type`, in the order of the markers.
    pub(crate) values: Vec<String>,
}

/// No file, load or time has a number beyond this; sums of several of them are numbers, too.
const MOST: u64 = 1 << 60;

impl State {
    /// Whether it can be: whoever reads it counts on that.
    pub(crate) fn is_sound(&self) -> bool {
        let Totals { written, retried, rejected, bytes, elapsed_us, cpu_us } = self.totals;
        let numbers = [written, retried, bytes, elapsed_us, cpu_us];
        numbers.iter().chain(&rejected).all(|number| *number <= MOST)
            && self.timestamp.unsigned_abs() <= MOST
            && self.inputs.iter().all(|input| input.left.as_deref().is_none_or(are_sound))
    }
}

/// Whether spans follow each other, and only the last may be without an end.
fn are_sound(spans: &[Span]) -> bool {
    let mut from = 0;
    spans.iter().enumerate().all(|(index, span)| {
        let is_last = index + 1 == spans.len();
        let follows = span.at.offset >= from && span.at.offset <= MOST && span.at.line <= MOST;
        from = span.to.unwrap_or(MOST);
        let ends = if span.to.is_none() { is_last } else { from > span.at.offset && from <= MOST };
        follows && ends && span.timestamp.unsigned_abs() <= MOST
    })
}

impl InputState {
    /// Whether every row of it was acknowledged or rejected.
    pub(crate) fn is_done(&self) -> bool {
        self.left.as_ref().is_some_and(Vec::is_empty)
    }
}

impl WrittenWith {
    /// What changed since.
    pub(crate) fn change(&self, now: &Self) -> Option<String> {
        if self.statement != now.statement {
            return Some(format!(
                "rows were written with {:?}, and would be with {:?}",
                self.statement, now.statement
            ));
        }
        let pairs = self.values.iter().zip(&now.values);
        let (was, is) = pairs.into_iter().find(|(was, is)| was != is)?;
        Some(format!("column {was} is {is} now"))
    }
}
