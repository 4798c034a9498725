//! Which field of the file goes into which column of the table.

use super::SchemaError;

/// What to do with the fields of a file: by default each goes into the column of its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Rename { field: String, column: String },
    Skip { field: String },
}

impl Rule {
    fn field(&self) -> &str {
        match self {
            Self::Rename { field, .. } | Self::Skip { field } => field,
        }
    }
}

/// A mapping that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot understand the mapping {0:?}: write FIELD=COLUMN, or -FIELD to leave a field out")]
pub struct MappingError(String);

impl Mapping {
    /// Puts `field` of the file into `column` of the table.
    #[must_use]
    pub fn rename(mut self, field: impl Into<String>, column: impl Into<String>) -> Self {
        self.rules.push(Rule::Rename { field: field.into(), column: column.into() });
        self
    }

    /// Leaves `field` of the file out.
    #[must_use]
    pub fn skip(mut self, field: impl Into<String>) -> Self {
        self.rules.push(Rule::Skip { field: field.into() });
        self
    }

    /// Adds rules written as text: `FIELD=COLUMN` or `-FIELD`, separated by commas.
    ///
    /// # Errors
    /// [`MappingError`] with the rule that is neither.
    pub fn parse(mut self, text: &str) -> Result<Self, MappingError> {
        for rule in text.split(',') {
            let rule = rule.trim();
            match (rule.split_once('='), rule.strip_prefix('-')) {
                (Some((field, column)), _) if !field.trim().is_empty() && !column.trim().is_empty() => {
                    self = self.rename(field.trim(), column.trim());
                }
                (None, Some(field)) if !field.trim().is_empty() => self = self.skip(field.trim()),
                _ => return Err(MappingError(rule.to_owned())),
            }
        }
        Ok(self)
    }

    /// Its rules as text, those that were overruled left out.
    pub(crate) fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            if self.rules[index + 1..].iter().any(|later| later.field() == rule.field()) {
                continue;
            }
            texts.push(match rule {
                Rule::Rename { field, column } => format!("{field}={column}"),
                Rule::Skip { field } => format!("-{field}"),
            });
        }
        texts.sort_unstable();
        texts
    }

    /// The column wanted for each field of the header; `None` for one that is left out.
    ///
    /// # Errors
    /// [`SchemaError`] for a rule about a field the file has not, a field without a name, or two fields for one
    /// column.
    pub(crate) fn targets(&self, header: &[String]) -> Result<Vec<Option<String>>, SchemaError> {
        for rule in &self.rules {
            if !header.iter().any(|name| name == rule.field()) {
                return Err(SchemaError::NoSuchField {
                    field: rule.field().to_owned(),
                    header: header.to_vec(),
                });
            }
        }
        let mut targets: Vec<Option<String>> = Vec::with_capacity(header.len());
        for (index, name) in header.iter().enumerate() {
            let rule = self.rules.iter().rev().find(|rule| rule.field() == name);
            let target = match rule {
                Some(Rule::Skip { .. }) => None,
                Some(Rule::Rename { column, .. }) => Some(column.clone()),
                None if name.is_empty() => return Err(SchemaError::UnnamedField { position: index + 1 }),
                None => Some(name.clone()),
            };
            if let Some(column) = &target
                && targets.iter().flatten().any(|taken| taken == column)
            {
                return Err(SchemaError::ColumnTwice { column: column.clone() });
            }
            targets.push(target);
        }
        Ok(targets)
    }
}

/// The name among `columns` that `wanted` means: the same, or the only one that differs in case alone, as CQL
/// reads unquoted names.
pub(crate) fn find_column<'a>(
    columns: impl Iterator<Item = &'a str> + Clone,
    wanted: &str,
) -> Option<&'a str> {
    if let Some(exact) = columns.clone().find(|name| *name == wanted) {
        return Some(exact);
    }
    let mut alike = columns.filter(|name| name.eq_ignore_ascii_case(wanted));
    let found = alike.next()?;
    alike.next().is_none().then_some(found)
}

/// The name a new column gets for a field: lower case when it then needs no quotes, as typing it in CQL would give.
pub(crate) fn new_column_name(field: &str) -> String {
    let plain = field.starts_with(|first: char| first.is_ascii_alphabetic())
        && field.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if plain { field.to_ascii_lowercase() } else { field.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn rules_rename_and_leave_out() {
        let mapping = Mapping::default().parse("a=x, -b").unwrap();
        let targets = mapping.targets(&header(&["a", "b", "c"])).unwrap();
        assert_eq!(targets, [Some("x".to_owned()), None, Some("c".to_owned())]);
        let again = mapping.parse("a=y").unwrap();
        assert_eq!(again.texts(), ["-b", "a=y"]);
    }

    #[test]
    fn what_is_no_rule_is_named() {
        for bad in ["a", "=x", "a=", "-", "a=x,,b=y", ""] {
            assert!(Mapping::default().parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rules_must_speak_of_fields_there_are_and_of_each_column_once() {
        let mapping = Mapping::default().rename("z", "x");
        assert!(matches!(mapping.targets(&header(&["a"])), Err(SchemaError::NoSuchField { .. })));
        let mapping = Mapping::default().rename("a", "b");
        assert!(matches!(mapping.targets(&header(&["a", "b"])), Err(SchemaError::ColumnTwice { .. })));
        assert!(matches!(
            Mapping::default().targets(&header(&["a", "a"])),
            Err(SchemaError::ColumnTwice { .. })
        ));
        assert!(matches!(
            Mapping::default().targets(&header(&["a", ""])),
            Err(SchemaError::UnnamedField { position: 2 })
        ));
        assert!(Mapping::default().skip("").targets(&header(&["a", ""])).is_ok());
    }

    #[test]
    fn columns_are_found_as_cql_reads_names() {
        let columns = ["year", "Month", "month"];
        let find = |wanted| find_column(columns.iter().copied(), wanted);
        assert_eq!(find("Year"), Some("year"));
        assert_eq!(find("Month"), Some("Month"));
        assert_eq!(find("MONTH"), None);
        assert_eq!(find("day"), None);
        assert_eq!(new_column_name("Year"), "year");
        assert_eq!(new_column_name("Temp (C)"), "Temp (C)");
        assert_eq!(new_column_name("1st"), "1st");
    }
}
