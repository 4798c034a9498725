//! Rows of system tables, put where SELECT looks for rows.

use bytes::Bytes;
use chorus_protocol::CqlType;

use super::expression::partition_key;
use super::restriction::ClusteringKey;
use crate::catalog::TableSchema;
use crate::store::{Liveness, MergeRules, PartitionKey, Record, RecordKind, RowBuilder, Store};
use crate::value::{elements, pairs};

/// Stores one row. `order` says which column each cell is. A row whose key is incomplete is left out.
pub(super) fn insert_provided(store: &Store, schema: &TableSchema, order: &[usize], cells: &[Option<Bytes>]) {
    let cell = |column: usize| {
        let place = order.iter().position(|ordered| *ordered == column)?;
        cells.get(place)?.as_deref()
    };
    let key_length = schema.partition_key().len();
    let key: Option<Vec<&[u8]>> = (0..key_length).map(cell).collect();
    let Some(key) = key.and_then(|parts| partition_key(&parts).ok().map(|key| PartitionKey::new(&key)))
    else {
        return;
    };
    let mut clustering = ClusteringKey::default();
    for (index, column) in schema.clustering().iter().enumerate() {
        let pushed = cell(key_length + index).map(|value| clustering.push(column, value));
        if !matches!(pushed, Some(Ok(()))) {
            return;
        }
    }
    let first_value = key_length + schema.clustering().len();
    let mut values: Vec<_> = (first_value..schema.columns().len())
        .filter_map(|index| Some((&schema.columns()[index], cell(index)?)))
        .collect();
    values.sort_by_key(|(column, _)| column.id);
    let base = Liveness { timestamp: 0, expiry: None };
    let mut builder = RowBuilder::new(base, true, None, &clustering.parts);
    for (column, value) in values {
        let mut push = |path: Option<&[u8]>, value: &[u8]| {
            builder.push(&Record {
                column: column.id,
                kind: RecordKind::Value,
                timestamp: 0,
                expiry: None,
                path,
                value,
            });
        };
        if !column.typ.multi_cell {
            push(None, value);
            continue;
        }
        match &column.typ.typ {
            CqlType::Set(_) => elements(value).flatten().for_each(|item| push(Some(item), &[])),
            CqlType::Map(_) => pairs(value).for_each(|(key, item)| push(Some(key), item.unwrap_or_default())),
            _ => elements(value).flatten().enumerate().for_each(|(index, item)| {
                push(Some(&(index as u32).to_be_bytes()), item);
            }),
        }
    }
    let row = builder.finish();
    store.modify(key, |partition| {
        (partition.apply(&clustering.ordered, row, &MergeRules { schema, now: 0 }), ())
    });
}
