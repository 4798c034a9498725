//! What can be told to be wrong with a selection before a server is asked.

use std::borrow::Cow;

use super::Query;
use crate::mapper::MapperError;
use crate::mapper::facts::{Indexed, Part, TableFacts};
use crate::mapper::relation::Left;

impl Query {
    /// # Errors
    ///
    /// [`MapperError::Statement`], saying what is wrong and what to do.
    pub(in crate::mapper) fn check(
        &self,
        table: &impl TableFacts,
        columns: &[Cow<'_, str>],
    ) -> Result<(), MapperError> {
        columns.iter().try_for_each(|column| table.require(column).map(drop))?;
        self.check_filters(table)?;
        for (column, _) in &self.order {
            if table.require(column)?.part != Part::Clustering {
                return Err(
                    table.error(format!("rows are ordered by clustering columns, which {column} is not"))
                );
            }
        }
        if self.distinct {
            self.check_distinct(table, columns)?;
        }
        Ok(())
    }

    fn check_distinct(&self, table: &impl TableFacts, columns: &[Cow<'_, str>]) -> Result<(), MapperError> {
        if self.counted {
            return Err(
                table.error("distinct rows are not counted by CQL: count the partition keys that come")
            );
        }
        for column in columns {
            if !matches!(table.require(column)?.part, Part::Partition | Part::Static) {
                return Err(table.error(format!(
                    "distinct rows have columns of the partition key and static ones, which {column} is not: name those with \
                     `only`, or read `partition_keys`"
                )));
            }
        }
        Ok(())
    }

    /// Whether the filters find rows by a key, an index or a token, and do not only leave some out.
    fn check_filters(&self, table: &impl TableFacts) -> Result<(), MapperError> {
        let (mut by_partition, mut by_index, mut by_key, mut by_token) = (false, false, false, false);
        for filter in &self.filters {
            let Left::Column(column) = &filter.left else {
                by_token = true;
                continue;
            };
            let facts = table.require(column)?;
            if !filter.operator.finds() && facts.index != Indexed::Custom {
                continue;
            }
            by_index |= facts.index != Indexed::No;
            by_partition |= facts.part == Part::Partition;
            by_key |= matches!(facts.part, Part::Partition | Part::Clustering);
        }
        if self.filters.is_empty() || self.allow_filtering || by_partition || by_index || by_token {
            return Ok(());
        }
        Err(table.error(match by_key {
            true => "rows are filtered by the clustering key, and their partition is not named: filter by the partition key, or \
                     allow_filtering",
            false => "no filter finds rows: one must be =, IN or CONTAINS on a column of the primary key or with an index, or \
                      on the token; or allow_filtering",
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapper::relation::Relation;
    use crate::mapper::test_models::Visit;
    use crate::mapper::{Model, Operator, Operator::*};

    fn query(filters: &[(&'static str, Operator)]) -> Query {
        let relation = |(column, operator): &(&'static str, Operator)| match *column {
            "token" => Relation { left: Left::Token, operator: *operator, value: None },
            column => Relation::of_column(column, *operator, None),
        };
        Query { filters: filters.iter().map(relation).collect(), ..Query::default() }
    }

    fn verdict(query: &Query, columns: &[&'static str]) -> Result<(), String> {
        let columns: Vec<Cow<'_, str>> = columns.iter().copied().map(Cow::from).collect();
        query.check(Visit::table(), &columns).map_err(|error| error.to_string())
    }

    #[test]
    fn filters_must_find_rows() {
        for filters in [
            &[][..],
            &[("id", Equal)],
            &[("id", In), ("at", Greater)],
            &[("email", Equal)],
            &[("tags", Contains)],
            &[("token", Greater)],
            &[("token", Greater), ("at", Equal)],
            &[("note", Like)],
            &[("note", Greater)],
        ] {
            assert_eq!(verdict(&query(filters), &[]), Ok(()), "{filters:?}");
        }
        for (filters, complaint) in [
            (&[("Name", Equal)][..], "no filter finds rows"),
            (&[("id", Greater)], "no filter finds rows"),
            (&[("email", Greater)], "no filter finds rows"),
            (&[("id", IsNotNull)], "no filter finds rows"),
            (&[("at", Equal)], "partition is not named"),
            (&[("at", Equal), ("Name", Equal)], "partition is not named"),
            (&[("absent", Equal)], "no column absent"),
        ] {
            let error = verdict(&query(filters), &[]).expect_err(complaint);
            assert!(error.contains(complaint), "{filters:?}: {error}");
            let allowed = Query { allow_filtering: true, ..query(filters) };
            assert_eq!(verdict(&allowed, &[]).is_ok(), complaint != "no column absent", "{filters:?}");
        }
    }

    #[test]
    fn orders_are_by_clustering_columns() {
        let ordered =
            |column: &'static str| Query { order: vec![(column.into(), true)], ..query(&[("id", Equal)]) };
        assert_eq!(verdict(&ordered("at"), &[]), Ok(()));
        for column in ["id", "Name", "absent"] {
            assert!(verdict(&ordered(column), &[]).expect_err("no order").contains(column));
        }
    }

    #[test]
    fn distinct_rows_are_of_partitions_and_not_counted() {
        let distinct = Query { distinct: true, ..Query::default() };
        assert_eq!(verdict(&distinct, &["id", "region"]), Ok(()));
        assert!(verdict(&distinct, &["id", "at"]).expect_err("no key").contains("which at is not"));
        assert!(verdict(&distinct, &["Name"]).expect_err("regular").contains("which Name is not"));
        assert!(verdict(&Query { counted: true, ..distinct }, &["id"]).is_err());
    }

    #[test]
    fn columns_must_exist() {
        assert!(verdict(&Query::default(), &["id", "nowhere"]).expect_err("unknown").contains("nowhere"));
    }
}
