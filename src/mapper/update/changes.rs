//! An update as a whole: which rows, which assignments, under which condition.

use std::borrow::Cow;
use std::sync::Arc;

use chorus_protocol::ColumnSpec;

use super::{Assignment, Change};
use crate::mapper::facts::{Part, TableFacts};
use crate::mapper::operation::{Operation, Source};
use crate::mapper::relation::{Left, Relation};
use crate::mapper::statement_text::StatementText;
use crate::mapper::using::Using;
use crate::mapper::value::{Use, Value};
use crate::mapper::{ColumnDefinition, Mapper, MapperError, Operator, TableDefinition};
use crate::statement::StatementOptions;

/// See the module documentation.
pub(in crate::mapper) struct Changes<'v> {
    pub(in crate::mapper) target: Target,
    pub(in crate::mapper) assignments: Vec<Assignment<'v>>,
    pub(in crate::mapper) condition: Condition,
    pub(in crate::mapper) using: Using,
    pub(in crate::mapper) idempotent: Option<bool>,
    pub(in crate::mapper) options: StatementOptions,
}

/// Which rows are written.
#[derive(Clone)]
pub(in crate::mapper) enum Target {
    /// That of a whole primary key.
    Key(Value<'static>),
    /// All that filters name.
    Rows(Vec<Relation>),
}

/// When a write is carried out.
#[derive(Clone, Debug)]
pub(in crate::mapper) enum Condition {
    /// In any case.
    None,
    /// When the row exists.
    Exists,
    /// When all of these hold.
    If(Vec<Relation>),
    /// Two that exclude each other.
    Contradiction,
}

impl Condition {
    pub(in crate::mapper) fn and_exists(self) -> Self {
        match self {
            Condition::None | Condition::Exists => Condition::Exists,
            Condition::If(_) | Condition::Contradiction => Condition::Contradiction,
        }
    }

    pub(in crate::mapper) fn and(self, relation: Relation) -> Self {
        match self {
            Condition::None => Condition::If(vec![relation]),
            Condition::If(mut relations) => {
                relations.push(relation);
                Condition::If(relations)
            }
            Condition::Exists | Condition::Contradiction => Condition::Contradiction,
        }
    }

    pub(in crate::mapper) fn is_none(&self) -> bool {
        matches!(self, Condition::None)
    }

    /// # Errors
    ///
    /// For conditions that are none.
    pub(in crate::mapper) fn check(&self, table: &TableDefinition) -> Result<(), MapperError> {
        if !self.is_none() && table.counts() {
            return Err(table.error("counters are not changed under conditions"));
        }
        let relations = match self {
            Condition::None | Condition::Exists => return Ok(()),
            Condition::Contradiction => {
                return Err(table.error(
                    "a condition on columns says by itself that the row exists: leave out if_exists",
                ));
            }
            Condition::If(relations) => relations,
        };
        for relation in relations {
            let Some(column) = relation.column() else {
                return Err(table.error("a token is no condition"));
            };
            if matches!(table.require(column)?.part, Part::Partition | Part::Clustering) {
                return Err(table.error(format!(
                    "column {column} is of the primary key, which says which row is meant, and is no condition"
                )));
            }
        }
        Ok(())
    }

    pub(in crate::mapper) fn write(&self, text: &mut StatementText<'_>) {
        match self {
            Condition::None | Condition::Contradiction => {}
            Condition::Exists => {
                text.push(" IF EXISTS");
            }
            Condition::If(relations) => {
                text.relations(" IF ", relations, Vec::new);
            }
        }
    }
}

impl Target {
    /// # Errors
    ///
    /// When filters leave open which partitions are meant.
    pub(in crate::mapper) fn check(&self, table: &TableDefinition) -> Result<(), MapperError> {
        let Target::Rows(filters) = self else { return Ok(()) };
        for filter in filters {
            match filter.column() {
                None => return Err(table.error("rows are not written by their token")),
                Some(column) => drop(table.require(column)?),
            }
        }
        for column in table.partition_key() {
            let names = |filter: &Relation| {
                filter.left == Left::Column(column.name.clone())
                    && matches!(filter.operator, Operator::Equal | Operator::In)
            };
            if !filters.iter().any(names) {
                return Err(table.error(format!(
                    "column {} of the partition key must be filtered by = or IN: it is not known which partition is meant",
                    column.name
                )));
            }
        }
        Ok(())
    }

