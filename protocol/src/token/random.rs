//! The random partitioner: MD5.

use std::fmt;

use md5::{Digest, Md5};

/// A position on the ring of the random partitioner, 0 to 2^127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RandomToken(pub u128);

impl RandomToken {
    /// The token of a routing key: the absolute value of its MD5 digest as a signed number.
    pub fn of_key(key: &[u8]) -> Self {
        let digest: [u8; 16] = Md5::digest(key).into();
        Self(i128::from_be_bytes(digest).unsigned_abs())
    }
}

impl fmt::Display for RandomToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_tokens_servers_compute() {
        for (key, token) in [
            ("123", 42767516990368493138776584305024125808),
            ("9223372036854775807", 28528976619278518853815276204542453639),
        ] {
            assert_eq!(RandomToken::of_key(key.as_bytes()), RandomToken(token));
        }
    }
}
