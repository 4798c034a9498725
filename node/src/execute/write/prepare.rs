//! Statements to write plans.

use chorus_protocol::CqlType;

use super::super::expression::{Choices, Expression, Preparer};
use super::super::markers::Receiver;
use super::super::restriction::Restrictions;
use super::super::table::TableRef;
use super::condition::ConditionPlan;
use super::operation::Operation;
use super::{Target, WritePlan};
use crate::catalog::{Column, ColumnKind, TableSchema};
use crate::cql::CqlError;
use crate::cql::ast::{Assignment, Condition, Delete, DeleteTarget, Insert, InsertSource, Update, Using};

impl WritePlan {
    pub(crate) fn insert(
        insert: &Insert,
        table: TableRef,
        preparer: &mut Preparer<'_>,
    ) -> Result<Self, CqlError> {
        let schema = table.schema.clone();
        let InsertSource::Values { columns, values } = &insert.source else {
            return Err(CqlError::unsupported("INSERT … JSON"));
        };
        if schema.is_counter() {
            return Err(CqlError::invalid(
                "INSERT statements are not allowed on counter tables, use UPDATE instead",
            ));
        }
        if columns.len() != values.len() {
            return Err(CqlError::invalid("Unmatched column names/values"));
        }
        let mut keys: Vec<Option<Choices>> = vec![None; schema.partition_key().len()];
        let mut clustering: Vec<Option<Choices>> = vec![None; schema.clustering().len()];
        let mut operations = Vec::new();
        for (index, (name, value)) in columns.iter().zip(values).enumerate() {
            let column = schema.require_column(name)?;
            if columns[..index].contains(name) {
                return Err(CqlError::invalid("The column names contains duplicates"));
            }
            if !column.is_key() {
                operations.push((column.kind, Operation::set(column, value, preparer)?));
                continue;
            }
            let value = Choices::One(preparer.term(value, &Receiver::column(column))?);
            let places = if column.kind == ColumnKind::PartitionKey { &mut keys } else { &mut clustering };
            places[column.position] = Some(value);
        }
        check_complete("Some partition key parts are missing", schema.partition_key(), &keys)?;
        let only_static =
            !operations.is_empty() && operations.iter().all(|(kind, _)| *kind == ColumnKind::Static);
        let no_clustering = clustering.iter().all(Option::is_none);
        let target = if only_static && no_clustering && !schema.clustering().is_empty() {
            Target::Static
        } else {
            check_complete("Some clustering keys are missing", schema.clustering(), &clustering)?;
            Target::Rows { insert: true }
        };
        let (using_timestamp, using_ttl) = using(&insert.using, preparer, &schema)?;
        let mut plan = Self {
            restrictions: Restrictions::given(keys, clustering),
            target,
            static_operations: Vec::new(),
            operations: Vec::new(),
            timestamp: using_timestamp,
            ttl: using_ttl,
            condition: if insert.if_not_exists { ConditionPlan::NotExists } else { ConditionPlan::None },
            table,
        };
        plan.place(operations)?;
        plan.check()?;
        Ok(plan)
    }

    pub(crate) fn update(
        update: &Update,
        table: TableRef,
        preparer: &mut Preparer<'_>,
    ) -> Result<Self, CqlError> {
        let schema = table.schema.clone();
        let (timestamp, ttl) = using(&update.using, preparer, &schema)?;
        let mut operations = Vec::new();
        for assignment in &update.assignments {
            let column = schema.require_column(assignment.column())?;
            if column.is_key() {
                return Err(CqlError::invalid(format!(
                    "PRIMARY KEY part {} found in SET part",
                    column.name()
                )));
            }
            operations.push((column.kind, Operation::prepare(assignment, column, preparer)?));
        }
        let restrictions = Restrictions::prepare(&update.filter, preparer)?;
        let condition = ConditionPlan::prepare(&update.condition, &schema, preparer)?;
        let only_static = operations.iter().all(|(kind, _)| *kind == ColumnKind::Static);
        let target = if only_static && !restrictions.restricts_clustering && !schema.clustering().is_empty() {
            Target::Static
        } else {
            Target::Rows { insert: false }
        };
        if only_static && restrictions.given_clustering() > 0 && !condition.is_about_rows(&schema) {
            return Err(static_with_clustering("UPDATE"));
        }
        let mut plan = Self {
            table,
            restrictions,
            target,
            static_operations: Vec::new(),
            operations: Vec::new(),
            timestamp,
            ttl,
            condition,
        };
        plan.place(operations)?;
        plan.check_where("UPDATE")?;
        plan.check()?;
        Ok(plan)
    }

