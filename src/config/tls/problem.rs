//! Certificates and keys that cannot be used, found before any connection is made.

use std::fmt;
use std::path::PathBuf;

/// Where a PEM text came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PemSource {
    /// A file.
    File(PathBuf),
    /// Bytes that the program gave.
    Bytes,
}

impl fmt::Display for PemSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Bytes => f.write_str("the PEM text that was given"),
        }
    }
}

/// Why a [`TlsConfig`](crate::TlsConfig) cannot work. Never shows what is inside a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsConfigProblem {
    /// The file cannot be read.
    #[error("cannot read {file}: {reason}")]
    Unreadable {
        /// The file.
        file: PemSource,
        /// What the system says.
        reason: Box<str>,
    },
    /// The text is damaged.
    #[error("{file} is not PEM: {reason}")]
    NotPem {
        /// Where it came from.
        file: PemSource,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No certificate where there should be one.
    #[error("{file} has no certificate in it (a PEM section CERTIFICATE)")]
    NoCertificate {
        /// Where it came from.
        file: PemSource,
    },
    /// No certificate that can be trusted as an authority's.
    #[error("none of the {count} certificates in {file} can be used as an authority's: {reason}")]
    NoRoot {
        /// Where they came from.
        file: PemSource,
        /// How many there are.
        count: usize,
        /// What is wrong with the last.
        reason: Box<str>,
    },
    /// No private key where there should be one.
    #[error("{file} has no private key in it (a PEM section PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY)")]
    NoKey {
        /// Where it came from.
        file: PemSource,
    },
    /// The key is protected by a passphrase.
    #[error(
        "the private key in {file} is encrypted: take off its passphrase, as with openssl pkey -in KEY -out PLAIN"
    )]
    EncryptedKey {
        /// Where it came from.
        file: PemSource,
    },
    /// The key is of no kind that can be used.
    #[error(
        "the private key in {file} cannot be used: it must be RSA of 2048 bits or more, ECDSA (P-256, P-384) or Ed25519"
    )]
    UnsupportedKey {
        /// Where it came from.
        file: PemSource,
    },
    /// Certificate and key are not a pair.
    #[error("the private key in {key} is not that of the certificate in {certificate}")]
    KeyMismatch {
        /// Where the certificate came from.
        certificate: PemSource,
        /// Where the key came from.
        key: PemSource,
    },
    /// The operating system has no trusted authorities.
    #[error("the system has no trusted authorities ({reason}): give the cluster's own")]
    NoSystemRoots {
        /// What was found instead.
        reason: Box<str>,
    },
    /// A server name that is none.
    #[error("{name:?} is neither a host name nor an address")]
    BadServerName {
        /// The text.
        name: Box<str>,
    },
    /// A ready-made configuration of rustls, and a setting that would change it.
    #[error("{setting} cannot be changed in a rustls configuration that is ready-made: set it there")]
    ReadyMade {
        /// The setting.
        setting: &'static str,
    },
    /// rustls refuses.
    #[error("rustls refuses: {reason}")]
    Refused {
        /// Why.
        reason: Box<str>,
    },
}
