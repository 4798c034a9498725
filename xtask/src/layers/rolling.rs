//! A rolling restart, as an operator does it, of a cluster that is written to and read from meanwhile: no request may fail.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::cargo_tests;
use crate::cassandra::{Cluster, Node, up_line};
use crate::process::Process;
use crate::steps::{Outcome, Stop};
use crate::tree::Tree;

/// How long everything is left alone before the first restart, between two, and after the last.
const CALM: Duration = Duration::from_secs(3);

/// How long one node may take to be drained, stopped and started, and all nodes to see each other again: half a minute where
/// nothing else runs, and ten times that were seen where everything did.
const RESTART_LIMIT: Duration = Duration::from_secs(600);

/// How long reading back what was written meanwhile may take: on a machine that was busy for long, that is much.
const END_LIMIT: Duration = Duration::from_secs(300);

pub(super) fn run(tree: &Tree, cluster: &mut Cluster) -> Outcome {
    cargo_tests::build(tree, &[])?;
    let mut command = Command::new(tree.target.join("debug/examples/rolling_restart"));
    command.args(cluster.contact_points()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut load = Process::spawn("the load", &mut command, None)?;
    let output = load.child().stdout.take().ok_or_else(|| Stop::failed("the load has no output"))?;
    let mut output = BufReader::new(output);
    wait_until_steady(&mut output)?;
    // Read on a thread of its own, so that the pipe never fills.
    let summary = std::thread::spawn(move || last_line(output));
    std::thread::sleep(CALM);
    let count = cluster.nodes().len();
    for index in 0..count {
        restart(cluster, index)?;
        std::thread::sleep(CALM);
    }
    // The end of its input is the end of the load.
    drop(load.child().stdin.take());
    let status = load.wait(END_LIMIT);
    if status.is_none() {
        // Otherwise its output would not end either.
        load.kill();
    }
    let summary = summary.join().map_err(|_| Stop::failed("reading what the load says panicked"))?;
    match status {
        Some(status) if status.success() => Ok(format!("({summary})")),
        Some(status) => Err(Stop::failed(format!("the load ended with {status}: {summary}"))),
        None => Err(Stop::failed("the load does not end")),
    }
}

/// Drains a node, stops it, starts it, and waits until every node sees every other.
fn restart(cluster: &mut Cluster, index: usize) -> Result<(), Stop> {
    let began = Instant::now();
    let heard: Vec<u64> = cluster.nodes().iter().map(Node::log_length).collect();
    let node = cluster.node(index).ok_or_else(|| Stop::failed("the cluster has lost a node"))?;
    let address = node.address();
    node.nodetool(&["drain"])?;
    let drained = began.elapsed();
    node.stop();
    let stopped = began.elapsed();
    node.start()?;
    let started = began.elapsed();
    let cluster = &*cluster;
    let late = |who: &str| {
        Stop::failed(format!("{who} {RESTART_LIMIT:?} after {address} was drained for its restart"))
    };
    // Their logs tell for nothing what `nodetool` takes a Java for, which would slow down what it waits for.
    while !all_said_up(cluster.nodes(), &heard, index) {
        if began.elapsed() > RESTART_LIMIT {
            return Err(late("not every node has told that it sees the others"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let until_all_normal = &|node: &Node| -> Result<(), Stop> {
        loop {
            let status = node.nodetool(&["status"])?;
            if sees_all(&status, cluster.nodes().len()) {
                return Ok(());
            }
            if began.elapsed() > RESTART_LIMIT {
                let node = node.address();
                return Err(late(&format!("{node} does not see all nodes as normal; it sees\n{status}\n")));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    };
    // All at the same time: each is a Java that mostly waits.
    std::thread::scope(|scope| {
        let asked = cluster.nodes().iter().map(|node| scope.spawn(move || until_all_normal(node)));
        let asked: Vec<_> = asked.collect();
        asked.into_iter().try_for_each(|asked| {
            asked.join().unwrap_or_else(|_| Err(Stop::failed("asking a node panicked")))
        })
    })?;
    let spent = [drained, stopped - drained, started - stopped, began.elapsed() - started];
    let [drained, stopped, started, seen] = spent.map(|spent| spent.as_secs_f64());
    let all = began.elapsed().as_secs_f64();
    println!(
        "    restarted {address} in {all:.0} s: drained {drained:.1}, stopped {stopped:.1}, started {started:.1}, \
         seen by all {seen:.1}"
    );
    Ok(())
}

/// Whether the one that was restarted has told that it sees all others, and all others that they see it, since their logs
/// were that long.
fn all_said_up(nodes: &[Node], heard: &[u64], restarted: usize) -> bool {
    let Some(address) = nodes.get(restarted).map(Node::address) else { return false };
    let said_up = |index: usize, of| {
        let (node, heard) = (nodes.get(index), heard.get(index));
        node.zip(heard).is_some_and(|(node, heard)| node.logged_since(*heard).contains(&up_line(of)))
    };
    let others = nodes.iter().enumerate().filter(|(index, _)| *index != restarted);
    let mut others = others.map(|(index, other)| (index, other.address()));
    others.all(|(index, other)| said_up(index, address) && said_up(restarted, other))
}

/// Whether `nodetool status` shows that many nodes up and in normal state, and no other.
fn sees_all(status: &str, count: usize) -> bool {
    let states = status.lines().filter_map(|line| line.split_once("  ")).map(|(state, _)| state);
    let states: Vec<&str> = states.filter(|state| state.len() == 2 && !state.contains('-')).collect();
    states.len() == count && states.iter().all(|state| *state == "UN")
}

fn wait_until_steady(output: &mut BufReader<ChildStdout>) -> Result<(), Stop> {
    let mut line = String::new();
    loop {
        line.clear();
        let read = output.read_line(&mut line).map_err(|error| Stop::failed(format!("the load: {error}")))?;
        if read == 0 {
            return Err(Stop::failed("the load ended before anything was restarted"));
        }
        print!("    {line}");
        let _ = std::io::stdout().flush();
        if line.trim() == "steady" {
            return Ok(());
        }
    }
}

/// Shows every line and returns the last.
fn last_line(output: BufReader<ChildStdout>) -> String {
    let mut last = String::new();
    for line in output.lines().map_while(Result::ok) {
        println!("    {line}");
        last = line;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::sees_all;

    #[test]
    fn only_nodes_that_are_up_and_normal_count() {
        let status = |states: [&str; 3]| {
            let row = |state: &str| format!("{state}  127.0.0.1  94.7 KiB  16      100.0%  rack1\n");
            let rows: String = states.iter().map(|state| row(state)).collect();
            format!(
                "Datacenter: datacenter1\n=======================\nStatus=Up/Down\n|/ State=Normal/Leaving\n\
                 --  Address    Load  Tokens\n{rows}"
            )
        };
        assert!(sees_all(&status(["UN", "UN", "UN"]), 3));
        assert!(!sees_all(&status(["UN", "DN", "UN"]), 3));
        assert!(!sees_all(&status(["UN", "UJ", "UN"]), 3));
        assert!(!sees_all(&status(["UN", "UN", "UN"]), 4));
        assert!(!sees_all("", 3));
    }
}
