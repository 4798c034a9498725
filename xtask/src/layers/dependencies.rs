//! The licences and sources of everything that ends up in a binary, against `deny.toml`.
//!
//! The whole of that file is cargo-deny's business; this is the part that must hold in every commit and needs neither cargo-deny
//! nor a network.

use serde_json::Value;

use crate::steps::{Outcome, Report, Stop};
use crate::tree::Tree;

pub(super) fn run(tree: &Tree, report: &mut Report) {
    report.step("licences and sources", || check(tree));
}

fn check(tree: &Tree) -> Outcome {
    let policy = std::fs::read_to_string(tree.root.join("deny.toml"))
        .map_err(|error| Stop::failed(format!("deny.toml: {error}")))?;
    let allowed = allowed_licences(&policy);
    if allowed.is_empty() {
        return Err(Stop::failed("deny.toml allows no licence: is its [licenses] section still there?"));
    }
    let output = tree
        .cargo()
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .map_err(|error| Stop::failed(format!("cargo metadata: {error}")))?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| Stop::failed(format!("cargo metadata: {error}")))?;
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let complaints: Vec<String> =
        packages.iter().filter_map(|package| complaint(package, &allowed)).collect();
    if complaints.is_empty() {
        Ok(format!("({} packages)", packages.len()))
    } else {
        Err(Stop::failed(format!(
            "{} packages are not allowed:\n{}",
            complaints.len(),
            complaints.join("\n")
        )))
    }
}

fn complaint(package: &Value, allowed: &[String]) -> Option<String> {
    let name = format!("{} {}", package["name"].as_str()?, package["version"].as_str()?);
    // A package without a source is ours, found by path.
    if let Some(source) = package["source"].as_str()
        && !source.starts_with("registry+")
    {
        return Some(format!("{name} comes from {source}"));
    }
    match package["license"].as_str() {
        None => Some(format!("{name} names no licence")),
        Some(licence) if satisfied(licence, allowed) => None,
        Some(licence) => Some(format!("{name} is {licence}")),
    }
}

/// The strings of `allow = […]` in the section `[licenses]`.
fn allowed_licences(policy: &str) -> Vec<String> {
    let section = policy.split("\n[licenses]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let list = section.split("allow = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether an SPDX expression can be met with the allowed licences. `/` is the old way to write OR.
fn satisfied(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let met = any(&mut words, allowed);
    met && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut met = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, allowed);
    }
    met
}

fn all(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut Words<'_>, allowed: &[String]) -> bool {
    match words.next() {
        Some("(") => {
            let met = any(words, allowed);
            words.next_if_eq(&")").is_some() && met
        }
        Some(licence) => {
            let mut licence = licence.to_owned();
            if words.next_if_eq(&"WITH").is_some() {
                licence = format!("{licence} WITH {}", words.next().unwrap_or_default());
            }
            allowed.contains(&licence)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(expression: &str) -> bool {
        let allowed = ["MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"];
        satisfied(expression, &allowed.map(str::to_owned))
    }

    #[test]
    fn one_side_of_an_or_is_enough_and_both_sides_of_an_and_are_needed() {
        assert!(met("GPL-3.0 OR MIT"));
        assert!(met("GPL-3.0/MIT"));
        assert!(met("(MIT OR GPL-3.0) AND Unicode-3.0"));
        assert!(!met("MIT AND GPL-3.0"));
        assert!(!met("(MIT OR Apache-2.0) AND GPL-3.0"));
        assert!(met("GPL-3.0 AND X OR MIT"));
    }

    #[test]
    fn an_exception_is_part_of_the_licence() {
        assert!(met("Apache-2.0 WITH LLVM-exception"));
        assert!(!met("MIT WITH LLVM-exception"));
    }

    #[test]
    fn what_is_not_an_expression_is_not_met() {
        assert!(!met(""));
        assert!(!met("(MIT"));
        assert!(!met("MIT MIT"));
    }

    #[test]
    fn the_policy_names_the_licences_we_publish_under() {
        let allowed = allowed_licences(include_str!("../../../deny.toml"));
        assert!(allowed.iter().any(|licence| licence == "MIT"));
        assert!(allowed.iter().any(|licence| licence == "Apache-2.0"));
        assert!(!allowed.iter().any(|licence| licence.contains("GPL")));
    }
}
