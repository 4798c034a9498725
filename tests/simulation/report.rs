//! What a story came to.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Mutex;
use std::time::Duration;

/// The most that is said about one story.
const MOST_FINDINGS: usize = 12;

/// What a story has shown.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) seed: u64,
    /// The story, in words.
    pub(crate) story: String,
    /// What must not be. Empty if all is well.
    pub(crate) findings: Vec<String>,
    /// How its calls ended: their number by outcome.
    pub(crate) outcomes: BTreeMap<&'static str, u64>,
    pub(crate) took: Duration,
}

/// Collects what is found while a story is told.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    found: Mutex<Vec<String>>,
    outcomes: Mutex<BTreeMap<&'static str, u64>>,
}

impl Findings {
    pub(crate) fn add(&self, what: impl Display) {
        let mut found = self.found.lock().expect("no code panics with the lock held");
        match found.len() {
            0..MOST_FINDINGS => found.push(what.to_string()),
            MOST_FINDINGS => found.push("and more".to_owned()),
            _ => {}
        }
    }

    /// Adds what a check has to say, if it says anything.
    pub(crate) fn unless(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.add(what());
        }
    }

    pub(crate) fn count(&self, outcome: &'static str) {
        *self.outcomes.lock().expect("no code panics with the lock held").entry(outcome).or_default() += 1;
    }

    pub(crate) fn into_parts(self) -> (Vec<String>, BTreeMap<&'static str, u64>) {
        let poisoned = "no code panics with the lock held";
        (self.found.into_inner().expect(poisoned), self.outcomes.into_inner().expect(poisoned))
    }
}

/// Fails if any story did, with all that is needed to tell it again.
pub(crate) fn conclude(told: &[Verdict]) {
    let mut outcomes: BTreeMap<&str, u64> = BTreeMap::new();
    for (outcome, count) in told.iter().flat_map(|verdict| &verdict.outcomes) {
        *outcomes.entry(outcome).or_default() += count;
    }
    let took: Duration = told.iter().map(|verdict| verdict.took).sum();
    say(&format!("{} stories, {} s of them together; calls: {outcomes:?}", told.len(), took.as_secs()));
    let failed: Vec<&Verdict> = told.iter().filter(|verdict| !verdict.findings.is_empty()).collect();
    for verdict in &failed {
        say(&format!("{}\n  {}", verdict.story, verdict.findings.join("\n  ")));
        say(&format!("  again: CHORUS_SEED={} cargo test --test simulation\n", verdict.seed));
    }
    let seeds: Vec<u64> = failed.iter().map(|verdict| verdict.seed).collect();
    assert!(
        seeds.is_empty(),
        "{} of {} stories failed, those of the seeds {seeds:?}",
        seeds.len(),
        told.len()
    );
    // A simulation in which nothing fails, or nothing succeeds, shows nothing.
    if told.len() >= 100 {
        for outcome in ["done", "connection lost", "timeout", "cancelled", "database"] {
            assert!(outcomes.get(outcome).is_some_and(|count| *count > 100), "{outcome}: {outcomes:?}");
        }
    }
}

#[allow(clippy::print_stderr)]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
