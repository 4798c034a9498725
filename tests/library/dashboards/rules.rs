//! Rules as Prometheus loads them, and their tests as `promtool test rules` runs them. Text in quotes is written as JSON writes
//! it, which YAML reads.

use std::fmt::Write;

use chorus::metrics::catalog::{ALERTS, Alert, RECORDINGS, TestSeries};

/// Where runbooks are, below the address of the repository.
const RUNBOOKS: &str = "https://github.com/chorus-cql/chorus/blob/main/docs/runbooks.md";

const HEAD: &str =
    "# Generated from actors/src/metrics/catalog/alerts.rs; tests/library/dashboards/mod.rs says how.\n";

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text is JSON")
}

fn runbook(alert: &Alert) -> String {
    format!("{RUNBOOKS}#{}", alert.name.to_ascii_lowercase())
}

pub(super) fn rules() -> String {
    let mut text = format!("{HEAD}groups:\n  - name: chorus_recordings\n    rules:\n");
    for recording in RECORDINGS {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "      - record: {}\n        expr: {}",
            recording.name,
            quoted(recording.expression)
        );
    }
    text.push_str("  - name: chorus_alerts\n    rules:\n");
    for alert in ALERTS {
        let _ = writeln!(
            text,
            "      - alert: {}\n        expr: {}\n        for: {}\n        labels:\n          severity: {}\n        \
             annotations:\n          summary: {}\n          description: {}\n          runbook_url: {}",
            alert.name,
            quoted(alert.expression),
            alert.hold,
            alert.severity.name(),
            quoted(alert.summary),
            quoted(alert.meaning),
            quoted(&runbook(alert)),
        );
    }
    text
}

/// Each alert in a test in which it fires and in one in which it does not.
pub(super) fn tests() -> String {
    let mut text = format!("{HEAD}rule_files:\n  - chorus.rules.yml\nevaluation_interval: 1m\ntests:\n");
    for alert in ALERTS {
        case(&mut text, &format!("{} fires", alert.name), alert, alert.fires, true);
        case(&mut text, &format!("{} is quiet", alert.name), alert, alert.quiet, false);
    }
    text
}

fn case(text: &mut String, name: &str, alert: &Alert, series: &[TestSeries], fires: bool) {
    let _ = writeln!(text, "  - name: {}\n    interval: 1m\n    input_series:", quoted(name));
    for TestSeries { series, values } in series {
        let _ = writeln!(text, "      - series: {}\n        values: {}", quoted(series), quoted(values));
    }
    let _ = writeln!(
        text,
        "    alert_rule_test:\n      - eval_time: {}\n        alertname: {}\n        exp_alerts:{}",
        alert.at,
        alert.name,
        if fires { "" } else { " []" }
    );
    if fires {
        let _ = writeln!(text, "          - exp_labels:\n              severity: {}", alert.severity.name());
        let labels = [("instance", "app:9184")];
        for (label, value) in labels.iter().chain(alert.labels) {
            let _ = writeln!(text, "              {label}: {}", quoted(value));
        }
        let _ = writeln!(
            text,
            "            exp_annotations:\n              summary: {}\n              description: {}\n              runbook_url: {}",
            quoted(alert.summary),
            quoted(alert.meaning),
            quoted(&runbook(alert)),
        );
    }
}
