//! The real thing: a Cassandra of the version that `xtask/cassandra/pom.xml` names.

use super::{cargo_tests, foreign};
use crate::cassandra::{Cluster, Layout, temporary_name};
use crate::process;
use crate::python;
use crate::steps::{Report, Stop};
use crate::tree::Tree;

pub(super) fn run(tree: &Tree, report: &mut Report) {
    let open = start(tree, report, "Cassandra starts", "open", false);
    let Some(open) = open else { return };
    let server = open.contact_point();
    report.step("Cassandra answers its own driver", || {
        let python = python::environment(tree, &["cassandra-driver"])?;
        let script = tree.root.join("xtask/cassandra/answers.py");
        process::run("answers.py", std::process::Command::new(python).arg(script).arg(&server))?;
        Ok(String::new())
    });
    foreign::against(tree, report, &server, "Cassandra");
    // Asks for passwords; the tests that try wrong ones need it.
    let guarded = start(tree, report, "Cassandra with passwords starts", "guarded", true);
    let Some(guarded) = guarded else { return };
    report.step("our tests, Cassandra", || {
        let mut command = tree.cargo();
        command
            // Every ignored test is one of these.
            .args(["test", "--workspace", "--tests", "--locked", "--no-fail-fast", "--", "--ignored"])
            .env("CHORUS_CASSANDRA", &server)
            .env("CHORUS_CASSANDRA_AUTH", guarded.contact_point());
        cargo_tests::counted(&mut command)
    });
}

/// Starts a node in a step of its own.
pub(super) fn start(tree: &Tree, report: &mut Report, step: &str, name: &str, auth: bool) -> Option<Cluster> {
    let mut started = None;
    report.step(step, || {
        let cluster = Cluster::start(tree, &temporary_name(name), &Layout { nodes: 1, auth, first: None })?;
        let address = cluster.contact_point();
        started = Some(cluster);
        Ok::<_, Stop>(format!("({address})"))
    });
    started
}
