//! A column of the comparison: what is done, and in which surroundings.

use std::str::FromStr;

/// A scenario, for single requests how many are in flight, and the surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) scenario: String,
    pub(crate) concurrency: Option<usize>,
    pub(crate) surroundings: Surroundings,
}

/// What the sink is like and where everybody runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Surroundings {
    pub(crate) hosts: u8,
    /// None: a Cassandra.
    pub(crate) shards: u16,
    pub(crate) delay_ms: u64,
    pub(crate) lz4: bool,
    pub(crate) tls: bool,
    /// It looks for requests for a while before it sleeps, as ScyllaDB does.
    pub(crate) poll: bool,
    pub(crate) cores: Cores,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cores {
    /// The client on one, the sink on another.
    Apart,
    /// Both on the same one.
    One,
    /// Both on the same two.
    Two,
    /// Everybody where the system puts them.
    Any,
}

impl Default for Surroundings {
    fn default() -> Surroundings {
        let cores = Cores::Apart;
        Surroundings { hosts: 1, shards: 0, delay_ms: 0, lz4: false, tls: false, poll: false, cores }
    }
}

/// One request a caller at a time.
const SINGLE: [&str; 4] = ["insert", "read", "page", "deadline"];
/// Their concurrency is the driver's business.
const WHOLE: [&str; 4] = ["concurrent", "bulk", "csv", "idle"];

impl FromStr for Cell {
    type Err = String;

    fn from_str(text: &str) -> Result<Cell, String> {
        let known = || {
            let (single, whole) = (SINGLE.join(", "), WHOLE.join(", "));
            format!(
                "{text}: one of {single} with @ and a number, or {whole}; after that any of +hosts=N, +shards=N, \
                 +delay=MS, +lz4, +tls, +poll, +one-core, +two-cores, +unpinned"
            )
        };
        let mut parts = text.split('+');
        let (scenario, concurrency) = match parts.next().unwrap_or_default().split_once('@') {
            Some((scenario, number)) if SINGLE.contains(&scenario) => {
                (scenario, Some(number.parse().ok().filter(|number| *number > 0).ok_or_else(known)?))
            }
            None => {
                (text.split('+').next().filter(|scenario| WHOLE.contains(scenario)).ok_or_else(known)?, None)
            }
            _ => return Err(known()),
        };
        let mut surroundings = Surroundings::default();
        for part in parts {
            surroundings.add(part).ok_or_else(known)?;
        }
        Ok(Cell { scenario: scenario.to_owned(), concurrency, surroundings })
    }
}

impl Surroundings {
    fn add(&mut self, part: &str) -> Option<()> {
        match part.split_once('=') {
            Some(("hosts", number)) => self.hosts = number.parse().ok().filter(|number| *number > 0)?,
            Some(("shards", number)) => self.shards = number.parse().ok()?,
            Some(("delay", number)) => self.delay_ms = number.parse().ok()?,
            None if part == "lz4" => self.lz4 = true,
            None if part == "tls" => self.tls = true,
            None if part == "poll" => self.poll = true,
            None if part == "one-core" => self.cores = Cores::One,
            None if part == "two-cores" => self.cores = Cores::Two,
            None if part == "unpinned" => self.cores = Cores::Any,
            _ => return None,
        }
        Some(())
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.scenario)?;
        if let Some(concurrency) = self.concurrency {
            write!(formatter, "@{concurrency}")?;
        }
        let usual = Surroundings::default();
        let Surroundings { hosts, shards, delay_ms, lz4, tls, poll, cores } = self.surroundings;
        let numbers = [
            ("hosts", u64::from(hosts), u64::from(usual.hosts)),
            ("shards", u64::from(shards), u64::from(usual.shards)),
            ("delay", delay_ms, usual.delay_ms),
        ];
        for (name, number, usual) in numbers {
            if number != usual {
                write!(formatter, "+{name}={number}")?;
            }
        }
        let words = [
            ("lz4", lz4),
            ("tls", tls),
            ("poll", poll),
            ("one-core", cores == Cores::One),
            ("two-cores", cores == Cores::Two),
            ("unpinned", cores == Cores::Any),
        ];
        words.iter().filter(|(_, on)| *on).try_for_each(|(word, _)| write!(formatter, "+{word}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_scenario_with_a_number_only_for_single_requests() {
        let cell: Cell = "insert@64".parse().expect("it is one");
        assert_eq!((cell.scenario.as_str(), cell.concurrency), ("insert", Some(64)));
        for wrong in
            ["insert", "bulk@4", "insert@0", "insert@x", "sleep@1", "bulk+", "bulk+hosts", "bulk+hosts=0"]
        {
            assert!(wrong.parse::<Cell>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_cell_reads_as_it_was_written() {
        for text in [
            "bulk",
            "insert@1+unpinned",
            "idle+hosts=3",
            "read@64+shards=2+delay=1+lz4",
            "csv+tls+two-cores",
            "insert@64+poll",
        ] {
            assert_eq!(text.parse::<Cell>().expect("it is one").to_string(), text);
        }
        let cell: Cell = "bulk+one-core+hosts=2".parse().expect("it is one");
        assert_eq!(cell.to_string(), "bulk+hosts=2+one-core");
    }
}
