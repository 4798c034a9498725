//! The numbers that a program itself records, read from what its recorder renders in the text format of Prometheus.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A counter or gauge of the program itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProgramNumber {
    /// The metric.
    pub name: String,
    /// Its labels and their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What it says now.
    pub value: f64,
}

impl ProgramNumber {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }
}

/// Every line that is a number. Those that are none in JSON (`NaN`, infinities) are left out.
pub(super) fn numbers(rendered: &str) -> Vec<ProgramNumber> {
    let numbers = rendered.lines().filter(|line| !line.starts_with('#')).filter_map(number);
    numbers.filter(|number| number.value.is_finite()).collect()
}

/// Numbers of one name.
#[derive(Debug, PartialEq)]
pub(super) struct Family {
    pub(super) name: String,
    /// Empty when the program did not describe it.
    pub(super) help: String,
    /// A counter, or else a gauge.
    pub(super) is_counter: bool,
    pub(super) numbers: Vec<ProgramNumber>,
}

/// The same by name; `None` when there is more than counters and gauges.
pub(super) fn families(rendered: &str) -> Option<Vec<Family>> {
    let (mut families, mut help) = (Vec::<Family>::new(), ("", ""));
    for line in rendered.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described.split_once(' ').unwrap_or((described, ""));
        } else if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ')?;
            let is_counter = match kind {
                "counter" => true,
                "gauge" => false,
                _ => return None,
            };
            let help = if help.0 == name {
                help.1.replace("\\n", "\n").replace("\\\\", "\\")
            } else {
                String::new()
            };
            families.push(Family { name: name.to_owned(), help, is_counter, numbers: Vec::new() });
        } else if !line.is_empty() {
            let (number, family) = (number(line)?, families.last_mut()?);
            if number.name != family.name {
                return None;
            }
            family.numbers.push(number);
        }
    }
    Some(families)
}

/// `name{label="value",…} 12.5`.
fn number(line: &str) -> Option<ProgramNumber> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            labels.insert(label.to_owned(), value);
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value: f64 = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some(ProgramNumber { name: name.to_owned(), labels, value })
}

/// The text up to the closing quote with its escapes undone, and what follows the quote.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut letters) = (String::new(), text.char_indices());
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[place + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_their_labels() {
        let rendered = "# HELP a x\n# TYPE a counter\na 1\n\nb{c=\"d\"} 2.5 1700\n\
                        e{f=\"g\\\"h\\\\i\\nj\",k=\"l,m}\"} 3e2\nnone NaN\nbroken{x=\"y 1\nbroken{x\nbroken\n";
        let read = numbers(rendered);
        let values: Vec<_> = read.iter().map(|number| (&*number.name, number.value)).collect();
        assert_eq!(values, [("a", 1.0), ("b", 2.5), ("e", 300.0)]);
        assert_eq!(read[1].label("c"), Some("d"));
        assert_eq!((read[2].label("f"), read[2].label("k")), (Some("g\"h\\i\nj"), Some("l,m}")));
        assert_eq!(read[0].label("c"), None);
    }

    #[test]
    fn families_have_their_kind_and_their_help() {
        let rendered =
            "# HELP a of a\\nkind\n# TYPE a counter\na{b=\"1\"} 1\na{b=\"2\"} 2\n\n# TYPE c gauge\nc NaN\n\n";
        let read = families(rendered).expect("counters and gauges");
        let told: Vec<_> =
            read.iter().map(|family| (&*family.name, &*family.help, family.is_counter)).collect();
        assert_eq!(told, [("a", "of a\nkind", true), ("c", "", false)]);
        assert_eq!((read[0].numbers.len(), read[1].numbers[0].value.is_nan()), (2, true));
        assert_eq!(families(""), Some(Vec::new()));
        for other in ["# TYPE d summary\nd_sum 1\n", "e 1\n", "# TYPE f gauge\ng 1\n", "# TYPE f gauge\nf{\n"]
        {
            assert_eq!(families(other), None, "{other}");
        }
    }
}
