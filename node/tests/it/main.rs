//! The node's promises to clients, checked from the other end of a socket.

mod client;

mod clusters;
mod data;
mod faults;
mod handshake;
mod hostile;
mod limits;
mod requests;
mod shards;
mod tablets;
