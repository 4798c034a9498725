//! Keys.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::EncryptionError;

/// A key of 32 bytes. Wiped when it is dropped, and never shown.
///
/// ```
/// use chorus::encryption::EncryptionKey;
///
/// let key = EncryptionKey::try_from(&[7_u8; 32][..])?;
/// assert_eq!(format!("{key:?}"), "EncryptionKey(***)");
/// assert!(EncryptionKey::try_from(&[7_u8; 16][..]).is_err());
/// # Ok::<(), chorus::encryption::EncryptionError>(())
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct EncryptionKey([u8; 32]);

impl EncryptionKey {
    /// A key of these bytes. Wiping the array is the caller's.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A new key of the operating system's randomness.
    ///
    /// # Errors
    /// [`EncryptionError::NoRandomness`].
    pub fn generate() -> Result<Self, EncryptionError> {
        let mut key = Self([0; 32]);
        fill_random(&mut key.0)?;
        Ok(key)
    }

    /// The bytes, to be kept where keys are kept.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<&[u8]> for EncryptionKey {
    type Error = EncryptionError;

    /// Fails unless there are exactly 32.
    fn try_from(bytes: &[u8]) -> Result<Self, EncryptionError> {
        bytes.try_into().map(Self).map_err(|_| EncryptionError::KeyLength(bytes.len()))
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionKey(***)")
    }
}

pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), EncryptionError> {
    getrandom::fill(bytes).map_err(|_| EncryptionError::NoRandomness)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_32_bytes_and_do_not_show() {
        for length in [0, 16, 31, 33] {
            assert_eq!(
                EncryptionKey::try_from(&vec![1; length][..]).unwrap_err(),
                EncryptionError::KeyLength(length)
            );
        }
        let key = EncryptionKey::generate().expect("a system has randomness");
        assert_ne!(key.as_bytes(), EncryptionKey::generate().expect("as before").as_bytes());
        assert_eq!(format!("{key:?}"), "EncryptionKey(***)");
        let mut wiped = key.clone();
        wiped.zeroize();
        assert_eq!(wiped.as_bytes(), &[0; 32]);
    }
}
