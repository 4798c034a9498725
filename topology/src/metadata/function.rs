//! User-defined functions and aggregates.

use std::fmt;
use std::sync::Arc;

use chorus_protocol::CqlType;

use super::user_types::UserTypes;
use crate::rows::{AggregateRow, FunctionRow};

/// What tells overloads apart: a name and the types of its arguments. Displays as `name(type,type)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionSignature {
    /// The name, unquoted.
    pub name: Arc<str>,
    /// The types of the arguments as the server writes them.
    pub argument_types: Vec<String>,
}

impl fmt::Display for FunctionSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.argument_types.join(","))
    }
}

impl FunctionSignature {
    fn new(name: &str, argument_types: &[String]) -> FunctionSignature {
        FunctionSignature { name: Arc::from(name), argument_types: argument_types.to_vec() }
    }
}

/// A user-defined function.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Function {
    /// Name and argument types.
    pub signature: FunctionSignature,
    /// Names and types of the arguments.
    pub arguments: Vec<(Arc<str>, CqlType)>,
    /// The type of the result.
    pub return_type: CqlType,
    /// The language of the body.
    pub language: String,
    /// The body.
    pub body: String,
    /// Whether it is called when an argument is null.
    pub called_on_null_input: bool,
    /// Whether equal arguments give equal results.
    pub deterministic: bool,
    /// Whether it is monotonic in all arguments.
    pub monotonic: bool,
    /// The arguments it is monotonic in.
    pub monotonic_on: Vec<String>,
}

impl Function {
    pub(super) fn read(row: &FunctionRow, types: &UserTypes<'_>) -> Function {
        let signature = FunctionSignature::new(&row.function_name, &row.argument_types);
        let read = |text: &String| types.read(text, || signature.to_string());
        let names = row.argument_names.iter().map(|name| Arc::from(name.as_str()));
        Function {
            arguments: names.zip(row.argument_types.iter().map(read)).collect(),
            return_type: read(&row.return_type),
            language: row.language.clone().unwrap_or_default(),
            body: row.body.clone().unwrap_or_default(),
            called_on_null_input: row.called_on_null_input.unwrap_or(false),
            deterministic: row.deterministic.unwrap_or(false),
            monotonic: row.monotonic.unwrap_or(false),
            monotonic_on: row.monotonic_on.clone(),
            signature,
        }
    }
}

/// A user-defined aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Aggregate {
    /// Name and argument types.
    pub signature: FunctionSignature,
    /// The types of the arguments.
    pub argument_types: Vec<CqlType>,
    /// The function called for each row.
    pub state_function: Option<String>,
    /// The type of its state.
    pub state_type: CqlType,
    /// The function called at the end.
    pub final_function: Option<String>,
    /// The first state, as a CQL literal.
    pub initial_condition: Option<String>,
    /// The type of the result.
    pub return_type: CqlType,
    /// Whether equal arguments give equal results.
    pub deterministic: bool,
}

impl Aggregate {
    pub(super) fn read(row: &AggregateRow, types: &UserTypes<'_>) -> Aggregate {
        let signature = FunctionSignature::new(&row.aggregate_name, &row.argument_types);
        let read = |text: &String| types.read(text, || signature.to_string());
        Aggregate {
            argument_types: row.argument_types.iter().map(read).collect(),
            state_function: row.state_func.clone(),
            state_type: read(&row.state_type),
            final_function: row.final_func.clone(),
            initial_condition: row.initcond.clone(),
            return_type: read(&row.return_type),
            deterministic: row.deterministic.unwrap_or(false),
            signature,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_shows_argument_types_without_spaces() {
        let mut signature =
            FunctionSignature { name: "avg".into(), argument_types: vec!["int".into(), "list<text>".into()] };
        assert_eq!(signature.to_string(), "avg(int,list<text>)");
        signature.argument_types.clear();
        assert_eq!(signature.to_string(), "avg()");
    }
}
