//! Terms made ready: checked against what they are for, with constants turned into bytes once.

mod function;
mod prepare;

use std::borrow::Cow;
use std::sync::Arc;

use chorus_protocol::{BoundValue, CqlType};

use super::markers::Receiver;
use crate::cql::CqlError;
use crate::value::{CollectionWriter, TimeuuidSource, normalize, validate, write_cell};
pub(crate) use function::{Function, partition_key, resolve as resolve_function, too_long};
pub(crate) use prepare::{Choices, Preparer, natural_type};

/// What expressions are evaluated with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Environment<'a> {
    pub(crate) values: &'a [BoundValue<'a>],
    /// Microseconds since the epoch.
    pub(crate) now: i64,
    pub(crate) timeuuids: &'a TimeuuidSource,
}

/// What an expression yields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    /// Leave alone what is there. Only a marker can be it.
    Unset,
    Bytes(Cow<'a, [u8]>),
}

impl<'a> Value<'a> {
    pub(crate) fn bytes(self) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Null | Self::Unset => None,
        }
    }

    /// The bytes of something that has to have some: `what` names it in errors.
    pub(crate) fn require(self, what: &str) -> Result<Cow<'a, [u8]>, CqlError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Null => {
                Err(CqlError::invalid(format!("Invalid null value in condition for column {what}")))
            }
            Self::Unset => Err(CqlError::invalid(format!("Invalid unset value for column {what}"))),
        }
    }
}

/// Something that yields a value of a known type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Bind {
        index: usize,
        typ: CqlType,
        name: Arc<str>,
    },
    /// `None` is null.
    Constant(Option<Box<[u8]>>),
    /// A list or set; the type is the collection's.
    Elements {
        typ: CqlType,
        items: Vec<Expression>,
    },
    Map {
        typ: CqlType,
        entries: Vec<(Expression, Expression)>,
    },
    /// A tuple or user type.
    Fields(Vec<Expression>),
    Vector {
        element: CqlType,
        items: Vec<Expression>,
    },
    Call(Box<Function>, Vec<Expression>),
}

const NULL_INSIDE: &str = "null is not supported inside collections";

impl Expression {
    pub(crate) fn evaluate<'a>(&'a self, environment: &Environment<'a>) -> Result<Value<'a>, CqlError> {
        Ok(match self {
            Self::Bind { index, typ, name } => match environment.values.get(*index) {
                Some(BoundValue::Bytes(bytes)) => {
                    validate(typ, bytes).map_err(|problem| invalid_value(&problem, name))?;
                    Value::Bytes(normalize(typ, bytes))
                }
                Some(BoundValue::Unset) => Value::Unset,
                Some(BoundValue::Null) | None => Value::Null,
            },
            Self::Constant(Some(bytes)) => Value::Bytes(Cow::Borrowed(bytes)),
            Self::Constant(None) => Value::Null,
            Self::Elements { typ, items } => {
                let mut writer = CollectionWriter::counted();
                for item in items {
                    writer.element(Some(&inside(item, environment)?));
                }
                Value::Bytes(Cow::Owned(normalize(typ, &writer.finish()).into_owned()))
            }
            Self::Map { typ, entries } => {
                let mut writer = CollectionWriter::counted();
                for (key, value) in entries {
                    writer.pair(&inside(key, environment)?, Some(&inside(value, environment)?));
                }
                Value::Bytes(Cow::Owned(normalize(typ, &writer.finish()).into_owned()))
            }
            Self::Fields(items) => {
                let mut out = Vec::new();
                for item in items {
                    match item.evaluate(environment)? {
                        Value::Bytes(bytes) => write_cell(&mut out, Some(&bytes)),
                        Value::Null => write_cell(&mut out, None),
                        Value::Unset => {
                            return Err(CqlError::invalid("Invalid unset value inside a tuple or user type"));
                        }
                    }
                }
                Value::Bytes(Cow::Owned(out))
            }
            Self::Vector { element, items } => {
                let items =
                    items.iter().map(|item| inside(item, environment)).collect::<Result<Vec<_>, _>>()?;
                Value::Bytes(Cow::Owned(CollectionWriter::vector(element, items.iter().map(|item| &**item))))
            }
            Self::Call(function, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    match argument.evaluate(environment)? {
                        Value::Unset => {
                            return Err(CqlError::invalid(
                                "Invalid unset value for an argument of a function call",
                            ));
                        }
                        value => values.push(value.bytes()),
                    }
                }
                let values: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
                match function.call(&values, environment.now, environment.timeuuids)? {
                    Some(bytes) => Value::Bytes(Cow::Owned(bytes)),
                    None => Value::Null,
                }
            }
        })
    }

    /// Whether it is the same for every execution.
    fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }

    /// Turns a collection of constants into a constant.
    fn folded(self) -> Result<Self, CqlError> {
        let constant = match &self {
            Self::Elements { items, .. } | Self::Fields(items) | Self::Vector { items, .. } => {
                items.iter().all(Self::is_constant)
            }
            Self::Map { entries, .. } => {
                entries.iter().all(|(key, value)| key.is_constant() && value.is_constant())
            }
            _ => false,
        };
        if !constant {
            return Ok(self);
        }
        let source = TimeuuidSource::new();
        let environment = Environment { values: &[], now: 0, timeuuids: &source };
        let bytes = self.evaluate(&environment)?.bytes().map(|bytes| bytes.into_owned().into_boxed_slice());
        Ok(Self::Constant(bytes))
    }
}

fn inside<'a>(item: &'a Expression, environment: &Environment<'a>) -> Result<Cow<'a, [u8]>, CqlError> {
    match item.evaluate(environment)? {
        Value::Bytes(bytes) => Ok(bytes),
        Value::Null => Err(CqlError::invalid(NULL_INSIDE)),
        Value::Unset => Err(CqlError::invalid("unset value is not supported inside collections")),
    }
}

fn invalid_value(problem: &str, name: &str) -> CqlError {
    if problem == NULL_INSIDE {
        return CqlError::invalid(NULL_INSIDE);
    }
    CqlError::invalid(format!("{problem} (value for {name})"))
}

/// The receiver of one field of a user type.
pub(crate) fn field_receiver(receiver: &Receiver, index: usize) -> Option<Receiver> {
    let CqlType::Udt(udt) = receiver.typ() else {
        return None;
    };
    let (name, typ) = udt.fields.get(index)?;
    Some(receiver.part(format!("{}.{name}", receiver.name()), typ.clone()))
}
