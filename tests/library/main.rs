//! What the library promises, against embedded clusters.

mod batches;
mod blocking;
mod bulk;
mod concurrent;
mod errors;
mod events;
mod metrics;
mod paging;
mod policies;
mod routing;
mod runtimes;
mod schema;
mod session;
mod stage;
mod statements;
