//! Columns that servers see only encrypted.
//!
//! A [`ColumnEncryptionPolicy`] says which columns are encrypted, as what type their plain values are bound and read, and how.
//! In the schema such a column is a `blob`. Where values are bound, their plain bytes are replaced by encrypted ones before the
//! partition key is hashed; where rows come in, encrypted cells are replaced by plain ones before anybody reads them: `IntoRow`,
//! `FromRow` and the derived structs know nothing of it. Null and unset stay what they are.
//!
//! Sessions without a policy never come here, and without the feature `encryption` neither the policies nor the code is there
//! (`none.rs` stands in). A value that cannot be encrypted fails its request before anything is sent; a cell that cannot be
//! decrypted fails its page.

#[cfg(feature = "encryption")]
mod aes_cbc;
#[cfg(feature = "encryption")]
mod aes_gcm;
#[cfg(feature = "encryption")]
mod applied;
#[cfg(feature = "encryption")]
mod columns;
#[cfg(feature = "encryption")]
mod key;
#[cfg(not(feature = "encryption"))]
mod none;
#[cfg(feature = "encryption")]
mod policy;

#[cfg(feature = "encryption")]
pub use aes_cbc::Aes256CbcColumnEncryption;
#[cfg(feature = "encryption")]
pub use aes_gcm::Aes256GcmColumnEncryption;
#[cfg(feature = "encryption")]
pub(crate) use applied::{EncryptedMarkers, Encryption};
#[cfg(feature = "encryption")]
pub use key::EncryptionKey;
#[cfg(not(feature = "encryption"))]
pub(crate) use none::{EncryptedMarkers, Encryption};
#[cfg(feature = "encryption")]
pub use policy::{ColumnEncryptionPolicy, ColumnRef, EncryptionError};
