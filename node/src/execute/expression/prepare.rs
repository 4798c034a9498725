//! Terms to expressions.

use chorus_protocol::CqlType;

use super::super::markers::{Markers, Receiver};
use super::super::schema::resolve;
use super::function;
use super::{Expression, field_receiver};
use crate::catalog::{Keyspace, TableSchema};
use crate::cql::CqlError;
use crate::cql::ast::{InValues, Literal, Term};
use crate::value::{from_literal, literal_type};

/// Prepares the terms of one statement.
pub(crate) struct Preparer<'a> {
    pub(crate) markers: &'a mut Markers,
    pub(crate) schema: &'a TableSchema,
    pub(crate) keyspace: &'a Keyspace,
}

impl Preparer<'_> {
    /// A term as a value for `receiver`.
    pub(crate) fn term(&mut self, term: &Term, receiver: &Receiver) -> Result<Expression, CqlError> {
        let typ = receiver.typ();
        match term {
            Term::Bind(index) => {
                self.markers.bind(*index, receiver);
                Ok(Expression::Bind { index: *index, typ: typ.clone(), name: receiver.name().clone() })
            }
            Term::Literal(literal) => {
                let bytes = from_literal(literal, typ, receiver.name())?;
                Ok(Expression::Constant(bytes.map(Vec::into_boxed_slice)))
            }
            Term::List(items) => match typ {
                CqlType::List(element) => {
                    let part = receiver.part(format!("value({})", receiver.name()), CqlType::clone(element));
                    let items = self.elements("list", items, &part, receiver)?;
                    Expression::Elements { typ: typ.clone(), items }.folded()
                }
                CqlType::Vector(element, dimension) => {
                    if items.len() != usize::from(*dimension) {
                        return Err(CqlError::invalid(format!(
                            "Invalid vector literal for {} of type {typ}; expected {dimension} elements, but given {}",
                            receiver.name(),
                            items.len()
                        )));
                    }
                    let part = receiver.part(format!("value({})", receiver.name()), CqlType::clone(element));
                    let items = self.terms(items, &part)?;
                    Expression::Vector { element: CqlType::clone(element), items }.folded()
                }
                _ => Err(wrong_literal("list", receiver)),
            },
            Term::Set(items) => match typ {
                CqlType::Set(element) => {
                    let part = receiver.part(format!("value({})", receiver.name()), CqlType::clone(element));
                    let items = self.elements("set", items, &part, receiver)?;
                    Expression::Elements { typ: typ.clone(), items }.folded()
                }
                CqlType::Map(_) if items.is_empty() => {
                    Expression::Map { typ: typ.clone(), entries: Vec::new() }.folded()
                }
                CqlType::Udt(_) if items.is_empty() => self.user_type(&[], receiver),
                _ => Err(wrong_literal("set", receiver)),
            },
            Term::Map(entries) => {
                let CqlType::Map(pair) = typ else {
                    return Err(wrong_literal("map", receiver));
                };
                let key_part = receiver.part(format!("key({})", receiver.name()), pair.0.clone());
                let value_part = receiver.part(format!("value({})", receiver.name()), pair.1.clone());
                let bound = |term: &Term| matches!(term, Term::Bind(_));
                if entries.iter().any(|(key, value)| bound(key) || bound(value)) {
                    return Err(no_markers("map", receiver));
                }
                let entries = entries
                    .iter()
                    .map(|(key, value)| Ok((self.term(key, &key_part)?, self.term(value, &value_part)?)))
                    .collect::<Result<_, CqlError>>()?;
                Expression::Map { typ: typ.clone(), entries }.folded()
            }
            Term::Tuple(items) => self.tuple(items, receiver),
            Term::Udt(fields) => self.user_type(fields, receiver),
            Term::Hint(hint, inner) => {
                let hinted = resolve(hint, Some(self.keyspace))?.typ;
                if !is_assignable(&hinted, typ) {
                    return Err(CqlError::invalid(format!(
                        "Cannot assign value ({hinted}) to {} of type {typ}",
                        receiver.name()
                    )));
                }
                self.term(inner, &receiver.part(receiver.name().clone(), hinted))
            }
            Term::Call { function, arguments } => {
                let types = arguments.iter().map(natural_type).collect::<Vec<_>>();
                let function = function::resolve(function, &types, self.schema, Some(typ))?;
                if !is_assignable(&function.result, typ) {
                    return Err(CqlError::invalid(format!(
                        "Type error: cannot assign result of function {} (type {}) to {} (type {typ})",
                        function.name,
                        function.result,
                        receiver.name()
                    )));
                }
                let arguments = self.arguments(&function, arguments, receiver)?;
                Ok(Expression::Call(Box::new(function), arguments))
            }
        }
    }

    fn arguments(
        &mut self,
        function: &function::Function,
        arguments: &[Term],
        receiver: &Receiver,
    ) -> Result<Vec<Expression>, CqlError> {
        let mut prepared = Vec::with_capacity(arguments.len());
        for (index, (argument, typ)) in arguments.iter().zip(&function.arguments).enumerate() {
            let part = receiver.part(format!("arg{index}({})", function.name), typ.clone());
            prepared.push(self.term(argument, &part)?);
        }
        Ok(prepared)
    }

    /// The elements of a collection, among which markers have no place.
    fn elements(
        &mut self,
        kind: &str,
        items: &[Term],
        part: &Receiver,
        receiver: &Receiver,
    ) -> Result<Vec<Expression>, CqlError> {
        if items.iter().any(|item| matches!(item, Term::Bind(_))) {
            return Err(no_markers(kind, receiver));
        }
        self.terms(items, part)
    }

    fn terms(&mut self, items: &[Term], receiver: &Receiver) -> Result<Vec<Expression>, CqlError> {
        items.iter().map(|item| self.term(item, receiver)).collect()
    }

    fn tuple(&mut self, items: &[Term], receiver: &Receiver) -> Result<Expression, CqlError> {
        let CqlType::Tuple(types) = receiver.typ() else {
            // Parentheses around a single term are only parentheses.
            return match items {
                [item] => self.term(item, receiver),
                _ => Err(wrong_literal("tuple", receiver)),
            };
        };
        if items.len() > types.len() {
            return Err(CqlError::invalid(format!(
                "Invalid tuple literal for {}: too many elements. Type frozen<{}> expects {} but got {}",
                receiver.name(),
                receiver.typ(),
                types.len(),
                items.len()
            )));
        }
        let fields = items
            .iter()
            .zip(types.iter())
            .enumerate()
            .map(|(index, (item, typ))| {
                self.term(item, &receiver.part(format!("{}[{index}]", receiver.name()), typ.clone()))
            })
            .collect::<Result<_, _>>()?;
        Expression::Fields(fields).folded()
    }

    fn user_type(&mut self, fields: &[(String, Term)], receiver: &Receiver) -> Result<Expression, CqlError> {
        let CqlType::Udt(udt) = receiver.typ() else {
            return Err(wrong_literal("user type", receiver));
        };
        if let Some((unknown, _)) =
            fields.iter().find(|(name, _)| udt.fields.iter().all(|(field, _)| **field != **name))
        {
            return Err(CqlError::invalid(format!(
                "Unknown field '{unknown}' in value of user defined type {}",
                udt.name
            )));
        }
        let mut prepared = Vec::with_capacity(udt.fields.len());
        for (index, (name, _)) in udt.fields.iter().enumerate() {
            let given = fields.iter().find(|(field, _)| **field == **name);
            let part = field_receiver(receiver, index).unwrap_or_else(|| receiver.clone());
            prepared.push(match given {
                Some((_, term)) => self.term(term, &part)?,
                None => Expression::Constant(None),
            });
        }
        Expression::Fields(prepared).folded()
    }

    /// The right side of an IN as one or many expressions.
    pub(crate) fn in_values(&mut self, values: &InValues, receiver: &Receiver) -> Result<Choices, CqlError> {
        Ok(match values {
            InValues::Terms(terms) => Choices::Many(self.terms(terms, receiver)?),
            InValues::Marker(index) => {
                let list =
                    receiver.part(format!("in({})", receiver.name()), CqlType::list(receiver.typ().clone()));
                self.markers.bind(*index, &list);
                let typ = list.typ().clone();
                Choices::List(Expression::Bind { index: *index, typ, name: list.name().clone() })
            }
        })
    }
}

