//! Faults to survive that are told one by one: `docs/coverage.md` has their numbers. What happens when several strike at once
//! is told in `tests/simulation`, and what single servers send in `tests/faults`.

mod answers;
mod clocks;
mod endings;
mod leaving;
mod panics;
mod queues;
mod stage;

/// A child process of the one that runs the tests needs `fork`.
#[cfg(unix)]
mod fork;
