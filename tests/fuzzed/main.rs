//! Everything that fuzzing found worth keeping, replayed; see fuzz/README.md.
#![cfg(feature = "bulk")]

#[allow(unreachable_pub, reason = "the programs in fuzz/ reach them from outside")]
mod bodies;

use std::fs;
use std::path::Path;

use bodies::{TARGETS, Target};

/// How many files a folder of the corpus must have: an empty one would show nothing.
const LEAST: usize = 3;
/// And how large one may be, so that the whole stays small.
const LARGEST: u64 = 16 * 1024;

fn replay(name: &str) {
    let (_, body) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("readable").path();
        let data = fs::read(&path).expect("readable");
        assert!(data.len() as u64 <= LARGEST, "{} is too large to keep", path.display());
        body(&data);
        // What is cut or changed a little is as interesting.
        for length in (0..data.len()).step_by(data.len() / 16 + 1) {
            body(&data[..length]);
            let mut changed = data.clone();
            changed[length] ^= 0x81;
            body(&changed);
        }
        count += 1;
    }
    assert!(count >= LEAST, "{} has {count} files", folder.display());
}

#[test]
fn corpus_of_frame_headers_is_read_without_a_fault() {
    replay("frame_header");
}

#[test]
fn corpus_of_response_bodies_is_read_without_a_fault() {
    replay("response_body");
}

#[test]
fn corpus_of_segment_streams_is_read_without_a_fault() {
    replay("segment_stream");
}

#[test]
fn corpus_of_type_strings_is_read_without_a_fault() {
    replay("type_string");
}

#[test]
fn corpus_of_values_is_read_without_a_fault() {
    replay("value");
}

#[test]
fn corpus_of_statements_is_carried_out_without_a_fault() {
    replay("cql");
}

#[test]
fn corpus_of_requests_to_a_node_is_answered_without_a_fault() {
    replay("node_request");
}

#[test]
fn corpus_of_separated_values_is_read_without_a_fault() {
    replay("csv");
}

#[test]
fn every_folder_of_the_corpus_has_its_target_and_every_target_its_program() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names = |folder: &str| -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(fuzz.join(folder))
            .expect("readable")
            .map(|entry| {
                entry.expect("readable").path().file_stem().expect("a name").to_string_lossy().into_owned()
            })
            .collect();
        names.sort();
        names
    };
    let mut targets: Vec<&str> = TARGETS.iter().map(|(name, _): &Target| *name).collect();
    targets.sort_unstable();
    assert_eq!(names("corpus"), targets);
    assert_eq!(names("targets"), targets);
}