    pub(crate) fn delete(
        delete: &Delete,
        table: TableRef,
        preparer: &mut Preparer<'_>,
    ) -> Result<Self, CqlError> {
        let schema = table.schema.clone();
        // Markers count in the order of the text: columns, USING, WHERE, IF.
        let mut operations = Vec::new();
        for target in &delete.targets {
            let column = schema.require_column(target.column())?;
            if column.is_key() {
                return Err(CqlError::invalid(format!(
                    "Invalid identifier {} for deletion (should not be a PRIMARY KEY part)",
                    column.name()
                )));
            }
            operations.push((column.kind, Operation::delete(target, column, preparer)?));
        }
        let (timestamp, ttl) = using(&delete.using, preparer, &schema)?;
        let restrictions = Restrictions::prepare(&delete.filter, preparer)?;
        let condition = ConditionPlan::prepare(&delete.condition, &schema, preparer)?;
        let given = restrictions.given_clustering();
        let full = given == schema.clustering().len();
        let only_static = operations.iter().all(|(kind, _)| *kind == ColumnKind::Static);
        if only_static && !operations.is_empty() && given > 0 && !condition.is_about_rows(&schema) {
            return Err(static_with_clustering("DELETE"));
        }
        let target = if !operations.is_empty() {
            if only_static && !restrictions.restricts_clustering && !schema.clustering().is_empty() {
                Target::Static
            } else {
                Target::Rows { insert: false }
            }
        } else if full && !schema.clustering().is_empty() {
            Target::DeleteRows
        } else if given == 0 && !restrictions.has_slice() {
            Target::DeletePartition
        } else {
            Target::DeleteRange
        };
        let mut plan = Self {
            table,
            restrictions,
            target,
            static_operations: Vec::new(),
            operations: Vec::new(),
            timestamp,
            ttl,
            condition,
        };
        plan.place(operations)?;
        plan.check_where("DELETE")?;
        plan.check()?;
        Ok(plan)
    }

    /// Sorts operations by static or not and by column.
    fn place(&mut self, operations: Vec<(ColumnKind, Operation)>) -> Result<(), CqlError> {
        for (kind, operation) in operations {
            let places =
                if kind == ColumnKind::Static { &mut self.static_operations } else { &mut self.operations };
            if places
                .iter()
                .any(|other| other.id == operation.id && (other.is_whole() || operation.is_whole()))
            {
                let column = self.table.schema.column_of_id(operation.id);
                let name = column.map_or("", |column| column.name());
                return Err(CqlError::syntax(format!("Multiple incompatible setting of column {name}")));
            }
            places.push(operation);
        }
        // Stable: several operations on one collection stay in their order.
        self.static_operations.sort_by_key(|operation| operation.id);
        self.operations.sort_by_key(|operation| operation.id);
        Ok(())
    }

    /// Whether the WHERE clause of an UPDATE or DELETE says exactly which rows.
    fn check_where(&self, statement: &str) -> Result<(), CqlError> {
        let schema = &self.table.schema;
        let restrictions = &self.restrictions;
        if let Some(filter) = restrictions.filters.first() {
            let column = &schema.columns()[filter.columns().start];
            return Err(match column.kind {
                ColumnKind::PartitionKey if !restrictions.has_keys() => {
                    missing_key(schema, restrictions, statement)
                }
                ColumnKind::PartitionKey => CqlError::invalid(format!(
                    "Only EQ and IN relation are supported on the partition key (unless you use the token() function) for {statement} statements"
                )),
                ColumnKind::Clustering => CqlError::invalid(format!(
                    "PRIMARY KEY column \"{}\" cannot be restricted as preceding column \"{}\" is not restricted",
                    column.name(),
                    schema.clustering()[column.position.saturating_sub(1)].name()
                )),
                _ => CqlError::invalid(format!(
                    "Non PRIMARY KEY columns found in where clause: {} ",
                    column.name()
                )),
            });
        }
        if !restrictions.has_keys() {
            return Err(missing_key(schema, restrictions, statement));
        }
        match self.target {
            Target::Static | Target::DeletePartition | Target::DeleteRange => Ok(()),
            Target::DeleteRows | Target::Rows { .. } => {
                if restrictions.has_slice() {
                    return Err(if statement == "DELETE" {
                        CqlError::invalid("Range deletions are not supported for specific columns")
                    } else {
                        CqlError::invalid(
                            "Slice restrictions are not supported on the clustering columns in UPDATE statements",
                        )
                    });
                }
                match schema.clustering().get(restrictions.given_clustering()) {
                    Some(_) if statement == "DELETE" => {
                        Err(CqlError::invalid("Range deletions are not supported for specific columns"))
                    }
                    Some(column) => {
                        Err(CqlError::invalid(format!("Some clustering keys are missing: {}", column.name())))
                    }
                    None => Ok(()),
                }
            }
        }
    }

