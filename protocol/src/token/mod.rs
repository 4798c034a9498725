//! Where on the ring a partition lives.

mod byte_ordered;
mod murmur3;
mod partitioner;
mod random;
mod routing_key;
mod shard;

pub use byte_ordered::BytesToken;
pub use murmur3::{Murmur3Hasher, Token, murmur3_token};
pub use partitioner::{AnyToken, InvalidToken, Partitioner};
pub use random::RandomToken;
pub use routing_key::{RoutingKeyError, composite_key, has_token, routing_key, token_of_values};
pub use shard::shard_of;
