//! The page counts as Prometheus does: the same samples go through its script and through `promtool`, every question of every panel
//! is put to both, and both must answer the same.
//!
//! In the samples a host comes late, another leaves, every counter begins again once, and one scrape is missing.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use chorus::metrics::catalog::{CATALOG, DASHBOARDS, Metric, MetricKind};
use serde_json::{Value, json};

use super::chromium::Chromium;
use super::feed::Feed;

/// Scrapes, a second apart.
const SCRAPES: usize = 60;
const RESTART: usize = 24;
const MISSED: usize = 36;
/// When a host comes, and when another leaves.
const COMES: usize = 15;
const LEAVES: usize = 40;
/// When questions are put: at the beginning, around the restart, when it is where the window begins, after the miss, when the host
/// has just left, at the end.
const MOMENTS: [usize; 7] = [1, 20, 27, 33, 38, 43, 58];
/// Between two scrapes, so that it does not matter to whom the edge belongs.
const RANGE: &str = "9s500ms";
const RANGE_SECONDS: f64 = 9.5;

/// One series and its samples; where there is none it was not in the exposition.
struct Recorded {
    name: String,
    values: Vec<Option<u64>>,
}

#[test]
#[ignore = "needs a Chromium in CHORUS_CHROMIUM and a promtool in CHORUS_PROMTOOL"]
fn browser_answers_every_question_as_prometheus_does() {
    let promtool = std::env::var_os("CHORUS_PROMTOOL").expect("CHORUS_PROMTOOL names Prometheus' promtool");
    let recorded = record();
    let feed = Feed::quiet();
    let mut chromium = Chromium::start();
    chromium.open(&format!("http://{}/", feed.address().expect("it serves")));
    chromium.value(&format!("globalThis.samples = new History({SCRAPES}, wantedOf(catalogue))"));
    for scrape in 0..SCRAPES {
        let text = json!(exposition(&recorded, scrape));
        let take =
            if scrape == MISSED { format!("miss({scrape})") } else { format!("add({scrape}, {text})") };
        chromium.value(&format!("samples.{take}"));
    }
    let (mut tests, mut answers, mut asked) = (Vec::new(), 0, BTreeSet::new());
    for (place, dashboard) in DASHBOARDS.iter().enumerate() {
        let series = dashboard.panels().flat_map(|panel| panel.series);
        for (index, series) in series.enumerate() {
            let expression = series.query.promql(RANGE, "");
            if !asked.insert(expression.clone()) {
                continue;
            }
            for moment in MOMENTS {
                let found = chromium.value(&format!(
                    "(() => {{
                        const series = catalogue.dashboards[{place}].rows.flatMap((row) => row.panels)
                            .flatMap((panel) => panel.series)[{index}];
                        const by = labelsOf(series.query);
                        const answer = evaluate(series.query, samples, {moment}, {RANGE_SECONDS}, () => true);
                        return [...answer.values()].filter(({{ value }}) => Number.isFinite(value)).map(({{ labels, value }}) => ({{
                            labels: Object.fromEntries(by.map((label, at) => [label, labels[at]])),
                            value: Math.floor(value * 1e4 + 0.5),
                        }}));
                    }})()"
                ));
                answers += found.as_array().expect("a list").len();
                tests.push(question(&expression, moment, &found));
            }
        }
    }
    assert!(asked.len() > 80 && answers > 1000, "{} questions with {answers} answers", asked.len());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("page.yml");
    std::fs::write(&file, unit_test(&recorded, &tests)).expect("the file is written");
    let output = Command::new(promtool).args(["test", "rules"]).arg(&file).output().expect("promtool runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{}", said.chars().take(6000).collect::<String>(), asked.len());
}

