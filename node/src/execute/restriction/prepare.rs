//! Taking a WHERE clause apart.

use chorus_protocol::CqlType;

use super::{Edge, Filter, Restrictions, TupleChoices, TupleValue, clustering_start, tuple_type};
use crate::catalog::{Column, ColumnKind, TableSchema};
use crate::cql::CqlError;
use crate::cql::ast::{InValues, Operator, Relation, Term};
use crate::execute::expression::{Choices, Expression, Preparer};
use crate::execute::markers::Receiver;

/// What the relations say about one column of a key.
#[derive(Debug, Default)]
pub(super) struct ColumnRestriction {
    pub(super) given: Option<Choices>,
    pub(super) lower: Option<(Expression, bool)>,
    pub(super) upper: Option<(Expression, bool)>,
}

impl ColumnRestriction {
    pub(super) fn is_restricted(&self) -> bool {
        self.given.is_some() || self.lower.is_some() || self.upper.is_some()
    }
}

/// What the relations say about several clustering columns at once.
#[derive(Debug, Default)]
pub(super) struct TupleRestriction {
    pub(super) first: usize,
    pub(super) given: Option<(usize, TupleChoices)>,
    pub(super) lower: Option<Edge>,
    pub(super) upper: Option<Edge>,
}

/// The relations by column, while they are sorted into keys, ranges and filters.
pub(super) struct Sorter<'p, 'a> {
    preparer: &'p mut Preparer<'a>,
    pub(super) key: Vec<ColumnRestriction>,
    pub(super) clustering: Vec<ColumnRestriction>,
    pub(super) tuple: Option<TupleRestriction>,
    pub(super) token: Vec<(Operator, Expression)>,
    pub(super) filters: Vec<Filter>,
}

impl Restrictions {
    pub(crate) fn prepare(relations: &[Relation], preparer: &mut Preparer<'_>) -> Result<Self, CqlError> {
        let schema = preparer.schema;
        let empty = |count: usize| std::iter::repeat_with(ColumnRestriction::default).take(count).collect();
        let mut sorter = Sorter {
            preparer,
            key: empty(schema.partition_key().len()),
            clustering: empty(schema.clustering().len()),
            tuple: None,
            token: Vec::new(),
            filters: Vec::new(),
        };
        for relation in relations {
            sorter.add(relation)?;
        }
        sorter.finish(schema)
    }
}

impl Sorter<'_, '_> {
    fn add(&mut self, relation: &Relation) -> Result<(), CqlError> {
        let schema = self.preparer.schema;
        match relation {
            Relation::Single { column, operator, value } => {
                self.single(schema.require_column(column)?, *operator, value)
            }
            Relation::In { column, values } => {
                let column = schema.require_column(column)?;
                refuse_multi_cell(column, "IN")?;
                let choices = self.preparer.in_values(values, &Receiver::column(column))?;
                match self.key_restriction(column) {
                    Some(restriction) => {
                        if restriction.is_restricted() {
                            return Err(more_than_one(column, "IN"));
                        }
                        restriction.given = Some(choices);
                    }
                    None => {
                        self.filters.push(Filter::In { column: index_of(schema, column)?, values: choices })
                    }
                }
                Ok(())
            }
            Relation::Element { column, key, operator, value } => {
                let column = schema.require_column(column)?;
                let CqlType::Map(pair) = &column.typ.typ else {
                    return Err(CqlError::invalid(format!(
                        "Column {} cannot be used as a map",
                        column.name()
                    )));
                };
                if *operator != Operator::Equal {
                    return Err(CqlError::invalid(format!(
                        "Only EQ relations are supported on map entries, but found {}",
                        operator.text()
                    )));
                }
                let receiver = Receiver::column(column);
                let key_part = receiver.part(format!("key({})", column.name()), pair.0.clone());
                let value_part = receiver.part(format!("value({})", column.name()), pair.1.clone());
                let key = self.preparer.term(key, &key_part)?;
                let value = self.preparer.term(value, &value_part)?;
                let column = index_of(schema, column)?;
                self.filters.push(Filter::Element { column, key, operator: *operator, value });
                Ok(())
            }
            Relation::Multi { columns, operator, value } => self.multi(columns, *operator, value),
            Relation::MultiIn { columns, values } => self.multi_in(columns, values),
            Relation::Token { columns, operator, value } => self.token(columns, *operator, value),
        }
    }

    fn key_restriction(&mut self, column: &Column) -> Option<&mut ColumnRestriction> {
        match column.kind {
            ColumnKind::PartitionKey => self.key.get_mut(column.position),
            ColumnKind::Clustering => self.clustering.get_mut(column.position),
            ColumnKind::Static | ColumnKind::Regular => None,
        }
    }

