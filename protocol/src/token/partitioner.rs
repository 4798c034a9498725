//! Which hash a cluster uses.

use std::fmt;

use crate::token::{BytesToken, RandomToken, Token, murmur3_token};

/// How a cluster turns partition keys into tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Partitioner {
    /// The default everywhere.
    #[default]
    Murmur3,
    /// MD5, of very old clusters.
    Random,
    /// Keys in order.
    ByteOrdered,
    /// Unknown: tokens cannot be computed, requests cannot be routed by key.
    Other,
}

/// A token of any partitioner. Tokens of different partitioners do not meet in one cluster; their order means nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnyToken {
    /// Of [`Partitioner::Murmur3`].
    Murmur3(Token),
    /// Of [`Partitioner::Random`].
    Random(RandomToken),
    /// Of [`Partitioner::ByteOrdered`].
    Bytes(BytesToken),
}

/// Text that is no token of the partitioner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a token")]
pub struct InvalidToken(pub String);

impl Partitioner {
    /// By class name, with or without package.
    pub fn from_class_name(name: &str) -> Self {
        match name.rsplit('.').next() {
            Some("Murmur3Partitioner") => Self::Murmur3,
            Some("RandomPartitioner") => Self::Random,
            Some("ByteOrderedPartitioner") => Self::ByteOrdered,
            _ => Self::Other,
        }
    }

    /// The token of a routing key; `None` when the partitioner is unknown.
    pub fn token(self, key: &[u8]) -> Option<AnyToken> {
        match self {
            Self::Murmur3 => Some(AnyToken::Murmur3(murmur3_token(key))),
            Self::Random => Some(AnyToken::Random(RandomToken::of_key(key))),
            Self::ByteOrdered => Some(AnyToken::Bytes(BytesToken::of_key(key))),
            Self::Other => None,
        }
    }

    /// Parses a token as system tables have it.
    ///
    /// # Errors
    /// When the text is no token of this partitioner; always for [`Partitioner::Other`].
    pub fn parse_token(self, text: &str) -> Result<AnyToken, InvalidToken> {
        let token = match self {
            Self::Murmur3 => text.parse().ok().map(AnyToken::Murmur3),
            Self::Random => text
                .parse()
                .ok()
                .filter(|token| *token <= 1u128 << 127)
                .map(|token| AnyToken::Random(RandomToken(token))),
            Self::ByteOrdered => BytesToken::parse(text).map(AnyToken::Bytes),
            Self::Other => None,
        };
        token.ok_or_else(|| InvalidToken(text.to_owned()))
    }
}

impl fmt::Display for AnyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Murmur3(token) => token.fmt(f),
            Self::Random(token) => token.fmt(f),
            Self::Bytes(token) => token.fmt(f),
        }
    }
}

impl From<Token> for AnyToken {
    fn from(token: Token) -> Self {
        Self::Murmur3(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitioners_are_known_by_the_end_of_their_class_name() {
        assert_eq!(
            Partitioner::from_class_name("org.apache.cassandra.dht.Murmur3Partitioner"),
            Partitioner::Murmur3
        );
        assert_eq!(Partitioner::from_class_name("RandomPartitioner"), Partitioner::Random);
        assert_eq!(Partitioner::from_class_name("a.ByteOrderedPartitioner"), Partitioner::ByteOrdered);
        assert_eq!(Partitioner::from_class_name("a.LocalPartitioner"), Partitioner::Other);
    }

    #[test]
    fn tokens_print_as_they_parse() {
        for (partitioner, text) in [
            (Partitioner::Murmur3, "-9223372036854775808"),
            (Partitioner::Random, "170141183460469231731687303715884105728"),
            (Partitioner::ByteOrdered, "00ff"),
        ] {
            assert_eq!(partitioner.parse_token(text).unwrap().to_string(), text);
            assert!(partitioner.parse_token("x").is_err());
        }
        assert!(Partitioner::Random.parse_token("170141183460469231731687303715884105729").is_err());
        assert!(Partitioner::Other.parse_token("1").is_err());
        assert_eq!(Partitioner::Other.token(b"a"), None);
        assert_eq!(Partitioner::Murmur3.token(b"a"), Some(Token(-8839064797231613815).into()));
    }
}
