//! IF clauses.

use std::borrow::Cow;

use chorus_protocol::CqlType;

use super::super::expression::{Choices, Environment, Expression, Preparer, Value, field_receiver};
use super::super::markers::Receiver;
use super::super::reader::Cell;
use super::super::restriction::satisfies;
use crate::catalog::{Column, ColumnKind, TableSchema};
use crate::cql::CqlError;
use crate::cql::ast::{ColumnCondition, ConditionPart, ConditionTest, Operator};
use crate::value::{compare, elements, fields, pairs};

/// The condition of a write.
#[derive(Debug)]
pub(super) enum ConditionPlan {
    None,
    NotExists,
    Exists,
    All(Vec<Check>),
}

impl ConditionPlan {
    /// Whether it looks at anything but static columns.
    pub(super) fn is_about_rows(&self, schema: &TableSchema) -> bool {
        match self {
            Self::None => false,
            Self::NotExists | Self::Exists => true,
            Self::All(checks) => {
                checks.iter().any(|check| schema.columns()[check.column].kind != ColumnKind::Static)
            }
        }
    }
}

/// One comparison of a column with values.
#[derive(Debug)]
pub(super) struct Check {
    /// Index into the schema's columns.
    pub(super) column: usize,
    part: Part,
    /// The type of the part.
    typ: CqlType,
    test: Test,
}

#[derive(Debug)]
enum Part {
    Whole,
    Element(Expression),
    Field(usize),
}

#[derive(Debug)]
enum Test {
    Compare(Operator, Expression),
    In(Choices),
}

/// A check with its values.
#[derive(Debug)]
pub(super) struct BoundCheck<'a> {
    pub(super) column: usize,
    part: BoundPart<'a>,
    typ: &'a CqlType,
    /// `None` for IN.
    operator: Option<Operator>,
    /// What it is compared with; more than one for IN. `None` is null.
    values: Vec<Option<Cow<'a, [u8]>>>,
}

#[derive(Debug)]
enum BoundPart<'a> {
    Whole,
    Element(Cow<'a, [u8]>),
    Field(usize),
}

impl Check {
    pub(super) fn prepare(
        condition: &ColumnCondition,
        schema: &TableSchema,
        preparer: &mut Preparer<'_>,
    ) -> Result<Self, CqlError> {
        let column = schema.require_column(&condition.column)?;
        if column.is_key() {
            return Err(CqlError::invalid(format!(
                "PRIMARY KEY column '{}' cannot have IF conditions",
                column.name()
            )));
        }
        let receiver = Receiver::column(column);
        let (part, receiver) = match &condition.part {
            ConditionPart::Whole => (Part::Whole, receiver),
            ConditionPart::Element(key) => element(column, key, &receiver, preparer)?,
            ConditionPart::Field(field) => {
                let index = match &column.typ.typ {
                    CqlType::Udt(udt) => udt.fields.iter().position(|(name, _)| **name == **field),
                    _ => None,
                };
                let part =
                    index.and_then(|index| Some((Part::Field(index), field_receiver(&receiver, index)?)));
                part.ok_or_else(|| {
                    CqlError::invalid(format!("Unknown field {field} for column {}", column.name()))
                })?
            }
        };
        let test = match &condition.test {
            ConditionTest::Compare(operator, value) => {
                Test::Compare(*operator, preparer.term(value, &compared(*operator, &receiver)?)?)
            }
            ConditionTest::In(values) => Test::In(preparer.in_values(values, &receiver)?),
        };
        let index = schema.column_index(column.name()).unwrap_or_default();
        Ok(Self { column: index, part, typ: receiver.typ().clone(), test })
    }

    pub(super) fn bind<'a>(&'a self, environment: &Environment<'a>) -> Result<BoundCheck<'a>, CqlError> {
        let unset = || CqlError::invalid("Invalid 'unset' value in condition");
        let value = |expression: &'a Expression| match expression.evaluate(environment)? {
            Value::Unset => Err(unset()),
            value => Ok(value.bytes()),
        };
        let part = match &self.part {
            Part::Whole => BoundPart::Whole,
            Part::Field(index) => BoundPart::Field(*index),
            Part::Element(key) => BoundPart::Element(
                value(key)?
                    .ok_or_else(|| CqlError::invalid("Invalid null value for an element of a condition"))?,
            ),
        };
        let (operator, values) = match &self.test {
            Test::Compare(operator, expression) => (Some(*operator), vec![value(expression)?]),
            Test::In(Choices::One(expression)) => (None, vec![value(expression)?]),
            Test::In(Choices::Many(expressions)) => {
                (None, expressions.iter().map(value).collect::<Result<Vec<_>, _>>()?)
            }
            Test::In(Choices::List(expression)) => {
                let list = value(expression)?
                    .ok_or_else(|| CqlError::invalid("Invalid null list in IN condition"))?;
                (None, elements(&list).map(|item| item.map(|item| Cow::Owned(item.to_vec()))).collect())
            }
        };
        if let (Some(operator), [None]) = (operator, values.as_slice())
            && !matches!(operator, Operator::Equal | Operator::NotEqual)
        {
            return Err(CqlError::invalid(format!(
                "Invalid comparison with null for operator \"{}\"",
                operator.text()
            )));
        }
        Ok(BoundCheck { column: self.column, part, typ: &self.typ, operator, values })
    }
}

