//! A column, an operator and a value: what filters and conditions are made of.

use std::borrow::Cow;

use super::Operator;
use super::value::Value;

/// See the module documentation.
#[derive(Clone)]
pub(super) struct Relation {
    pub(super) left: Left,
    pub(super) operator: Operator,
    /// What it is compared with; nothing for [`Operator::IsNotNull`].
    pub(super) value: Option<Value<'static>>,
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Left {
    Column(Cow<'static, str>),
    /// The token of the partition key.
    Token,
}

impl Relation {
    pub(super) fn of_column(
        column: impl Into<Cow<'static, str>>,
        operator: Operator,
        value: Option<Value<'static>>,
    ) -> Self {
        Self { left: Left::Column(column.into()), operator, value }
    }

    /// The column; `None` for a token.
    pub(super) fn column(&self) -> Option<&str> {
        match &self.left {
            Left::Column(name) => Some(name),
            Left::Token => None,
        }
    }
}

/// Without the value, which may be a secret.
impl std::fmt::Debug for Relation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relation")
            .field("left", &self.left)
            .field("operator", &self.operator)
            .finish_non_exhaustive()
    }
}
