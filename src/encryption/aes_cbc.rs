//! AES-256-CBC, in the bytes of the Python driver.

use std::fmt;

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, InnerIvInit as _, KeyInit as _};
use chorus_protocol::CqlType;

use super::columns::Columns;
use super::key::fill_random;
use super::{ColumnEncryptionPolicy, ColumnRef, EncryptionError, EncryptionKey};

const BLOCK: usize = 16;

/// AES-256 in CBC mode with PKCS #7 padding: an initialization vector of 16 bytes, then the encrypted value. What
/// `AES256ColumnEncryptionPolicy` of the Python driver writes this reads, and the other way round.
///
/// **Prefer [`Aes256GcmColumnEncryption`](super::Aes256GcmColumnEncryption)** wherever those bytes are not needed. CBC does not
/// notice values that were changed, or moved to another row or column; and with one vector for all values (the Python driver's
/// way, [`fixed_iv`](Self::fixed_iv) here) whoever sees the data sees which values are equal, and which begin alike. That is
/// also why it can be used for columns of a primary key, which random vectors cannot.
///
/// ```
/// use chorus::CqlType;
/// use chorus::encryption::{Aes256CbcColumnEncryption, ColumnRef, EncryptionKey};
///
/// let policy = Aes256CbcColumnEncryption::new()
///     .fixed_iv([7; 16])
///     .column(ColumnRef::new("shop", "people", "ssn"), CqlType::Text, &EncryptionKey::generate()?);
/// # let _ = policy;
/// # Ok::<(), chorus::encryption::EncryptionError>(())
/// ```
#[derive(Clone)]
#[must_use = "a policy does nothing until it is given to a session"]
pub struct Aes256CbcColumnEncryption {
    columns: Columns<Column>,
    /// `None` takes a new one for each value.
    iv: Option<[u8; BLOCK]>,
}

#[derive(Clone)]
struct Column {
    typ: CqlType,
    /// The key, expanded once, so that no cache of ciphers is needed; wiped when it is dropped.
    cipher: Aes256,
}

impl Aes256CbcColumnEncryption {
    /// A policy without columns. Each value gets an initialization vector of its own.
    pub const fn new() -> Self {
        Self { columns: Columns::new(), iv: None }
    }

    /// Uses one initialization vector for all values, which makes the encryption deterministic. Needed for columns of a primary
    /// key. Defaults to none: a random one for each value.
    pub fn fixed_iv(mut self, iv: [u8; BLOCK]) -> Self {
        self.iv = Some(iv);
        self
    }

    /// Encrypts a column with this key; its plain values are bound and read as `typ`. A column that was added before is replaced.
    pub fn column(mut self, column: ColumnRef<'_>, typ: CqlType, key: &EncryptionKey) -> Self {
        let cipher = Aes256::new(key.as_bytes().into());
        self.columns.insert(column, Column { typ, cipher });
        self
    }

    fn find(&self, column: ColumnRef<'_>) -> Result<&Column, EncryptionError> {
        self.columns.get(column).ok_or(EncryptionError::UnknownColumn)
    }
}

impl ColumnEncryptionPolicy for Aes256CbcColumnEncryption {
    fn column_type(&self, column: ColumnRef<'_>) -> Option<&CqlType> {
        self.columns.get(column).map(|column| &column.typ)
    }

    fn is_deterministic(&self, _: ColumnRef<'_>) -> bool {
        self.iv.is_some()
    }

    fn encrypt(&self, column: ColumnRef<'_>, plain: &[u8], out: &mut Vec<u8>) -> Result<(), EncryptionError> {
        let column = self.find(column)?;
        let iv = match self.iv {
            Some(iv) => iv,
            None => {
                let mut iv = [0; BLOCK];
                fill_random(&mut iv)?;
                iv
            }
        };
        let start = out.len();
        // One byte of padding at least.
        let padded = (plain.len() / BLOCK + 1) * BLOCK;
        out.extend_from_slice(&iv);
        out.resize(start + BLOCK + padded, 0);
        let cipher = cbc::Encryptor::inner_iv_init(column.cipher.clone(), &iv.into());
        let encrypted = cipher.encrypt_padded_b2b::<Pkcs7>(plain, &mut out[start + BLOCK..]);
        encrypted.map(drop).map_err(|_| EncryptionError::Malformed(plain.len()))
    }

    fn decrypt(
        &self,
        column: ColumnRef<'_>,
        encrypted: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), EncryptionError> {
        let column = self.find(column)?;
        let malformed = || EncryptionError::Malformed(encrypted.len());
        let (iv, blocks) = encrypted.split_first_chunk::<BLOCK>().ok_or_else(malformed)?;
        if blocks.is_empty() || !blocks.len().is_multiple_of(BLOCK) {
            return Err(malformed());
        }
        let start = out.len();
        out.resize(start + blocks.len(), 0);
        let cipher = cbc::Decryptor::inner_iv_init(column.cipher.clone(), &(*iv).into());
        match cipher.decrypt_padded_b2b::<Pkcs7>(blocks, &mut out[start..]).map(<[u8]>::len) {
            Ok(length) => {
                out.truncate(start + length);
                Ok(())
            }
            Err(_) => {
                out.truncate(start);
                Err(EncryptionError::NotAuthentic)
            }
        }
    }
}

