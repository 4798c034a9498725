//! The texts of a scan.

use std::fmt::Write as _;

use chorus_protocol::identifier::quote;
use chorus_topology::metadata::Table;

/// Which bounds of a range a text has markers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) after: bool,
    pub(super) last: bool,
}

impl Bounds {
    pub(super) const BOTH: Self = Self { after: true, last: true };
    pub(super) const NONE: Self = Self { after: false, last: false };

    /// How many markers that makes.
    pub(super) fn count(self) -> usize {
        usize::from(self.after) + usize::from(self.last)
    }
}

/// Everything of the texts but the bounds.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    /// The table, as it stands in CQL.
    pub(super) table: String,
    /// What is selected, as it stands in CQL.
    pub(super) selected: String,
    /// `token(…)` of the partition key.
    token: String,
    filters: Vec<String>,
    allow_filtering: bool,
}

impl Parts {
    pub(super) fn new(table: &Table, selected: String, filters: &[String], allow_filtering: bool) -> Self {
        let key: Vec<_> = table.partition_key().iter().map(|column| quote(&column.name)).collect();
        Self {
            table: format!("{}.{}", quote(&table.keyspace), quote(&table.name)),
            selected,
            token: format!("token({})", key.join(", ")),
            filters: filters.to_vec(),
            allow_filtering,
        }
    }

    pub(super) fn text(&self, bounds: Bounds) -> String {
        let mut text = format!("SELECT {} FROM {}", self.selected, self.table);
        let after = bounds.after.then(|| format!("{} > ?", self.token));
        let last = bounds.last.then(|| format!("{} <= ?", self.token));
        let relations = after.into_iter().chain(last).chain(self.filters.iter().cloned());
        for (place, relation) in relations.enumerate() {
            let before = if place == 0 { "WHERE" } else { "AND" };
            // A String takes whatever is written.
            let _ = write!(text, " {before} {relation}");
        }
        if self.allow_filtering {
            text.push_str(" ALLOW FILTERING");
        }
        text
    }
}

/// Columns by their names in the schema, then whatever else is selected.
pub(super) fn selected<'n>(columns: impl IntoIterator<Item = &'n str>, selectors: &[String]) -> String {
    let columns = columns.into_iter().map(|name| quote(name).into_owned());
    columns.chain(selectors.iter().cloned()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(filters: &[&str], allow_filtering: bool) -> Parts {
        Parts {
            table: "shop.\"Orders\"".into(),
            selected: selected(["id", "Total"], &["writetime(\"Total\")".into()]),
            token: "token(id, day)".into(),
            filters: filters.iter().map(|filter| (*filter).to_owned()).collect(),
            allow_filtering,
        }
    }

    #[test]
    fn bounds_and_filters_are_joined_by_and() {
        let select = "SELECT id, \"Total\", writetime(\"Total\") FROM shop.\"Orders\"";
        assert_eq!(
            parts(&["total > 100", "x = 'y'"], true).text(Bounds::BOTH),
            format!(
                "{select} WHERE token(id, day) > ? AND token(id, day) <= ? AND total > 100 AND x = 'y' ALLOW FILTERING"
            )
        );
        let last = Bounds { after: false, last: true };
        assert_eq!(parts(&[], false).text(last), format!("{select} WHERE token(id, day) <= ?"));
        assert_eq!(parts(&["a = 1"], false).text(Bounds::NONE), format!("{select} WHERE a = 1"));
        assert_eq!(parts(&[], false).text(Bounds::NONE), select);
    }
}
