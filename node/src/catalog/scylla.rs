//! What only ScyllaDB has: the CQL it adds, keyspaces of tablets, tables with a limit on requests.

use crate::cql::CqlError;
use crate::cql::ast::OptionValue as Written;

/// Whose CQL a database speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// That of Apache Cassandra. What only ScyllaDB has is refused.
    #[default]
    Cassandra,
    /// The same and what ScyllaDB adds to it: `TABLETS` of keyspaces, `per_partition_rate_limit` of tables, `USING TIMEOUT`
    /// and `BYPASS CACHE`.
    Scylla,
}

/// That the tables of a keyspace are divided into tablets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TabletOptions {
    /// How many tablets a table begins with; `None` leaves it to the cluster.
    pub initial: Option<u32>,
}

/// That the replicas of a keyspace agree on every write by way of a leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrongConsistency {
    /// Within each datacenter.
    Local,
    /// All of them.
    Global,
}

/// How often one partition of a table may be asked for in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// Reads; `None` for no limit.
    pub reads: Option<u32>,
    /// Writes; `None` for no limit.
    pub writes: Option<u32>,
}

/// The name of the table option that sets a [`RateLimit`].
pub(crate) const RATE_LIMIT: &str = "per_partition_rate_limit";

/// More tablets in one table are refused: they are made at once.
const MOST_TABLETS: u32 = 1 << 20;

impl TabletOptions {
    /// From the map of a TABLETS clause; `None` when it says that there are none.
    pub(crate) fn parse(entries: &[(String, String)]) -> Result<Option<Self>, CqlError> {
        let mut enabled = None;
        let mut options = Self::default();
        for (key, value) in entries {
            match key.as_str() {
                "enabled" => {
                    enabled = Some(value.parse::<bool>().map_err(|_| {
                        CqlError::config(format!(
                            "Value for 'enabled' must be one of: true, false, but was '{value}'"
                        ))
                    })?);
                }
                "initial" => {
                    let initial = value.parse().ok().filter(|initial| *initial <= MOST_TABLETS);
                    let initial = initial.ok_or_else(|| {
                        CqlError::config(format!(
                            "Initial tablets value should be numeric and at most {MOST_TABLETS}, but was '{value}'"
                        ))
                    })?;
                    options.initial = Some(initial).filter(|initial| *initial > 0);
                }
                _ => return Err(CqlError::config(format!("Unrecognized tablets option {key}"))),
            }
        }
        Ok((enabled != Some(false)).then_some(options))
    }
}

impl StrongConsistency {
    /// From the `consistency` of a keyspace; `None` when its replicas agree eventually.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, CqlError> {
        match text {
            "eventual" => Ok(None),
            "local" => Ok(Some(Self::Local)),
            "global" => Ok(Some(Self::Global)),
            _ => Err(CqlError::config(format!(
                "Value for 'consistency' must be one of: eventual, local, global, but was '{text}'"
            ))),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Global => "global",
        }
    }
}

impl RateLimit {
    pub(crate) fn parse(value: &Written) -> Result<Self, CqlError> {
        let Written::Map(entries) = value else {
            return Err(CqlError::syntax(format!(
                "Invalid value for property '{RATE_LIMIT}'. It should be a map."
            )));
        };
        let mut limit = Self::default();
        for (key, value) in entries {
            let place = match key.as_str() {
                "max_reads_per_second" => &mut limit.reads,
                "max_writes_per_second" => &mut limit.writes,
                _ => {
                    return Err(CqlError::config(format!(
                        "Unknown per partition rate limit option found: {key}"
                    )));
                }
            };
            *place = Some(value.parse().map_err(|_| {
                CqlError::config(format!("Invalid value for {key}: expected a non-negative integer"))
            })?);
        }
        Ok(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(entries: &[(&str, &str)]) -> Vec<(String, String)> {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn tablets_are_enabled_counted_or_not_there() {
        let parse = |given: &[(&str, &str)]| TabletOptions::parse(&entries(given));
        assert_eq!(parse(&[("enabled", "true")]), Ok(Some(TabletOptions { initial: None })));
        assert_eq!(parse(&[("initial", "8")]), Ok(Some(TabletOptions { initial: Some(8) })));
        assert_eq!(
            parse(&[("enabled", "true"), ("initial", "0")]),
            Ok(Some(TabletOptions { initial: None }))
        );
        assert_eq!(parse(&[("enabled", "false"), ("initial", "8")]), Ok(None));
        for wrong in [("enabled", "perhaps"), ("initial", "-1"), ("initial", "1048577"), ("shards", "1")] {
            parse(&[wrong]).expect_err(wrong.1);
        }
    }

    #[test]
    fn a_rate_limit_is_for_reads_for_writes_or_for_both() {
        let parse = |given: &[(&str, &str)]| RateLimit::parse(&Written::Map(entries(given)));
        assert_eq!(parse(&[]), Ok(RateLimit::default()));
        assert_eq!(parse(&[("max_reads_per_second", "7")]), Ok(RateLimit { reads: Some(7), writes: None }));
        assert_eq!(
            parse(&[("max_reads_per_second", "7"), ("max_writes_per_second", "0")]),
            Ok(RateLimit { reads: Some(7), writes: Some(0) })
        );
        parse(&[("max_reads_per_second", "-7")]).expect_err("a negative number");
        parse(&[("max_scans_per_second", "7")]).expect_err("an unknown key");
        RateLimit::parse(&Written::Text("7".to_owned())).expect_err("no map");
    }
}