impl Default for Aes256CbcColumnEncryption {
    fn default() -> Self {
        Self::new()
    }
}

/// The columns, without any key.
impl fmt::Debug for Aes256CbcColumnEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aes256CbcColumnEncryption")
            .field("columns", &self.columns)
            .field("fixed_iv", &self.iv.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSN: ColumnRef<'_> = ColumnRef::new("shop", "people", "ssn");

    fn policy() -> Aes256CbcColumnEncryption {
        let key = EncryptionKey::new(std::array::from_fn(|index| index as u8));
        Aes256CbcColumnEncryption::new().column(SSN, CqlType::Text, &key)
    }

    fn encrypted(policy: &Aes256CbcColumnEncryption, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        policy.encrypt(SSN, plain, &mut out).expect("encrypts");
        out
    }

    fn decrypted(policy: &Aes256CbcColumnEncryption, bytes: &[u8]) -> Result<Vec<u8>, EncryptionError> {
        let mut out = vec![9];
        policy.decrypt(SSN, bytes, &mut out).map(|()| out.split_off(1))
    }

    /// Made by cassandra-driver 3.30.1: `AES256ColumnEncryptionPolicy(iv=bytes(range(16, 32)))`, key `bytes(range(32))`,
    /// `encrypt` of a text.
    const BY_PYTHON: [(&str, &str); 3] = [
        ("", "101112131415161718191a1b1c1d1e1f5a6e045708fb7196f02e553d02c3a692"),
        ("123-45-6789", "101112131415161718191a1b1c1d1e1f903579e1446217d2615d6378c71b97a6"),
        (
            "sixteen bytes ok",
            "101112131415161718191a1b1c1d1e1ff060ca47f96d3fbaea2fd948ac6771245ff27e9ba673413504a59e1e7b5c33b0",
        ),
    ];

    fn hex(text: &str) -> Vec<u8> {
        let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
        (0..text.len()).step_by(2).map(byte).collect()
    }

    #[test]
    fn values_have_the_bytes_of_the_python_driver_both_ways() {
        let policy = policy().fixed_iv(std::array::from_fn(|index| index as u8 + 16));
        for (plain, bytes) in BY_PYTHON {
            assert_eq!(encrypted(&policy, plain.as_bytes()), hex(bytes), "{plain:?}");
            assert_eq!(decrypted(&policy, &hex(bytes)).as_deref(), Ok(plain.as_bytes()));
        }
    }

    #[test]
    fn a_value_comes_back_at_every_length_and_its_vector_stands_in_front() {
        let (fixed, random) = (policy().fixed_iv([7; 16]), policy());
        for length in 0..70 {
            let plain = vec![0xab; length];
            let bytes = encrypted(&fixed, &plain);
            assert_eq!((bytes.len(), &bytes[..16]), (16 + (length / 16 + 1) * 16, &[7; 16][..]));
            // The vector of what is read is the one that came with it.
            assert_eq!(decrypted(&random, &bytes).as_ref(), Ok(&plain));
            assert_eq!(decrypted(&fixed, &encrypted(&random, &plain)).as_ref(), Ok(&plain));
        }
        assert_eq!(encrypted(&fixed, b"x"), encrypted(&fixed, b"x"));
        assert_ne!(encrypted(&random, b"x"), encrypted(&random, b"x"));
        assert!(fixed.is_deterministic(SSN) && !random.is_deterministic(SSN));
    }

    #[test]
    fn what_it_cannot_have_made_is_refused() {
        // Nothing but the padding tells that a key is the wrong one: with a vector of chance it would fit once in 256 times.
        let policy = policy().fixed_iv([7; 16]);
        let whole = encrypted(&policy, b"a value");
        for length in (0..whole.len()).chain([whole.len() + 1]) {
            let bytes: Vec<u8> = whole.iter().copied().chain([0]).take(length).collect();
            assert_eq!(decrypted(&policy, &bytes), Err(EncryptionError::Malformed(length)));
        }
        let other = Aes256CbcColumnEncryption::new().column(SSN, CqlType::Text, &EncryptionKey::new([1; 32]));
        assert_eq!(decrypted(&other, &whole), Err(EncryptionError::NotAuthentic));
        let elsewhere = ColumnRef { column: "name", ..SSN };
        let unknown = Err(EncryptionError::UnknownColumn);
        assert_eq!(policy.encrypt(elsewhere, b"x", &mut Vec::new()), unknown);
        assert_eq!(policy.decrypt(elsewhere, &whole, &mut Vec::new()), unknown);
        assert!(policy.contains_column(SSN) && !policy.contains_column(elsewhere));
    }

    #[test]
    fn a_value_is_encoded_as_the_columns_type_and_null_is_refused() {
        let policy = policy().fixed_iv([0; 16]);
        assert_eq!(policy.encode_and_encrypt(SSN, &"x"), Ok(encrypted(&policy, b"x")));
        assert_eq!(policy.encode_and_encrypt(SSN, &None::<&str>), Err(EncryptionError::NoValue));
        assert!(matches!(policy.encode_and_encrypt(SSN, &1), Err(EncryptionError::Value(_))));
        let shown = format!("{policy:?}");
        assert!(shown.contains("shop.people.ssn") && !shown.contains("cipher"), "{shown}");
    }
}
