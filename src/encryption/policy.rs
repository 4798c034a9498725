//! What a policy is asked.

use std::fmt::Debug;

use chorus_protocol::{CqlType, ToCql, ValueError, ValueWriter};

/// A column, by the names of its keyspace, its table and itself, as they are spelled in the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ColumnRef<'a> {
    /// The keyspace.
    pub keyspace: &'a str,
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
}

impl<'a> ColumnRef<'a> {
    /// A column by its names.
    pub const fn new(keyspace: &'a str, table: &'a str, column: &'a str) -> Self {
        Self { keyspace, table, column }
    }
}

/// Which columns are encrypted, and how. Given to a session with
/// [`column_encryption`](crate::SessionBuilder::column_encryption).
///
/// Asked in the caller's task, with the bytes of one value at a time: encryption is no waiting for a key server. Keys that are
/// kept elsewhere are fetched before.
pub trait ColumnEncryptionPolicy: Debug + Send + Sync {
    /// The type of the plain values of a column, which is a `blob` in the schema; `None` for a column that is not encrypted.
    fn column_type(&self, column: ColumnRef<'_>) -> Option<&CqlType>;

    /// Whether equal values of this column always become equal bytes. Columns of a primary key have to be: a row is found
    /// by the bytes of its key. What is deterministic also shows which rows have equal values to whoever sees the data.
    fn is_deterministic(&self, column: ColumnRef<'_>) -> bool;

    /// Appends the encrypted form of a value's plain bytes.
    ///
    /// # Errors
    /// When the column is not known, or there is no randomness to be had.
    fn encrypt(&self, column: ColumnRef<'_>, plain: &[u8], out: &mut Vec<u8>) -> Result<(), EncryptionError>;

    /// Appends the plain bytes of an encrypted value. Must not append more than `encrypted` has.
    ///
    /// # Errors
    /// When the bytes are not what [`encrypt`](Self::encrypt) has made for this column, as far as that can be told.
    fn decrypt(
        &self,
        column: ColumnRef<'_>,
        encrypted: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), EncryptionError>;

    /// Whether a column is encrypted.
    fn contains_column(&self, column: ColumnRef<'_>) -> bool {
        self.column_type(column).is_some()
    }

    /// The encrypted form of a value, for the text of a statement or another client. Values that are bound are encrypted without
    /// this.
    ///
    /// # Errors
    /// Those of [`encrypt`](Self::encrypt); [`EncryptionError::Value`] when the value does not fit the column's type, and
    /// [`EncryptionError::NoValue`] for null and unset.
    fn encode_and_encrypt(
        &self,
        column: ColumnRef<'_>,
        value: &dyn ToCql,
    ) -> Result<Vec<u8>, EncryptionError> {
        let typ = self.column_type(column).ok_or(EncryptionError::UnknownColumn)?;
        let mut cell = Vec::new();
        value.to_cql(typ, ValueWriter::new(&mut cell)).map_err(EncryptionError::Value)?;
        let cell = zeroize::Zeroizing::new(cell);
        // A length, and that many bytes; or a negative one.
        match cell.split_first_chunk::<4>() {
            Some((length, plain)) if i32::from_be_bytes(*length) >= 0 => {
                let mut encrypted = Vec::new();
                self.encrypt(column, plain, &mut encrypted)?;
                Ok(encrypted)
            }
            _ => Err(EncryptionError::NoValue),
        }
    }
}

/// Why a value could not be encrypted or decrypted. Never has any part of a value or a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptionError {
    /// The policy has no such column.
    #[error("the column is not one of the policy's encrypted columns")]
    UnknownColumn,
    /// A key of another length than 32 bytes.
    #[error("the key has {0} bytes, and AES-256 takes 32")]
    KeyLength(usize),
    /// Two keys were given one number.
    #[error("there are two keys with the number {0}")]
    KeyExists(u32),
    /// The value was encrypted with a key that the policy does not have.
    #[error("the value was encrypted with key {0}, which the policy does not have")]
    UnknownKey(u32),
    /// The bytes cannot have been made by the policy.
    #[error("{0} bytes are no value that this policy encrypts")]
    Malformed(usize),
    /// The value was encrypted with another key or for another place, or its bytes were changed.
    #[error("the value was not encrypted with this key for this column, or was changed since")]
    NotAuthentic,
    /// The operating system gave no randomness.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
    /// The plain value does not fit the column's type.
    #[error("the plain value does not fit the column")]
    Value(#[source] ValueError),
    /// Null and unset have no encrypted form.
    #[error("null and unset have no encrypted form")]
    NoValue,
    /// Reported by a policy outside this crate.
    #[error("{0}")]
    Custom(Box<str>),
}
