//! Checkpoints that are whole, torn, damaged, of another version, or cannot be written.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::bulk::rejects::KeptRejects;
use crate::bulk::source::Fingerprint;

fn state(written: u64) -> State {
    let file = fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    State {
        version: VERSION,
        began_ns: 1,
        finished: false,
        asked: Asked {
            table: "ks.t".to_owned(),
            delimiter: ",".to_owned(),
            quote: "\"".to_owned(),
            record_limit: 16,
            mapping: Vec::new(),
            nulls: vec!["NA".to_owned()],
            write_nulls: false,
            epoch: "milliseconds".to_owned(),
        },
        totals: Totals { written, ..Totals::default() },
        timestamp: 6,
        inputs: vec![InputState {
            path: "/data/f.csv".to_owned(),
            fingerprint: Fingerprint::of(&file).unwrap().unwrap(),
            written_with: None,
            left: Some(vec![Span::whole(5)]),
            rejects: KeptRejects::of(&crate::bulk::RejectFiles::at("r.csv")),
        }],
    }
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path().join("run"));
    (folder, store)
}

fn latest(store: &Store) -> std::path::PathBuf {
    store.folder().join("checkpoint.jsonl")
}

#[test]
fn what_is_written_is_read_and_the_one_before_is_kept() {
    let (_folder, store) = store();
    assert!(matches!(store.read(), Err(ResumeError::NoCheckpoint { .. })));
    store.write(&state(1)).unwrap();
    store.write(&state(2)).unwrap();
    assert_eq!(store.read().unwrap(), state(2));
    // As after a power cut between the two renames.
    fs::remove_file(latest(&store)).unwrap();
    assert_eq!(store.read().unwrap(), state(1));
    let (_other, fresh) = self::store();
    fresh.write(&state(4)).unwrap();
    fs::rename(latest(&fresh), store.folder().join("checkpoint.new.jsonl")).unwrap();
    assert_eq!(store.read().unwrap(), state(4));
    fs::remove_dir_all(store.folder()).unwrap();
    store.write(&state(3)).unwrap();
    assert_eq!(store.read().unwrap(), state(3));
}

#[test]
fn f97_a_torn_or_changed_checkpoint_is_refused_wherever_it_is_torn() {
    let (_folder, store) = store();
    store.write(&state(1)).unwrap();
    let whole = fs::read(latest(&store)).unwrap();
    for end in 0..whole.len() {
        fs::write(latest(&store), &whole[..end]).unwrap();
        assert!(matches!(store.read(), Err(ResumeError::Damaged { .. })), "torn after {end} bytes");
    }
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(latest(&store), changed).unwrap();
        assert!(matches!(store.read(), Err(ResumeError::Damaged { .. })), "changed at byte {at}");
    }
}

