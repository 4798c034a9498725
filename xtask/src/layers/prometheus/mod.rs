//! A real Prometheus scrapes loads that run: the formats, the rules, and every panel; and what else is in `dashboards/`.

mod formats;
mod panels;
mod server;
pub(super) mod stack;

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ChildStdin;
use std::time::{Duration, Instant};

use super::embedded_node::{self, EmbeddedNode, free_address};
use super::load::command::{self, Load};
use crate::process::Process;
use crate::steps::{Outcome, Report, Stop};
use crate::tree::Tree;

use panels::Question;
pub(super) use server::Programs;
use server::{Prometheus, get};

pub(super) fn run(tree: &Tree, report: &mut Report) {
    report.step("promtool accepts the rules, and each alert fires when it should", || rules(tree));
    report.step("docker-compose reads its file, and what it mounts fits together", || stack::composed(tree));
    report.step("the dashboards are what Grafana's own types take", || stack::typed(tree));
    report.step("Prometheus scrapes a running load", || scraped(tree));
    report.step("what is scraped as protobuf is what is scraped as text", || both_formats(tree));
    report.step("every panel shows something while three hosts are loaded", || pictured(tree));
}

/// Rows before and while somebody looks.
const ROWS: u64 = 20_000;
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long panels may take to show something: scrapes come every second, and rates are taken over ten.
const PANEL_LIMIT: Duration = Duration::from_secs(60);

fn rules(tree: &Tree) -> Outcome {
    let programs = Programs::find(tree)?;
    let rules = tree.root.join("dashboards/rules");
    programs.check_rules(&rules.join("chorus.rules.yml"))?;
    programs.test_rules(&rules.join("chorus.test.yml"))?;
    Ok(String::new())
}

fn scraped(tree: &Tree) -> Outcome {
    let programs = Programs::find(tree)?;
    let mut watched = Watched::start(tree)?;
    let page = first_page(watched.metrics, &mut watched.loading)?;
    programs.check_format(&page)?;
    let prometheus = Prometheus::start(tree, &programs, watched.metrics)?;
    let series = prometheus.wait_for("count({__name__=~\"chorus_.+\"})", |series| series >= 300.0)?;
    prometheus.wait_for("up{job=\"chorus\"}", |up| up == 1.0)?;
    watched.finish()?;
    Ok(format!("({series:.0} series)"))
}

fn both_formats(tree: &Tree) -> Outcome {
    let programs = Programs::find(tree)?;
    let mut watched = Watched::start(tree)?;
    first_page(watched.metrics, &mut watched.loading)?;
    let series = formats::agree(tree, &programs, watched.metrics)?;
    watched.finish()?;
    Ok(format!("({series} series)"))
}

/// A load that has written its rows and waits for more.
struct Watched {
    metrics: SocketAddr,
    loading: Process,
    input: ChildStdin,
    _node: EmbeddedNode,
}

impl Watched {
    fn start(tree: &Tree) -> Result<Watched, Stop> {
        let chorus = embedded_node::debug_binary(tree)?;
        let node = EmbeddedNode::start(tree, &chorus)?;
        let metrics = free_address()?;
        let load = Load { tree, chorus: &chorus };
        let arguments = ["--to", "watched.rows", "--key", "id", "--metrics", &metrics.to_string()];
        let mut loading = load.piped(&node.address.to_string(), &arguments)?;
        let mut input =
            loading.child().stdin.take().ok_or_else(|| Stop::failed("chorus load has no input"))?;
        let rows: String = (0..ROWS).map(|id| format!("{id},row {id}\n")).collect();
        // The input stays open, so the load runs until we have seen enough.
        input
            .write_all(format!("id,name\n{rows}").as_bytes())
            .map_err(|error| Stop::failed(format!("chorus load stopped reading its input: {error}")))?;
        Ok(Watched { metrics, loading, input, _node: node })
    }

    /// Lets it end, which it must have done well.
    fn finish(self) -> Result<(), Stop> {
        let Watched { loading, input, _node, .. } = self;
        drop(input);
        command::finish(loading)?.expect_all(ROWS)
    }
}

/// A load that goes on until everything was seen, into three hosts of two shards.
fn pictured(tree: &Tree) -> Outcome {
    let programs = Programs::find(tree)?;
    let chorus = embedded_node::debug_binary(tree)?;
    let nodes = EmbeddedNode::start_many(tree, &chorus, 3, 2)?;
    let source = tree.target.join("panels.csv");
    let rows: String = (0..3_000_000).map(|id| format!("{id},a row with the number {id}\n")).collect();
    std::fs::write(&source, format!("id,name\n{rows}"))
        .map_err(|error| Stop::failed(format!("{}: {error}", source.display())))?;
    let metrics = free_address()?;
    let load = Load { tree, chorus: &chorus };
    let metrics_at = metrics.to_string();
    let arguments = ["--to", "watched.rows", "--key", "id", "--concurrency", "16", "--metrics", &metrics_at];
    let mut loading = load.of_file(&source, &nodes.address.to_string(), &arguments)?;
    first_page(metrics, &mut loading)?;
    let prometheus = Prometheus::start(tree, &programs, metrics)?;
    let questions = panels::questions(tree)?;
    let all = questions.len();
    let mut open = questions;
    let started = Instant::now();
    while !open.is_empty() {
        open.retain(|question| prometheus.values(&question.expression).is_empty());
        if loading.ended().is_some() {
            return Err(Stop::failed("the load ended before every panel had shown something"));
        }
        if started.elapsed() > PANEL_LIMIT {
            let empty: Vec<String> =
                open.iter().map(|Question { panel, expression }| format!("{panel}: {expression}")).collect();
            return Err(Stop::failed(format!("nothing is shown by\n{}", empty.join("\n"))));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    programs.check_format(&get(metrics, "/metrics").unwrap_or_default())?;
    // It has shown what it should; what it was loading is of no use to anybody.
    drop(loading);
    let _ = std::fs::remove_file(&source);
    Ok(format!("({all} expressions)"))
}

/// The page itself, once the load serves it.
fn first_page(metrics: SocketAddr, loading: &mut Process) -> Result<String, Stop> {
    let started = Instant::now();
    loop {
        match get(metrics, "/metrics") {
            Ok(page) if page.contains("chorus_") => return Ok(page),
            _ if loading.ended().is_some() => {
                return Err(Stop::failed("the load ended while it should have waited for input"));
            }
            _ if started.elapsed() > START_LIMIT => return Err(Stop::failed("no chorus_ metric is served")),
            _ => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}