/// Samples of every metric of the catalogue.
fn record() -> Vec<Recorded> {
    let mut random = 7_u64;
    let mut below = move |bound: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let mut all = Vec::new();
    for metric in CATALOG {
        for labels in combinations(metric) {
            let there = |scrape: usize| {
                let late = labels.contains("10.0.0.3") && scrape < COMES;
                let gone = labels.contains("10.0.0.2") && scrape >= LEAVES;
                scrape != MISSED && !late && !gone
            };
            let mut keep = |name: String, values: &[u64]| {
                let values = values.iter().enumerate().map(|(at, value)| there(at).then_some(*value));
                all.push(Recorded { name, values: values.collect() });
            };
            match metric.kind {
                MetricKind::Gauge => {
                    let values: Vec<u64> = (0..SCRAPES).map(|_| below(200)).collect();
                    keep(series(metric.name, &labels, None), &values);
                }
                MetricKind::Counter => {
                    let values = counter(|| below(60));
                    keep(series(metric.name, &labels, None), &values);
                }
                MetricKind::Histogram(bounds) => {
                    let parts: Vec<Vec<u64>> = (0..=bounds.len()).map(|_| counter(|| below(9))).collect();
                    let mut up_to = vec![0; SCRAPES];
                    for (place, part) in parts.iter().enumerate() {
                        up_to.iter_mut().zip(part).for_each(|(sum, more)| *sum += more);
                        let bound = bounds.get(place).map_or("+Inf".to_owned(), f64::to_string);
                        keep(series(&format!("{}_bucket", metric.name), &labels, Some(&bound)), &up_to);
                    }
                    keep(series(&format!("{}_count", metric.name), &labels, None), &up_to);
                    keep(series(&format!("{}_sum", metric.name), &labels, None), &counter(|| below(90)));
                }
            }
        }
    }
    all
}

/// A counter that starts with a lot, stands still at times, and begins again at the restart. (From little, versions of Prometheus
/// draw it differently: see `rate` of the page.)
fn counter(mut step: impl FnMut() -> u64) -> Vec<u64> {
    let mut value = 2000 + step();
    (0..SCRAPES)
        .map(|scrape| {
            value = if scrape == RESTART { 0 } else { value };
            value += if scrape % 7 == 3 { 0 } else { step() };
            value
        })
        .collect()
}

/// All combinations of a metric's labels, as text between braces; hosts are three.
fn combinations(metric: &Metric) -> Vec<String> {
    let open = |label: &str| match label {
        "node" => vec!["10.0.0.1:9042", "10.0.0.2:9042", "10.0.0.3:9042"],
        "reactor" => vec!["0", "1"],
        _ => vec!["a \\\"word\\\" {1}"],
    };
    let mut all = vec![String::new()];
    for label in metric.labels {
        let values = if label.values.is_empty() { open(label.name) } else { label.values.to_vec() };
        let with = |before: &String, value: &str| {
            let comma = if before.is_empty() { "" } else { "," };
            format!("{before}{comma}{}=\"{value}\"", label.name)
        };
        all = all.iter().flat_map(|before| values.iter().map(|value| with(before, value))).collect();
    }
    all
}

fn series(name: &str, labels: &str, bound: Option<&str>) -> String {
    let bound = bound.map(|bound| format!("le=\"{bound}\""));
    let labels: Vec<&str> =
        [labels].into_iter().chain(bound.as_deref()).filter(|text| !text.is_empty()).collect();
    if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) }
}

/// What the endpoint would have said then.
fn exposition(recorded: &[Recorded], scrape: usize) -> String {
    let mut text = String::from("# TYPE other counter\nother 1\n");
    for Recorded { name, values } in recorded {
        if let Some(value) = values[scrape] {
            let _ = writeln!(text, "{name} {value}");
        }
    }
    text
}

fn question(expression: &str, moment: usize, found: &Value) -> Value {
    let found = found.as_array().expect("a list");
    let samples: Vec<Value> = found
        .iter()
        .map(|answer| {
            let labels = answer["labels"].as_object().expect("an object").iter();
            let labels: Vec<String> = labels.map(|(label, value)| format!("{label}={value}")).collect();
            json!({ "labels": format!("{{{}}}", labels.join(", ")), "value": answer["value"] })
        })
        .collect();
    // What is not a number is no answer on the page; whole numbers do not differ by the last bit.
    let expression = format!("(round(({expression}) * 1e4) >= -Inf) < Inf");
    json!({ "expr": expression, "eval_time": format!("{moment}s"), "exp_samples": samples })
}

/// A file for `promtool test rules`; JSON is YAML.
fn unit_test(recorded: &[Recorded], questions: &[Value]) -> String {
    let input: Vec<Value> = recorded
        .iter()
        .map(|Recorded { name, values }| {
            let mut before = false;
            let words = values.iter().map(|value| {
                // A series that a scrape lacks is marked as gone by Prometheus.
                let word = match value {
                    Some(value) => value.to_string(),
                    None if before => "stale".to_owned(),
                    None => "_".to_owned(),
                };
                before = value.is_some();
                word
            });
            json!({ "series": name, "values": words.collect::<Vec<_>>().join(" ") })
        })
        .collect();
    json!({
        "evaluation_interval": "1s",
        "tests": [{ "interval": "1s", "input_series": input, "promql_expr_test": questions }],
    })
    .to_string()
}
