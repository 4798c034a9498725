//! A real Prometheus scrapes a load that runs.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::embedded_node::{self, EmbeddedNode, free_address};
use super::load::command::{self, Load};
use crate::debian;
use crate::process::Process;
use crate::steps::{Outcome, Report, Stop};
use crate::tree::Tree;

pub(super) fn run(tree: &Tree, report: &mut Report) {
    report.step("Prometheus scrapes a running load", || scraped(tree));
}

/// Rows before and while somebody looks.
const ROWS: u64 = 20_000;
const SCRAPE_LIMIT: Duration = Duration::from_secs(60);

fn scraped(tree: &Tree) -> Outcome {
    let programs = Programs::find(tree)?;
    let chorus = embedded_node::debug_binary(tree)?;
    let node = EmbeddedNode::start(tree, &chorus)?;
    let metrics = free_address()?;
    let load = Load { tree, chorus: &chorus };
    let arguments = ["--to", "watched.rows", "--key", "id", "--metrics", &metrics.to_string()];
    let mut loading = load.piped(&node.address.to_string(), &arguments)?;
    let mut input = loading.child().stdin.take().ok_or_else(|| Stop::failed("chorus load has no input"))?;
    let rows: String = (0..ROWS).map(|id| format!("{id},row {id}\n")).collect();
    // The input stays open, so the load runs until we have seen enough.
    input
        .write_all(format!("id,name\n{rows}").as_bytes())
        .map_err(|error| Stop::failed(format!("chorus load stopped reading its input: {error}")))?;
    let page = first_page(metrics, &mut loading)?;
    programs.check_format(&page)?;
    let prometheus = Prometheus::start(tree, &programs, metrics)?;
    let series = prometheus.wait_for("count({__name__=~\"chorus_.+\"})", |series| series >= 10.0)?;
    prometheus.wait_for("up{job=\"chorus\"}", |up| up == 1.0)?;
    drop(input);
    let summary = command::finish(loading)?;
    summary.expect_all(ROWS)?;
    Ok(format!("({series:.0} series)"))
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
            _ if started.elapsed() > SCRAPE_LIMIT => return Err(Stop::failed("no chorus_ metric is served")),
            _ => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// The body of an answer with status 200; everybody here closes the connection after it.
fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(socket, "GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        _ => Err(std::io::Error::other(head.lines().next().unwrap_or_default().to_owned())),
    }
}

/// Debian's `prometheus` and `promtool`.
struct Programs {
    prometheus: PathBuf,
    promtool: PathBuf,
}

impl Programs {
    /// The installed ones, or the package unpacked into the target directory: nothing is installed and no service starts.
    fn find(tree: &Tree) -> Result<Programs, Stop> {
        let at = |directory: &Path| Programs {
            prometheus: directory.join("prometheus"),
            promtool: directory.join("promtool"),
        };
        let installed = at(Path::new("/usr/bin"));
        if installed.prometheus.exists() && installed.promtool.exists() {
            return Ok(installed);
        }
        let home = tree.target.join("prometheus");
        let unpacked = at(&home.join("usr/bin"));
        if !unpacked.promtool.exists() {
            debian::unpack("prometheus", &home)
                .map_err(|stop| Stop::missing(format!("Prometheus (Debian: prometheus): {stop}")))?;
        }
        Ok(unpacked)
    }

    fn check_format(&self, page: &str) -> Result<(), Stop> {
        let mut command = Command::new(&self.promtool);
        command.args(["check", "metrics"]).stdin(Stdio::piped());
        let mut promtool = Process::spawn("promtool check metrics", &mut command, None)?;
        if let Some(mut input) = promtool.child().stdin.take() {
            input.write_all(page.as_bytes()).map_err(|error| Stop::failed(format!("promtool: {error}")))?;
        }
        match promtool.wait(Duration::from_secs(20)) {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(Stop::failed(format!("promtool check metrics: {status}"))),
            None => Err(Stop::failed("promtool does not end")),
        }
    }
}

/// A server that scrapes one target every second.
struct Prometheus {
    address: SocketAddr,
    process: std::cell::RefCell<Process>,
}

impl Prometheus {
    fn start(tree: &Tree, programs: &Programs, target: SocketAddr) -> Result<Prometheus, Stop> {
        let home = tree.target.join("prometheus-run");
        let _ = std::fs::remove_dir_all(&home);
        std::fs::create_dir_all(&home)
            .map_err(|error| Stop::failed(format!("{}: {error}", home.display())))?;
        let configuration = format!(
            "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: chorus\n    static_configs:\n      - targets: ['{target}']\n"
        );
        let file = home.join("prometheus.yml");
        std::fs::write(&file, configuration)
            .map_err(|error| Stop::failed(format!("{}: {error}", file.display())))?;
        let address = free_address()?;
        let mut command = Command::new(&programs.prometheus);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", home.join("data").display()))
            .arg(format!("--web.listen-address={address}"));
        let process = Process::server("prometheus", &mut command, &home.join("prometheus.log"))?;
        Ok(Prometheus { address, process: process.into() })
    }

    /// Asks until the answer is good; the answer.
    fn wait_for(&self, query: &str, good: impl Fn(f64) -> bool) -> Result<f64, Stop> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let started = Instant::now();
        let mut last = None;
        while started.elapsed() < SCRAPE_LIMIT {
            last = get(self.address, &format!("/api/v1/query?query={encoded}"))
                .ok()
                .and_then(|text| value(&text))
                .or(last);
            if let Some(found) = last.filter(|found| good(*found)) {
                return Ok(found);
            }
            if self.process.borrow_mut().ended().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        let words = self.process.borrow().last_words(10);
        Err(Stop::failed(format!("Prometheus answers {query} with {last:?}; its log ends:\n{words}")))
    }
}

/// The first value of an answer: `{"data":{"result":[{"value":[1700000000,"1"]}]}}`.
fn value(answer: &str) -> Option<f64> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn the_first_value_of_an_answer_is_found() {
        let answer = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1700000000.1,"42"]}]}}"#;
        assert_eq!(value(answer), Some(42.0));
        assert_eq!(value(r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#), None);
        assert_eq!(value("not found"), None);
    }
}
