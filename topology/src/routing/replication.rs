//! How a keyspace's rows are spread over hosts, as its `replication` map says.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A keyspace's replication strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplicationStrategy {
    /// The next hosts on the ring, wherever they stand.
    Simple(ReplicationFactor),
    /// A number of replicas for each datacenter, over as many racks as possible. Datacenters in name order.
    NetworkTopology(BTreeMap<String, ReplicationFactor>),
    /// Every host has its own rows (system keyspaces); nothing to route by.
    Local,
    /// A strategy this driver cannot place, kept as the server told it. No replicas.
    Other {
        /// The strategy's class name as told.
        class: String,
        /// The other entries of the replication map.
        options: BTreeMap<String, String>,
    },
}

impl ReplicationStrategy {
    /// Reads a keyspace's `replication` map: `class`, in short or fully qualified form, and the options of that class.
    /// A number of replicas that is not one is an error; the keyspace is then treated as [`Other`](Self::Other).
    pub fn from_options(replication: &BTreeMap<String, String>) -> Result<Self, ReplicationFactorError> {
        let class = replication.get("class").map_or("", String::as_str);
        let options = || replication.iter().filter(|(key, _)| *key != "class");
        match class.rsplit('.').next().unwrap_or(class) {
            "SimpleStrategy" => {
                let text = replication.get("replication_factor").map_or("", String::as_str);
                Ok(Self::Simple(text.parse()?))
            }
            "NetworkTopologyStrategy" => {
                let factors = options().map(|(datacenter, text)| Ok((datacenter.clone(), text.parse()?)));
                Ok(Self::NetworkTopology(factors.collect::<Result<_, _>>()?))
            }
            "LocalStrategy" => Ok(Self::Local),
            _ => Ok(Self::verbatim(replication)),
        }
    }

    /// The map as [`Other`](Self::Other), whatever its class.
    pub fn verbatim(replication: &BTreeMap<String, String>) -> Self {
        let mut options = replication.clone();
        let class = options.remove("class").unwrap_or_default();
        Self::Other { class, options }
    }

    /// The strategy's class name: short for the known ones, as told for others.
    pub fn class(&self) -> &str {
        match self {
            Self::Simple(_) => "SimpleStrategy",
            Self::NetworkTopology(_) => "NetworkTopologyStrategy",
            Self::Local => "LocalStrategy",
            Self::Other { class, .. } => class,
        }
    }

    /// The options besides the class, as CQL would write them.
    pub fn options(&self) -> BTreeMap<String, String> {
        match self {
            Self::Simple(factor) => BTreeMap::from([("replication_factor".to_owned(), factor.to_string())]),
            Self::NetworkTopology(factors) => {
                factors.iter().map(|(datacenter, factor)| (datacenter.clone(), factor.to_string())).collect()
            }
            Self::Local => BTreeMap::new(),
            Self::Other { options, .. } => options.clone(),
        }
    }
}

/// How many replicas: `3`, or `3/1` where one of the three is transient and holds only unrepaired data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplicationFactor {
    /// All replicas, transient ones included.
    pub all: u32,
    /// The transient ones; always below `all` unless both are 0.
    pub transient: u32,
}

impl ReplicationFactor {
    /// `all` full replicas.
    pub fn new(all: u32) -> Self {
        Self { all, transient: 0 }
    }

    /// The replicas that hold all data; only these are worth routing to.
    pub fn full(self) -> u32 {
        self.all - self.transient
    }
}

impl FromStr for ReplicationFactor {
    type Err = ReplicationFactorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |part: &str| part.trim().parse::<u32>().ok();
        let parsed = match text.split_once('/') {
            None => number(text).map(Self::new),
            Some((all, transient)) => match (number(all), number(transient)) {
                (Some(all), Some(transient)) if transient < all => Some(Self { all, transient }),
                _ => None,
            },
        };
        parsed.ok_or_else(|| ReplicationFactorError { text: text.chars().take(64).collect() })
    }
}

impl fmt::Display for ReplicationFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transient {
            0 => write!(f, "{}", self.all),
            transient => write!(f, "{}/{transient}", self.all),
        }
    }
}

/// A replication factor that is neither `n` nor `n/transient`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a replication factor")]
pub struct ReplicationFactorError {
    /// The beginning of the offending text.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn short_and_qualified_class_names_mean_the_same_strategy() {
        let qualified = "org.apache.cassandra.locator.SimpleStrategy";
        for class in ["SimpleStrategy", qualified] {
            let strategy =
                ReplicationStrategy::from_options(&map(&[("class", class), ("replication_factor", "3")]));
            assert_eq!(strategy, Ok(ReplicationStrategy::Simple(ReplicationFactor::new(3))));
        }
        let local = map(&[("class", "org.apache.cassandra.locator.LocalStrategy")]);
        assert_eq!(ReplicationStrategy::from_options(&local), Ok(ReplicationStrategy::Local));
    }

    #[test]
    fn network_topology_options_are_factors_by_datacenter() {
        let options = map(&[("class", "NetworkTopologyStrategy"), ("dc1", "3"), ("dc2", "3/1")]);
        let strategy = ReplicationStrategy::from_options(&options).unwrap();
        let ReplicationStrategy::NetworkTopology(factors) = &strategy else { panic!("{strategy:?}") };
        assert_eq!(factors["dc1"], ReplicationFactor::new(3));
        assert_eq!(factors["dc2"], ReplicationFactor { all: 3, transient: 1 });
        assert_eq!(strategy.options(), map(&[("dc1", "3"), ("dc2", "3/1")]));
    }

    #[test]
    fn unknown_strategies_are_kept_verbatim() {
        let options = map(&[("class", "com.example.Everywhere"), ("spread", "wide")]);
        let strategy = ReplicationStrategy::from_options(&options).unwrap();
        assert_eq!(strategy.class(), "com.example.Everywhere");
        assert_eq!(strategy.options(), map(&[("spread", "wide")]));
    }

    #[test]
    fn a_factor_counts_only_full_replicas() {
        assert_eq!("3/1".parse::<ReplicationFactor>().unwrap().full(), 2);
        assert_eq!("3".parse::<ReplicationFactor>().unwrap().full(), 3);
        assert_eq!("0".parse::<ReplicationFactor>().unwrap().full(), 0);
    }

    #[test]
    fn text_that_is_no_factor_is_an_error() {
        for text in ["", "x", "-1", "3/", "/1", "3/3", "1/2", "3/1/1", "99999999999"] {
            assert_eq!(text.parse::<ReplicationFactor>(), Err(ReplicationFactorError { text: text.into() }));
        }
        let missing = map(&[("class", "SimpleStrategy")]);
        assert!(ReplicationStrategy::from_options(&missing).is_err());
    }
}
