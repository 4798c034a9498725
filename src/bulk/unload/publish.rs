//! Files that are whole get their names, all at the end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::destination::DestinationError;
use super::output::Whole;

/// Gives each file its name, in the order of the names, and returns them. Nothing is overwritten.
pub(super) fn publish(mut files: Vec<Whole>) -> Result<Vec<PathBuf>, DestinationError> {
    files.sort_by(|one, other| one.path.cmp(&other.path));
    for Whole { partial, path } in &files {
        give_name(partial, path)?;
    }
    if let Some(directory) = files.first().and_then(|file| file.path.parent()) {
        keep_names(directory);
    }
    Ok(files.into_iter().map(|file| file.path).collect())
}

fn give_name(partial: &Path, path: &Path) -> Result<(), DestinationError> {
    let failed = |error| DestinationError::io(path, error);
    // Unlike a rename, a link never takes the place of a file that came meanwhile.
    match fs::hard_link(partial, path) {
        Ok(()) => fs::remove_file(partial).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(DestinationError::Exists { path: path.to_owned() })
        }
        // File systems without links: those of cards and some networks.
        Err(_) if path.symlink_metadata().is_ok() => Err(DestinationError::Exists { path: path.to_owned() }),
        Err(_) => fs::rename(partial, path).map_err(failed),
    }
}

/// Waits until the disk has the names. Systems that cannot do that for a directory do it by themselves.
fn keep_names(directory: &Path) {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    drop(fs::File::open(directory).and_then(|directory| directory.sync_all()));
}

#[cfg(test)]
mod tests {
    use super::super::destination::partial;
    use super::*;

    #[test]
    fn a_file_that_came_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let whole = |name: &str| {
            let path = folder.path().join(name);
            fs::write(partial(&path), name).unwrap();
            Whole { partial: partial(&path), path }
        };
        let files = vec![whole("b"), whole("a")];
        assert_eq!(publish(files).unwrap(), [folder.path().join("a"), folder.path().join("b")]);
        assert_eq!(fs::read_to_string(folder.path().join("a")).unwrap(), "a");
        assert!(!folder.path().join("a.partial").exists());
        fs::write(folder.path().join("c"), "mine").unwrap();
        assert!(matches!(publish(vec![whole("c")]), Err(DestinationError::Exists { .. })));
        assert_eq!(fs::read_to_string(folder.path().join("c")).unwrap(), "mine");
        assert!(folder.path().join("c.partial").exists());
    }
}
