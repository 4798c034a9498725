//! The text format of Prometheus, version 0.0.4.

use std::fmt::Write;

use chorus_actors::catalog::MetricKind;

use super::sample::{Labels, Sample, Value};

/// What the answer is declared to be.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Samples in the order of the catalogue, as text.
pub(super) fn render(samples: &[Sample]) -> String {
    let mut page = String::with_capacity(samples.len() * 128);
    let mut before = "";
    for Sample { metric, labels, value } in samples {
        let name = metric.name;
        // Writing to a string cannot fail.
        if name != before {
            let _ =
                writeln!(page, "# HELP {name} {}", metric.help.replace('\\', "\\\\").replace('\n', "\\n"));
            let _ = writeln!(page, "# TYPE {name} {}", metric.kind.name());
            before = name;
        }
        match (value.to_buckets(), metric.kind) {
            (Some(buckets), MetricKind::Histogram(bounds)) => {
                let mut up_to = 0;
                for (place, count) in buckets.counts.iter().enumerate() {
                    up_to += count;
                    let bound = bounds.get(place).map_or_else(|| "+Inf".to_owned(), f64::to_string);
                    line(&mut page, name, "_bucket", labels, Some(&bound), up_to as f64);
                }
                line(&mut page, name, "_sum", labels, None, buckets.sum);
                line(&mut page, name, "_count", labels, None, up_to as f64);
            }
            _ => {
                let Value::Number(number) = value else { continue };
                line(&mut page, name, "", labels, None, *number);
            }
        }
    }
    page
}

fn line(page: &mut String, name: &str, part: &str, labels: &Labels, bound: Option<&str>, value: f64) {
    page.push_str(name);
    page.push_str(part);
    let mut open = '{';
    for (label, value) in
        labels.iter().map(|(label, value)| (*label, &**value)).chain(bound.map(|bound| ("le", bound)))
    {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(page, "{open}{label}=\"{value}\"");
        open = ',';
    }
    if open == ',' {
        page.push('}');
    }
    let _ = writeln!(page, " {value}");
}

#[cfg(test)]
mod tests {
    use chorus_actors::catalog;

    use super::*;
    use crate::metrics::sample::{Buckets, Samples};

    #[test]
    fn text_is_what_prometheus_reads() {
        let mut samples = Samples { common: vec![("session", "a\"b\\c\nd".into())], ..Samples::default() };
        samples.count(&catalog::TABLETS, &[], 3);
        let mut counts = vec![0; 12];
        (counts[0], counts[1], counts[11]) = (1, 2, 4);
        samples.buckets(&catalog::FRAMES_PER_READ, &[], Buckets { counts, sum: 5000.5 });
        let text = render(&samples.in_order());
        let lines: Vec<&str> = text.lines().collect();
        let session = r#"session="a\"b\\c\nd""#;
        assert_eq!(lines[0], "# HELP chorus_frames_per_read Answers that one system call brought.");
        assert_eq!(lines[1], "# TYPE chorus_frames_per_read histogram");
        assert_eq!(lines[2], format!("chorus_frames_per_read_bucket{{{session},le=\"1\"}} 1"));
        assert_eq!(lines[3], format!("chorus_frames_per_read_bucket{{{session},le=\"2\"}} 3"));
        assert_eq!(lines[13], format!("chorus_frames_per_read_bucket{{{session},le=\"+Inf\"}} 7"));
        assert_eq!(lines[14], format!("chorus_frames_per_read_sum{{{session}}} 5000.5"));
        assert_eq!(lines[15], format!("chorus_frames_per_read_count{{{session}}} 7"));
        assert_eq!(lines[18], format!("chorus_tablets{{{session}}} 3"));
    }
}
