//! What tells whether a file is still the one it was.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::time::UNIX_EPOCH;

use chorus_protocol::token::Murmur3Hasher;
use serde::{Deserialize, Serialize};

/// Bytes looked at from either end.
const LOOKED_AT: u64 = 64 * 1024;

/// Size, time of modification, and hashes of both ends: enough to tell another file, or another version of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    size: u64,
    /// Nanoseconds since 1970; nothing where the file system does not tell.
    modified_ns: Option<i64>,
    head: String,
    tail: String,
}

impl Fingerprint {
    /// Of an open file, whose position is left where it was. Nothing for a pipe or a device.
    pub(crate) fn of(mut file: &File) -> io::Result<Option<Self>> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let size = metadata.len();
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified_ns = modified.and_then(|since| i64::try_from(since.as_nanos()).ok());
        let position = file.stream_position()?;
        let mut hash_at = |offset| -> io::Result<String> {
            file.seek(SeekFrom::Start(offset))?;
            hash(&mut file.take(LOOKED_AT))
        };
        let ends = hash_at(0).and_then(|head| Ok((head, hash_at(size.saturating_sub(LOOKED_AT))?)));
        file.seek(SeekFrom::Start(position))?;
        let (head, tail) = ends?;
        Ok(Some(Self { size, modified_ns, head, tail }))
    }

    /// What became of a file that is no longer as it was.
    pub(crate) fn change(&self, now: &Self) -> Option<String> {
        if self.size != now.size {
            return Some(format!("it has {} bytes and had {}", now.size, self.size));
        }
        if self.head != now.head || self.tail != now.tail {
            let end = if self.head != now.head { "beginning" } else { "end" };
            return Some(format!("it is as long as it was, and its {end} is another"));
        }
        if self.modified_ns != now.modified_ns {
            let (was, is) = (time(self.modified_ns), time(now.modified_ns));
            return Some(format!("it was modified at {is}, and before that at {was}"));
        }
        None
    }
}

/// The hash of everything a reader has, as text.
fn hash(reader: &mut impl Read) -> io::Result<String> {
    let mut hasher = Murmur3Hasher::new();
    let mut buffer = [0; 8192];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hash_text(&hasher)),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A hash as it is written down.
pub(crate) fn hash_text(hasher: &Murmur3Hasher) -> String {
    format!("{:016x}", hasher.finish().0 as u64)
}

fn time(nanoseconds: Option<i64>) -> String {
    match nanoseconds.map(chrono::DateTime::from_timestamp_nanos) {
        Some(time) => time.format("%Y-%m-%d %H:%M:%S%.9f UTC").to_string(),
        None => "a time nobody knows".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::{Duration, SystemTime};

    use super::*;

    fn of(path: &std::path::Path) -> Fingerprint {
        Fingerprint::of(&File::open(path).unwrap()).unwrap().unwrap()
    }

    #[test]
    fn every_kind_of_change_is_seen_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.csv");
        let mut bytes = vec![b'x'; 300_000];
        let at = SystemTime::now() - Duration::from_secs(100);
        let write = |bytes: &[u8], at: SystemTime| {
            let mut file = File::create(&path).unwrap();
            file.write_all(bytes).unwrap();
            file.set_modified(at).unwrap();
        };
        write(&bytes, at);
        let before = of(&path);
        assert_eq!(before.change(&of(&path)), None);
        write(&bytes, at + Duration::from_nanos(1_000_000));
        assert!(before.change(&of(&path)).unwrap().contains("modified at"));
        bytes[7] = b'y';
        write(&bytes, at);
        assert!(before.change(&of(&path)).unwrap().contains("its beginning is another"));
        bytes[7] = b'x';
        bytes[299_999] = b'y';
        write(&bytes, at);
        assert!(before.change(&of(&path)).unwrap().contains("its end is another"));
        bytes.push(b'z');
        write(&bytes, at);
        assert_eq!(before.change(&of(&path)).unwrap(), "it has 300001 bytes and had 300000");
    }

    #[test]
    fn looking_leaves_the_position_where_it_was() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        file.seek(SeekFrom::Start(4)).unwrap();
        Fingerprint::of(&file).unwrap().unwrap();
        let mut rest = String::new();
        file.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "456789");
    }
}
