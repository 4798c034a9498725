//! Faults of servers and of the way to them, F1 to F53 of docs/coverage.md: each is provoked by a server that misbehaves as the
//! test says, and costs what it may cost and no more.

mod answers;
mod connection;
mod embedded;
mod framing;
mod metadata;
mod paging;
mod segments;
mod server;
mod session;
mod streams;
