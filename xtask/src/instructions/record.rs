//! The figures that are kept in the repository, so that many small slow-downs do not add up unseen.

use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;

use serde_json::{Value, json};

use crate::steps::Stop;
use crate::tree::Tree;

use super::valgrind::Valgrind;

/// What figures depend on besides the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Toolchain {
    rustc: String,
    valgrind: String,
}

impl Toolchain {
    pub(super) fn of(tree: &Tree, valgrind: &Valgrind) -> Result<Toolchain, Stop> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(rustc)
            .current_dir(&tree.root)
            .arg("--version")
            .output()
            .map_err(|error| Stop::failed(format!("rustc --version: {error}")))?;
        let rustc = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let rustc = format!("{rustc} for {}", std::env::consts::ARCH);
        Ok(Toolchain { rustc, valgrind: valgrind.version().to_owned() })
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} under {}", self.rustc, self.valgrind)
    }
}

/// The contents of [`PATH`](Self::PATH).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    toolchain: Toolchain,
    /// Instructions each, by workload.
    figures: BTreeMap<String, f64>,
}

impl Record {
    pub(super) const PATH: &str = "benches/instructions.json";

    pub(super) fn read(tree: &Tree) -> Result<Record, Stop> {
        let error = |what: &dyn fmt::Display| Stop::failed(format!("{}: {what}", Self::PATH));
        let text = std::fs::read_to_string(tree.root.join(Self::PATH)).map_err(|cause| error(&cause))?;
        Self::parse(&text).ok_or_else(|| error(&"not a record of instructions"))
    }

    fn parse(text: &str) -> Option<Record> {
        let value: Value = serde_json::from_str(text).ok()?;
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        let figures = value["instructions"].as_object()?.iter();
        Some(Record {
            toolchain: Toolchain { rustc: text("rustc")?, valgrind: text("valgrind")? },
            figures: figures
                .map(|(name, figure)| Some((name.clone(), figure.as_f64()?)))
                .collect::<Option<_>>()?,
        })
    }

    pub(super) fn toolchain(&self) -> &Toolchain {
        &self.toolchain
    }

    /// Whether its figures can be compared with those of this toolchain.
    pub(super) fn is_of(&self, toolchain: &Toolchain) -> bool {
        self.toolchain == *toolchain
    }

    /// What a workload took, if it can be compared.
    pub(super) fn figure(&self, toolchain: &Toolchain, name: &str) -> Option<f64> {
        self.figures.get(name).copied().filter(|_| self.is_of(toolchain))
    }

    /// The record with these figures in it. Those of another toolchain are dropped.
    pub(super) fn with(&self, toolchain: Toolchain, figures: &[(String, f64)]) -> Record {
        let mut all = if self.is_of(&toolchain) { self.figures.clone() } else { BTreeMap::new() };
        all.extend(figures.iter().map(|(name, figure)| (name.clone(), (figure * 10.0).round() / 10.0)));
        Record { toolchain, figures: all }
    }

    pub(super) fn write(&self, tree: &Tree) -> Result<(), Stop> {
        std::fs::write(tree.root.join(Self::PATH), self.text())
            .map_err(|error| Stop::failed(format!("{}: {error}", Self::PATH)))
    }

    fn text(&self) -> String {
        let value = json!({
            "rustc": self.toolchain.rustc,
            "valgrind": self.toolchain.valgrind,
            "instructions": self.figures,
        });
        format!("{value:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolchain(rustc: &str) -> Toolchain {
        Toolchain { rustc: rustc.to_owned(), valgrind: "valgrind-3.19.0".to_owned() }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let empty = Record { toolchain: toolchain("rustc 1"), figures: BTreeMap::new() };
        let record = empty.with(toolchain("rustc 1"), &[("bulk_row".to_owned(), 812.34)]);
        assert_eq!(Record::parse(&record.text()), Some(record.clone()));
        assert_eq!(record.figure(&toolchain("rustc 1"), "bulk_row"), Some(812.3));
        assert_eq!(record.figure(&toolchain("rustc 2"), "bulk_row"), None);
        assert_eq!(Record::parse("{}"), None);
    }

    #[test]
    fn figures_of_another_toolchain_are_dropped_and_others_kept() {
        let first = Record { toolchain: toolchain("rustc 1"), figures: BTreeMap::new() }
            .with(toolchain("rustc 1"), &[("a".to_owned(), 1.0)]);
        let both = first.with(toolchain("rustc 1"), &[("b".to_owned(), 2.0)]);
        assert_eq!(both.figures.len(), 2);
        assert_eq!(both.with(toolchain("rustc 2"), &[("b".to_owned(), 3.0)]).figures.len(), 1);
    }

    #[test]
    fn the_record_in_the_repository_is_one() {
        assert!(Record::parse(include_str!("../../../benches/instructions.json")).is_some());
    }
}
