//! Who is compared.

use clap::ValueEnum;

use crate::cell::{Cell, Cores};

/// A driver in one configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// No driver: a blocking socket, frames encoded beforehand, replies counted
    Raw,
    /// None either: the same on a current-thread tokio runtime, as any driver on tokio has to do it
    RawAsync,
    /// Chorus, actors on the caller's current-thread runtime
    ChorusLocal,
    /// Chorus, actors as a task of the caller's multi-thread runtime
    ChorusHosted,
    /// Chorus, actors on a thread of their own
    ChorusDedicated,
    /// Chorus, actors on a thread of their own, spinning before they sleep
    ChorusDedicatedSpin,
    /// Chorus, actors on two threads of their own; only where there are two cores for them
    #[value(name = "chorus-dedicated-2")]
    ChorusDedicated2,
    /// Chorus, two threads with a session each, its actors on the thread; only bulk, and where there are two cores for them
    #[value(name = "chorus-local-2")]
    ChorusLocal2,
    /// The scylla crate as it comes: two workers, the system's allocator, its own defaults
    Scylla,
    /// The scylla crate at its best: current-thread runtime, mimalloc, no client timeout
    ScyllaTuned,
    /// cdrs-tokio: current-thread runtime, mimalloc
    Cdrs,
    /// The Java driver
    Java,
    /// gocql
    Gocql,
    /// ScyllaDB's fork of gocql
    GocqlScylla,
    /// The Python driver
    Python,
    /// ScyllaDB's fork of the Python driver
    PythonScylla,
}

/// How a client is built and started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A variant of a client package, with the allocator its program would have.
    Rust {
        package: &'static str,
        variant: &'static str,
        mimalloc: bool,
    },
    Java,
    /// Built with the tag `scylla` or without.
    Go {
        fork: bool,
    },
    /// An interpreter with this package.
    Python {
        package: &'static str,
    },
}

impl Client {
    pub(crate) fn everybody() -> Vec<Client> {
        Client::value_variants().to_vec()
    }

    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    pub(crate) fn kind(self) -> Kind {
        let rust = |package, variant, mimalloc| Kind::Rust { package, variant, mimalloc };
        match self {
            Client::Raw => rust("raw", "", false),
            Client::RawAsync => rust("raw", "async", false),
            Client::ChorusLocal => rust("chorus", "local", true),
            Client::ChorusHosted => rust("chorus", "hosted", true),
            Client::ChorusDedicated => rust("chorus", "dedicated", true),
            Client::ChorusDedicatedSpin => rust("chorus", "dedicated-spin", true),
            Client::ChorusDedicated2 => rust("chorus", "dedicated-2", true),
            Client::ChorusLocal2 => rust("chorus", "local-2", true),
            Client::Scylla => rust("scylla", "default", false),
            Client::ScyllaTuned => rust("scylla", "tuned", true),
            Client::Cdrs => rust("cdrs", "", true),
            Client::Java => Kind::Java,
            Client::Gocql => Kind::Go { fork: false },
            Client::GocqlScylla => Kind::Go { fork: true },
            Client::Python => Kind::Python { package: "cassandra-driver" },
            Client::PythonScylla => Kind::Python { package: "scylla-driver" },
        }
    }

    /// Whether there is no driver.
    pub(crate) fn is_raw(self) -> bool {
        matches!(self, Client::Raw | Client::RawAsync)
    }

    fn is_chorus(self) -> bool {
        self.name().starts_with("chorus")
    }

    /// Whether it has what the cell asks for. Everybody makes requests; the rest is for those it is a question for.
    pub(crate) fn takes_part_in(self, cell: &Cell) -> bool {
        let surroundings = cell.surroundings;
        let scylla = matches!(self, Client::Scylla | Client::ScyllaTuned);
        let scenario = match cell.scenario.as_str() {
            "csv" => matches!(self, Client::ChorusLocal | Client::ScyllaTuned),
            "idle" | "deadline" => self.is_chorus() || scylla,
            _ => true,
        };
        let lz4 = !surroundings.lz4 || self.is_chorus() || scylla || self == Client::Cdrs;
        let tls = !surroundings.tls || self.is_chorus() || scylla;
        // The raw loops are one connection, which is one host and one core.
        let one = surroundings.hosts == 1 && surroundings.cores != Cores::Two;
        scenario
            && lz4
            && tls
            && (!self.is_raw() || one)
            && (self != Client::ChorusDedicated2 || surroundings.cores == Cores::Two)
            && (self != Client::ChorusLocal2 || (surroundings.cores == Cores::Two && cell.scenario == "bulk"))
    }
}

impl std::fmt::Display for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_for_those_who_have_what_it_asks_for() {
        let in_cell = |text: &str| -> Vec<String> {
            let cell: Cell = text.parse().expect("it is one");
            Client::everybody()
                .into_iter()
                .filter(|client| client.takes_part_in(&cell))
                .map(Client::name)
                .collect()
        };
        assert_eq!(in_cell("csv"), ["chorus-local", "scylla-tuned"]);
        assert!(in_cell("insert@1").contains(&"python".to_owned()));
        assert!(!in_cell("insert@1").contains(&"chorus-dedicated-2".to_owned()));
        assert!(in_cell("bulk+two-cores").contains(&"chorus-dedicated-2".to_owned()));
        for raw in ["raw", "raw-async"] {
            assert!(in_cell("insert@64").contains(&raw.to_owned()));
            assert!(!in_cell("insert@64+lz4").contains(&raw.to_owned()));
        }
    }
}
