//! One program scraped twice, as text and as protobuf: both must say the same.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::server::{Programs, Prometheus};
use crate::steps::Stop;
use crate::tree::Tree;

/// How long the two may take to agree on every series: each sees the program once a second, at another moment.
const LIMIT: Duration = Duration::from_secs(60);
/// A series by its labels, the bounds of buckets as numbers: the formats spell them differently (`1` and `1.0`).
type Series = BTreeMap<String, f64>;

/// Has two servers scrape `target` until each series was seen with the same value, or one between two of the text's.
/// How many series there were.
pub(super) fn agree(tree: &Tree, programs: &Programs, target: SocketAddr) -> Result<usize, Stop> {
    let relay = Relay::start(target)?;
    let text = Prometheus::start(tree, programs, target)?;
    let protobuf = Prometheus::start_with_protobuf(tree, programs, relay.address)?;
    for server in [&text, &protobuf] {
        server.wait_for("count({__name__=~\"chorus_.+\"})", |series| series >= 300.0)?;
    }
    let started = Instant::now();
    // Series whose values have not been seen to agree yet: those of counters that move all the time agree between two looks.
    let mut open: Option<Vec<String>> = None;
    while started.elapsed() < LIMIT {
        let before = series(&text);
        std::thread::sleep(Duration::from_millis(2_500));
        let binary = series(&protobuf);
        std::thread::sleep(Duration::from_millis(2_500));
        let after = series(&text);
        if !before.keys().eq(binary.keys()) || !after.keys().eq(binary.keys()) {
            continue;
        }
        let differs = |name: &String| {
            let (low, high) = (before[name].min(after[name]), before[name].max(after[name]));
            !(low..=high).contains(&binary[name])
        };
        let still: Vec<String> = match open {
            None => binary.keys().filter(|name| differs(name)).cloned().collect(),
            Some(names) => names.into_iter().filter(differs).collect(),
        };
        if still.is_empty() {
            relay.spoke_protobuf()?;
            return Ok(binary.len());
        }
        open = Some(still);
    }
    match open {
        Some(names) => Err(Stop::failed(format!("text and protobuf never agreed on {}", names.join(", ")))),
        None => Err(Stop::failed(format!(
            "the formats have other series: {}",
            difference(&series(&text), &series(&protobuf))
        ))),
    }
}

/// The names that only one of them has.
fn difference(one: &Series, other: &Series) -> String {
    let lone = |of: &Series, not: &Series| -> Vec<String> {
        of.keys().filter(|name| !not.contains_key(*name)).take(10).cloned().collect()
    };
    format!("text {:?}, protobuf {:?}", lone(one, other), lone(other, one))
}

fn series(server: &Prometheus) -> Series {
    let answer = server.ask("{__name__=~\"chorus_.+\"}").unwrap_or_default();
    of_answer(&serde_json::from_str(&answer).unwrap_or_default())
}

/// Where the program is, is not part of a series: one of the servers comes through the relay.
fn of_answer(answer: &Value) -> Series {
    let mut series = Series::new();
    for result in answer["data"]["result"].as_array().into_iter().flatten() {
        let labels = result["metric"].as_object().into_iter().flatten();
        let labels: Vec<String> = labels
            .filter(|(name, _)| *name != "instance")
            .map(|(name, value)| {
                let value = value.as_str().unwrap_or_default();
                match value.parse::<f64>() {
                    Ok(bound) if name == "le" => format!("le={bound}"),
                    _ => format!("{name}={value}"),
                }
            })
            .collect();
        let value = result["value"][1].as_str().and_then(|value| value.parse().ok());
        series.insert(labels.join(","), value.unwrap_or(f64::NAN));
    }
    series
}

/// Between a server and the program, to see what they speak.
struct Relay {
    address: SocketAddr,
    /// What the program answered, from the beginning of each connection.
    answers: Arc<Mutex<Vec<u8>>>,
}

/// The heads of answers are in here.
const NOTED: usize = 1 << 16;

impl Relay {
    fn start(target: SocketAddr) -> Result<Self, Stop> {
        let fail = |error: std::io::Error| Stop::failed(format!("no relay: {error}"));
        let listener = TcpListener::bind("127.0.0.1:0").map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        let answers = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&answers);
        // Ends with this program: it waits for connections that nobody makes any more.
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let notes = Arc::clone(&notes);
                std::thread::spawn(move || drop(relay(socket, target, &notes)));
            }
        });
        Ok(Self { address, answers })
    }

    fn spoke_protobuf(&self) -> Result<(), Stop> {
        let answers = self.answers.lock().unwrap_or_else(|error| error.into_inner());
        let heads = String::from_utf8_lossy(&answers).to_lowercase();
        match heads.contains(
            "content-type: application/vnd.google.protobuf; proto=io.prometheus.client.metricfamily",
        ) {
            true => Ok(()),
            false => Err(Stop::failed("Prometheus was not answered in the protobuf format")),
        }
    }
}

fn relay(asking: TcpStream, target: SocketAddr, notes: &Mutex<Vec<u8>>) -> std::io::Result<()> {
    let answering = TcpStream::connect(target)?;
    let (mut from, mut to) = (asking.try_clone()?, answering.try_clone()?);
    let questions = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let (mut from, mut to, mut buffer) = (answering, asking, [0; 16 * 1024]);
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        let mut notes = notes.lock().unwrap_or_else(|error| error.into_inner());
        if notes.len() < NOTED {
            notes.extend_from_slice(&buffer[..read]);
        }
        drop(notes);
        to.write_all(&buffer[..read])?;
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = questions.join();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_the_same_when_only_the_spelling_of_a_bound_differs() {
        let answer = |le: &str, instance: &str| {
            of_answer(&serde_json::json!({ "data": { "result": [
                { "metric": { "__name__": "a_bucket", "le": le, "instance": instance }, "value": [1, "3"] },
            ] } }))
        };
        assert_eq!(answer("1", "a:1"), answer("1.0", "b:2"));
        assert_ne!(answer("1", "a:1"), answer("2.5", "a:1"));
        assert_eq!(answer("+Inf", "a:1"), answer("+Inf", "a:1"));
        assert!(difference(&answer("1", "a"), &answer("2", "a")).contains("le=1"));
    }
}
