//! Whether files changed since they were read.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// When each of some files was changed last, and how long it is; nothing for one that cannot be looked at.
///
/// Their contents are not compared: a key is read only when there is reason to. A link to a file counts as the file, so that
/// a directory whose link is turned to another, as container platforms do it, is noticed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stamps(Vec<(PathBuf, Option<(SystemTime, u64)>)>);

impl Stamps {
    pub(super) fn of<'a>(files: impl Iterator<Item = &'a Path>) -> Self {
        let stamp = |file: &Path| {
            let about = std::fs::metadata(file).ok()?;
            Some((about.modified().ok()?, about.len()))
        };
        Self(files.map(|file| (file.to_owned(), stamp(file))).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_that_was_written_replaced_or_removed_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let stamps = || Stamps::of([&*file].into_iter());
        let missing = stamps();
        std::fs::write(&file, "one").unwrap();
        let first = stamps();
        assert_ne!(first, missing);
        assert_eq!(first, stamps());
        std::fs::write(&file, "longer").unwrap();
        let longer = stamps();
        assert_ne!(longer, first);
        let later = SystemTime::now() + Duration::from_secs(5);
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
        assert_ne!(stamps(), longer);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(stamps(), missing);
    }
}
