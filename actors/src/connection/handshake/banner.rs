//! Recognising what else may listen on the port: the first bytes of other protocols.

use std::fmt;

/// What the first bytes of a peer that is no CQL server look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Banner {
    /// A web server.
    Http,
    /// An SSH server.
    Ssh,
    /// A server that wants TLS, while we spoke plainly.
    Tls,
    /// A peer that sends CQL *requests*: another client, or an echo of our own bytes.
    CqlRequest,
    /// Anything else; the bytes it began with.
    Unknown([u8; 4]),
}

/// Enough bytes to tell every banner we know apart.
pub(super) const TELLING: usize = 5;

impl Banner {
    /// What `bytes`, the first a peer sent, say about it; `None` when they can be the start of a CQL response.
    pub(crate) fn recognise(bytes: &[u8]) -> Option<Self> {
        let &first = bytes.first()?;
        if first & 0x80 != 0 {
            return None;
        }
        Some(match bytes {
            [b'H', b'T', b'T', b'P', ..] => Self::Http,
            [b'S', b'S', b'H', b'-', ..] => Self::Ssh,
            // A TLS record: alert (21) or handshake (22), then the major version 3.
            [21 | 22, 3, ..] => Self::Tls,
            [3..=5, ..] => Self::CqlRequest,
            _ => {
                let mut start = [0; 4];
                let shown = bytes.len().min(4);
                start[..shown].copy_from_slice(&bytes[..shown]);
                Self::Unknown(start)
            }
        })
    }
}

impl fmt::Display for Banner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http => f.write_str("the peer speaks HTTP, not CQL: is this the port of a web server?"),
            Self::Ssh => f.write_str("the peer speaks SSH, not CQL: is this the port of an SSH server?"),
            Self::Tls => f.write_str("the peer wants TLS, and the connection was made without it"),
            Self::CqlRequest => {
                f.write_str("the peer sends CQL requests instead of answers: it is a client or an echo")
            }
            Self::Unknown(start) => {
                write!(f, "the peer does not speak CQL: it began with {}", start.escape_ascii())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_of_every_version_pass() {
        for first in [0x83, 0x84, 0x85, 0xff] {
            assert_eq!(Banner::recognise(&[first, 0, 0]), None);
        }
        assert_eq!(Banner::recognise(&[]), None);
    }

    #[test]
    fn other_protocols_are_named() {
        for (bytes, banner) in [
            (&b"HTTP/1.1 400 Bad Request"[..], Banner::Http),
            (b"SSH-2.0-OpenSSH_9.2", Banner::Ssh),
            (b"\x15\x03\x01\x00\x02\x02\x46", Banner::Tls),
            (b"\x16\x03\x03\x00", Banner::Tls),
            (b"\x05\x00\x00\x00", Banner::CqlRequest),
            (b"J\x00", Banner::Unknown([b'J', 0, 0, 0])),
        ] {
            assert_eq!(Banner::recognise(bytes), Some(banner));
        }
        assert!(Banner::Http.to_string().contains("HTTP"));
        assert!(Banner::Unknown(*b"+OK\r").to_string().ends_with(r"it began with +OK\r"));
    }
}
