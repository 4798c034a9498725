//! What the library promises, against embedded clusters.

mod batches;
mod blocking;
mod bulk;
mod concurrent;
mod errors;
mod metrics;
mod paging;
mod policies;
mod runtimes;
mod session;
mod stage;
mod statements;
