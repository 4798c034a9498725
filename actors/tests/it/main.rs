//! What the engine promises, against embedded clusters that misbehave on purpose.

mod back_pressure;
mod bulk;
mod cancellation;
mod deadlines;
mod failover;
mod placement;
mod policies;
mod reprepare;
mod shutdown;
mod speculation;
mod support;
