//! The byte-ordered partitioner: a key is its own token.

use std::fmt;

/// A position on the ring of the byte-ordered partitioner; compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BytesToken(pub Vec<u8>);

impl BytesToken {
    /// The token of a routing key.
    pub fn of_key(key: &[u8]) -> Self {
        Self(key.to_vec())
    }

    /// From the hexadecimal text of system tables; an optional `0x` in front.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        pairs
            .iter()
            .map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8))
            .collect::<Option<Vec<u8>>>()
            .map(Self)
    }
}

impl fmt::Display for BytesToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_bytes_in_hexadecimal() {
        let token = BytesToken::parse("00fF7a").unwrap();
        assert_eq!(token, BytesToken::of_key(&[0, 255, 0x7a]));
        assert_eq!(token.to_string(), "00ff7a");
        assert!(BytesToken::parse("0").is_none() && BytesToken::parse("zz").is_none());
        assert!(
            BytesToken(vec![1]) < BytesToken(vec![1, 0]) && BytesToken(vec![0x7f]) < BytesToken(vec![0x80])
        );
    }
}
