//! The protobuf format of Prometheus: one `io.prometheus.client.MetricFamily` after the other, each behind its length.
//!
//! Written by hand, because it is eight small messages, and the usual generator wants a compiler of its own to be installed.

use chorus_actors::catalog::MetricKind;

use super::program::Family;
use super::sample::{Sample, Value};

/// What the answer is declared to be.
pub(super) const CONTENT_TYPE: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Whether a scraper that accepts this wants it: one that names it first.
pub(super) fn is_preferred(accept: &str) -> bool {
    let first = accept.split(',').next().unwrap_or_default();
    let mut parts = first.split(';').map(str::trim);
    parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/vnd.google.protobuf"))
        && parts.all(|part| match part.split_once('=') {
            Some(("proto", name)) => name == "io.prometheus.client.MetricFamily",
            Some(("encoding", encoding)) => encoding == "delimited",
            _ => true,
        })
}

/// Samples in the order of the catalogue, and then the program's own numbers.
pub(super) fn render(samples: &[Sample], program: &[Family]) -> Vec<u8> {
    let mut out = Vec::with_capacity(samples.len() * 96);
    for family in samples.chunk_by(|one, other| one.metric.name == other.metric.name) {
        let Some(Sample { metric, .. }) = family.first() else { continue };
        let mut message = Message::default();
        message.text(1, metric.name);
        message.text(2, metric.help);
        message.number(
            3,
            match metric.kind {
                MetricKind::Counter => 0,
                MetricKind::Gauge => 1,
                MetricKind::Histogram(_) => 4,
            },
        );
        for sample in family {
            message.message(4, &of_sample(sample));
        }
        message.end(&mut out);
    }
    program.iter().for_each(|family| of_program(family).end(&mut out));
    out
}

fn of_program(family: &Family) -> Message {
    let mut message = Message::default();
    message.text(1, &family.name);
    message.text(2, &family.help);
    message.number(3, if family.is_counter { 0 } else { 1 });
    for number in &family.numbers {
        let mut metric = Message::default();
        number.labels.iter().for_each(|(name, value)| metric.label(name, value));
        let mut value = Message::default();
        value.double(1, number.value);
        metric.message(if family.is_counter { 3 } else { 2 }, &value);
        message.message(4, &metric);
    }
    message
}

fn of_sample(sample: &Sample) -> Message {
    let mut message = Message::default();
    sample.labels.iter().for_each(|(name, value)| message.label(name, value));
    match (sample.value.to_buckets(), sample.metric.kind) {
        (Some(buckets), MetricKind::Histogram(bounds)) => {
            let mut histogram = Message::default();
            histogram.number(1, buckets.counts.iter().sum());
            histogram.double(2, buckets.sum);
            let mut up_to = 0;
            for (place, count) in buckets.counts.iter().enumerate() {
                up_to += count;
                let mut bucket = Message::default();
                bucket.number(1, up_to);
                bucket.double(2, bounds.get(place).copied().unwrap_or(f64::INFINITY));
                histogram.message(3, &bucket);
            }
            message.message(7, &histogram);
        }
        (_, kind) => {
            if let Value::Number(number) = sample.value {
                let mut value = Message::default();
                value.double(1, number);
                message.message(if kind == MetricKind::Counter { 3 } else { 2 }, &value);
            }
        }
    }
    message
}

/// A message under way. Fields that are there are written, also when they are zero.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(&mut self, field: u8, number: u64) {
        self.0.push(field << 3);
        varint(&mut self.0, number);
    }

    fn double(&mut self, field: u8, number: f64) {
        self.0.push(field << 3 | 1);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn text(&mut self, field: u8, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn label(&mut self, name: &str, value: &str) {
        let mut label = Message::default();
        label.text(1, name);
        label.text(2, value);
        self.message(1, &label);
    }

    /// Appends the message behind its length.
    fn end(self, out: &mut Vec<u8>) {
        varint(out, self.0.len() as u64);
        out.extend_from_slice(&self.0);
    }

    fn message(&mut self, field: u8, message: &Message) {
        self.bytes(field, &message.0);
    }

    fn bytes(&mut self, field: u8, bytes: &[u8]) {
        self.0.push(field << 3 | 2);
        varint(&mut self.0, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use chorus_actors::catalog;

    use super::*;
    use crate::metrics::sample::Samples;

    #[test]
    fn a_family_is_its_length_and_its_fields() {
        let mut samples = Samples::default();
        samples.count(&catalog::TABLETS, &[], 3);
        let bytes = render(&samples.in_order(), &[]);
        let (name, help) = (catalog::TABLETS.name.as_bytes(), catalog::TABLETS.help.as_bytes());
        let mut expected = vec![0x0a, name.len() as u8];
        expected.extend_from_slice(name);
        expected.extend_from_slice(&[0x12, help.len() as u8]);
        expected.extend_from_slice(help);
        // A gauge; one metric of eleven bytes: a gauge of nine, a double.
        expected.extend_from_slice(&[0x18, 1, 0x22, 11, 0x12, 9, 0x09]);
        expected.extend_from_slice(&3.0_f64.to_le_bytes());
        assert_eq!(bytes[0] as usize, expected.len());
        assert_eq!(bytes[1..], expected);
    }

    #[test]
    fn numbers_of_the_program_follow_the_samples() {
        let families =
            crate::metrics::program::families("# TYPE sold counter\nsold{by=\"me\"} 2\n").expect("a counter");
        let bytes = render(&[], &families);
        let mut expected =
            b"\x0a\x04sold\x12\x00\x18\x00\x22\x15\x0a\x08\x0a\x02by\x12\x02me\x1a\x09\x09".to_vec();
        expected.extend_from_slice(&2.0_f64.to_le_bytes());
        assert_eq!(bytes[0] as usize, expected.len());
        assert_eq!(bytes[1..], expected);
    }

    #[test]
    fn numbers_of_more_than_seven_bits_take_more_bytes() {
        let mut out = Vec::new();
        varint(&mut out, 300);
        assert_eq!(out, [0xac, 0x02]);
    }

    #[test]
    fn a_scraper_gets_it_when_it_asks_for_it_first() {
        let prometheus = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
                          application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.3";
        assert!(is_preferred(prometheus));
        assert!(!is_preferred("application/openmetrics-text;version=1.0.0,application/vnd.google.protobuf"));
        assert!(!is_preferred(
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text"
        ));
        assert!(!is_preferred("text/html") && !is_preferred(""));
    }
}
