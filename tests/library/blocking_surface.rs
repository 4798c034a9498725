//! The blocking session has everything that the asynchronous one has: the sources of the two are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Methods that are called otherwise there, or are not there, and what is instead: in `Type::method`.
const OTHERWISE: [(&str, &str); 17] = [
    ("Session::builder", "Session::connect takes the builder"),
    ("Cluster::builder", "Cluster::new takes the builder"),
    ("Concurrent::stream", "Concurrent::iter"),
    ("BulkInsert::load_stream", "BulkInsert::load takes whatever is iterated over"),
    ("Pages::next_page", "PageIter is an iterator"),
    ("QueryResult::trace", "Session::trace takes the result's tracing id"),
    ("SessionBuilder::connect", "Session::connect"),
    ("SessionBuilder::build", "Cluster::new"),
    ("SecureBundle::builder", "SecureBundle::builder_blocking"),
    ("SecureBundle::builder_blocking", "it blocks itself"),
    ("BulkLoader::load", "BulkLoader::load_blocking"),
    ("BulkLoader::load_blocking", "it blocks itself"),
    ("BulkLoader::load_all", "BulkLoader::load_all_blocking"),
    ("BulkLoader::load_all_blocking", "it blocks itself"),
    ("Unloader::unload", "Unloader::unload_blocking"),
    ("Unloader::unload_blocking", "it blocks itself"),
    ("ClusterEvents::next", "EventIter is an iterator"),
];

/// Methods of the blocking side alone.
const BLOCKING_ONLY: [&str; 5] =
    ["Session::connect", "Session::as_async", "Session::bulk_insert", "Cluster::new", "Concurrent::iter"];

/// What the types of the blocking side are called on the other.
const NAMES: [(&str, &str); 4] = [
    ("PageIter", "Pages"),
    ("RowIter", "RowStream"),
    ("ConcurrentIter", "ConcurrentStream"),
    ("EventIter", "ClusterEvents"),
];

#[derive(Default)]
struct Surface {
    /// Public methods, and whether they are asynchronous.
    methods: BTreeMap<String, bool>,
}

impl Surface {
    fn of(paths: &[PathBuf]) -> Self {
        let mut surface = Self::default();
        for path in paths {
            surface.read(&fs::read_to_string(path).expect("a source file is UTF-8"));
        }
        surface
    }

    /// Public methods of inherent implementations, which stand one step in.
    fn read(&mut self, source: &str) {
        let mut subject: Option<String> = None;
        for line in source.lines() {
            if line.starts_with("#[cfg(test)]") {
                break;
            }
            if let Some(rest) = line.strip_prefix("impl") {
                let is_trait = rest.contains(" for ");
                let rest = match rest.strip_prefix('<') {
                    // Skips the parameters, which have no parameters themselves but lifetimes and bounds.
                    Some(rest) => rest.split_once("> ").map_or("", |(_, rest)| rest),
                    None => rest.trim_start(),
                };
                let name = rest.split(['<', ' ', '{']).next().unwrap_or_default();
                subject = (!is_trait && !name.is_empty()).then(|| name.to_owned());
            }
            let is_async = line.starts_with("    pub async fn ");
            let method = line.strip_prefix("    pub async fn ").or_else(|| line.strip_prefix("    pub fn "));
            if let (Some(subject), Some(method)) = (&subject, method) {
                let name = method.split(['(', '<']).next().unwrap_or_default();
                self.methods.insert(format!("{subject}::{name}"), is_async);
            }
        }
    }
}

fn sources(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(below).expect("the sources are readable") {
        let path = entry.expect("the sources are readable").path();
        if path.is_dir() {
            // What a mapper does is waited for as it is; see the end of the test.
            if !["bin", "blocking", "mapper"].iter().any(|other| path.ends_with(other)) {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_method_of_an_asynchronous_session_has_its_blocking_twin_and_the_reverse() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    sources(&root.join("src"), &mut paths);
    paths.push(root.join("actors/src/cluster/feed.rs"));
    let asynchronous = Surface::of(&paths);
    let blocking = ["mod.rs", "cluster.rs", "iter.rs", "many.rs", "publisher.rs", "batches.rs", "scan.rs"]
        .map(|file| root.join("src/blocking").join(file));
    let mut there = Surface::of(&blocking);
    for (own, other) in NAMES {
        let renamed = there.methods.iter().map(|(name, is_async)| {
            let name = name.strip_prefix(own).map_or_else(|| name.clone(), |rest| format!("{other}{rest}"));
            (name, *is_async)
        });
        there.methods = renamed.collect();
    }
    assert!(there.methods.len() > 60 && asynchronous.methods.len() > 300, "the sources were read");
    assert!(there.methods.values().all(|is_async| !is_async), "nothing there is asynchronous");

    let types: BTreeSet<&str> = there.methods.keys().filter_map(|name| name.split("::").next()).collect();
    let otherwise: BTreeMap<&str, &str> = OTHERWISE.into();
    // All of the types that are on both sides, and whatever is asynchronous anywhere.
    let wanted = asynchronous.methods.iter().filter(|(name, is_async)| {
        **is_async || name.split("::").next().is_some_and(|subject| types.contains(subject))
    });
    let missing: Vec<&String> = wanted
        .map(|(name, _)| name)
        .filter(|name| !there.methods.contains_key(*name) && !otherwise.contains_key(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "without a blocking twin: {missing:?}");
    let unknown: Vec<&String> = there
        .methods
        .keys()
        .filter(|name| !asynchronous.methods.contains_key(*name) && !BLOCKING_ONLY.contains(&name.as_str()))
        .collect();
    assert!(unknown.is_empty(), "nothing like it is asynchronous: {unknown:?}");

    // The lists are true themselves.
    for name in otherwise.keys() {
        assert!(asynchronous.methods.contains_key(*name), "{name} is gone");
        assert!(!there.methods.contains_key(*name), "{name} is there after all");
    }
    for name in BLOCKING_ONLY {
        assert!(there.methods.contains_key(name), "{name} is gone");
    }
    let own = fs::read_to_string(root.join("src/blocking/mod.rs")).expect("a source file is UTF-8");
    assert!(
        own.contains("\npub fn wait<F: IntoFuture>("),
        "mappers have no twin: any of their futures is waited for"
    );
}
