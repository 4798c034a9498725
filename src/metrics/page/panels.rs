//! The catalogue as the script of the page reads it.

use chorus_actors::catalog::{
    CATALOG, DASHBOARDS, Dashboard, Feed, Form, Metric, MetricKind, Panel, PanelUnit, Query, Row, Series,
};
use serde_json::{Map, Value, json};

/// Dashboards and metrics, without a character that could end the element they stand in.
pub(super) fn json() -> String {
    let dashboards: Vec<Value> = DASHBOARDS.iter().map(dashboard).collect();
    let metrics: Map<String, Value> =
        CATALOG.iter().map(|known| (known.name.to_owned(), metric(known))).collect();
    json!({ "dashboards": dashboards, "metrics": metrics }).to_string().replace('<', "\\u003c")
}

fn dashboard(Dashboard { uid, title, about, rows }: &Dashboard) -> Value {
    let rows: Vec<Value> = rows.iter().map(row).collect();
    // Who looks at this page knows whose it is.
    let id = uid.trim_start_matches("chorus-");
    let title = title.trim_start_matches("Chorus: ");
    json!({ "id": id, "title": capitalised(title), "about": about, "rows": rows })
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn row(Row { title, panels }: &Row) -> Value {
    json!({ "title": title, "panels": panels.iter().map(panel).collect::<Vec<_>>() })
}

fn panel(Panel { title, help, unit, form, feed, series }: &Panel) -> Value {
    let unit = match unit {
        PanelUnit::Count => "count",
        PanelUnit::PerSecond => "per_second",
        PanelUnit::Seconds => "seconds",
        PanelUnit::Bytes => "bytes",
        PanelUnit::BytesPerSecond => "bytes_per_second",
        PanelUnit::Share => "share",
    };
    let form = match form {
        Form::Number => "number",
        Form::Lines => "lines",
        Form::Stack => "stack",
    };
    let feed = match feed {
        Feed::Requests => "It shows something once this program sends requests.",
        Feed::Shards => "It shows something where hosts have shards, as those of ScyllaDB do.",
        Feed::Load => {
            "It shows something while this program loads rows: chorus load FILE --to KEYSPACE.TABLE."
        }
    };
    let series: Vec<Value> = series
        .iter()
        .map(|Series { name, query: question }| json!({ "name": name, "query": query(question) }))
        .collect();
    json!({ "title": title, "help": help, "unit": unit, "form": form, "feed": feed, "series": series })
}

fn query(question: &Query) -> Value {
    let (ask, metric, by) = match question {
        Query::Now(metric, by, _) => ("now", metric, by),
        Query::Most(metric, by) => ("most", metric, by),
        Query::Rate(metric, by, _) => ("rate", metric, by),
        Query::Quantile(_, metric, by) => ("quantile", metric, by),
        Query::Mean(metric, by) => ("mean", metric, by),
        Query::Count(metric, by) => ("count", metric, by),
        Query::Ratio(of, to) => return json!({ "ask": "ratio", "of": query(of), "to": query(to) }),
    };
    let mut value = json!({ "ask": ask, "metric": metric.name, "by": by });
    match question {
        Query::Now(_, _, Some(only)) | Query::Rate(_, _, Some(only)) => {
            value["only"] = json!({ "label": only.label, "values": only.values });
        }
        Query::Quantile(share, ..) => value["share"] = json!(share),
        _ => {}
    }
    value
}

fn metric(Metric { kind, labels, .. }: &Metric) -> Value {
    let histogram = matches!(kind, MetricKind::Histogram(_));
    let labels: Map<String, Value> =
        labels.iter().map(|label| (label.name.to_owned(), json!(label.values))).collect();
    json!({ "histogram": histogram, "labels": labels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_panel_and_metric_of_the_catalogue_is_on_the_page_with_its_questions() {
        let text = json();
        assert!(!text.contains('<'));
        let page: Value = serde_json::from_str(&text).expect("it is JSON");
        let all = |value: &Value| value.as_array().expect("a list").clone();
        let mut panels = 0;
        for (known, shown) in DASHBOARDS.iter().zip(all(&page["dashboards"])) {
            let shown: Vec<Value> = all(&shown["rows"]).iter().flat_map(|row| all(&row["panels"])).collect();
            for (known, shown) in known.panels().zip(&shown) {
                assert_eq!(shown["title"], known.title);
                assert_eq!(all(&shown["series"]).len(), known.series.len());
                for (known, shown) in known.series.iter().zip(all(&shown["series"])) {
                    let mut metrics = Vec::new();
                    known.query.metrics(&mut |metric| metrics.push(metric.name));
                    for metric in metrics {
                        assert!(shown["query"].to_string().contains(metric), "{metric} in {shown}");
                        assert!(page["metrics"][metric].is_object(), "{metric}");
                    }
                }
            }
            assert_eq!(shown.len(), known.panels().count(), "{}", known.title);
            panels += shown.len();
        }
        assert!(panels > 60, "{panels} panels");
    }

    #[test]
    fn a_question_keeps_what_it_asks_for() {
        let question = Query::Quantile(0.99, &chorus_actors::catalog::NODE_DURATION, &["node"]);
        let expected = json!({
            "ask": "quantile", "share": 0.99, "metric": "chorus_node_attempt_duration_seconds", "by": ["node"],
        });
        assert_eq!(query(&question), expected);
        assert_eq!(capitalised("hosts and pools"), "Hosts and pools");
    }
}
