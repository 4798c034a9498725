//! User-defined functions and aggregates.

use std::fmt;
use std::sync::Arc;

use chorus_protocol::CqlType;

use super::user_types::UserTypes;
use super::warning::Warning;
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
    /// The keyspace it belongs to.
    pub keyspace: Arc<str>,
    /// Name and argument types.
    pub signature: FunctionSignature,
    /// Names and types of the arguments.
    pub arguments: Vec<(Arc<str>, CqlType)>,
    /// The type of the result.
    pub return_type: CqlType,
    /// The same as the server writes it.
    pub declared_return_type: Arc<str>,
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
    /// What of it could not be read; empty for nearly all.
    pub problems: Vec<Warning>,
}

impl Function {
    pub(super) fn read(keyspace: &Arc<str>, row: &FunctionRow, types: &UserTypes<'_>) -> Function {
        let signature = FunctionSignature::new(&row.function_name, &row.argument_types);
        let mut problems = Vec::new();
        let mut read = |text: &str| types.read(text, || signature.to_string(), &mut problems);
        let names = row.argument_names.iter().map(|name| Arc::from(name.as_str()));
        let arguments = names.zip(row.argument_types.iter().map(|text| read(text).0)).collect();
        let (return_type, declared_return_type) = read(&row.return_type);
        Function {
            keyspace: keyspace.clone(),
            arguments,
            return_type,
            declared_return_type,
            language: row.language.clone().unwrap_or_default(),
            body: row.body.clone().unwrap_or_default(),
            called_on_null_input: row.called_on_null_input.unwrap_or(false),
            deterministic: row.deterministic.unwrap_or(false),
            monotonic: row.monotonic.unwrap_or(false),
            monotonic_on: row.monotonic_on.clone(),
            problems,
            signature,
        }
    }

    /// The same function when the user types of its keyspace have changed.
    pub(super) fn retyped(&self, types: &UserTypes<'_>) -> Function {
        let mut problems = Vec::new();
        let mut read = |text: &str| types.read(text, || self.signature.to_string(), &mut problems).0;
        let arguments = (self.arguments.iter().zip(&self.signature.argument_types))
            .map(|((name, _), text)| (name.clone(), read(text)))
            .collect();
        let return_type = read(&self.declared_return_type);
        Function { arguments, return_type, problems, ..self.clone() }
    }
}

/// A user-defined aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Aggregate {
    /// The keyspace it belongs to.
    pub keyspace: Arc<str>,
    /// Name and argument types.
    pub signature: FunctionSignature,
    /// The types of the arguments.
    pub argument_types: Vec<CqlType>,
    /// The function called for each row.
    pub state_function: Option<String>,
    /// The type of its state.
    pub state_type: CqlType,
    /// The same as the server writes it.
    pub declared_state_type: Arc<str>,
    /// The function called at the end.
    pub final_function: Option<String>,
    /// The first state, as a CQL literal.
    pub initial_condition: Option<String>,
    /// The type of the result.
    pub return_type: CqlType,
    /// The same as the server writes it.
    pub declared_return_type: Arc<str>,
    /// Whether equal arguments give equal results.
    pub deterministic: bool,
    /// What of it could not be read; empty for nearly all.
    pub problems: Vec<Warning>,
}

impl Aggregate {
    pub(super) fn read(keyspace: &Arc<str>, row: &AggregateRow, types: &UserTypes<'_>) -> Aggregate {
        let signature = FunctionSignature::new(&row.aggregate_name, &row.argument_types);
        let mut problems = Vec::new();
        let mut read = |text: &str| types.read(text, || signature.to_string(), &mut problems);
        let argument_types = row.argument_types.iter().map(|text| read(text).0).collect();
        let (state_type, declared_state_type) = read(&row.state_type);
        let (return_type, declared_return_type) = read(&row.return_type);
        Aggregate {
            keyspace: keyspace.clone(),
            argument_types,
            state_function: row.state_func.clone(),
            state_type,
            declared_state_type,
            final_function: row.final_func.clone(),
            initial_condition: row.initcond.clone(),
            return_type,
            declared_return_type,
            deterministic: row.deterministic.unwrap_or(false),
            problems,
            signature,
        }
    }

    /// The same aggregate when the user types of its keyspace have changed.
    pub(super) fn retyped(&self, types: &UserTypes<'_>) -> Aggregate {
        let mut problems = Vec::new();
        let mut read = |text: &str| types.read(text, || self.signature.to_string(), &mut problems).0;
        let argument_types = self.signature.argument_types.iter().map(|text| read(text)).collect();
        let (state_type, return_type) = (read(&self.declared_state_type), read(&self.declared_return_type));
        Aggregate { argument_types, state_type, return_type, problems, ..self.clone() }
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
