//! Programs that are not of this workspace, fetched while our own sources are compiled: whoever needs one afterwards finds it ready.
//! Each of them is fetched by its user as well when it is not there, so this layer may be left out, and what is missing here is
//! missing there too.

use super::load::memory;
use super::prometheus::{Programs, stack};
use super::{foreign, load, page};
use crate::cassandra::Installation;
use crate::python;
use crate::steps::Report;
use crate::tree::Tree;

pub(super) fn run(tree: &Tree, report: &mut Report) {
    // What mostly waits goes first.
    report.step("Cassandra's jars", || Installation::provide(tree).map(|_| String::new()));
    report.step("Python environments", || {
        let mut environments = foreign::python_packages(tree)?;
        environments.extend(
            [foreign::EXCHANGE, load::VERIFYING]
                .map(|names| names.iter().map(|name| name.to_string()).collect()),
        );
        environments.sort();
        environments.dedup();
        for packages in &environments {
            python::environment(tree, &packages.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        Ok(format!("({})", environments.len()))
    });
    report.step("Prometheus, docker-compose, Chromium", || {
        Programs::find(tree)?;
        stack::Compose::find(tree)?;
        page::chromium(tree)?;
        Ok(String::new())
    });
    report.step("the sink of load tests", || memory::sink(tree).map(|_| String::new()));
}
