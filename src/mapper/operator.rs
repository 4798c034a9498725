//! What may stand between a column and a value.

use std::fmt;
use std::str::FromStr;

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`. Servers take it in conditions only.
    NotEqual,
    /// `IN`: one of a list of values.
    In,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `CONTAINS`: the value is an element of a list or set, or a value of a map.
    Contains,
    /// `CONTAINS KEY`: the value is a key of a map.
    ContainsKey,
    /// `LIKE`: text of a pattern, for indexes that can tell.
    Like,
    /// `IS NOT NULL`: there is a value. Few servers take it outside of the definitions of materialized views.
    IsNotNull,
}

impl Operator {
    /// All of them.
    pub const ALL: [Operator; 11] = [
        Operator::Equal,
        Operator::NotEqual,
        Operator::In,
        Operator::Greater,
        Operator::GreaterOrEqual,
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Contains,
        Operator::ContainsKey,
        Operator::Like,
        Operator::IsNotNull,
    ];

    /// As it stands in CQL.
    pub const fn cql(self) -> &'static str {
        match self {
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::In => "IN",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Contains => "CONTAINS",
            Operator::ContainsKey => "CONTAINS KEY",
            Operator::Like => "LIKE",
            Operator::IsNotNull => "IS NOT NULL",
        }
    }

    /// Its symbol in words: `EQ`, `NE`, `IN`, `GT`, `GTE`, `LT`, `LTE`, for the others what CQL has.
    pub const fn symbol(self) -> &'static str {
        match self {
            Operator::Equal => "EQ",
            Operator::NotEqual => "NE",
            Operator::Greater => "GT",
            Operator::GreaterOrEqual => "GTE",
            Operator::Less => "LT",
            Operator::LessOrEqual => "LTE",
            other => other.cql(),
        }
    }

    /// Whether it narrows a column down to values that are named: what finds partitions, and entries of an index.
    pub(super) fn finds(self) -> bool {
        matches!(self, Operator::Equal | Operator::In | Operator::Contains | Operator::ContainsKey)
    }
}

/// As it stands in CQL.
impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cql())
    }
}

/// From CQL or from its symbol, in any case.
impl FromStr for Operator {
    type Err = UnknownOperator;

    fn from_str(text: &str) -> Result<Self, UnknownOperator> {
        let is = |operator: &Operator| {
            operator.cql().eq_ignore_ascii_case(text) || operator.symbol().eq_ignore_ascii_case(text)
        };
        Operator::ALL.into_iter().find(is).ok_or_else(|| UnknownOperator(text.into()))
    }
}

/// A text that is no operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no operator {0:?}; there are: EQ, NE, IN, GT, GTE, LT, LTE, CONTAINS, CONTAINS KEY, LIKE, IS NOT NULL"
)]
pub struct UnknownOperator(Box<str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_found_by_cql_and_by_symbol_in_any_case() {
        for operator in Operator::ALL {
            assert_eq!(operator.cql().parse(), Ok(operator));
            assert_eq!(operator.symbol().to_lowercase().parse(), Ok(operator));
        }
        let error = "~".parse::<Operator>().expect_err("none");
        assert!(error.to_string().contains("\"~\""), "{error}");
    }

    #[test]
    fn symbols_stand_for_the_cql_they_always_did() {
        let known: [(&str, &str); 10] = [
            ("EQ", "="),
            ("NE", "!="),
            ("IN", "IN"),
            ("GT", ">"),
            ("GTE", ">="),
            ("LT", "<"),
            ("LTE", "<="),
            ("CONTAINS", "CONTAINS"),
            ("LIKE", "LIKE"),
            ("IS NOT NULL", "IS NOT NULL"),
        ];
        for (symbol, cql) in known {
            assert_eq!(symbol.parse::<Operator>().map(Operator::cql), Ok(cql));
        }
    }
}
