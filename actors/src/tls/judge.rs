//! What rustls and the peer say, as a reason that people can act upon.

use std::time::Duration;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerIncompatible};

use super::verify::SelfSigned;
use crate::TlsProblem;

/// The reason in an error of rustls. `may_identify` tells whether there is a client certificate to show.
pub(super) fn judge(error: &Error, may_identify: bool) -> TlsProblem {
    match error {
        Error::InvalidCertificate(error) => judge_certificate(error),
        Error::NoCertificatesPresented => {
            TlsProblem::BadCertificate { reason: "the server showed none".into() }
        }
        Error::AlertReceived(alert) => judge_alert(*alert, may_identify),
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        )
        | Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => TlsProblem::Version,
        Error::PeerIncompatible(reason) => {
            TlsProblem::NothingInCommon { reason: format!("{reason:?}").into() }
        }
        error => TlsProblem::Broken { reason: error.to_string().into() },
    }
}

fn judge_certificate(error: &CertificateError) -> TlsProblem {
    let between = |from: u64, to: u64| Duration::from_secs(to.saturating_sub(from));
    match error {
        CertificateError::NotValidForNameContext { expected, presented } => TlsProblem::WrongName {
            wanted: expected.to_str().into(),
            presented: presented.iter().map(|name| readable(name).into()).collect(),
        },
        CertificateError::ExpiredContext { time, not_after } => {
            TlsProblem::Expired { ago: between(not_after.as_secs(), time.as_secs()) }
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            TlsProblem::NotYetValid { until: between(time.as_secs(), not_before.as_secs()) }
        }
        CertificateError::Expired => TlsProblem::Expired { ago: Duration::ZERO },
        CertificateError::NotValidYet => TlsProblem::NotYetValid { until: Duration::ZERO },
        CertificateError::UnknownIssuer => TlsProblem::UnknownIssuer,
        CertificateError::Other(OtherError(error)) if error.is::<SelfSigned>() => TlsProblem::SelfSigned,
        CertificateError::Other(OtherError(error)) => {
            TlsProblem::BadCertificate { reason: error.to_string().into() }
        }
        error => TlsProblem::BadCertificate { reason: error.to_string().into() },
    }
}

/// The name inside the verifier's own notation: `DnsName("db.example")` is `db.example`.
fn readable(name: &str) -> &str {
    name.split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .map_or(name, |inner| inner.trim_matches('"'))
}

/// Alerts about certificates are about ours: the server's own are judged by us.
fn judge_alert(alert: AlertDescription, may_identify: bool) -> TlsProblem {
    use AlertDescription as Alert;
    let said = format!("{alert:?}").into();
    match alert {
        Alert::ProtocolVersion => TlsProblem::Version,
        Alert::CertificateRequired | Alert::NoCertificate => {
            TlsProblem::ClientCertificateMissing { alert: said }
        }
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied => match may_identify {
            true => TlsProblem::ClientCertificateRefused { alert: said },
            // How TLS 1.2 servers say that they miss one.
            false => TlsProblem::ClientCertificateMissing { alert: said },
        },
        // Its signature does not fit: an authority that only has the name of the right one, for example.
        Alert::DecryptError if may_identify => TlsProblem::ClientCertificateRefused { alert: said },
        Alert::InsufficientSecurity => TlsProblem::NothingInCommon { reason: said },
        _ => TlsProblem::Refused { alert: said },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_about_certificates_means_ours_or_the_lack_of_one() {
        let alert = Error::AlertReceived(AlertDescription::BadCertificate);
        assert!(matches!(judge(&alert, true), TlsProblem::ClientCertificateRefused { .. }));
        assert!(matches!(judge(&alert, false), TlsProblem::ClientCertificateMissing { .. }));
        let required = Error::AlertReceived(AlertDescription::CertificateRequired);
        assert!(matches!(judge(&required, false), TlsProblem::ClientCertificateMissing { .. }));
    }

    #[test]
    fn names_lose_the_notation_of_the_verifier() {
        assert_eq!(readable("DnsName(\"db.example\")"), "db.example");
        assert_eq!(readable("IpAddress(127.0.0.1)"), "127.0.0.1");
        assert_eq!(readable("plain"), "plain");
    }
}
