//! Where rows go, and whether that place is free.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::bulk::source::Compression;
use crate::bulk::table_name::TableName;
use crate::bulk::text::RowFormat;

/// What a file is called besides until it is whole.
const PARTIAL: &str = ".partial";

/// Where the rows of an unload go.
pub struct Destination(pub(super) Place);

pub(super) enum Place {
    Directory(PathBuf),
    File(PathBuf),
    Writer(String, Box<dyn Write + Send>),
}

impl Destination {
    /// A directory, which is made if it is not there. It gets files such as `shop.orders-00001.csv`, and must have none of them before.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self(Place::Directory(path.into()))
    }

    /// One file, which must not exist. A pipe or a device that exists is written into as it is.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Place::File(path.into()))
    }

    /// Something else, such as standard output; `name` is what reports call it. It is flushed at the end. A writer that says that its
    /// reader is gone ([`io::ErrorKind::BrokenPipe`]) ends the unload in good order.
    pub fn writer(name: impl Into<String>, writer: impl Write + Send + 'static) -> Self {
        Self(Place::Writer(name.into(), Box::new(writer)))
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Destination").field(&self.to_string()).finish()
    }
}

/// As reports call it.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Directory(path) | Place::File(path) => path.display().fmt(f),
            Place::Writer(name, _) => f.write_str(name),
        }
    }
}

/// Why nothing can be written, or no more, where rows should go.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    /// There is something of that name already.
    #[error("{} exists already, and nothing is overwritten: name another place, or take it away", path.display())]
    Exists {
        /// What is in the way.
        path: PathBuf,
    },
    /// Somebody else writes there, or did and was stopped.
    #[error(
        "{} is what an unload that was stopped has left, or one that still runs writes: take it away if it is not wanted, or name another place",
        path.display()
    )]
    Unfinished {
        /// The unfinished file.
        path: PathBuf,
    },
    /// Whatever else the operating system says.
    #[error("cannot write {}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

impl DestinationError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    /// Whether whoever read this has gone away.
    pub(super) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// The names of the files of a directory.
#[derive(Debug)]
pub(super) struct PartNames {
    directory: PathBuf,
    /// `shop.orders-`
    stem: String,
    /// `.csv.gz`
    ending: String,
}

impl PartNames {
    /// Makes the directory if needed, and sees to it that none of the names is taken.
    pub(super) fn prepare(
        directory: PathBuf,
        table: &TableName,
        format: RowFormat,
        compression: Compression,
    ) -> Result<Self, DestinationError> {
        let failed = |error| DestinationError::io(&directory, error);
        fs::create_dir_all(&directory).map_err(failed)?;
        let stem = format!("{}.{}-", in_file_name(&table.keyspace), in_file_name(&table.table));
        for entry in fs::read_dir(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let rest = name.to_str().and_then(|name| name.strip_prefix(stem.as_str()));
            if rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit())) {
                let path = entry.path();
                return Err(match path.extension().is_some_and(|extension| extension == &PARTIAL[1..]) {
                    true => DestinationError::Unfinished { path },
                    false => DestinationError::Exists { path },
                });
            }
        }
        let ending = format!(
            "{}{}",
            match format {
                RowFormat::Csv => ".csv",
                RowFormat::JsonLines => ".jsonl",
            },
            match compression {
                Compression::None => "",
                Compression::Gzip => ".gz",
                Compression::Zstd => ".zst",
            }
        );
        Ok(Self { directory, stem, ending })
    }

    /// The path of the part of this number, from 1.
    pub(super) fn part(&self, number: u32) -> PathBuf {
        self.directory.join(format!("{}{number:05}{}", self.stem, self.ending))
    }
}

/// A name without anything that means something in a path.
fn in_file_name(name: &str) -> String {
    name.chars().map(|letter| if letter.is_alphanumeric() || letter == '_' { letter } else { '_' }).collect()
}

/// Where a file is written until it is whole.
pub(super) fn partial(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(PARTIAL);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepare(directory: &Path) -> Result<PartNames, DestinationError> {
        let table = TableName::new("shop", "orders");
        PartNames::prepare(directory.to_owned(), &table, RowFormat::Csv, Compression::Gzip)
    }

    #[test]
    fn parts_are_numbered_and_named_for_what_they_hold() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("a/b");
        let names = prepare(&directory).unwrap();
        assert_eq!(names.part(1), directory.join("shop.orders-00001.csv.gz"));
        assert_eq!(partial(&names.part(123_456)), directory.join("shop.orders-123456.csv.gz.partial"));
    }

    #[test]
    fn a_directory_with_parts_of_the_table_is_refused_and_others_files_are_none_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        for other in ["shop.orders-old.csv", "shop.orders.csv", "shop.lines-00001.csv"] {
            fs::write(folder.path().join(other), "").unwrap();
        }
        prepare(folder.path()).unwrap();
        let left = folder.path().join("shop.orders-00007.jsonl.partial");
        fs::write(&left, "").unwrap();
        assert!(matches!(prepare(folder.path()), Err(DestinationError::Unfinished { path }) if path == left));
        fs::rename(&left, folder.path().join("shop.orders-00007.jsonl")).unwrap();
        assert!(matches!(prepare(folder.path()), Err(DestinationError::Exists { .. })));
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(matches!(prepare(&folder.path().join("file/in")), Err(DestinationError::Io { .. })));
    }
}