fn element(
    column: &Column,
    key: &crate::cql::ast::Term,
    receiver: &Receiver,
    preparer: &mut Preparer<'_>,
) -> Result<(Part, Receiver), CqlError> {
    let name = column.name();
    let part = |prefix: &str, typ: &CqlType| receiver.part(format!("{prefix}({name})"), typ.clone());
    let (key_part, value_part) = match &column.typ.typ {
        CqlType::List(element) => (part("idx", &CqlType::Int), part("value", element)),
        CqlType::Map(pair) => (part("key", &pair.0), part("value", &pair.1)),
        _ => return Err(CqlError::invalid(format!("Invalid element access syntax for column {name}"))),
    };
    Ok((Part::Element(preparer.term(key, &key_part)?), value_part))
}

/// What the right side of a comparison is a value of.
fn compared(operator: Operator, receiver: &Receiver) -> Result<Receiver, CqlError> {
    let typ = match (operator, receiver.typ()) {
        (Operator::Contains, CqlType::List(element) | CqlType::Set(element)) => CqlType::clone(element),
        (Operator::Contains, CqlType::Map(pair)) => pair.1.clone(),
        (Operator::ContainsKey, CqlType::Map(pair)) => pair.0.clone(),
        (Operator::Contains | Operator::ContainsKey, _) => {
            return Err(CqlError::invalid(format!("Cannot use {} on {}", operator.text(), receiver.name())));
        }
        _ => return Ok(receiver.clone()),
    };
    Ok(receiver.part(format!("value({})", receiver.name()), typ))
}

impl BoundCheck<'_> {
    /// Whether it holds for the column's cell.
    pub(super) fn holds(&self, schema: &TableSchema, cell: &Cell<'_>) -> bool {
        let column = &schema.columns()[self.column];
        let whole = cell.bytes();
        let found: Option<Cow<'_, [u8]>> = match (&self.part, &column.typ.typ) {
            (BoundPart::Whole, _) => whole.map(Cow::Borrowed),
            (BoundPart::Element(index), CqlType::List(_)) => whole.and_then(|list| {
                let index = usize::try_from(i32::from_be_bytes(index.as_ref().try_into().ok()?)).ok()?;
                elements(list).nth(index).flatten().map(Cow::Borrowed)
            }),
            (BoundPart::Element(key), CqlType::Map(pair)) => whole.and_then(|map| {
                pairs(map).find(|(found, _)| compare(&pair.0, found, key).is_eq())?.1.map(Cow::Borrowed)
            }),
            (BoundPart::Field(index), CqlType::Udt(udt)) => whole
                .and_then(|value| fields(value, udt.fields.len()).nth(*index).flatten().map(Cow::Borrowed)),
            _ => None,
        };
        let whole_collection = matches!(self.part, BoundPart::Whole) && column.typ.multi_cell;
        let equals = |value: &Option<Cow<'_, [u8]>>| {
            // A collection without elements is not stored, so it is the same as none.
            let value =
                value.as_deref().filter(|value| !(whole_collection && is_empty_collection(self.typ, value)));
            match (&found, value) {
                (None, None) => true,
                (Some(found), Some(value)) => compare(self.typ, found, value).is_eq(),
                _ => false,
            }
        };
        match self.operator {
            None => self.values.iter().any(equals),
            Some(Operator::Equal) => self.values.iter().all(equals),
            Some(Operator::NotEqual) => !self.values.iter().all(equals),
            Some(operator) => match (&found, self.values.first()) {
                (Some(found), Some(Some(value))) => satisfies(self.typ, found, operator, value),
                _ => false,
            },
        }
    }
}

fn is_empty_collection(typ: &CqlType, value: &[u8]) -> bool {
    matches!(typ, CqlType::List(_) | CqlType::Set(_) | CqlType::Map(_)) && elements(value).next().is_none()
}
