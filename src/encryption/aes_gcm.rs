//! AES-256-GCM: encrypted and authenticated.

use std::collections::BTreeMap;
use std::fmt;

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut as _, Aes256Gcm, KeyInit as _};
use chorus_protocol::CqlType;

use super::columns::Columns;
use super::key::fill_random;
use super::{ColumnEncryptionPolicy, ColumnRef, EncryptionError, EncryptionKey};

/// The first byte of every value: what follows is as written here.
const FORMAT: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;
/// Format and number of the key.
const HEAD: usize = 5;
/// Bytes that a value becomes longer by.
const OVERHEAD: usize = HEAD + NONCE + TAG;

/// AES-256 in Galois/counter mode, the recommended encryption of columns that are in no primary key.
///
/// A value is a format byte (1), the number of its key (4 bytes), a random nonce (12), the encrypted bytes, and a tag (16) over
/// all of these and the names of keyspace, table and column: a value that was changed, or put into another column, is refused.
/// Equal values do not look alike, so it cannot be used for a column of a primary key, and such statements are refused.
///
/// Keys have numbers, so that they can be replaced: values are encrypted with the column's current key, and decrypted with
/// whichever they name. A key may encrypt some four billion values; then it is time for another one.
///
/// ```
/// use chorus::CqlType;
/// use chorus::encryption::{Aes256GcmColumnEncryption, ColumnRef, EncryptionKey};
///
/// # let (last_year, this_year) = (EncryptionKey::generate()?, EncryptionKey::generate()?);
/// let policy = Aes256GcmColumnEncryption::new()
///     .key(2025, &last_year)?
///     .key(2026, &this_year)?
///     .column(ColumnRef::new("shop", "people", "diagnosis"), CqlType::Text, 2026)?;
/// # let _ = policy;
/// # Ok::<(), chorus::encryption::EncryptionError>(())
/// ```
#[derive(Clone)]
#[must_use = "a policy does nothing until it is given to a session"]
pub struct Aes256GcmColumnEncryption {
    /// Each expanded once, so that no cache of ciphers is needed; wiped when they are dropped.
    keys: BTreeMap<u32, Aes256Gcm>,
    columns: Columns<Column>,
}

#[derive(Clone)]
struct Column {
    typ: CqlType,
    key: u32,
    /// The three names, each behind its length. The head of a value comes after them.
    place: Box<[u8]>,
}

impl Aes256GcmColumnEncryption {
    /// A policy without keys and columns.
    pub const fn new() -> Self {
        Self { keys: BTreeMap::new(), columns: Columns::new() }
    }

    /// Adds a key under a number, which goes with every value.
    ///
    /// # Errors
    /// [`EncryptionError::KeyExists`] when the number is taken.
    pub fn key(mut self, number: u32, key: &EncryptionKey) -> Result<Self, EncryptionError> {
        if self.keys.contains_key(&number) {
            return Err(EncryptionError::KeyExists(number));
        }
        self.keys.insert(number, Aes256Gcm::new(key.as_bytes().into()));
        Ok(self)
    }

    /// Encrypts a column with the key of this number; its plain values are bound and read as `typ`. A column that was added
    /// before is replaced.
    ///
    /// # Errors
    /// [`EncryptionError::UnknownKey`] when no key has the number.
    pub fn column(mut self, column: ColumnRef<'_>, typ: CqlType, key: u32) -> Result<Self, EncryptionError> {
        if !self.keys.contains_key(&key) {
            return Err(EncryptionError::UnknownKey(key));
        }
        let mut place = Vec::new();
        for name in [column.keyspace, column.table, column.column] {
            place.extend_from_slice(&(name.len() as u64).to_be_bytes());
            place.extend_from_slice(name.as_bytes());
        }
        self.columns.insert(column, Column { typ, key, place: place.into() });
        Ok(self)
    }

    fn find(&self, column: ColumnRef<'_>) -> Result<&Column, EncryptionError> {
        self.columns.get(column).ok_or(EncryptionError::UnknownColumn)
    }

    fn cipher(&self, key: u32) -> Result<&Aes256Gcm, EncryptionError> {
        self.keys.get(&key).ok_or(EncryptionError::UnknownKey(key))
    }
}

/// What the tag is over besides the value: where it belongs, how it is written and with which key.
fn associated(column: &Column, head: [u8; HEAD]) -> Vec<u8> {
    [&column.place[..], &head].concat()
}

fn head(key: u32) -> [u8; HEAD] {
    let [a, b, c, d] = key.to_be_bytes();
    [FORMAT, a, b, c, d]
}

impl ColumnEncryptionPolicy for Aes256GcmColumnEncryption {
    fn column_type(&self, column: ColumnRef<'_>) -> Option<&CqlType> {
        self.columns.get(column).map(|column| &column.typ)
    }

    fn is_deterministic(&self, _: ColumnRef<'_>) -> bool {
        false
    }

    fn encrypt(&self, column: ColumnRef<'_>, plain: &[u8], out: &mut Vec<u8>) -> Result<(), EncryptionError> {
        let column = self.find(column)?;
        let (head, cipher) = (head(column.key), self.cipher(column.key)?);
        let mut nonce = [0; NONCE];
        fill_random(&mut nonce)?;
        let start = out.len();
        out.reserve(plain.len() + OVERHEAD);
        out.extend_from_slice(&head);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        let value = InOutBuf::from(&mut out[start + HEAD + NONCE..]);
        match cipher.encrypt_inout_detached(&nonce.into(), &associated(column, head), value) {
            Ok(tag) => {
                out.extend_from_slice(&tag);
                Ok(())
            }
            Err(_) => {
                out.truncate(start);
                Err(EncryptionError::Malformed(plain.len()))
            }
        }
    }

