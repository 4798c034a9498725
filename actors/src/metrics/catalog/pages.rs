//! The pages of `docs/` that are made from the catalogue.

use std::fmt::Write;

use super::labels::{
    ACTOR, ATTEMPT_OUTCOME, CHECKPOINT_OUTCOME, CLOSE_REASON, CONNECT_RESULT, DECISION, EVENT, HINT, HIT,
    KIND, LIMIT, Label, OUTCOME, REFRESH_RESULT, REJECT_STAGE, RETRY_REASON, ROW_STAGE, SERVER_ERROR, STAGE,
    STATE, TO, WRITTEN,
};
use super::{ALERTS, CATALOG, DASHBOARDS, Detail, LATENCY_BUCKETS, Metric, RECORDINGS, SMALL_COUNT_BUCKETS};

/// The text of `docs/metrics.md`.
pub fn metrics_page() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         Generated from `actors/src/metrics/catalog`; a test compares the two. To change this page, change the catalogue and\n\
         run `CHORUS_WRITE_DOCS=1 cargo test -p chorus-actors pages_are`.\n\n\
         Counters count from the start of the session. Totals include connections that have ended, so they never go down.\n\
         `node` is a host's address; shards, connections, keyspaces and statements are never labels. Where there are many hosts\n\
         they have fewer series, and where there are very many `node` is a rack, as `dc1/r1`; see [How many series](#how-many-series).\n\n\
         | metric | type | unit | labels | owner | meaning |\n|---|---|---|---|---|---|\n",
    );
    for Metric { name, kind, unit, labels, help, owner, .. } in CATALOG {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{}`", label.name)).collect();
        let (kind, unit, labels, owner) = (kind.name(), unit.name(), labels.join(", "), owner.name());
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| `{name}` | {kind} | {unit} | {labels} | {owner} | {help} |");
    }
    page.push_str("\n## Label values\n\n| metric | label | values |\n|---|---|---|\n");
    let shown: [(&str, Label); 23] = [
        ("chorus_requests_total", KIND),
        ("chorus_requests_total", OUTCOME),
        ("chorus_request_stage_seconds_total", STAGE),
        ("chorus_request_timeouts_total", WRITTEN),
        ("chorus_server_errors_total", SERVER_ERROR),
        ("chorus_retries_total and others", RETRY_REASON),
        ("chorus_retries_total", DECISION),
        ("chorus_routing_total", HIT),
        ("chorus_tablet_hints_total", HINT),
        ("chorus_attempt_outcomes_total and by node", ATTEMPT_OUTCOME),
        ("chorus_connects_total", CONNECT_RESULT),
        ("chorus_disconnects_total", CLOSE_REASON),
        ("chorus_node_status_changes_total", TO),
        ("chorus_nodes", STATE),
        ("chorus_events_total", EVENT),
        ("chorus_metadata_refreshes_total", REFRESH_RESULT),
        ("chorus_actors and others", ACTOR),
        ("chorus_bulk_rows_total", ROW_STAGE),
        ("chorus_bulk_rejected_total", REJECT_STAGE),
        ("chorus_bulk_limited_by", LIMIT),
        ("chorus_bulk_checkpoints_total", CHECKPOINT_OUTCOME),
        ("all of a reactor", Label { name: "reactor", values: &["0", "1", "…"] }),
        ("all of a node", Label { name: "node", values: &["10.0.0.1:9042", "dc1/r1", "_other"] }),
    ];
    for (metric, label) in shown {
        let values: Vec<String> = label.values.iter().map(|value| format!("`{value}`")).collect();
        let _ = writeln!(page, "| {metric} | `{}` | {} |", label.name, values.join(", "));
    }
    page.push_str("\n## Buckets\n\n");
    let bounds = |bounds: &[f64]| bounds.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    let _ = writeln!(page, "* seconds: {}", bounds(LATENCY_BUCKETS));
    let _ = writeln!(page, "* counts: {}", bounds(SMALL_COUNT_BUCKETS));
    series_section(&mut page);
    page.push_str(WAYS);
    page.push_str("\n## Where they are shown\n\n| dashboard | panel | what it shows |\n|---|---|---|\n");
    for dashboard in DASHBOARDS {
        for panel in dashboard.panels() {
            let _ = writeln!(page, "| {} | {} | {} |", dashboard.title, panel.title, panel.help);
        }
    }
    page.push_str("\nAlerts, and what to do about each, are in [runbooks.md](runbooks.md).\n");
    page
}

const WAYS: &str = "\n## Ways out\n\n\
* `session.metrics()`: a `MetricsSnapshot`, plain data with percentiles, by session, host, connection, reactor and actor;\n  \
`rates_since` an earlier one, `to_json`.\n\
* `PrometheusEndpoint`: `/metrics` as text, or as protobuf for a scraper that asks for it first; `/metrics.json` a `SessionReport`: the\n  \
snapshot, the cluster's hosts and the program's own numbers, to be read with serde (feature `json`);\n  \
`/` a page that draws all of the panels below in any browser, see [The page](#the-page).\n\
* `chorus top`: a running program by host and by actor, in the terminal. See [top.md](top.md).\n\
* `Publisher`: any recorder of the `metrics` facade.\n\
* `HdrLog` (feature `hdr-log`): interval logs of latencies that HdrHistogram's tools read.\n\n\
### OpenTelemetry\n\n\
`Publisher::names(Names::OpenTelemetry)` publishes under the names of its conventions for database clients, of version 1.44:\n\n\
| name | what it is here |\n|---|---|\n\
| `db.client.operation.duration` | `chorus_request_duration_seconds`, with `db.system.name=cassandra` |\n\
| `db.client.connection.count` | connections by host; one is `used` while anything is in flight on it, because many requests share it |\n\
| `db.client.connection.max` | `chorus_connections_target` |\n\
| `db.client.connection.pending_requests` | requests that wait for room, at coordinators and connections |\n\
| `db.client.connection.wait_time` | the wait in the queues of connections |\n\
| `db.client.connection.timeouts` | requests that timed out before they were written |\n\n\
Everything else keeps its labels and is called without its unit and with a dot behind the first word: `chorus_requests_total` is\n\
`chorus.requests`. `idle.max`, `idle.min` and `use_time` make no sense for connections that are shared, and are left out.\n";

fn series_section(page: &mut String) {
    page.push_str(
        "\n## How many series\n\n\
         Up to 32 hosts each has all of its series, up to 256 the most important ones; beyond that hosts are added up by rack.\n\
         Whatever the cluster, a session has no more series than its limit (10,000 unless set otherwise): the hosts that would\n\
         be too many share `node=\"_other\"`, and `chorus_nodes_folded` counts them. Hosts that left the cluster have no\n\
         series any more; what they had counted is remembered for 15 minutes, in case they come back.\n\n\
         | hosts | reactors | series at most |\n|---|---|---|\n",
    );
    for (hosts, racks, reactors) in
        [(3, 1, 1), (32, 3, 8), (100, 3, 8), (256, 3, 16), (500, 9, 64), (1000, 30, 64)]
    {
        let (level, shown) = match hosts {
            0..=32 => (Detail::FewHosts, hosts),
            33..=256 => (Detail::OneByOne, hosts),
            _ => (Detail::Host, racks),
        };
        let all: usize = CATALOG
            .iter()
            .filter(|metric| metric.detail <= level)
            .map(|metric| metric.series(shown, reactors))
            .sum();
        let racks = if level == Detail::Host { format!(" in {racks} racks") } else { String::new() };
        let _ = writeln!(page, "| {hosts}{racks} | {reactors} | {all} |");
    }
}

