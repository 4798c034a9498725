//! What an update does to one column.

use std::borrow::Cow;

use crate::mapper::statement_text::StatementText;
use crate::mapper::value::{Use, Value};

/// See the module documentation.
#[derive(Clone)]
pub(in crate::mapper) struct Assignment<'v> {
    pub(in crate::mapper) column: Cow<'static, str>,
    pub(in crate::mapper) change: Change<'v>,
    /// Whether doing it twice does no harm.
    pub(in crate::mapper) repeatable: bool,
}

/// The forms of an assignment.
#[derive(Clone)]
pub(in crate::mapper) enum Change<'v> {
    /// `c = ?`
    Assign(Value<'v>),
    /// `c = c + ?`
    Add(Value<'v>),
    /// `c = c - ?`
    Subtract(Value<'v>),
    /// `c = ? + c`
    Prepend(Value<'v>),
    /// `c[?] = ?`
    Put(Value<'v>, Value<'v>),
}

impl Change<'_> {
    /// Whether it reaches into the column, which the column must allow.
    pub(in crate::mapper) fn is_partial(&self) -> bool {
        !matches!(self, Change::Assign(_))
    }
}

impl<'v> Assignment<'v> {
    pub(in crate::mapper) fn repeatable(column: impl Into<Cow<'static, str>>, change: Change<'v>) -> Self {
        Self { column: column.into(), change, repeatable: true }
    }

    pub(in crate::mapper) fn once(column: impl Into<Cow<'static, str>>, change: Change<'v>) -> Self {
        Self { column: column.into(), change, repeatable: false }
    }

    pub(in crate::mapper) fn write(self, text: &mut StatementText<'v>) {
        let column = &*self.column;
        text.name(column);
        match self.change {
            Change::Assign(value) => text.push(" = ").marker(value, Use::Written),
            Change::Add(value) => text.push(" = ").name(column).push(" + ").marker(value, Use::Written),
            Change::Subtract(value) => text.push(" = ").name(column).push(" - ").marker(value, Use::Written),
            Change::Prepend(value) => text.push(" = ").marker(value, Use::Written).push(" + ").name(column),
            Change::Put(key, value) => {
                text.push("[").marker(key, Use::Compared).push("] = ").marker(value, Use::Written)
            }
        };
    }
}
