//! What changed in the schema: a result, and an event.

use std::fmt;

use crate::error::{DecodeError, EncodeError};
use crate::wire::{Reader, put_string, put_string_list};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum SchemaChangeKind {
    Created,
    Updated,
    Dropped,
}

/// What it happened to. Materialized views are tables here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum SchemaTarget {
    Keyspace,
    Table(String),
    Type(String),
    Function(FunctionSignature),
    Aggregate(FunctionSignature),
}

/// A function or aggregate, told from its namesakes by its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FunctionSignature {
    /// Its name.
    pub name: String,
    /// CQL types of its arguments.
    pub argument_types: Vec<String>,
}

/// A change of the schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SchemaChange {
    /// What happened.
    pub kind: SchemaChangeKind,
    /// Where.
    pub keyspace: String,
    /// To what.
    pub target: SchemaTarget,
}

/// `name(type0,type1)`
impl fmt::Display for FunctionSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.argument_types.join(","))
    }
}

impl SchemaChange {
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = match reader.string("schema change")? {
            "CREATED" => SchemaChangeKind::Created,
            "UPDATED" => SchemaChangeKind::Updated,
            "DROPPED" => SchemaChangeKind::Dropped,
            other => return Err(unknown("schema change", other)),
        };
        let target = reader.string("schema change target")?;
        let keyspace = reader.string("keyspace")?.to_owned();
        let target = match target {
            "KEYSPACE" => SchemaTarget::Keyspace,
            "TABLE" => SchemaTarget::Table(reader.string("table")?.to_owned()),
            "TYPE" => SchemaTarget::Type(reader.string("type")?.to_owned()),
            "FUNCTION" => SchemaTarget::Function(take_signature(reader)?),
            "AGGREGATE" => SchemaTarget::Aggregate(take_signature(reader)?),
            other => return Err(unknown("schema change target", other)),
        };
        Ok(Self { kind, keyspace, target })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let kind = match self.kind {
            SchemaChangeKind::Created => "CREATED",
            SchemaChangeKind::Updated => "UPDATED",
            SchemaChangeKind::Dropped => "DROPPED",
        };
        let target = match self.target {
            SchemaTarget::Keyspace => "KEYSPACE",
            SchemaTarget::Table(_) => "TABLE",
            SchemaTarget::Type(_) => "TYPE",
            SchemaTarget::Function(_) => "FUNCTION",
            SchemaTarget::Aggregate(_) => "AGGREGATE",
        };
        put_string(out, kind, "schema change")?;
        put_string(out, target, "schema change target")?;
        put_string(out, &self.keyspace, "keyspace")?;
        match &self.target {
            SchemaTarget::Keyspace => Ok(()),
            SchemaTarget::Table(name) | SchemaTarget::Type(name) => put_string(out, name, "name"),
            SchemaTarget::Function(signature) | SchemaTarget::Aggregate(signature) => {
                put_string(out, &signature.name, "function")?;
                put_string_list(out, &signature.argument_types, "argument types")
            }
        }
    }
}

fn take_signature(reader: &mut Reader<'_>) -> Result<FunctionSignature, DecodeError> {
    Ok(FunctionSignature {
        name: reader.string("function")?.to_owned(),
        argument_types: reader.string_list("argument types")?,
    })
}

fn unknown(what: &'static str, name: &str) -> DecodeError {
    DecodeError::UnknownName { what, name: name.to_owned() }
}