    fn decrypt(
        &self,
        column: ColumnRef<'_>,
        encrypted: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), EncryptionError> {
        let column = self.find(column)?;
        let malformed = || EncryptionError::Malformed(encrypted.len());
        let (head, rest) = encrypted.split_first_chunk::<HEAD>().ok_or_else(malformed)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or_else(malformed)?;
        let (value, tag) = rest.split_last_chunk::<TAG>().ok_or_else(malformed)?;
        let [FORMAT, key @ ..] = *head else { return Err(malformed()) };
        let cipher = self.cipher(u32::from_be_bytes(key))?;
        let start = out.len();
        out.extend_from_slice(value);
        let plain = InOutBuf::from(&mut out[start..]);
        let associated = associated(column, *head);
        if cipher.decrypt_inout_detached(&(*nonce).into(), &associated, plain, &(*tag).into()).is_err() {
            out.truncate(start);
            return Err(EncryptionError::NotAuthentic);
        }
        Ok(())
    }
}

impl Default for Aes256GcmColumnEncryption {
    fn default() -> Self {
        Self::new()
    }
}

/// The columns and the numbers of the keys, without any key.
impl fmt::Debug for Aes256GcmColumnEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aes256GcmColumnEncryption")
            .field("columns", &self.columns)
            .field("keys", &self.keys.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMN: ColumnRef<'_> = ColumnRef::new("shop", "people", "diagnosis");

    fn key(byte: u8) -> EncryptionKey {
        EncryptionKey::new([byte; 32])
    }

    fn policy() -> Result<Aes256GcmColumnEncryption, EncryptionError> {
        Aes256GcmColumnEncryption::new().key(1, &key(1))?.column(COLUMN, CqlType::Text, 1)
    }

    fn encrypted(policy: &Aes256GcmColumnEncryption, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        policy.encrypt(COLUMN, plain, &mut out).expect("encrypts");
        out
    }

    fn decrypted(policy: &Aes256GcmColumnEncryption, bytes: &[u8]) -> Result<Vec<u8>, EncryptionError> {
        let mut out = vec![9];
        policy.decrypt(COLUMN, bytes, &mut out).map(|()| out.split_off(1))
    }

    #[test]
    fn a_value_comes_back_and_never_looks_the_same_twice() -> Result<(), EncryptionError> {
        let policy = policy()?;
        for length in [0, 1, 15, 16, 17, 1000] {
            let plain = vec![0xab; length];
            let bytes = encrypted(&policy, &plain);
            assert_eq!((bytes.len(), &bytes[..5]), (length + 33, &[1, 0, 0, 0, 1][..]));
            assert_eq!(decrypted(&policy, &bytes)?, plain);
            assert_ne!(encrypted(&policy, &plain), bytes);
        }
        assert!(!policy.is_deterministic(COLUMN));
        Ok(())
    }

    #[test]
    fn a_change_of_any_bit_and_any_cut_is_noticed() -> Result<(), EncryptionError> {
        let policy = policy()?;
        let whole = encrypted(&policy, b"a value");
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(decrypted(&policy, &changed).is_err(), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(decrypted(&policy, &whole[..length]).is_err(), "{length} bytes");
        }
        assert_eq!(decrypted(&policy, &whole[..32]), Err(EncryptionError::Malformed(32)));
        Ok(())
    }

    #[test]
    fn a_value_belongs_to_its_column_table_and_keyspace() -> Result<(), EncryptionError> {
        let bytes = encrypted(&policy()?, b"a value");
        for other in [
            ColumnRef { column: "name", ..COLUMN },
            ColumnRef { table: "staff", ..COLUMN },
            ColumnRef { keyspace: "test", ..COLUMN },
            // The same letters, divided in another way.
            ColumnRef::new("shopp", "eople", "diagnosis"),
        ] {
            let policy = policy()?.column(other, CqlType::Text, 1)?;
            let moved = policy.decrypt(other, &bytes, &mut Vec::new());
            assert_eq!(moved, Err(EncryptionError::NotAuthentic), "{other:?}");
        }
        Ok(())
    }

    #[test]
    fn keys_are_replaced_while_old_values_stay_readable() -> Result<(), EncryptionError> {
        let (old, new) = (policy()?, policy()?.key(2, &key(2))?.column(COLUMN, CqlType::Text, 2)?);
        let (first, second) = (encrypted(&old, b"first"), encrypted(&new, b"second"));
        assert_eq!(
            (decrypted(&new, &first)?, decrypted(&new, &second)?),
            (b"first".to_vec(), b"second".to_vec())
        );
        assert_eq!(decrypted(&old, &second), Err(EncryptionError::UnknownKey(2)));
        assert_eq!(policy()?.key(1, &key(3)).unwrap_err(), EncryptionError::KeyExists(1));
        assert_eq!(policy()?.column(COLUMN, CqlType::Int, 9).unwrap_err(), EncryptionError::UnknownKey(9));
        let shown = format!("{new:?}");
        assert!(
            shown.contains("shop.people.diagnosis") && shown.contains("[1, 2]") && !shown.contains("place")
        );
        Ok(())
    }
}
