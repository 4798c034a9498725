//! Selectors to evaluators.

use chorus_protocol::{ColumnSpec, CqlType};

use super::super::expression::{Expression, Preparer, natural_type, resolve_function};
use super::super::markers::Receiver;
use super::super::schema::resolve;
use super::aggregate::{Aggregate, AggregateKind};
use super::evaluate::{Evaluator, can_cast};
use crate::cql::CqlError;
use crate::cql::ast::{Selector, Term};

/// Prepares selectors, and gathers which columns and aggregates they need.
pub(super) struct Selection<'p, 'a> {
    pub(super) preparer: &'p mut Preparer<'a>,
    /// Indexes into the schema's columns; an evaluator's slot is a place here.
    pub(super) columns: Vec<usize>,
    pub(super) aggregates: Vec<Aggregate>,
    /// How deep the selector at hand is inside of an aggregate.
    inside_aggregate: bool,
}

impl<'p, 'a> Selection<'p, 'a> {
    pub(super) fn new(preparer: &'p mut Preparer<'a>) -> Self {
        Self { preparer, columns: Vec::new(), aggregates: Vec::new(), inside_aggregate: false }
    }

    pub(super) fn slot(&mut self, column: usize) -> usize {
        self.columns.iter().position(|known| *known == column).unwrap_or_else(|| {
            self.columns.push(column);
            self.columns.len() - 1
        })
    }

    /// An evaluator and the type of what it yields.
    pub(super) fn prepare(&mut self, selector: &Selector) -> Result<(Evaluator, CqlType), CqlError> {
        let schema = self.preparer.schema;
        match selector {
            Selector::Column(name) => {
                let typ = schema.require_column(name)?.typ.typ.clone();
                let index = schema.column_index(name).unwrap_or_default();
                Ok((Evaluator::Slot(self.slot(index)), typ))
            }
            Selector::CountRows => self.aggregate(AggregateKind::Count, None, CqlType::Bigint),
            Selector::WriteTime { column, element, max } => {
                let slot =
                    self.timed(column, element.as_ref(), if *max { "maxwritetime" } else { "writetime" })?;
                Ok((Evaluator::WriteTime(slot), CqlType::Bigint))
            }
            Selector::Ttl { column, element } => {
                Ok((Evaluator::Ttl(self.timed(column, element.as_ref(), "ttl")?), CqlType::Int))
            }
            Selector::Cast(inner, typ) => {
                let (inner, from) = self.prepare(inner)?;
                let to = resolve(typ, Some(self.preparer.keyspace))?.typ;
                match (&from, &to) {
                    (CqlType::Native(from), CqlType::Native(to)) if can_cast(*from, *to) => {
                        let evaluator = Evaluator::Cast { inner: Box::new(inner), from: *from, to: *to };
                        Ok((evaluator, CqlType::Native(*to)))
                    }
                    _ => Err(CqlError::invalid(format!("{from} cannot be cast to {to}"))),
                }
            }
            Selector::Call { function, arguments } => self.call(function, arguments),
            Selector::Field(inner, field) => {
                let (inner, typ) = self.prepare(inner)?;
                let CqlType::Udt(udt) = &typ else {
                    return Err(CqlError::invalid(format!(
                        "Invalid field selection: {typ} is not a UDT ({field})"
                    )));
                };
                let found = udt.fields.iter().enumerate().find(|(_, (name, _))| **name == **field);
                let (index, (_, field_type)) =
                    found.ok_or_else(|| CqlError::invalid(format!("{} has no field {field}", udt.name)))?;
                let evaluator = Evaluator::Field { inner: Box::new(inner), index, count: udt.fields.len() };
                Ok((evaluator, field_type.clone()))
            }
            Selector::Element(inner, key) => {
                let (inner, typ) = self.prepare(inner)?;
                let (key_type, result) = match &typ {
                    CqlType::Map(pair) => (pair.0.clone(), pair.1.clone()),
                    CqlType::Set(element) => (CqlType::clone(element), CqlType::clone(element)),
                    _ => {
                        return Err(CqlError::invalid(format!(
                            "Invalid element selection: {typ} is not a map or set"
                        )));
                    }
                };
                let prefix = if matches!(typ, CqlType::Map(_)) { "key" } else { "value" };
                let receiver = self
                    .receiver()
                    .part(format!("{prefix}({})", super::name::selector_name(selector)), key_type);
                let key = self.preparer.term(key, &receiver)?;
                Ok((Evaluator::Element { inner: Box::new(inner), typ, key }, result))
            }
            Selector::Slice(..) => Err(CqlError::unsupported("slices of collections in a selection")),
            Selector::Term(term) => {
                let (expression, typ) = self.term(term, None)?;
                Ok((Evaluator::Term(expression), typ))
            }
        }
    }

