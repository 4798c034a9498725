//! What is done to a column.

use chorus_protocol::CqlType;

use super::super::expression::{Expression, Preparer, field_receiver};
use super::super::markers::Receiver;
use crate::catalog::{Column, ColumnId};
use crate::cql::CqlError;
use crate::cql::ast::{Assignment, DeleteTarget, Term};

/// One operation on one column.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) id: ColumnId,
    pub(super) kind: OperationKind,
}

#[derive(Debug)]
pub(super) enum OperationKind {
    /// The value of a column that is one cell.
    Set(Expression),
    Delete,
    /// All elements of a collection, or all fields of a user type.
    Replace {
        typ: CqlType,
        value: Expression,
    },
    Clear,
    Append(Expression),
    Prepend(Expression),
    /// Elements into a set or entries into a map.
    Add {
        typ: CqlType,
        value: Expression,
    },
    /// Elements out of a set or keys out of a map.
    Remove(Expression),
    /// Every element of a list that equals one of these.
    Discard {
        element: CqlType,
        value: Expression,
    },
    SetIndex {
        index: Expression,
        value: Expression,
    },
    DeleteIndex(Expression),
    SetKey {
        key: Expression,
        value: Expression,
    },
    DeleteKey(Expression),
    SetField {
        field: u16,
        value: Expression,
    },
    DeleteField(u16),
    Count {
        by: Expression,
        negative: bool,
    },
}

impl Operation {
    /// Of an INSERT, or `c = term`.
    pub(super) fn set(column: &Column, value: &Term, preparer: &mut Preparer<'_>) -> Result<Self, CqlError> {
        if column.is_counter() {
            return Err(CqlError::invalid(format!(
                "Cannot set the value of counter column {} (counters can only be incremented/decremented, not set)",
                column.name()
            )));
        }
        let value = preparer.term(value, &Receiver::column(column))?;
        Ok(Self::of(column, Self::assignment(column, value)))
    }

    /// The assignment of a whole value.
    pub(super) fn assignment(column: &Column, value: Expression) -> OperationKind {
        if column.typ.multi_cell {
            OperationKind::Replace { typ: column.typ.typ.clone(), value }
        } else {
            OperationKind::Set(value)
        }
    }

    fn of(column: &Column, kind: OperationKind) -> Self {
        Self { id: column.id, kind }
    }

    pub(super) fn prepare(
        assignment: &Assignment,
        column: &Column,
        preparer: &mut Preparer<'_>,
    ) -> Result<Self, CqlError> {
        let receiver = Receiver::column(column);
        let typ = &column.typ.typ;
        let name = column.name();
        let kind = match assignment {
            Assignment::Set { value, .. } => return Self::set(column, value, preparer),
            Assignment::Add { value, .. } if column.is_counter() => {
                OperationKind::Count { by: preparer.term(value, &receiver)?, negative: false }
            }
            Assignment::Subtract { value, .. } if column.is_counter() => {
                OperationKind::Count { by: preparer.term(value, &receiver)?, negative: true }
            }
            Assignment::Add { value, .. } => {
                require_multi_cell(column, "+")?;
                let value = preparer.term(value, &receiver)?;
                match typ {
                    CqlType::List(_) => OperationKind::Append(value),
                    CqlType::Set(_) | CqlType::Map(_) => OperationKind::Add { typ: typ.clone(), value },
                    _ => return Err(invalid_operation("+", column)),
                }
            }
            Assignment::Prepend { value, .. } => {
                require_multi_cell(column, "+")?;
                if !matches!(typ, CqlType::List(_)) {
                    return Err(invalid_operation("term + column", column));
                }
                OperationKind::Prepend(preparer.term(value, &receiver)?)
            }
            Assignment::Subtract { value, .. } => {
                require_multi_cell(column, "-")?;
                match typ {
                    CqlType::List(element) => OperationKind::Discard {
                        element: CqlType::clone(element),
                        value: preparer.term(value, &receiver)?,
                    },
                    CqlType::Set(_) => OperationKind::Remove(preparer.term(value, &receiver)?),
                    CqlType::Map(pair) => {
                        let keys = receiver.part(name.clone(), CqlType::set(pair.0.clone()));
                        OperationKind::Remove(preparer.term(value, &keys)?)
                    }
                    _ => return Err(invalid_operation("-", column)),
                }
            }
            Assignment::Element { key, value, .. } => {
                require_multi_cell(column, "[]")?;
                let part =
                    |prefix: &str, typ: &CqlType| receiver.part(format!("{prefix}({name})"), typ.clone());
                match typ {
                    CqlType::List(element) => OperationKind::SetIndex {
                        index: preparer.term(key, &part("idx", &CqlType::Int))?,
                        value: preparer.term(value, &part("value", element))?,
                    },
                    CqlType::Map(pair) => OperationKind::SetKey {
                        key: preparer.term(key, &part("key", &pair.0))?,
                        value: preparer.term(value, &part("value", &pair.1))?,
                    },
                    _ => return Err(invalid_operation("[]", column)),
                }
            }
            Assignment::Field { field, value, .. } => {
                let index = field_index(column, field)?;
                let part = field_receiver(&receiver, usize::from(index)).unwrap_or(receiver);
                OperationKind::SetField { field: index, value: preparer.term(value, &part)? }
            }
        };
        Ok(Self::of(column, kind))
    }

