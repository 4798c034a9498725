//! Decisions: which host next, retry or not, when to reconnect.
//!
//! Policies are pure. What they need to know comes as arguments (a snapshot, the load, the failure, chance), what they
//! decide goes back as a value, and whoever asked carries it out. Each folder here has its trait in `mod.rs` and one file
//! a policy.
//!
//! | folder | question | asked by |
//! |---|---|---|
//! | [`load_balancing`] | which host is next for this request? | coordinator, at each attempt; bulk jobs, for each row |
//! | [`retry`] | this attempt failed: again, elsewhere, or give up? | coordinator, on failures only |
//! | [`speculative`] | no answer yet: one more attempt elsewhere? | coordinator, for idempotent requests that are late |
//! | [`conviction`] | a connection failed: is its host still to be believed in? | host actor |
//! | [`reconnection`] | how long to wait before the next connect? | host actor |
//! | [`address_translation`] | where is the host that calls itself so? | control and cluster actors |

pub mod address_translation;
pub mod conviction;
pub mod load_balancing;
pub mod reconnection;
pub mod retry;
pub mod speculative;
