//! The caller's part of a request before it is sent.

use super::Subject;
use super::in_memory::{InMemory, PAYLOAD};

/// Encodes an EXECUTE of a bigint and a blob into a recycled buffer, the partition key hashed on the way. Nothing is sent:
/// the future is dropped.
pub(crate) fn encode_execute() -> Subject {
    let scene = InMemory::connect();
    Box::new(move |times| {
        // All of it is kept, not only the parts that are named.
        let scene = &scene;
        for id in 0..times as i64 {
            drop(scene.session.execute(&scene.insert, (id, PAYLOAD.as_slice())));
        }
    })
}