    pub(super) fn delete(
        target: &DeleteTarget,
        column: &Column,
        preparer: &mut Preparer<'_>,
    ) -> Result<Self, CqlError> {
        let receiver = Receiver::column(column);
        let name = column.name();
        let kind = match target {
            DeleteTarget::Column(_) if column.typ.multi_cell => OperationKind::Clear,
            DeleteTarget::Column(_) => OperationKind::Delete,
            DeleteTarget::Element { key, .. } => {
                require_multi_cell(column, "[]")?;
                match &column.typ.typ {
                    CqlType::List(_) => OperationKind::DeleteIndex(
                        preparer.term(key, &receiver.part(format!("idx({name})"), CqlType::Int))?,
                    ),
                    CqlType::Set(element) => {
                        let part = receiver.part(format!("value({name})"), CqlType::clone(element));
                        OperationKind::DeleteKey(preparer.term(key, &part)?)
                    }
                    CqlType::Map(pair) => {
                        let part = receiver.part(format!("key({name})"), pair.0.clone());
                        OperationKind::DeleteKey(preparer.term(key, &part)?)
                    }
                    _ => {
                        return Err(CqlError::invalid(format!(
                            "Invalid deletion operation for non-collection column {name}"
                        )));
                    }
                }
            }
            DeleteTarget::Field { field, .. } => OperationKind::DeleteField(field_index(column, field)?),
        };
        Ok(Self::of(column, kind))
    }

    /// Whether it replaces the column as a whole, so that nothing else may be done to it in the same statement.
    pub(super) fn is_whole(&self) -> bool {
        matches!(
            self.kind,
            OperationKind::Set(_)
                | OperationKind::Delete
                | OperationKind::Replace { .. }
                | OperationKind::Clear
        )
    }
}

fn field_index(column: &Column, field: &str) -> Result<u16, CqlError> {
    let name = column.name();
    let CqlType::Udt(udt) = &column.typ.typ else {
        return Err(CqlError::invalid(format!(
            "Invalid operation ({name}.{field}) for non-UDT column {name}"
        )));
    };
    if !column.typ.multi_cell {
        return Err(CqlError::invalid(format!(
            "Invalid operation ({name}.{field}) for frozen UDT column {name}"
        )));
    }
    let index = udt.fields.iter().position(|(known, _)| **known == *field);
    index
        .and_then(|index| u16::try_from(index).ok())
        .ok_or_else(|| CqlError::invalid(format!("UDT column {name} does not have a field named {field}")))
}

fn require_multi_cell(column: &Column, operation: &str) -> Result<(), CqlError> {
    if column.typ.multi_cell {
        return Ok(());
    }
    if matches!(column.typ.typ, CqlType::List(_) | CqlType::Set(_) | CqlType::Map(_)) {
        return Err(CqlError::invalid(format!(
            "Invalid operation ({operation}) for frozen collection column {}",
            column.name()
        )));
    }
    Err(invalid_operation(operation, column))
}

fn invalid_operation(operation: &str, column: &Column) -> CqlError {
    CqlError::invalid(format!(
        "Invalid operation ({operation}) for column {} of type {}",
        column.name(),
        column.typ
    ))
}
