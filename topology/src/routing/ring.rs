//! The token ring: which host owns which stretch of tokens.

use std::sync::Arc;

use chorus_protocol::token::{AnyToken, Token};

use super::jump::JumpTable;
use crate::host::{Host, HostIndex};

/// A place on the ring: the index of a ring token in token order. It owns the tokens from the one before it (exclusive) to
/// itself (inclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RingPosition(pub u32);

/// All ring tokens in order, each with its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    tokens: Tokens,
    owners: Box<[HostIndex]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Tokens {
    /// Murmur3: plain integers, found by jump table. What every request of an ordinary cluster reads.
    Murmur3 { tokens: Box<[i64]>, jump: JumpTable },
    /// Other partitioners, of clusters older than most: compared as they come.
    Other(Box<[AnyToken]>),
}

impl Ring {
    /// The ring of `members`, by the tokens they own. A token claimed twice belongs to the host with the lower number, so
    /// that the result does not depend on the order of rows. Tokens of a kind other than the first are left out.
    pub fn of(members: &[Arc<Host>]) -> Ring {
        let mut claims: Vec<(&AnyToken, HostIndex)> =
            members.iter().flat_map(|host| host.tokens.iter().map(|token| (token, host.index))).collect();
        if let Some(kind) = claims.first().map(|(token, _)| std::mem::discriminant(*token)) {
            claims.retain(|(token, _)| std::mem::discriminant(*token) == kind);
        }
        claims.sort_unstable();
        claims.dedup_by_key(|(token, _)| *token);
        // Positions are u32; four thousand million tokens are no cluster.
        claims.truncate(u32::MAX as usize);

        let owners = claims.iter().map(|(_, host)| *host).collect();
        let murmur3: Option<Box<[i64]>> = claims
            .iter()
            .map(|(token, _)| match token {
                AnyToken::Murmur3(token) => Some(token.0),
                _ => None,
            })
            .collect();
        let tokens = match murmur3 {
            Some(tokens) => Tokens::Murmur3 { jump: JumpTable::new(&tokens), tokens },
            None => Tokens::Other(claims.iter().map(|(token, _)| (*token).clone()).collect()),
        };
        Ring { tokens, owners }
    }

    /// How many tokens are on the ring.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// True when no host owns a token: nothing can be routed.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// The tokens, in order.
    pub fn tokens(&self) -> impl Iterator<Item = AnyToken> {
        let (murmur3, others): (&[i64], &[AnyToken]) = match &self.tokens {
            Tokens::Murmur3 { tokens, .. } => (tokens, &[]),
            Tokens::Other(tokens) => (&[], tokens),
        };
        murmur3.iter().map(|token| AnyToken::Murmur3(Token(*token))).chain(others.iter().cloned())
    }

    /// The owner of each position, in ring order.
    pub fn owners(&self) -> &[HostIndex] {
        &self.owners
    }

    /// The position that owns `token`. `None` when the ring is empty or its partitioner is not Murmur3.
    #[inline]
    pub fn position(&self, token: Token) -> Option<RingPosition> {
        match &self.tokens {
            Tokens::Murmur3 { tokens, jump } => self.wrap(jump.lower_bound(tokens, token.0)),
            Tokens::Other(_) => None,
        }
    }

    /// The position that owns a token of any partitioner. `None` when the ring is empty or of another partitioner.
    pub fn position_of_any(&self, token: &AnyToken) -> Option<RingPosition> {
        match (&self.tokens, token) {
            (_, AnyToken::Murmur3(token)) => self.position(*token),
            (Tokens::Murmur3 { .. }, _) => None,
            (Tokens::Other(tokens), _) => {
                let kind = std::mem::discriminant(token);
                if tokens.first().is_none_or(|first| std::mem::discriminant(first) != kind) {
                    return None;
                }
                self.wrap(tokens.partition_point(|candidate| candidate < token))
            }
        }
    }

    /// Past the last token the ring begins again.
    #[inline]
    fn wrap(&self, index: usize) -> Option<RingPosition> {
        match index {
            _ if self.owners.is_empty() => None,
            index if index == self.owners.len() => Some(RingPosition(0)),
            index => Some(RingPosition(index as u32)),
        }
    }
}