    fn single(&mut self, column: &Column, operator: Operator, value: &Term) -> Result<(), CqlError> {
        let schema = self.preparer.schema;
        if operator == Operator::NotEqual {
            return Err(CqlError::invalid(format!("Unsupported \"!=\" relation: {} != …", column.name())));
        }
        let receiver = match (operator, &column.typ.typ) {
            (Operator::Contains, CqlType::List(element) | CqlType::Set(element)) => {
                Receiver::column(column).part(format!("value({})", column.name()), CqlType::clone(element))
            }
            (Operator::Contains, CqlType::Map(pair)) => {
                Receiver::column(column).part(format!("value({})", column.name()), pair.1.clone())
            }
            (Operator::ContainsKey, CqlType::Map(pair)) => {
                Receiver::column(column).part(format!("key({})", column.name()), pair.0.clone())
            }
            (Operator::Contains | Operator::ContainsKey, _) => {
                return Err(CqlError::invalid(format!(
                    "Cannot use {} on non-collection column {}",
                    operator.text(),
                    column.name()
                )));
            }
            _ => {
                refuse_multi_cell(column, operator.text())?;
                Receiver::column(column)
            }
        };
        if *value == Term::Literal(crate::cql::ast::Literal::Null) {
            return Err(CqlError::invalid(format!(
                "Invalid null value in condition for column {}",
                column.name()
            )));
        }
        let value = self.preparer.term(value, &receiver)?;
        let contains = matches!(operator, Operator::Contains | Operator::ContainsKey);
        let column_index = index_of(schema, column)?;
        let Some(restriction) = self.key_restriction(column).filter(|_| !contains) else {
            self.filters.push(Filter::Compare { column: column_index, operator, value });
            return Ok(());
        };
        if operator == Operator::Equal {
            if restriction.is_restricted() {
                return Err(more_than_one(column, "Equal"));
            }
            restriction.given = Some(Choices::One(value));
            return Ok(());
        }
        if restriction.given.is_some() {
            return Err(more_than_one(column, "Equal"));
        }
        let inclusive = matches!(operator, Operator::LessOrEqual | Operator::GreaterOrEqual);
        let (place, which) = match operator {
            Operator::Less | Operator::LessOrEqual => (&mut restriction.upper, "end"),
            _ => (&mut restriction.lower, "start"),
        };
        if place.is_some() {
            return Err(CqlError::invalid(format!(
                "More than one restriction was found for the {which} bound on {}",
                column.name()
            )));
        }
        *place = Some((value, inclusive));
        Ok(())
    }

    /// The clustering columns of a multi-column relation, which have to follow each other.
    fn tuple_columns(&mut self, names: &[String]) -> Result<usize, CqlError> {
        let schema = self.preparer.schema;
        let mut first = 0;
        for (offset, name) in names.iter().enumerate() {
            let column = schema.require_column(name)?;
            if column.kind != ColumnKind::Clustering {
                return Err(CqlError::invalid(format!(
                    "Multi-column relations can only be applied to clustering columns but was applied to: {name}"
                )));
            }
            if offset == 0 {
                first = column.position;
            }
            if column.position != first + offset {
                return Err(CqlError::invalid(format!(
                    "Clustering columns must appear in the PRIMARY KEY order in multi-column relations: ({})",
                    names.join(", ")
                )));
            }
        }
        let tuple =
            self.tuple.get_or_insert_with(|| TupleRestriction { first, ..TupleRestriction::default() });
        if tuple.first != first {
            return Err(CqlError::invalid(format!(
                "Column \"{}\" cannot be restricted by two relations not starting with the same column",
                names.first().map_or("", String::as_str)
            )));
        }
        Ok(first)
    }

    fn tuple_value(&mut self, value: &Term, columns: &[Column]) -> Result<TupleValue, CqlError> {
        match value {
            Term::Tuple(items) => {
                if items.len() != columns.len() {
                    return Err(CqlError::invalid(format!(
                        "Expected {} elements in value tuple, but got {}",
                        columns.len(),
                        items.len()
                    )));
                }
                let parts = items
                    .iter()
                    .zip(columns)
                    .map(|(item, column)| self.preparer.term(item, &Receiver::column(column)));
                Ok(TupleValue::Parts(parts.collect::<Result<_, _>>()?))
            }
            Term::Bind(_) => {
                let receiver = tuple_receiver(columns, "")?;
                Ok(TupleValue::Whole(self.preparer.term(value, &receiver)?, columns.len()))
            }
            _ => Err(CqlError::invalid(
                "A tuple or a bind marker is expected on the right of a multi-column relation",
            )),
        }
    }

