//! The real thing: a Cassandra of the version that `xtask/cassandra/pom.xml` names.

use super::cargo_tests::{self, FEATURES};
use super::{foreign, page, rolling};
use crate::cassandra::{Cluster, Layout, Tls, temporary_name};
use crate::process;
use crate::python;
use crate::steps::{Report, Stop};
use crate::tree::Tree;

pub(super) fn run(tree: &Tree, report: &mut Report) {
    // Both speak TLS as well; this one with anybody, the other one with whoever shows a certificate.
    let layout = Layout { nodes: 1, auth: false, durable: false, tls: Some(Tls::Anybody), first: None };
    let open = start_as(tree, report, "Cassandra starts", "open", &layout);
    let Some(open) = open else { return };
    let server = open.contact_point();
    report.step("Cassandra answers its own driver", || {
        let python = python::environment(tree, &["cassandra-driver"])?;
        let script = tree.root.join("xtask/cassandra/answers.py");
        process::run("answers.py", std::process::Command::new(python).arg(script).arg(&server))?;
        Ok(String::new())
    });
    foreign::against(tree, report, &server, "Cassandra", open.certificates());
    // Asks for passwords; the tests that try wrong ones need it.
    let layout = Layout { nodes: 1, auth: true, durable: false, tls: Some(Tls::Identified), first: None };
    let guarded = start_as(tree, report, "Cassandra with passwords starts", "guarded", &layout);
    let Some(guarded) = guarded else { return };
    report.step("our tests, Cassandra", || {
        let mut command = tree.cargo();
        command
            // Every ignored test is one of these, or wants three nodes or a browser.
            .args(["test", "--workspace", "--tests", "--features", FEATURES, "--locked", "--no-fail-fast"])
            .args(["--", "--ignored", "--skip", THREE_NODES, "--skip", page::TESTS])
            .env("CHORUS_CASSANDRA", &server)
            .env("CHORUS_CASSANDRA_AUTH", guarded.contact_point())
            .env(foreign::PYTHON, python::environment(tree, foreign::EXCHANGE)?);
        for (server, name) in [(&open, "CHORUS_CASSANDRA_TLS"), (&guarded, "CHORUS_CASSANDRA_AUTH_TLS")] {
            // The folder that has what clients need.
            let folder = server.certificates().and_then(|files| files.authority.parent());
            command.env(name, folder.unwrap_or(&tree.target));
        }
        cargo_tests::counted(&mut command)
    });
}

/// The module of tests that run against a cluster of three nodes, in `tests/real_cluster.rs`.
const THREE_NODES: &str = "three_nodes";

/// Three nodes, which take some three quarters of a gigabyte each.
pub(super) fn three_nodes(tree: &Tree, report: &mut Report) {
    let layout = Layout { nodes: 3, auth: false, durable: true, tls: None, first: None };
    let cluster = start_as(tree, report, "three Cassandras start", "three", &layout);
    let Some(mut cluster) = cluster else { return };
    report.step("our tests, three Cassandras", || {
        let mut command = tree.cargo();
        command
            .args(["test", "--workspace", "--test", "real_cluster", "--features", FEATURES, "--locked"])
            .args(["--", "--ignored"])
            .env("CHORUS_CASSANDRA_NODES", cluster.contact_points().join(","));
        cargo_tests::counted(&mut command)
    });
    report.step("a rolling restart under load", || rolling::run(tree, &mut cluster));
}

/// Starts a node in a step of its own.
pub(super) fn start(tree: &Tree, report: &mut Report, step: &str, name: &str, auth: bool) -> Option<Cluster> {
    start_as(tree, report, step, name, &Layout { nodes: 1, auth, durable: true, tls: None, first: None })
}

fn start_as(tree: &Tree, report: &mut Report, step: &str, name: &str, layout: &Layout) -> Option<Cluster> {
    let mut started = None;
    report.step(step, || {
        let cluster = Cluster::start(tree, &temporary_name(name), layout)?;
        let addresses = cluster.contact_points().join(" ");
        started = Some(cluster);
        Ok::<_, Stop>(format!("({addresses})"))
    });
    started
}
