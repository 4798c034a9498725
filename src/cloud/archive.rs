//! The zip, and what is needed of it. A stranger may have made it: every size is bounded before memory is taken for it.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use secrecy::zeroize::Zeroizing;
use secrecy::{SecretString, zeroize::Zeroize};
use serde::Deserialize;
use zip::ZipArchive;

use super::problem::BundleProblem;

/// Real bundles have about 20 KB.
const MOST_BYTES: u64 = 4 << 20;
/// The largest part, unpacked.
const MOST_IN_A_PART: u64 = 1 << 20;
/// Real bundles have about ten.
const MOST_PARTS: usize = 256;

const CONFIG: &str = "config.json";
const AUTHORITY: &str = "ca.crt";
const CERTIFICATE: &str = "cert";
const KEY: &str = "key";

/// What is needed of a bundle.
pub(super) struct Contents {
    /// Where the service is.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) credentials: Option<(String, SecretString)>,
    pub(super) keyspace: Option<String>,
    pub(super) datacenter: Option<String>,
    /// PEM, each of them.
    pub(super) authority: Vec<u8>,
    pub(super) certificate: Vec<u8>,
    pub(super) key: Zeroizing<Vec<u8>>,
}

/// The part of `config.json` that is of use here.
#[derive(Deserialize)]
struct Config {
    host: Option<String>,
    port: Option<u64>,
    username: Option<String>,
    password: Option<Secret>,
    keyspace: Option<String>,
    #[serde(rename = "localDC")]
    datacenter: Option<String>,
}

/// Text that is wiped when it goes, wherever reading ends.
#[derive(Deserialize)]
#[serde(transparent)]
struct Secret(String);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Reads a file that may be a bundle. There is a key in it.
pub(super) fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, BundleProblem> {
    let unreadable = |error: io::Error| BundleProblem::Unreadable { reason: error.to_string().into() };
    let file = File::open(path).map_err(unreadable)?;
    // A pipe or a device has no length, and need not end.
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

impl Contents {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, BundleProblem> {
        if bytes.len() as u64 > MOST_BYTES {
            return Err(BundleProblem::TooLarge { part: "the bundle".into(), limit: MOST_BYTES });
        }
        let not_zip = |reason: &str| BundleProblem::NotZip { reason: reason.into() };
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| not_zip(&error.to_string()))?;
        if archive.len() > MOST_PARTS {
            return Err(not_zip("it has more parts than any bundle"));
        }
        for index in 0..archive.len() {
            let part = archive.by_index_raw(index).map_err(|error| not_zip(&error.to_string()))?;
            let name = part.name().map_err(|error| not_zip(&error.to_string()))?;
            if part.enclosed_name().is_none() || name.starts_with('/') || name.contains('\\') {
                let path = name.chars().take(200).collect::<String>();
                return Err(BundleProblem::UnsafePath { path: path.into() });
            }
        }
        let config = part(&mut archive, CONFIG)?;
        let config: Config =
            serde_json::from_slice(&config).map_err(|error| damaged(error_of_json(&error)))?;
        let host = config.host.filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| damaged("it names no host".into()))?;
        let port = config.port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
        let port = port.ok_or_else(|| damaged("it has no port from 1 to 65535".into()))?;
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let password = config.password.as_ref().map(|password| SecretString::from(password.0.clone()));
        Ok(Self {
            host,
            port,
            credentials: given(config.username).zip(password),
            keyspace: given(config.keyspace),
            datacenter: given(config.datacenter),
            authority: part(&mut archive, AUTHORITY)?.to_vec(),
            certificate: part(&mut archive, CERTIFICATE)?.to_vec(),
            key: part(&mut archive, KEY)?,
        })
    }
}

fn damaged(reason: String) -> BundleProblem {
    BundleProblem::Damaged { part: CONFIG, reason: reason.into() }
}