/// The text of `docs/runbooks.md`.
pub fn runbooks_page() -> String {
    let mut page = String::from(
        "# Runbooks\n\n\
         What each alert means, where to look, and what to do. Generated from `actors/src/metrics/catalog/alerts.rs`; a test\n\
         compares the two. The rules themselves are in `dashboards/rules/chorus.rules.yml`, their tests beside them.\n\n\
         | alert | severity | after | summary |\n|---|---|---|---|\n",
    );
    for alert in ALERTS {
        let anchor = alert.name.to_ascii_lowercase();
        let (name, severity, hold, summary) = (alert.name, alert.severity.name(), alert.hold, alert.summary);
        let _ = writeln!(page, "| [{name}](#{anchor}) | {severity} | {hold} | {summary} |");
    }
    for alert in ALERTS {
        let _ = write!(
            page,
            "\n## {}\n\n{}\n\n```promql\n{}\n```\n\n**Meaning.** {}\n\n**Look.** {}\n\n**Do.** {}\n",
            alert.name, alert.summary, alert.expression, alert.meaning, alert.look, alert.action
        );
    }
    page.push_str("\n## Recording rules\n\n| name | what it is |\n|---|---|\n");
    for recording in RECORDINGS {
        let _ = writeln!(page, "| `{}` | {} |", recording.name, recording.about);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_what_the_catalogue_says() {
        for (name, text) in [("metrics.md", metrics_page()), ("runbooks.md", runbooks_page())] {
            let path = format!("{}/../docs/{name}", env!("CARGO_MANIFEST_DIR"));
            if std::env::var_os("CHORUS_WRITE_DOCS").is_some() {
                std::fs::write(&path, &text).expect("docs is writable");
            }
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(committed == text, "docs/{name} is out of date, docs/metrics.md says how to write it");
        }
    }
}