    /// ` WHERE ..`; of a key only the partition's part where that is all that is meant.
    pub(in crate::mapper) fn write(
        self,
        table: &TableDefinition,
        of_partition: bool,
        text: &mut StatementText<'_>,
    ) {
        let key = match self {
            Target::Rows(filters) => {
                text.relations(" WHERE ", &filters, Vec::new);
                return;
            }
            Target::Key(key) => key,
        };
        let partition: Vec<&ColumnDefinition> = table.partition_key().collect();
        let rest: Vec<&ColumnDefinition> = table.clustering_key().collect();
        let equals = |text: &mut StatementText<'_>, column: &&ColumnDefinition| {
            text.name(&column.name).push(" = ?");
        };
        text.push(" WHERE ");
        let key = if of_partition {
            text.list(&partition, " AND ", equals);
            let rest =
                rest.iter().map(|column| ColumnSpec::new("", "", &*column.name, column.typ.typ.clone()));
            match key {
                Value::Key(key, _) => Value::KeyPrefix(key, partition.len(), rest.collect::<Arc<[_]>>()),
                other => other,
            }
        } else {
            text.list(partition.iter().chain(&rest), " AND ", equals);
            key
        };
        text.values.push(key, Use::Compared);
    }
}

impl<'v> Changes<'v> {
    /// The statement; `None` without assignments.
    ///
    /// # Errors
    ///
    /// When they do not make one.
    pub(in crate::mapper) fn into_operation(
        self,
        mapper: &Mapper,
        table: &'static TableDefinition,
    ) -> Result<Option<Operation<'v>>, MapperError> {
        if self.assignments.is_empty() {
            return Ok(None);
        }
        self.target.check(table)?;
        self.condition.check(table)?;
        let mut only_static = true;
        for assignment in &self.assignments {
            only_static &= check(assignment, table)? == Part::Static;
        }
        let repeatable =
            self.condition.is_none() && self.assignments.iter().all(|assignment| assignment.repeatable);
        let keyspace = mapper.keyspace_of(table)?;
        let mut text = StatementText::new("UPDATE ");
        text.table(&keyspace, &table.name).using(self.using.ttl, self.using.timestamp).push(" SET ").list(
            self.assignments,
            ", ",
            |text, assignment| assignment.write(text),
        );
        self.target.write(table, only_static, &mut text);
        self.condition.write(&mut text);
        Ok(Some(Operation {
            table: Cow::Borrowed(&*table.name),
            statement: Source::Text(text.cql),
            values: text.values,
            options: self.options,
            idempotent: self.idempotent.unwrap_or(repeatable),
            then: None,
        }))
    }
}

/// What part of the table an assignment changes.
fn check(assignment: &Assignment<'_>, table: &TableDefinition) -> Result<Part, MapperError> {
    let name = &*assignment.column;
    let part = table.require(name)?.part;
    if matches!(part, Part::Partition | Part::Clustering) {
        return Err(table.error(format!(
            "column {name} is of the primary key, which does not change: insert the row with the new key, and delete the old"
        )));
    }
    let definition = table.column(name).expect("it was just found");
    if assignment.change.is_partial() && definition.typ.frozen {
        return Err(table.error(format!("column {name} is frozen: it is set as a whole")));
    }
    if definition.typ.is_counter() && matches!(assignment.change, Change::Assign(_)) {
        return Err(
            table.error(format!("column {name} is a counter: it is incremented and decremented, not set"))
        );
    }
    Ok(part)
}
