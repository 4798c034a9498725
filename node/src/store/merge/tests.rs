use chorus_protocol::CqlType;
use proptest::prelude::*;
use uuid::Uuid;

use super::super::cell::Expiry;
use super::*;
use crate::catalog::{ColumnKind, ColumnType, TableBuilder};

const NOW: u32 = 1_000_000_000;

fn schema() -> TableSchema {
    let mut builder = TableBuilder::new(Uuid::nil(), "ks", "t");
    builder.column("k", ColumnKind::PartitionKey, ColumnType::frozen(CqlType::Int), false).expect("a column");
    builder.column("v", ColumnKind::Regular, ColumnType::frozen(CqlType::Int), false).expect("a column");
    builder
        .column("s", ColumnKind::Regular, ColumnType::multi_cell(CqlType::set(CqlType::Tinyint)), false)
        .expect("a column");
    builder.build()
}

fn value(timestamp: i64, value: &[u8]) -> Record<'_> {
    Record { column: 1, kind: RecordKind::Value, timestamp, expiry: None, path: None, value }
}

fn row(records: &[Record<'_>]) -> Row {
    let base = Liveness { timestamp: records.first().map_or(0, |record| record.timestamp), expiry: None };
    let mut builder = RowBuilder::new(base, false, None, &[]);
    records.iter().for_each(|record| builder.push(record));
    builder.finish()
}

/// The one record left of two, whichever comes first.
#[track_caller]
fn winner<'a>(left: Record<'a>, right: Record<'a>) -> Record<'a> {
    let schema = schema();
    let rules = MergeRules { schema: &schema, now: NOW };
    let merged = rules.merge(&row(&[left]), &row(&[right]), None).expect("one is left");
    let swapped = rules.merge(&row(&[right]), &row(&[left]), None).expect("one is left");
    assert_eq!(merged.records().collect::<Vec<_>>(), swapped.records().collect::<Vec<_>>());
    let won = if merged.records().eq([left]) { left } else { right };
    assert!(merged.records().eq([won]));
    won
}

#[test]
fn the_later_write_wins_and_ties_have_rules() {
    let tombstone = Record {
        kind: RecordKind::Tombstone,
        expiry: Some(Expiry { ttl: 0, at: NOW }),
        value: &[],
        ..value(5, &[])
    };
    let expiring = |at| Record { expiry: Some(Expiry { ttl: 9, at }), ..value(5, &[1]) };
    assert_eq!(winner(value(5, &[9]), value(6, &[1])), value(6, &[1]));
    assert_eq!(winner(value(i64::MIN, &[9]), value(i64::MAX, &[1])), value(i64::MAX, &[1]));
    assert_eq!(winner(value(5, &[2]), value(5, &[1])), value(5, &[2]), "the greater bytes");
    assert_eq!(winner(value(5, &[2]), tombstone), tombstone);
    assert_eq!(winner(value(5, &[2]), expiring(NOW + 9)), expiring(NOW + 9));
    assert_eq!(winner(expiring(NOW + 9), tombstone), tombstone);
    assert_eq!(winner(expiring(NOW + 9), expiring(NOW + 10)), expiring(NOW + 10));
    assert_eq!(winner(tombstone, value(6, &[2])), value(6, &[2]));
}

#[test]
fn a_row_deletion_covers_what_was_written_at_its_own_moment() {
    let schema = schema();
    let rules = MergeRules { schema: &schema, now: NOW };
    let live = |timestamp| {
        let mut builder = RowBuilder::new(Liveness { timestamp, expiry: None }, true, None, &[]);
        builder.push(&value(timestamp, &[1]));
        builder.finish()
    };
    let deletion = Deletion { timestamp: 5, at: NOW };
    let deleted =
        RowBuilder::new(Liveness { timestamp: 5, expiry: None }, false, Some(deletion), &[]).finish();
    let merged = rules.merge(&live(5), &deleted, None).expect("the deletion stays");
    assert!(!merged.is_live(NOW) && merged.header().deletion == Some(deletion));
    assert!(rules.merge(&deleted, &live(6), None).is_some_and(|row| row.is_live(NOW)));
    let shadow = Deletion { timestamp: 6, at: NOW };
    assert_eq!(rules.merge(&deleted, &live(6), Some(shadow)), None);
}

#[test]
fn clearing_a_collection_removes_older_elements_and_keeps_newer_ones() {
    let schema = schema();
    let rules = MergeRules { schema: &schema, now: NOW };
    let element = |timestamp, path| Record { column: 2, path: Some(path), ..value(timestamp, &[]) };
    let cleared = Record {
        column: 2,
        kind: RecordKind::Cleared,
        expiry: Some(Expiry { ttl: 0, at: NOW }),
        ..value(5, &[])
    };
    // Set elements sort as signed numbers: -1 before 1.
    let old = row(&[element(5, &[255]), element(6, &[1]), element(4, &[2])]);
    let merged = rules.merge(&old, &row(&[cleared, element(6, &[0])]), None).expect("elements are left");
    let paths: Vec<_> = merged.records().filter_map(|record| record.path).collect();
    assert_eq!(paths, [&[0u8][..], &[1]]);
    let again = rules.merge(&merged, &row(&[element(5, &[9])]), None).expect("elements are left");
    assert_eq!(again.records().filter_map(|record| record.path).count(), 2, "late writes stay deleted");
}

#[test]
fn tombstones_outlive_their_grace_period_only_until_the_next_write() {
    let schema = schema();
    let rules = MergeRules { schema: &schema, now: NOW };
    let old = NOW - 864_001;
    let tombstone = Record {
        kind: RecordKind::Tombstone,
        expiry: Some(Expiry { ttl: 0, at: old }),
        value: &[],
        ..value(5, &[])
    };
    assert_eq!(rules.merge(&row(&[tombstone]), &row(&[tombstone]), None), None);
    let expired = Record { expiry: Some(Expiry { ttl: 1, at: old }), ..value(5, &[1]) };
    assert_eq!(rules.merge(&row(&[expired]), &row(&[]), None), None);
}

fn any_row() -> impl Strategy<Value = Row> {
    let expiry = proptest::option::of((NOW - 2..NOW + 3).prop_map(|at| Expiry { ttl: 5, at }));
    let cell = (0i64..5, expiry, 0u8..3, any::<bool>());
    let cells = proptest::collection::vec((0u8..4, cell), 0..4);
    (cells, 0i64..5, any::<bool>(), proptest::option::of(0i64..5), proptest::option::of(0i64..5)).prop_map(
        |(mut cells, base, live, deleted, cleared)| {
            cells.sort_by_key(|(path, _)| *path);
            cells.dedup_by_key(|(path, _)| *path);
            let deletion = deleted.map(|timestamp| Deletion { timestamp, at: NOW });
            let mut builder =
                RowBuilder::new(Liveness { timestamp: base, expiry: None }, live, deletion, &[]);
            let mut cleared = cleared;
            for (path, (timestamp, expiry, value, dead)) in &cells {
                let (kind, expiry) = match dead {
                    true => (RecordKind::Tombstone, Some(Expiry { ttl: 0, at: NOW })),
                    false => (RecordKind::Value, *expiry),
                };
                let value = if *dead { &[][..] } else { std::slice::from_ref(value) };
                if *path == 0 {
                    builder.push(&Record {
                        column: 1,
                        kind,
                        timestamp: *timestamp,
                        expiry,
                        path: None,
                        value,
                    });
                    continue;
                }
                if let Some(timestamp) = cleared.take() {
                    let expiry = Some(Expiry { ttl: 0, at: NOW });
                    let kind = RecordKind::Cleared;
                    builder.push(&Record { column: 2, kind, timestamp, expiry, path: None, value: &[] });
                }
                let path = Some(std::slice::from_ref(path));
                builder.push(&Record { column: 2, kind, timestamp: *timestamp, expiry, path, value });
            }
            builder.finish()
        },
    )
}

/// What a reader can see: the mark of the row, its deletion and its records.
fn seen(row: Option<&Row>) -> Option<(Option<Liveness>, Option<Deletion>, Vec<Record<'_>>)> {
    row.map(|row| (row.header().liveness, row.header().deletion, row.records().collect()))
}

proptest! {
    #[test]
    fn every_order_of_arrival_ends_with_the_same_row(a in any_row(), b in any_row(), c in any_row()) {
        let schema = schema();
        let rules = MergeRules { schema: &schema, now: NOW };
        let empty = row(&[]);
        let merge = |left: Option<&Row>, right: &Row| rules.merge(left.unwrap_or(&empty), right, None);
        let expected = merge(merge(merge(None, &a).as_ref(), &b).as_ref(), &c);
        for order in [[&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]] {
            let merged = order.iter().fold(None, |row: Option<Row>, next| merge(row.as_ref(), next));
            prop_assert_eq!(seen(merged.as_ref()), seen(expected.as_ref()));
        }
        if let Some(row) = &expected {
            let again = rules.merge(row, row, None);
            prop_assert_eq!(seen(again.as_ref()), seen(Some(row)));
        }
    }
}