    /// Something in the table to derive receivers from.
    fn receiver(&self) -> Receiver {
        Receiver::column(&self.preparer.schema.partition_key()[0])
    }

    /// A term as a value of `typ`, or of the type it says itself.
    fn term(&mut self, term: &Term, typ: Option<&CqlType>) -> Result<(Expression, CqlType), CqlError> {
        let own = match term {
            Term::Hint(hint, _) => Some(resolve(hint, Some(self.preparer.keyspace))?.typ),
            Term::Call { .. } => natural_type(term),
            _ => None,
        };
        let typ = typ.cloned().or(own).ok_or_else(|| {
            let name = super::name::selector_name(&Selector::Term(term.clone()));
            CqlError::invalid(format!(
                "Cannot infer type for term {name} in selection clause (try using a cast to force a type)"
            ))
        })?;
        let receiver = self.receiver().part("[selection]", typ.clone());
        Ok((self.preparer.term(term, &receiver)?, typ))
    }

    /// The slot of a column whose time is asked for.
    fn timed(&mut self, name: &str, element: Option<&Term>, function: &str) -> Result<usize, CqlError> {
        let schema = self.preparer.schema;
        let column = schema.require_column(name)?;
        if column.is_key() {
            return Err(CqlError::invalid(format!(
                "Cannot use selection function {function} on PRIMARY KEY part {name}"
            )));
        }
        if element.is_some() || column.typ.multi_cell {
            return Err(CqlError::unsupported(format!(
                "{function} of collections that are not frozen ({name})"
            )));
        }
        let index = schema.column_index(name).unwrap_or_default();
        Ok(self.slot(index))
    }

    fn aggregate(
        &mut self,
        kind: AggregateKind,
        argument: Option<Evaluator>,
        typ: CqlType,
    ) -> Result<(Evaluator, CqlType), CqlError> {
        let result = kind.result(&typ)?;
        self.aggregates.push(Aggregate { kind, argument, typ });
        Ok((Evaluator::Aggregate(self.aggregates.len() - 1), result))
    }

    fn call(
        &mut self,
        function: &crate::cql::ast::FunctionName,
        arguments: &[Selector],
    ) -> Result<(Evaluator, CqlType), CqlError> {
        let is_system = function.keyspace.as_deref().is_none_or(|keyspace| keyspace == "system");
        if let Some(kind) = AggregateKind::of_name(&function.name).filter(|_| is_system) {
            let [argument] = arguments else {
                return Err(CqlError::invalid(format!(
                    "Invalid number of arguments in call to function system.{}: 1 required but {} provided",
                    function.name,
                    arguments.len()
                )));
            };
            if self.inside_aggregate {
                return Err(CqlError::invalid(
                    "aggregate functions cannot be used as arguments of aggregate functions",
                ));
            }
            self.inside_aggregate = true;
            let prepared = self.prepare(argument);
            self.inside_aggregate = false;
            let (argument, typ) = prepared?;
            return self.aggregate(kind, Some(argument), typ);
        }
        // Terms take the type that the function wants.
        let mut prepared = Vec::with_capacity(arguments.len());
        let mut types = Vec::with_capacity(arguments.len());
        for argument in arguments {
            match argument {
                Selector::Term(term) => {
                    types.push(natural_type(term));
                    prepared.push(None);
                }
                _ => {
                    let (evaluator, typ) = self.prepare(argument)?;
                    types.push(Some(typ));
                    prepared.push(Some(evaluator));
                }
            }
        }
        let function = resolve_function(function, &types, self.preparer.schema, None)?;
        let mut evaluators = Vec::with_capacity(arguments.len());
        for ((prepared, argument), typ) in prepared.into_iter().zip(arguments).zip(&function.arguments) {
            evaluators.push(match (prepared, argument) {
                (Some(evaluator), _) => evaluator,
                (None, Selector::Term(term)) => Evaluator::Term(self.term(term, Some(typ))?.0),
                (None, _) => continue,
            });
        }
        let result = function.result.clone();
        Ok((Evaluator::Call(function, evaluators), result))
    }

    /// What the answer says about a selected expression.
    pub(super) fn spec(&self, name: String, typ: CqlType) -> ColumnSpec {
        let schema = self.preparer.schema;
        ColumnSpec::new(schema.keyspace.clone(), schema.name.clone(), name, typ)
    }
}