    /// What counters and conditions do not go together with.
    fn check(&self) -> Result<(), CqlError> {
        if self.is_counter() {
            if self.timestamp.is_some() {
                return Err(CqlError::invalid("Cannot provide custom timestamp for counter updates"));
            }
            if self.ttl.is_some() {
                return Err(CqlError::invalid("Cannot provide custom TTL for counter updates"));
            }
            if self.is_conditional() {
                return Err(CqlError::invalid("Conditions on counters are not supported"));
            }
        }
        if !self.is_conditional() {
            return Ok(());
        }
        if self.timestamp.is_some() {
            return Err(CqlError::invalid("Cannot provide custom timestamp for conditional updates"));
        }
        if self.restrictions.has_many_keys() {
            return Err(CqlError::invalid(
                "IN on the partition key is not supported with conditional updates",
            ));
        }
        if self.restrictions.has_many_rows() {
            return Err(CqlError::invalid(
                "IN on the clustering key columns is not supported with conditional updates",
            ));
        }
        if matches!(self.target, Target::DeleteRange)
            || (self.target == Target::DeletePartition && !self.table.schema.clustering().is_empty())
        {
            return Err(CqlError::invalid(
                "DELETE statements must restrict all PRIMARY KEY columns with equality relations in order to delete non static columns",
            ));
        }
        Ok(())
    }
}

impl Assignment {
    fn column(&self) -> &str {
        match self {
            Self::Set { column, .. }
            | Self::Add { column, .. }
            | Self::Subtract { column, .. }
            | Self::Prepend { column, .. }
            | Self::Element { column, .. }
            | Self::Field { column, .. } => column,
        }
    }
}

impl DeleteTarget {
    fn column(&self) -> &str {
        match self {
            Self::Column(column) | Self::Element { column, .. } | Self::Field { column, .. } => column,
        }
    }
}

impl ConditionPlan {
    pub(super) fn prepare(
        condition: &Condition,
        schema: &TableSchema,
        preparer: &mut Preparer<'_>,
    ) -> Result<Self, CqlError> {
        Ok(match condition {
            Condition::None => Self::None,
            Condition::Exists => Self::Exists,
            Condition::All(conditions) => {
                let checks = conditions
                    .iter()
                    .map(|condition| super::condition::Check::prepare(condition, schema, preparer));
                Self::All(checks.collect::<Result<_, _>>()?)
            }
        })
    }
}

fn using(
    using: &Using,
    preparer: &mut Preparer<'_>,
    schema: &TableSchema,
) -> Result<(Option<Expression>, Option<Expression>), CqlError> {
    let receiver = Receiver::column(&schema.partition_key()[0]);
    let mut timestamp = None;
    if let Some(term) = &using.timestamp {
        timestamp = Some(preparer.term(term, &receiver.part("[timestamp]", CqlType::Bigint))?);
    }
    let mut ttl = None;
    if let Some(term) = &using.ttl {
        ttl = Some(preparer.term(term, &receiver.part("[ttl]", CqlType::Int))?);
    }
    Ok((timestamp, ttl))
}

fn static_with_clustering(statement: &str) -> CqlError {
    CqlError::invalid(format!(
        "Invalid restrictions on clustering columns since the {statement} statement modifies only static columns"
    ))
}

fn check_complete(message: &str, columns: &[Column], given: &[Option<Choices>]) -> Result<(), CqlError> {
    let missing: Vec<&str> = columns
        .iter()
        .zip(given)
        .filter(|(_, given)| given.is_none())
        .map(|(column, _)| &**column.name())
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(CqlError::invalid(format!("{message}: {}", missing.join(", "))))
    }
}

fn missing_key(schema: &TableSchema, restrictions: &Restrictions, statement: &str) -> CqlError {
    if restrictions.has_token() {
        return CqlError::invalid(format!(
            "The token function cannot be used in WHERE clauses for {statement} statements"
        ));
    }
    let restricted: Vec<usize> = restrictions.filters.iter().map(|filter| filter.columns().start).collect();
    let missing: Vec<&str> = schema
        .partition_key()
        .iter()
        .enumerate()
        .filter(|(index, _)| !restricted.contains(index))
        .map(|(_, column)| &**column.name())
        .collect();
    if missing.is_empty() {
        return CqlError::invalid(format!(
            "Only EQ and IN relation are supported on the partition key (unless you use the token() function) for {statement} statements"
        ));
    }
    CqlError::invalid(format!("Some partition key parts are missing: {}", missing.join(", ")))
}
