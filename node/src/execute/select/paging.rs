//! Where a page ended.
//!
//! The state names the last row that was sent, not a count of rows, so rows written or deleted meanwhile neither shift nor
//! repeat what comes next.

use bytes::Bytes;
use uuid::Uuid;

use crate::cql::CqlError;
use crate::store::PartitionKey;

/// The end of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) key: PartitionKey,
    /// The sortable key of the last row; `None` if the partition is done with.
    pub(super) row: Option<Box<[u8]>>,
    /// Rows that LIMIT still allows.
    pub(super) remaining: Option<u32>,
    /// Rows of this partition that were sent.
    pub(super) in_partition: u32,
}

const VERSION: u8 = 1;

impl Position {
    pub(super) fn encode(&self, table: Uuid) -> Bytes {
        let mut out = vec![VERSION];
        out.extend_from_slice(table.as_bytes());
        push(&mut out, &self.key.bytes);
        match &self.row {
            Some(row) => {
                out.push(1);
                push(&mut out, row);
            }
            None => out.push(0),
        }
        out.extend_from_slice(&self.remaining.unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(&self.in_partition.to_be_bytes());
        let sum = checksum(&out);
        out.extend_from_slice(&sum.to_be_bytes());
        out.into()
    }

    /// Reads what [`encode`](Self::encode) wrote for the same table; anything else is an error of the client.
    pub(super) fn decode(state: &[u8], table: Uuid) -> Result<Self, CqlError> {
        Self::read(state, table).ok_or_else(Self::invalid)
    }

    /// What a client is told whose state does not belong to what it asks.
    pub(super) fn invalid() -> CqlError {
        CqlError::protocol("Invalid value for the paging state")
    }

    fn read(state: &[u8], table: Uuid) -> Option<Self> {
        let (body, sum) = state.split_last_chunk::<4>()?;
        if checksum(body).to_be_bytes() != *sum {
            return None;
        }
        let rest = body.strip_prefix(&[VERSION])?.strip_prefix(table.as_bytes().as_slice())?;
        let (key, rest) = take(rest)?;
        let (row, rest) = match rest.split_first()? {
            (0, rest) => (None, rest),
            (_, rest) => {
                let (row, rest) = take(rest)?;
                (Some(row.into()), rest)
            }
        };
        let (remaining, rest) = rest.split_first_chunk::<4>()?;
        let in_partition = u32::from_be_bytes(rest.try_into().ok()?);
        let remaining = Some(u32::from_be_bytes(*remaining)).filter(|remaining| *remaining != u32::MAX);
        Some(Self { key: PartitionKey::new(key), row, remaining, in_partition })
    }
}

fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    // Keys have at most 65535 bytes and their sortable forms a few times that.
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn take(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = input.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

/// FNV-1a: enough to tell a state from garbage.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_comes_back_and_garbage_does_not() {
        let table = Uuid::new_v4();
        let position = Position {
            key: PartitionKey::new(b"key"),
            row: Some(b"row".as_slice().into()),
            remaining: Some(7),
            in_partition: 3,
        };
        let state = position.encode(table);
        assert_eq!(Position::decode(&state, table), Ok(position.clone()));
        let done = Position { row: None, remaining: None, ..position };
        assert_eq!(Position::decode(&done.encode(table), table), Ok(done));
        Position::decode(&state, Uuid::new_v4()).expect_err("of another table");
        for length in 0..state.len() {
            Position::decode(&state[..length], table).expect_err("cut off");
        }
        for index in 0..state.len() {
            let mut garbled = state.to_vec();
            garbled[index] ^= 1;
            Position::decode(&garbled, table).expect_err("garbled");
        }
    }
}
