//! `docs/coverage.md` lists every item once, and the tests it names exist; `docs/examples.md` lists every example.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The items of the surface: how many there are of each prefix, numbered from 1.
const ITEMS: [(&str, usize); 28] = [
    ("ERR", 27),
    ("CLU", 137),
    ("POL", 29),
    ("AUT", 8),
    ("GRA", 1),
    ("MET", 35),
    ("MTR", 8),
    ("QRY", 31),
    ("POO", 16),
    ("PRO", 11),
    ("ENC", 18),
    ("DEC", 5),
    ("CON", 13),
    ("CNX", 21),
    ("UTL", 14),
    ("TIM", 5),
    ("IOR", 7),
    ("CEP", 3),
    ("MOD", 25),
    ("COL", 18),
    ("CQQ", 23),
    ("CQC", 6),
    ("CQM", 8),
    ("CQU", 5),
    ("DSG", 13),
    ("FLU", 9),
    ("INS", 4),
    ("FAQ", 5),
];

/// The faults to survive, numbered from 1: F1 and so on.
const FAULTS: usize = 115;

struct Entry {
    id: String,
    state: String,
    shown: String,
}

impl Entry {
    /// Whether it is a fault to survive and not an item of the surface.
    fn is_fault(&self) -> bool {
        self.id.strip_prefix('F').is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// The tests it names: what is in backticks and spelled like a function of several words.
    fn tests(&self) -> impl Iterator<Item = &str> {
        let quoted = self.shown.split('`').skip(1).step_by(2);
        quoted.filter(|name| {
            name.contains('_') && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        })
    }
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn entries() -> Vec<Entry> {
    let page =
        fs::read_to_string(repository().join("docs/coverage.md")).expect("docs/coverage.md is readable");
    let cells = |line: &str| {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    let rows = page.lines().filter(|line| line.starts_with("| ")).map(cells).filter(|cells| cells[0] != "id");
    rows.map(|cells| match <[String; 4]>::try_from(cells) {
        Ok([id, _, state, shown]) => Entry { id, state, shown },
        Err(cells) => panic!("a row of docs/coverage.md has {} cells: {cells:?}", cells.len()),
    })
    .collect()
}

/// The names of all test functions below `folder`.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the repository is readable") {
        let path = entry.expect("the repository is readable").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                tests_below(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).expect("a source file is UTF-8");
            found.extend(tests_in(&source));
        }
    }
}

/// The functions with a test attribute above them.
fn tests_in(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        let function = ["fn ", "async fn "].iter().find_map(|start| line.strip_prefix(start));
        if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.contains("::test");
        } else if let (true, Some(function)) = (is_test, function) {
            found.push(function.split(['(', '<']).next().unwrap_or_default().to_owned());
            is_test = false;
        } else if !line.is_empty() && !line.starts_with("//") {
            is_test = false;
        }
    }
    found
}

#[test]
fn every_item_is_listed_once() {
    let mut listed: BTreeMap<String, usize> = BTreeMap::new();
    for entry in entries().into_iter().filter(|entry| !entry.is_fault()) {
        *listed.entry(entry.id).or_default() += 1;
    }
    let items = ITEMS
        .iter()
        .flat_map(|(prefix, count)| (1..=*count).map(move |number| format!("{prefix}-{number:02}")));
    let expected: BTreeMap<String, usize> = items.map(|id| (id, 1)).collect();
    assert_eq!(expected.len(), 505);
    assert_eq!(listed, expected);
}

#[test]
fn every_fault_is_listed_once_in_order() {
    let listed: Vec<String> = entries().into_iter().filter(Entry::is_fault).map(|entry| entry.id).collect();
    let expected: Vec<String> = (1..=FAULTS).map(|number| format!("F{number}")).collect();
    assert_eq!(listed, expected);
}

#[test]
fn every_state_has_its_evidence() {
    for entry in entries() {
        match entry.state.as_str() {
            "done" => assert!(entry.tests().next().is_some(), "{} is done and names no test", entry.id),
            "open" | "not offered" => assert!(!entry.shown.is_empty(), "{} gives no reason", entry.id),
            other => panic!("{} is {other:?}, which is no state", entry.id),
        }
    }
}

#[test]
fn every_named_test_exists() {
    let mut known = BTreeSet::new();
    tests_below(&repository(), &mut known);
    let missing: Vec<String> = entries()
        .iter()
        .flat_map(|entry| entry.tests().map(|test| format!("{} names {test}", entry.id)).collect::<Vec<_>>())
        .filter(|reference| !known.contains(reference.rsplit(' ').next().unwrap_or_default()))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_totals_at_the_top_are_those_of_the_tables() {
    let page =
        fs::read_to_string(repository().join("docs/coverage.md")).expect("docs/coverage.md is readable");
    let count = |state: &str, faults: bool| {
        entries().iter().filter(|entry| entry.state == state && entry.is_fault() == faults).count()
    };
    let [done, open, refused] = ["done", "open", "not offered"].map(|state| count(state, false));
    let totals = format!("{done} done, {open} open, {refused} not offered, of 505");
    assert!(page.contains(&totals), "the page should say: {totals}");
    let [done, open] = ["done", "open"].map(|state| count(state, true));
    let totals = format!("{done} shown, {open} open, of {FAULTS}");
    assert!(page.contains(&totals), "the page should say: {totals}");
}

#[test]
fn every_example_is_in_the_index_and_says_how_it_is_run() {
    let page =
        fs::read_to_string(repository().join("docs/examples.md")).expect("docs/examples.md is readable");
    let listed: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| [`")?.split_once("`]").map(|(name, _)| name))
        .collect();
    let mut there = Vec::new();
    for entry in fs::read_dir(repository().join("examples")).expect("the repository is readable") {
        let path = entry.expect("the repository is readable").path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".rs")) else {
            continue;
        };
        let source = fs::read_to_string(&path).expect("a source file is UTF-8");
        let head: Vec<&str> = source.lines().take_while(|line| line.starts_with("//!")).collect();
        assert!(
            head.iter().any(|line| line.contains("cargo run") && line.contains(&format!("--example {name}"))),
            "{name} does not say how it is run"
        );
        assert!(page.contains(&format!("(../examples/{name}.rs)")), "{name} has no link");
        there.push(name.to_owned());
    }
    there.sort_unstable();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, there);
}