#[test]
fn f97_the_checkpoint_before_a_torn_one_is_used() {
    let (_folder, store) = store();
    store.write(&state(1)).unwrap();
    store.write(&state(2)).unwrap();
    let whole = fs::read(latest(&store)).unwrap();
    fs::write(latest(&store), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(store.read().unwrap(), state(1));
}

#[test]
fn f97_a_whole_checkpoint_that_says_what_cannot_be_is_refused() {
    let (_folder, store) = store();
    let span = |from, to| {
        let mut span = Span::whole(5);
        (span.at.offset, span.to) = (from, to);
        span
    };
    let late = Span { timestamp: i64::MIN, ..span(0, None) };
    for left in [
        vec![span(5, Some(5))],
        vec![span(5, Some(9)), span(8, None)],
        vec![span(5, None), span(9, Some(10))],
        vec![span(u64::MAX, None)],
        vec![late],
    ] {
        let mut bad = state(1);
        bad.inputs[0].left = Some(left.clone());
        store.write(&bad).unwrap();
        store.write(&bad).unwrap();
        assert!(matches!(store.read(), Err(ResumeError::Damaged { .. })), "{left:?}");
    }
    let mut bad = state(u64::MAX);
    bad.inputs[0].left = Some(vec![span(0, Some(3)), span(4, None)]);
    store.write(&bad).unwrap();
    store.write(&bad).unwrap();
    assert!(matches!(store.read(), Err(ResumeError::Damaged { .. })));
    bad.totals.written = 1;
    store.write(&bad).unwrap();
    assert_eq!(store.read().unwrap(), bad);
}

#[test]
fn another_version_is_refused_by_its_number() {
    let (_folder, store) = store();
    store.write(&State { version: 9, ..state(1) }).unwrap();
    assert!(matches!(store.read(), Err(ResumeError::Version { version: 9, .. })));
}

#[cfg(target_os = "linux")]
#[test]
fn f102_a_full_disk_leaves_the_checkpoint_that_was_there() {
    let (_folder, store) = store();
    store.write(&state(1)).unwrap();
    std::os::unix::fs::symlink("/dev/full", store.folder().join("checkpoint.new.jsonl")).unwrap();
    let error = store.write(&state(2)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(store.read().unwrap(), state(1));
    store.write(&state(3)).unwrap();
    assert_eq!(store.read().unwrap(), state(3));
}

#[test]
fn a_run_belongs_to_one_process_at_a_time() {
    let (_folder, store) = store();
    let lock = store.lock().unwrap();
    assert!(matches!(store.lock(), Err(ResumeError::Busy { .. })));
    drop(lock);
    store.lock().unwrap();
}

#[test]
fn the_latest_run_of_the_same_files_and_table_is_found() {
    let runs = tempfile::tempdir().unwrap();
    let find = |file: &str, table: &str| {
        RunDirectory::latest(runs.path(), &[Path::new(file).to_owned()], &table.parse().unwrap()).unwrap()
    };
    assert!(find("/data/f.csv", "ks.t").is_none());
    for (name, began_ns) in [("b", 2), ("a", 3), ("c", 1)] {
        Store::new(runs.path().join(name)).write(&State { began_ns, ..state(1) }).unwrap();
    }
    fs::create_dir(runs.path().join("no run")).unwrap();
    assert_eq!(find("/data/f.csv", "ks.t").unwrap().path(), runs.path().join("a"));
    assert!(find("/data/f.csv", "ks.u").is_none());
    assert!(find("/data/g.csv", "ks.t").is_none());
    fs::write(runs.path().join("b/checkpoint.jsonl"), "torn").unwrap();
    let found = RunDirectory::latest(runs.path(), &[], &"ks.t".parse().unwrap());
    assert!(matches!(found, Err(ResumeError::Damaged { .. })));
}

#[tokio::test]
async fn checkpoints_that_cannot_be_written_are_tried_again_and_counted() {
    let (_folder, store) = store();
    let progress = crate::bulk::Progress::default();
    let lock = store.lock().unwrap();
    let every = std::time::Duration::from_secs(5);
    let mut keeper = Keeper::start(store.clone(), Some(lock), state(1), every, progress.clone()).unwrap();
    assert!(keeper.is_due(0));
    keeper.save(0, Vec::new());
    assert!(!keeper.is_due(10_000));
    keeper.saved(|| 3).await;
    assert_eq!(keeper.next_due(), Some(5_000));
    // A file where the folder should be.
    fs::remove_dir_all(store.folder()).unwrap();
    fs::write(store.folder(), "in the way").unwrap();
    keeper.save(5_000, Vec::new());
    keeper.saved(|| 5_001).await;
    assert_eq!(keeper.next_due(), Some(6_001));
    fs::remove_file(store.folder()).unwrap();
    keeper.save(6_001, Vec::new());
    keeper.saved(|| 6_002).await;
    let seen = progress.snapshot();
    assert_eq!((seen.checkpoints_written, seen.checkpoints_failed), (2, 1));
    assert!(seen.checkpoint_age.is_some());
    keeper.state().finished = true;
    assert!(keeper.save_last(every, || Ok(Vec::new())).await);
    assert!(store.read().unwrap().finished);
    drop(keeper);
    assert_eq!(progress.snapshot().checkpoint_age, None);
}

proptest! {
    /// What is not left was acknowledged, whatever order that came in.
    #[test]
    fn spans_of_rows_are_those_rows_and_no_other(
        lengths in prop::collection::vec(1u32..9, 1..60),
        open in prop::collection::vec(any::<bool>(), 60),
    ) {
        let mut offset = 0;
        let mut rows = Vec::new();
        for (index, length) in lengths.iter().enumerate() {
            let place = crate::bulk::csv::Place { offset, length: *length, line: index as u64 + 1 };
            rows.push((index as i64 + 100, place));
            offset += u64::from(*length) + 1;
        }
        let left: Vec<_> = rows.iter().zip(&open).filter(|(_, open)| **open).map(|(row, _)| *row).collect();
        let spans = Span::of_rows(left.iter().rev().copied().collect());
        for (timestamp, place) in rows {
            let inside = spans.iter().find(|span| {
                span.at.offset <= place.offset && span.to.is_some_and(|to| place.offset + u64::from(place.length) <= to)
            });
            prop_assert_eq!(inside.is_some(), left.contains(&(timestamp, place)));
            if let Some(span) = inside {
                prop_assert!(span.timestamp <= timestamp && span.at.line <= place.line);
            }
        }
        prop_assert!(spans.windows(2).all(|pair| pair[0].to.unwrap() < pair[1].at.offset));
    }
}
