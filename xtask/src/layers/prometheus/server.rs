//! Debian's Prometheus and its `promtool`, and what one asks them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::embedded_node::free_address;
use crate::debian;
use crate::process::{self, Process};
use crate::steps::Stop;
use crate::tree::Tree;

/// How long an answer may take to become a good one.
const SCRAPE_LIMIT: Duration = Duration::from_secs(60);

/// The body of an answer with status 200; everybody here closes the connection after it.
pub(super) fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
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
pub(in crate::layers) struct Programs {
    prometheus: PathBuf,
    pub(in crate::layers) promtool: PathBuf,
}

impl Programs {
    /// The installed ones, or the package unpacked into the target directory: nothing is installed and no service starts.
    pub(in crate::layers) fn find(tree: &Tree) -> Result<Programs, Stop> {
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

    /// A configuration of a server is right, the rules that it names included.
    pub(super) fn check_config(&self, configuration: &Path) -> Result<(), Stop> {
        let mut command = Command::new(&self.promtool);
        process::run("promtool check config", command.args(["check", "config"]).arg(configuration))
    }

    pub(super) fn check_format(&self, page: &str) -> Result<(), Stop> {
        let mut command = Command::new(&self.promtool);
        command.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut promtool = Process::spawn("promtool check metrics", &mut command, None)?;
        if let Some(mut input) = promtool.child().stdin.take() {
            input.write_all(page.as_bytes()).map_err(|error| Stop::failed(format!("promtool: {error}")))?;
        }
        let mut complaints = String::new();
        if let Some(mut output) = promtool.child().stderr.take() {
            output
                .read_to_string(&mut complaints)
                .map_err(|error| Stop::failed(format!("promtool: {error}")))?;
        }
        match promtool.wait(Duration::from_secs(20)) {
            Some(status) if status.success() && complaints.trim().is_empty() => Ok(()),
            Some(status) => Err(Stop::failed(format!("promtool check metrics: {status}: {complaints}"))),
            None => Err(Stop::failed("promtool does not end")),
        }
    }

    /// The rules can be loaded.
    pub(super) fn check_rules(&self, rules: &Path) -> Result<(), Stop> {
        let mut command = Command::new(&self.promtool);
        process::run("promtool check rules", command.args(["check", "rules"]).arg(rules))
    }

    /// Each alert fires when it should and only then.
    pub(super) fn test_rules(&self, tests: &Path) -> Result<(), Stop> {
        let mut command = Command::new(&self.promtool);
        process::run("promtool test rules", command.args(["test", "rules"]).arg(tests))
    }
}

/// A server that scrapes one target every second.
pub(super) struct Prometheus {
    address: SocketAddr,
    process: std::cell::RefCell<Process>,
}

impl Prometheus {
    pub(super) fn start(tree: &Tree, programs: &Programs, target: SocketAddr) -> Result<Prometheus, Stop> {
        Self::start_with(tree, programs, target, "prometheus-run", &[])
    }

    /// One that offers the protobuf format before others, as it does where native histograms are wanted.
    pub(super) fn start_with_protobuf(
        tree: &Tree,
        programs: &Programs,
        target: SocketAddr,
    ) -> Result<Prometheus, Stop> {
        let options = ["--enable-feature=native-histograms"];
        Self::start_with(tree, programs, target, "prometheus-protobuf-run", &options)
    }

    fn start_with(
        tree: &Tree,
        programs: &Programs,
        target: SocketAddr,
        home: &str,
        options: &[&str],
    ) -> Result<Prometheus, Stop> {
        let home = tree.target.join(home);
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
            .arg(format!("--web.listen-address={address}"))
            .args(options);
        let process = Process::server("prometheus", &mut command, &home.join("prometheus.log"))?;
        Ok(Prometheus { address, process: process.into() })
    }

    /// What it answers to a query, as JSON.
    pub(super) fn ask(&self, query: &str) -> Option<String> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        get(self.address, &format!("/api/v1/query?query={encoded}")).ok()
    }

    /// The numbers an expression has now; those that are none are left out.
    pub(super) fn values(&self, query: &str) -> Vec<f64> {
        let answer = self.ask(query).unwrap_or_default();
        values(&answer).into_iter().filter(|value| value.is_finite()).collect()
    }

    /// Asks until the answer is good; the answer.
    pub(super) fn wait_for(&self, query: &str, good: impl Fn(f64) -> bool) -> Result<f64, Stop> {
        let started = Instant::now();
        let mut last = None;
        while started.elapsed() < SCRAPE_LIMIT {
            last = self.ask(query).and_then(|answer| values(&answer).first().copied()).or(last);
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

/// The values of an answer: `{"data":{"result":[{"value":[1700000000,"1"]}]}}`.
fn values(answer: &str) -> Vec<f64> {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let results = answer["data"]["result"].as_array().cloned().unwrap_or_default();
    results.iter().filter_map(|result| result["value"][1].as_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::values;

    #[test]
    fn the_values_of_an_answer_are_found() {
        let answer = r#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{},"value":[1700000000.1,"42"]},{"metric":{},"value":[1700000000.1,"NaN"]}]}}"#;
        let found = values(answer);
        assert_eq!((found.len(), found[0]), (2, 42.0));
        assert!(found[1].is_nan());
        assert_eq!(
            values(r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#),
            Vec::<f64>::new()
        );
        assert_eq!(values("not found"), Vec::<f64>::new());
    }
}
