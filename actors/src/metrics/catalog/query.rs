//! What panels ask: few forms of questions, each of which can be put to Prometheus and to the built-in page.

use std::fmt::Write;

use super::{Metric, MetricKind};

/// A question about metrics. Answered with one series for each combination of the labels asked for.
#[derive(Debug, Clone, Copy)]
pub enum Query {
    /// The value now, summed over all but these labels.
    Now(&'static Metric, &'static [&'static str], Option<Match>),
    /// The greatest value now.
    Most(&'static Metric, &'static [&'static str]),
    /// How much a counter grows in a second.
    Rate(&'static Metric, &'static [&'static str], Option<Match>),
    /// The value below which this share of a histogram's lately recorded values lies.
    Quantile(f64, &'static Metric, &'static [&'static str]),
    /// The mean of a histogram's lately recorded values.
    Mean(&'static Metric, &'static [&'static str]),
    /// How often a histogram recorded in a second.
    Count(&'static Metric, &'static [&'static str]),
    /// The first by the second, which has the same labels or none.
    Ratio(&'static Query, &'static Query),
}

/// Only series whose label has one of these values.
#[derive(Debug, Clone, Copy)]
pub struct Match {
    /// The label.
    pub label: &'static str,
    /// Its values.
    pub values: &'static [&'static str],
}

impl Query {
    /// The labels of the answer.
    pub fn labels(&self) -> &'static [&'static str] {
        match self {
            Self::Now(_, by, _)
            | Self::Most(_, by)
            | Self::Rate(_, by, _)
            | Self::Quantile(_, _, by)
            | Self::Mean(_, by)
            | Self::Count(_, by) => by,
            Self::Ratio(of, _) => of.labels(),
        }
    }

    /// The same in the language of Prometheus, over a `window` such as `5m`, of series that also match `selector`, which is
    /// empty or something like `job="shop"`.
    pub fn promql(&self, window: &str, selector: &str) -> String {
        let mut text = String::new();
        self.write(window, selector, &mut text);
        text
    }

    fn write(&self, window: &str, selector: &str, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Now(metric, by, only) => {
                write!(out, "{}", aggregate("sum", by, &select(metric.name, "", *only, selector)))
            }
            Self::Most(metric, by) => {
                write!(out, "{}", aggregate("max", by, &select(metric.name, "", None, selector)))
            }
            Self::Rate(metric, by, only) => {
                let series = select(metric.name, "", *only, selector);
                write!(out, "{}", aggregate("sum", by, &format!("rate({series}[{window}])")))
            }
            Self::Count(metric, by) => {
                write!(out, "{}", rate_of_part(metric, "_count", by, window, selector))
            }
            Self::Quantile(share, metric, by) => {
                let labels: Vec<&str> = ["le"].into_iter().chain(by.iter().copied()).collect();
                let buckets = rate_of_part(metric, "_bucket", &labels, window, selector);
                write!(out, "histogram_quantile({share}, {buckets})")
            }
            Self::Mean(metric, by) => {
                let (sum, count) = (
                    rate_of_part(metric, "_sum", by, window, selector),
                    rate_of_part(metric, "_count", by, window, selector),
                );
                write!(out, "{sum} / {count}")
            }
            Self::Ratio(of, to) => {
                of.write(window, selector, out);
                out.push_str(" / ");
                let scalar = to.labels().is_empty() && !of.labels().is_empty();
                out.push_str(if scalar { "scalar(" } else { "" });
                to.write(window, selector, out);
                out.push_str(if scalar { ")" } else { "" });
                Ok(())
            }
        };
    }

    /// Shows `look` every metric it is made of.
    pub fn metrics(&self, look: &mut impl FnMut(&'static Metric)) {
        match self {
            Self::Now(metric, ..)
            | Self::Most(metric, _)
            | Self::Rate(metric, ..)
            | Self::Quantile(_, metric, _)
            | Self::Mean(metric, _)
            | Self::Count(metric, _) => look(metric),
            Self::Ratio(of, to) => {
                of.metrics(look);
                to.metrics(look);
            }
        }
    }

    /// Whether it asks for labels that its metrics have, and for what their kind can answer.
    ///
    /// # Errors
    ///
    /// What does not fit, in words.
    pub fn check(&self) -> Result<(), String> {
        let has = |metric: &Metric, label: &str| metric.labels.iter().any(|known| known.name == label);
        let (metric, by, only, fits) = match self {
            Self::Now(metric, by, only) => {
                (metric, by, *only, !matches!(metric.kind, MetricKind::Histogram(_)))
            }
            Self::Most(metric, by) => (metric, by, None, metric.kind == MetricKind::Gauge),
            Self::Rate(metric, by, only) => (metric, by, *only, metric.kind == MetricKind::Counter),
            Self::Quantile(_, metric, by) | Self::Mean(metric, by) | Self::Count(metric, by) => {
                (metric, by, None, matches!(metric.kind, MetricKind::Histogram(_)))
            }
            Self::Ratio(of, to) => {
                of.check()?;
                to.check()?;
                return if to.labels().is_empty() || to.labels() == of.labels() {
                    Ok(())
                } else {
                    Err("a ratio of different labels".into())
                };
            }
        };
        if !fits {
            return Err(format!("{} is a {}", metric.name, metric.kind.name()));
        }
        if let Some(label) = by.iter().find(|label| !has(metric, label)) {
            return Err(format!("{} has no label {label}", metric.name));
        }
        let Some(Match { label, values }) = only else { return Ok(()) };
        let known = metric.labels.iter().find(|known| known.name == label);
        match known {
            Some(known) if values.iter().all(|value| known.values.contains(value)) => Ok(()),
            _ => Err(format!("{} has no {label} of {values:?}", metric.name)),
        }
    }
}

fn aggregate(how: &str, by: &[&str], series: &str) -> String {
    if by.is_empty() {
        format!("{how}({series})")
    } else {
        format!("{how} by ({}) ({series})", by.join(", "))
    }
}

fn rate_of_part(metric: &Metric, part: &str, by: &[&str], window: &str, selector: &str) -> String {
    let series = select(metric.name, part, None, selector);
    aggregate("sum", by, &format!("rate({series}[{window}])"))
}

fn select(name: &str, part: &str, only: Option<Match>, selector: &str) -> String {
    let only = only.map(|Match { label, values }| format!("{label}=~\"{}\"", values.join("|")));
    let matchers: Vec<&str> =
        only.as_deref().into_iter().chain(Some(selector).filter(|selector| !selector.is_empty())).collect();
    if matchers.is_empty() {
        format!("{name}{part}")
    } else {
        format!("{name}{part}{{{}}}", matchers.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        ACTOR_QUEUE_DEPTH, NODE_IN_FLIGHT, REQUEST_DURATION, REQUEST_STAGES, REQUESTS, ROUTING,
    };
    use super::*;

    #[test]
    fn questions_read_as_prometheus_wants_them() {
        let in_words = |query: Query| query.promql("5m", "");
        let ok = Match { label: "outcome", values: &["ok"] };
        assert_eq!(
            in_words(Query::Rate(&REQUESTS, &["kind"], Some(ok))),
            r#"sum by (kind) (rate(chorus_requests_total{outcome=~"ok"}[5m]))"#
        );
        assert_eq!(in_words(Query::Most(&ACTOR_QUEUE_DEPTH, &[])), "max(chorus_actor_queue_depth)");
        assert_eq!(
            Query::Quantile(0.99, &REQUEST_DURATION, &[]).promql("1m", "job=\"x\""),
            r#"histogram_quantile(0.99, sum by (le) (rate(chorus_request_duration_seconds_bucket{job="x"}[1m])))"#
        );
        const STAGES: Query = Query::Rate(&REQUEST_STAGES, &["stage"], None);
        const REQUESTS_COUNT: Query = Query::Count(&REQUEST_DURATION, &[]);
        assert_eq!(
            in_words(Query::Ratio(&STAGES, &REQUESTS_COUNT)),
            "sum by (stage) (rate(chorus_request_stage_seconds_total[5m])) / \
             scalar(sum(rate(chorus_request_duration_seconds_count[5m])))"
        );
    }

    #[test]
    fn what_cannot_be_answered_is_found() {
        assert!(Query::Now(&NODE_IN_FLIGHT, &["node"], None).check().is_ok());
        assert!(Query::Now(&NODE_IN_FLIGHT, &["shard"], None).check().is_err());
        assert!(Query::Rate(&NODE_IN_FLIGHT, &["node"], None).check().is_err());
        assert!(Query::Mean(&ROUTING, &[]).check().is_err());
        let lost = Match { label: "hit", values: &["lost"] };
        assert!(Query::Rate(&ROUTING, &[], Some(lost)).check().is_err());
    }
}