/// What is wrong with JSON, without what is in it: there may be a password.
fn error_of_json(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "a value has the wrong type",
        serde_json::error::Category::Eof => "it ends too early",
        _ => "it is not JSON",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// One part, unpacked in memory that is wiped.
fn part(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    name: &'static str,
) -> Result<Zeroizing<Vec<u8>>, BundleProblem> {
    let not_zip = |reason: String| BundleProblem::NotZip { reason: reason.into() };
    let file = match archive.by_name(name) {
        Ok(file) => file,
        Err(zip::result::ZipError::FileNotFound) => return Err(BundleProblem::Missing { part: name }),
        Err(error) => return Err(not_zip(format!("{name}: {error}"))),
    };
    // What it says of its size is not believed.
    let mut unpacked = Zeroizing::new(Vec::new());
    let read = file.take(MOST_IN_A_PART + 1).read_to_end(&mut unpacked);
    read.map_err(|error| not_zip(format!("{name}: {error}")))?;
    if unpacked.len() as u64 > MOST_IN_A_PART {
        return Err(BundleProblem::TooLarge { part: name.into(), limit: MOST_IN_A_PART });
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    const GOOD: &str = r#"{"host": "service.example", "port": 30443, "username": "ann", "password": "s3cret",
        "keyspace": "shop", "localDC": "dc-1", "keyStorePassword": "other"}"#;

    fn zipped(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        for (name, content) in parts {
            zip.start_file(*name, options).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn bundle(config: &str) -> Vec<u8> {
        zipped(&[
            (CONFIG, config.as_bytes()),
            (AUTHORITY, b"authority"),
            (CERTIFICATE, b"certificate"),
            (KEY, b"private"),
            ("cqlshrc", b"[connection]"),
        ])
    }

    fn problem(bytes: &[u8]) -> BundleProblem {
        Contents::read(bytes).err().expect("it must be refused")
    }

    #[test]
    fn a_bundle_has_a_service_certificates_and_perhaps_more() {
        let contents = Contents::read(&bundle(GOOD)).unwrap();
        assert_eq!((contents.host.as_str(), contents.port), ("service.example", 30443));
        assert_eq!(contents.credentials.as_ref().unwrap().0, "ann");
        assert_eq!(contents.keyspace.as_deref(), Some("shop"));
        assert_eq!(contents.datacenter.as_deref(), Some("dc-1"));
        assert_eq!((&*contents.authority, &*contents.certificate), (&b"authority"[..], &b"certificate"[..]));
        assert_eq!(&**contents.key, b"private");
        let least = Contents::read(&bundle(r#"{"host": "h", "port": 1}"#)).unwrap();
        assert!(least.credentials.is_none() && least.keyspace.is_none() && least.datacenter.is_none());
    }

    #[test]
    fn what_is_missing_or_makes_no_sense_is_told_and_nothing_secret_with_it() {
        for missing in [CONFIG, AUTHORITY, CERTIFICATE, KEY] {
            let parts: Vec<_> = [CONFIG, AUTHORITY, CERTIFICATE, KEY]
                .into_iter()
                .filter(|part| *part != missing)
                .map(|part| (part, if part == CONFIG { GOOD.as_bytes() } else { b"x" }))
                .collect();
            assert_eq!(problem(&zipped(&parts)), BundleProblem::Missing { part: missing });
        }
        for (config, said) in [
            ("", "ends too early"),
            ("{", "ends too early"),
            ("[]", "wrong type"),
            (r#"{"password": "s3cret", "port": "x"}"#, "wrong type"),
            (r#"{"port": 1}"#, "no host"),
            (r#"{"host": "", "port": 1}"#, "no host"),
            (r#"{"host": "h"}"#, "no port"),
            (r#"{"host": "h", "port": 0}"#, "no port"),
            (r#"{"host": "h", "port": 65536}"#, "no port"),
            (r#"{"host": "h", "port": 1 s3cret"#, "not JSON"),
        ] {
            let problem = problem(&bundle(config));
            assert!(matches!(problem, BundleProblem::Damaged { part: CONFIG, .. }), "{problem:?}");
            let text = problem.to_string();
            assert!(text.contains(said) && !text.contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused_whether_or_not_they_are_needed() {
        for path in ["../evil", "a/../../evil", "/etc/passwd", "..\\evil", "C:\\evil"] {
            let refused = problem(&zipped(&[(CONFIG, GOOD.as_bytes()), (path, b"x")]));
            assert!(matches!(refused, BundleProblem::UnsafePath { .. }), "{path}: {refused:?}");
        }
    }

    #[test]
    fn a_part_that_would_fill_the_memory_is_given_up_at_a_megabyte() {
        let zeros = vec![0; 64 << 20];
        let bomb = zipped(&[(CONFIG, &zeros)]);
        assert!(bomb.len() < 100_000, "{}", bomb.len());
        assert_eq!(problem(&bomb), BundleProblem::TooLarge { part: CONFIG.into(), limit: MOST_IN_A_PART });
        let large = vec![0; MOST_BYTES as usize + 1];
        assert!(matches!(problem(&large), BundleProblem::TooLarge { .. }));
        let many: Vec<String> = (0..=MOST_PARTS).map(|number| number.to_string()).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b""[..])).collect();
        assert!(matches!(problem(&zipped(&many)), BundleProblem::NotZip { .. }));
    }

    #[test]
    fn a_damaged_zip_is_refused_or_read_and_never_a_panic() {
        let good = bundle(GOOD);
        for length in 0..good.len() {
            assert!(Contents::read(&good[..length]).is_err(), "{length} bytes of {}", good.len());
        }
        let mut readable = 0;
        for position in 0..good.len() {
            for flip in [1, 0x80, 0xff] {
                let mut damaged = good.clone();
                damaged[position] ^= flip;
                readable += usize::from(Contents::read(&damaged).is_ok());
            }
        }
        // Flips in times and attributes, and in the part that nobody reads, harm nothing.
        assert!(readable > 0 && readable < good.len() * 3, "{readable} of {}", good.len() * 3);
        assert!(matches!(problem(b"PK\x03\x04 and nothing more"), BundleProblem::NotZip { .. }));
    }
}
