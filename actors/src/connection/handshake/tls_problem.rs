//! Why TLS came to nothing, in words that say what to do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

/// Why a connection could not be secured. Nothing of the application's was sent on it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TlsProblem {
    /// The server answered in CQL, without TLS.
    #[error(
        "the server speaks CQL without TLS on this port: use its TLS port, turn TLS on there, or connect without it"
    )]
    PlaintextServer,
    /// The certificate is for other names.
    #[error("the server's certificate is not for {wanted} but for {}: connect by such a name, or say which one to expect", Names(.presented))]
    WrongName {
        /// The host name or address that was expected.
        wanted: Box<str>,
        /// What the certificate is for.
        presented: Arc<[Box<str>]>,
    },
    /// The certificate, or one it depends on, is too old.
    #[error("the server's certificate expired {} ago", Span(*.ago))]
    Expired {
        /// The time since it was valid; to the second.
        ago: Duration,
    },
    /// The certificate, or one it depends on, is for later.
    #[error("the server's certificate will not be valid for another {}: are both clocks right?", Span(*.until))]
    NotYetValid {
        /// The time until it is valid; to the second.
        until: Duration,
    },
    /// Nobody we trust has signed the certificate.
    #[error(
        "the server's certificate was signed by an authority that is not among the trusted ones: add it to them"
    )]
    UnknownIssuer,
    /// The certificate has signed itself, and is not one that we trust.
    #[error(
        "the server's certificate is self-signed and not among the trusted ones: add it to them if it is the right one"
    )]
    SelfSigned,
    /// Something else is wrong with the certificate.
    #[error("the server's certificate cannot be accepted: {reason}")]
    BadCertificate {
        /// What is wrong with it.
        reason: Arc<str>,
    },
    /// The server wants to know who we are, and no client certificate was given.
    #[error("the server wants a client certificate and none was given ({alert})")]
    ClientCertificateMissing {
        /// What the server said.
        alert: Arc<str>,
    },
    /// The server does not accept our client certificate.
    #[error("the server refused the client certificate: {alert}")]
    ClientCertificateRefused {
        /// What the server said.
        alert: Arc<str>,
    },
    /// The server speaks no version of TLS from 1.2 on.
    #[error("the server speaks neither TLS 1.2 nor TLS 1.3, and older versions are not safe to use")]
    Version,
    /// Both speak TLS, and have no algorithm in common.
    #[error("no algorithms in common with the server: {reason}")]
    NothingInCommon {
        /// What was not found.
        reason: Arc<str>,
    },
    /// The name to expect is none.
    #[error("{name:?} is neither a host name nor an address, so no certificate can be for it")]
    BadServerName {
        /// The text.
        name: Box<str>,
    },
    /// The server ended the handshake with an alert.
    #[error("the server ended the handshake: {alert}")]
    Refused {
        /// What it said.
        alert: Arc<str>,
    },
    /// The peer broke the protocol.
    #[error("{reason}")]
    Broken {
        /// What was wrong.
        reason: Arc<str>,
    },
}

impl TlsProblem {
    /// The one behind an error of a socket.
    pub(crate) fn behind(error: &std::io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

/// `a`, `a and b`, `a, b and c`, and no more than a line of them.
struct Names<'a>(&'a [Box<str>]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 6;
        let shown = &self.0[..self.0.len().min(SHOWN)];
        if shown.is_empty() {
            return f.write_str("no name at all");
        }
        for (index, name) in shown.iter().enumerate() {
            match index {
                0 => {}
                _ if index + 1 == self.0.len() => f.write_str(" and ")?,
                _ => f.write_str(", ")?,
            }
            f.write_str(name)?;
        }
        match self.0.len() - shown.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// A time in its largest unit.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
        let seconds = self.0.as_secs();
        let (length, unit) = *UNITS.iter().find(|(length, _)| seconds >= *length).unwrap_or(&(1, "second"));
        match seconds / length {
            1 => write!(f, "1 {unit}"),
            count => write!(f, "{count} {unit}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_certificate_are_told_up_to_a_line() {
        let names = |count: usize| -> Vec<Box<str>> { (0..count).map(|i| format!("n{i}").into()).collect() };
        assert_eq!(Names(&names(0)).to_string(), "no name at all");
        assert_eq!(Names(&names(1)).to_string(), "n0");
        assert_eq!(Names(&names(2)).to_string(), "n0 and n1");
        assert_eq!(Names(&names(3)).to_string(), "n0, n1 and n2");
        assert_eq!(Names(&names(9)).to_string(), "n0, n1, n2, n3, n4, n5 and 3 more");
    }

    #[test]
    fn times_are_told_in_their_largest_unit() {
        for (seconds, told) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (3_599, "59 minutes"),
            (7_200, "2 hours"),
            (86_400 * 3, "3 days"),
        ] {
            assert_eq!(Span(Duration::from_secs(seconds)).to_string(), told);
        }
    }
}