/// The values an IN allows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Choices {
    One(Expression),
    Many(Vec<Expression>),
    /// One list that holds them all.
    List(Expression),
}

fn no_markers(kind: &str, receiver: &Receiver) -> CqlError {
    CqlError::invalid(format!(
        "Invalid {kind} literal for {}: bind variables are not supported inside collection literals",
        receiver.name()
    ))
}

fn wrong_literal(kind: &str, receiver: &Receiver) -> CqlError {
    CqlError::invalid(format!("Invalid {kind} literal for {} of type {}", receiver.name(), receiver.typ()))
}

/// The type of a term that says it itself.
pub(crate) fn natural_type(term: &Term) -> Option<CqlType> {
    match term {
        Term::Literal(Literal::Null) => None,
        Term::Literal(literal) => literal_type(literal),
        Term::Call { function, arguments } => {
            let types: Vec<_> = arguments.iter().map(natural_type).collect();
            function::result_type(function, &types)
        }
        _ => None,
    }
}

/// Whether a value of one type may stand where another is wanted.
pub(crate) fn is_assignable(from: &CqlType, to: &CqlType) -> bool {
    from == to
        || matches!(
            (from, to),
            (_, &CqlType::Blob)
                | (&CqlType::Timeuuid, &CqlType::Uuid)
                | (&CqlType::Ascii, &CqlType::Text)
                | (&CqlType::Timestamp, &CqlType::Bigint)
                | (&CqlType::Bigint, &CqlType::Timestamp)
                | (&CqlType::Bigint, &CqlType::Counter)
        )
}
