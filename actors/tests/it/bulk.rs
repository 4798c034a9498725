use std::{collections::HashSet, sync::Arc, time::Duration};

use chorus_actors::{BulkOptions, Preparations, RequestErrorKind, RowOutcome};
use chorus_node::{Fault, Requests};
use chorus_protocol::{Opcode, response::DbError};

use crate::support::*;

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn every_row_comes_back_once_with_its_own_outcome() {
    let cluster = cluster(3);
    let engine = engine(&cluster).await;
    let prepared = prepare(&engine, LOCAL).await;
    cluster.forget_prepared(0);
    // Some rows meet errors that retries mend, some meet errors that nothing mends.
    cluster.faults().add(
        Requests::opcode(Opcode::Execute).after(100).times(40),
        Fault::Error(DbError::Overloaded, "busy".into()),
    );
    let refused = cluster.faults().add(
        Requests::opcode(Opcode::Execute).after(700).times(25),
        Fault::Error(DbError::Invalid, "no".into()),
    );
    let options = BulkOptions { concurrency: 256, chunk_bytes: 4096, keep_replies: true };
    let mut job = engine.bulk(options);
    let row_options = Arc::new(chorus_actors::RequestOptions {
        prepared: Preparations::One(Arc::clone(&prepared.preparation)),
        ..reads(LONG)
    });
    let (total, mut next, mut seen, mut failed) = (2_000u64, 0u64, HashSet::new(), 0);
    loop {
        while next < total && job.has_room() {
            let shape = engine.shape();
            execute_frame(&shape, &prepared, job.row());
            job.commit(next, None, &row_options).expect("open");
            next += 1;
        }
        let Some(chunk) = job.completed().await else { break };
        let mut chunk = chunk.expect("no reactor is lost");
        for (tag, outcome) in chunk.into_rows() {
            assert!(seen.insert(tag), "row {tag} came back twice");
            match outcome {
                RowOutcome::Reply { opcode, .. } => assert_eq!(opcode, Opcode::Result as u8),
                RowOutcome::Failed(error) => {
                    assert!(
                        matches!(error.kind(), RequestErrorKind::Database(body) if body.message == "no"),
                        "{error}"
                    );
                    failed += 1;
                }
                RowOutcome::Applied => panic!("a SELECT answers with rows"),
            }
        }
        job.recycle(chunk);
    }
    assert_eq!(seen.len() as u64, total);
    assert_eq!(Some(failed), cluster.faults().fired(refused));
    assert_eq!(job.outstanding(), 0);
}

#[tokio::test]
async fn rows_survive_a_host_that_goes_away_in_the_middle() {
    let cluster = cluster(3);
    let engine = engine(&cluster).await;
    let prepared = prepare(&engine, LOCAL).await;
    let mut job = engine.bulk(BulkOptions { concurrency: 512, ..BulkOptions::default() });
    let row_options = Arc::new(chorus_actors::RequestOptions {
        prepared: Preparations::One(Arc::clone(&prepared.preparation)),
        ..reads(LONG)
    });
    let (total, mut next, mut back) = (30_000u64, 0u64, 0usize);
    loop {
        while next < total && job.has_room() {
            execute_frame(&engine.shape(), &prepared, job.row());
            job.commit(next, None, &row_options).expect("open");
            next += 1;
            if next == total / 3 {
                cluster.stop_node(2);
            }
        }
        let Some(chunk) = job.completed().await else { break };
        let chunk = chunk.expect("no reactor is lost");
        if let Some((_, error)) = chunk.failures().next() {
            panic!("an idempotent row failed: {error}");
        }
        back += chunk.len();
        job.recycle(chunk);
    }
    assert_eq!(back as u64, total);
}
