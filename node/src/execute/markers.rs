//! Bind markers: what each is for, as clients are told.

use std::sync::Arc;

use chorus_protocol::{ColumnSpec, CqlType};

use crate::catalog::{Column, ColumnKind};

/// Something that a value is for: a column, a part of one, or an option of the statement.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    pub(crate) spec: ColumnSpec,
    /// Its place in the partition key, if it is a column of it as a whole.
    key_position: Option<usize>,
}

impl Receiver {
    pub(crate) fn column(column: &Column) -> Self {
        let key_position = (column.kind == ColumnKind::PartitionKey).then_some(column.position);
        Self { spec: column.spec.clone(), key_position }
    }

    /// Something beside or inside of what this is for.
    pub(crate) fn part(&self, name: impl Into<Arc<str>>, typ: CqlType) -> Self {
        let spec = ColumnSpec { name: name.into(), typ, ..self.spec.clone() };
        Self { spec, key_position: None }
    }

    pub(crate) fn typ(&self) -> &CqlType {
        &self.spec.typ
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.spec.name
    }
}

/// The markers of one statement while it is being prepared.
#[derive(Debug)]
pub(crate) struct Markers {
    names: Vec<Option<String>>,
    receivers: Vec<Option<Receiver>>,
}

impl Markers {
    pub(crate) fn new(names: Vec<Option<String>>) -> Self {
        Self { receivers: vec![None; names.len()], names }
    }

    /// Says what a marker is for. A marker with a name of its own is shown under that.
    pub(crate) fn bind(&mut self, index: usize, receiver: &Receiver) {
        let mut receiver = receiver.clone();
        if let Some(Some(name)) = self.names.get(index) {
            receiver.spec.name = name.as_str().into();
        }
        if let Some(place) = self.receivers.get_mut(index) {
            *place = Some(receiver);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The markers in order, and which of them are the partition key: nothing unless every part of it is a marker.
    pub(crate) fn finish(self, key_length: usize) -> (Arc<[ColumnSpec]>, Vec<u16>) {
        let mut positions = vec![None; key_length];
        for (index, receiver) in self.receivers.iter().enumerate() {
            if let Some(position) = receiver.as_ref().and_then(|receiver| receiver.key_position)
                && let Some(place) = positions.get_mut(position)
            {
                *place = u16::try_from(index).ok();
            }
        }
        let specs = self.receivers.into_iter().flatten().map(|receiver| receiver.spec).collect();
        (specs, positions.into_iter().collect::<Option<Vec<u16>>>().unwrap_or_default())
    }
}
