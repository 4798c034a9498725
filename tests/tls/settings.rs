//! Certificates and keys that cannot be used are told apart before anything is connected.

use chorus::{ConfigProblem, Error, ErrorKind, TlsConfig, TlsConfigBuilder};

use crate::authority::Authority;

/// A key that OpenSSL encrypted (PKCS #8); only its frame matters.
const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGbMFcGCSqGSIb3DQEFDTBKMCk=\n-----END ENCRYPTED PRIVATE KEY-----\n";
/// The same in the older form.
const ENCRYPTED_BEFORE: &str = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMIGb\n-----END RSA PRIVATE KEY-----\n";

fn refused(builder: TlsConfigBuilder) -> String {
    let error: Error = builder.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    error.to_string()
}

#[test]
fn each_mistake_with_certificates_and_keys_has_its_own_words() {
    let authority = Authority::new("ours");
    let (one, two) = (authority.issue(&["one"]), authority.issue(&["two"]));
    let builder = TlsConfig::builder;
    for (tls, said) in [
        (builder().roots_file("/none/such.pem"), "cannot read /none/such.pem"),
        (builder().roots_pem("hello"), "has no certificate in it"),
        (builder().roots_pem(&one.key), "has no certificate in it"),
        (builder().roots_pem(&authority.pem[..200]), "a section has no end"),
        (
            builder().roots_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "none of the 1 certificates",
        ),
        (
            authority.trusted().client_certificate_pem(&one.certificate, &two.key),
            "is not that of the certificate",
        ),
        (
            authority.trusted().client_certificate_pem(&one.certificate, &one.certificate),
            "has no private key in it",
        ),
        (authority.trusted().client_certificate_pem(&one.key, &one.key), "has no certificate in it"),
        (authority.trusted().client_certificate_pem(&one.certificate, ENCRYPTED), "is encrypted"),
        (authority.trusted().client_certificate_pem(&one.certificate, ENCRYPTED_BEFORE), "is encrypted"),
        (authority.trusted().server_name("two words"), "\"two words\" is neither a host name nor an address"),
    ] {
        let text = refused(tls);
        assert!(text.contains(said), "{text} should say {said}");
    }
}

#[test]
fn nothing_of_a_key_shows() {
    let authority = Authority::new("ours");
    let me = authority.issue(&["me"]);
    let tls = authority.trusted().client_certificate_pem(&me.certificate, &me.key).build().unwrap();
    let builder = chorus::Session::builder().contact_point("127.0.0.1").tls(tls.clone());
    let secret = me.key.lines().nth(1).unwrap();
    for text in [format!("{tls:?}"), format!("{builder:?}")] {
        assert!(!text.contains(secret) && !text.contains("PRIVATE"), "{text}");
    }
    // Nor of one that is damaged.
    let damaged = me.key.replace('\n', "\n!");
    let error = authority.trusted().client_certificate_pem(&me.certificate, damaged).build().unwrap_err();
    assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
}

#[test]
fn the_problem_is_a_value_to_compare() {
    let error =
        TlsConfig::builder().server_name("").roots_pem(Authority::new("ours").pem).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "TLS cannot work as configured: \"\" is neither a host name nor an address"
    );
    let problem = ConfigProblem::from(chorus::TlsConfigProblem::BadServerName { name: "".into() });
    assert_eq!(error.to_string(), problem.to_string());
}
