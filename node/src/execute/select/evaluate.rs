//! Selected expressions for one row.

use std::borrow::Cow;

use chorus_protocol::{CqlType, NativeType};

use super::super::expression::{Environment, Expression, Function, Value};
use super::super::reader::Cell;
use crate::cql::CqlError;
use crate::value::{
    Number, compare, date_of_millis, elements, fields, millis_of_date, pairs, read_i64, show, timeuuid_millis,
};

/// Something that yields a value for a row.
#[derive(Debug)]
pub(super) enum Evaluator {
    /// The reader's slot.
    Slot(usize),
    WriteTime(usize),
    Ttl(usize),
    Term(Expression),
    Call(Function, Vec<Evaluator>),
    Cast {
        inner: Box<Evaluator>,
        from: NativeType,
        to: NativeType,
    },
    Field {
        inner: Box<Evaluator>,
        index: usize,
        count: usize,
    },
    Element {
        inner: Box<Evaluator>,
        typ: CqlType,
        key: Expression,
    },
    /// The result of an aggregate, once all rows were seen.
    Aggregate(usize),
}

/// What a row is evaluated with.
pub(super) struct RowContext<'r, 'e> {
    pub(super) cells: &'r [Cell<'r>],
    pub(super) environment: &'r Environment<'e>,
    /// The second it is.
    pub(super) now: u32,
    pub(super) aggregates: &'r [Option<Vec<u8>>],
}

type Bytes<'r> = Option<Cow<'r, [u8]>>;

impl Evaluator {
    pub(super) fn evaluate<'r>(&'r self, row: &RowContext<'r, '_>) -> Result<Bytes<'r>, CqlError> {
        let cell = |slot: &usize| row.cells.get(*slot);
        Ok(match self {
            Self::Slot(slot) => cell(slot).and_then(Cell::bytes).map(Cow::Borrowed),
            Self::WriteTime(slot) => {
                cell(slot).and_then(|cell| cell.timestamp).map(|time| Cow::Owned(time.to_be_bytes().to_vec()))
            }
            Self::Ttl(slot) => cell(slot).and_then(|cell| cell.expiry).map(|expiry| {
                let left = i32::try_from(expiry.at.saturating_sub(row.now)).unwrap_or(i32::MAX);
                Cow::Owned(left.to_be_bytes().to_vec())
            }),
            Self::Term(expression) => match constant(expression, row)? {
                Value::Bytes(bytes) => Some(Cow::Owned(bytes.into_owned())),
                Value::Null | Value::Unset => None,
            },
            Self::Call(function, arguments) => {
                let values =
                    arguments.iter().map(|argument| argument.evaluate(row)).collect::<Result<Vec<_>, _>>()?;
                let values: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
                function.call(&values, row.environment.now, row.environment.timeuuids)?.map(Cow::Owned)
            }
            Self::Cast { inner, from, to } => {
                inner.evaluate(row)?.and_then(|bytes| cast(*from, *to, &bytes)).map(Cow::Owned)
            }
            Self::Field { inner, index, count } => inner.evaluate(row)?.and_then(|value| {
                fields(&value, *count).nth(*index).flatten().map(|field| Cow::Owned(field.to_vec()))
            }),
            Self::Element { inner, typ, key } => {
                let key = constant(key, row)?.require("element")?.into_owned();
                inner.evaluate(row)?.and_then(|value| element(typ, &value, &key)).map(Cow::Owned)
            }
            Self::Aggregate(index) => {
                row.aggregates.get(*index).and_then(Option::as_deref).map(Cow::Borrowed)
            }
        })
    }
}

fn constant<'r>(expression: &'r Expression, row: &RowContext<'r, '_>) -> Result<Value<'r>, CqlError> {
    let environment: Environment<'r> = *row.environment;
    expression.evaluate(&environment)
}

fn element(typ: &CqlType, value: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    let found = match typ {
        CqlType::Map(pair) => pairs(value).find(|(found, _)| compare(&pair.0, found, key).is_eq())?.1,
        CqlType::Set(element) => elements(value).flatten().find(|found| compare(element, found, key).is_eq()),
        _ => {
            let index = usize::try_from(i32::from_be_bytes(key.try_into().ok()?)).ok()?;
            elements(value).nth(index).flatten()
        }
    };
    found.map(<[u8]>::to_vec)
}

/// Whether CAST knows the way.
pub(super) fn can_cast(from: NativeType, to: NativeType) -> bool {
    use NativeType::*;
    let numeric = |native| {
        matches!(native, Tinyint | Smallint | Int | Bigint | Counter | Varint | Decimal | Float | Double)
    };
    from == to
        || (numeric(from) && numeric(to) && to != Counter)
        || matches!((from, to), (Timestamp, Date) | (Date, Timestamp) | (Timeuuid, Timestamp | Date))
        || (to == Text && from != Blob && from != Duration)
        || (to == Ascii && !matches!(from, Blob | Duration | Text))
}

fn cast(from: NativeType, to: NativeType, bytes: &[u8]) -> Option<Vec<u8>> {
    if from == to {
        return Some(bytes.to_vec());
    }
    let millis = || match from {
        NativeType::Timeuuid => timeuuid_millis(bytes),
        NativeType::Date => Some(millis_of_date(u32::from_be_bytes(bytes.try_into().ok()?))),
        _ => read_i64(bytes),
    };
    match to {
        NativeType::Text | NativeType::Ascii => Some(show(from, bytes).into_bytes()),
        NativeType::Timestamp => millis().map(|millis| millis.to_be_bytes().to_vec()),
        NativeType::Date => millis().map(|millis| date_of_millis(millis).to_be_bytes().to_vec()),
        _ => Number::read(from, bytes)?.write(to),
    }
}