    fn multi(&mut self, names: &[String], operator: Operator, value: &Term) -> Result<(), CqlError> {
        let first = self.tuple_columns(names)?;
        let schema = self.preparer.schema;
        let columns = &schema.clustering()[first..first + names.len()];
        let value = self.tuple_value(value, columns)?;
        let mixed = columns.iter().any(|column| column.descending != columns[0].descending);
        if mixed && !matches!(operator, Operator::Equal | Operator::NotEqual) {
            self.filters.push(Filter::Tuple { first: clustering_start(schema) + first, operator, value });
            return Ok(());
        }
        let Some(tuple) = &mut self.tuple else {
            return Ok(());
        };
        let again = || {
            CqlError::invalid(format!(
                "({}) cannot be restricted by more than one relation of that kind",
                names.join(", ")
            ))
        };
        let inclusive = matches!(operator, Operator::LessOrEqual | Operator::GreaterOrEqual);
        match operator {
            Operator::Equal if tuple.given.is_none() => {
                tuple.given = Some((names.len(), TupleChoices::Many(vec![value])));
            }
            Operator::Less | Operator::LessOrEqual if tuple.upper.is_none() => {
                tuple.upper = Some(Edge { value, inclusive });
            }
            Operator::Greater | Operator::GreaterOrEqual if tuple.lower.is_none() => {
                tuple.lower = Some(Edge { value, inclusive });
            }
            Operator::NotEqual | Operator::Contains | Operator::ContainsKey => {
                return Err(CqlError::invalid(format!(
                    "Unsupported {} relation on several columns",
                    operator.text()
                )));
            }
            _ => return Err(again()),
        }
        Ok(())
    }

    fn multi_in(&mut self, names: &[String], values: &InValues) -> Result<(), CqlError> {
        let first = self.tuple_columns(names)?;
        let columns = &self.preparer.schema.clustering()[first..first + names.len()];
        let choices = match values {
            InValues::Terms(terms) => {
                let values = terms.iter().map(|term| self.tuple_value(term, columns));
                TupleChoices::Many(values.collect::<Result<_, _>>()?)
            }
            InValues::Marker(index) => {
                let receiver = tuple_receiver(columns, "in")?;
                let receiver = receiver.part(receiver.name().clone(), CqlType::list(receiver.typ().clone()));
                TupleChoices::List(self.preparer.term(&Term::Bind(*index), &receiver)?)
            }
        };
        if let Some(tuple) = &mut self.tuple {
            if tuple.given.is_some() {
                return Err(CqlError::invalid(format!(
                    "({}) cannot be restricted by more than one relation",
                    names.join(", ")
                )));
            }
            tuple.given = Some((names.len(), choices));
        }
        Ok(())
    }

    fn token(&mut self, names: &[String], operator: Operator, value: &Term) -> Result<(), CqlError> {
        let schema = self.preparer.schema;
        for name in names {
            schema.require_column(name)?;
        }
        let expected: Vec<&str> = schema.partition_key().iter().map(|column| &**column.name()).collect();
        if names.len() != expected.len() {
            return Err(CqlError::invalid(
                "The token() function must be applied to all partition key components or none of them",
            ));
        }
        if names.iter().map(String::as_str).collect::<Vec<_>>() != expected {
            return Err(CqlError::invalid(format!(
                "The token function arguments must be in the partition key order: {}",
                expected.join(", ")
            )));
        }
        if matches!(operator, Operator::NotEqual | Operator::Contains | Operator::ContainsKey) {
            return Err(CqlError::invalid(format!("Unsupported {} relation on token()", operator.text())));
        }
        let receiver =
            Receiver::column(&schema.partition_key()[0]).part("partition key token", CqlType::Bigint);
        let value = self.preparer.term(value, &receiver)?;
        self.token.push((operator, value));
        Ok(())
    }
}

fn index_of(schema: &TableSchema, column: &Column) -> Result<usize, CqlError> {
    schema
        .column_index(column.name())
        .ok_or_else(|| CqlError::invalid(format!("Undefined column name {}", column.name())))
}

fn refuse_multi_cell(column: &Column, operator: &str) -> Result<(), CqlError> {
    if column.typ.multi_cell {
        if matches!(column.typ.typ, CqlType::Udt(_)) {
            return Err(CqlError::invalid(format!(
                "Non-frozen UDT column '{}' ({}) cannot be restricted by any relation",
                column.name(),
                column.typ
            )));
        }
        return Err(CqlError::invalid(format!(
            "Collection column '{}' ({}) cannot be restricted by a '{operator}' relation",
            column.name(),
            column.typ
        )));
    }
    Ok(())
}

fn more_than_one(column: &Column, kind: &str) -> CqlError {
    let article = if kind == "IN" { "a" } else { "an" };
    CqlError::invalid(format!(
        "{} cannot be restricted by more than one relation if it includes {article} {kind}",
        column.name()
    ))
}

fn tuple_receiver(columns: &[Column], prefix: &str) -> Result<Receiver, CqlError> {
    let first = columns.first().ok_or_else(|| CqlError::invalid("A multi-column relation needs columns"))?;
    let names: Vec<&str> = columns.iter().map(|column| &**column.name()).collect();
    Ok(Receiver::column(first).part(format!("{prefix}({})", names.join(",")), tuple_type(columns)))
}
