//! The rows of [`requests`](super::requests), through the mapper.

use std::hint::black_box;

use chorus::Model;
use chorus::mapper::Mapper;

use super::Subject;
use super::in_memory::{InMemory, PAYLOAD};
use super::requests::crowd;

/// A row of the table that the session's requests go to.
#[derive(Model)]
#[chorus(table = "kv", keyspace = "bench")]
struct Row {
    #[chorus(partition_key)]
    id: i64,
    payload: Vec<u8>,
}

/// Callers with one insert each at a time.
pub(crate) fn inserts(callers: u64) -> Subject {
    let scene = InMemory::connect();
    let mapper = Mapper::new(&scene.session);
    crowd(scene, callers, mapper, |_, mapper, ids| async move {
        let mut row = Row { id: 0, payload: PAYLOAD.to_vec() };
        for id in ids {
            row.id = id;
            mapper.insert(&row).await.expect("the peer answers");
        }
    })
}

/// The same with a row that is read.
pub(crate) fn reads(callers: u64) -> Subject {
    let scene = InMemory::connect();
    let mapper = Mapper::new(&scene.session);
    crowd(scene, callers, mapper, |_, mapper, ids| async move {
        for id in ids {
            // The peer repeats what there was of its first question: the row of 0 is there for all.
            black_box(mapper.find::<Row>((id,)).await.expect("the peer answers"));
        }
    })
}

/// Inserts of many rows, by reference.
pub(crate) fn bulk_rows() -> Subject {
    let scene = InMemory::connect();
    let mapper = Mapper::new(&scene.session);
    Box::new(move |times| {
        let row = Row { id: 1, payload: PAYLOAD.to_vec() };
        let rows = (0..times).map(|_| &row);
        let report = scene.run(async { mapper.insert_all::<Row>(rows).await });
        assert_eq!(report.expect("the peer answers").written, times);
    })
}
