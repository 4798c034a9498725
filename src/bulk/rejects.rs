//! Rows that could not be loaded: kept as they were, in a file that can be loaded again, with the reason beside.
//!
//! Two files. The first has the header of the source and the rejected records, byte for byte; mend it and load
//! it. The second is a CSV with one line a record: where it stood, which column, and why. Neither is created
//! before there is something to put in.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use csv_core::WriteResult;

use super::csv::Place;

/// Where rejected rows go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectFiles {
    rows: PathBuf,
    errors: PathBuf,
}

impl RejectFiles {
    /// Rows to `rows`; reasons to the same path ending in `.errors.csv` instead of `.csv`.
    pub fn at(rows: impl Into<PathBuf>) -> Self {
        let rows = rows.into();
        let errors = match rows.extension() {
            Some(extension) if extension == "csv" => rows.with_extension("errors.csv"),
            _ => {
                let mut name = rows.clone().into_os_string();
                name.push(".errors.csv");
                name.into()
            }
        };
        Self { rows, errors }
    }

    /// `<name of the source>.rejects.csv` in `folder`.
    #[must_use]
    pub fn named_after(source: &str, folder: &Path) -> Self {
        let name = Path::new(source).file_name().map_or_else(|| source.into(), |name| name.to_string_lossy());
        Self::at(folder.join(format!("{name}.rejects.csv")))
    }

    /// The rejected records, under the header of the source.
    #[must_use]
    pub fn rows(&self) -> &Path {
        &self.rows
    }

    /// Line, byte, column and reason of each.
    #[must_use]
    pub fn errors(&self) -> &Path {
        &self.errors
    }
}

/// One record that was not loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    /// Where it stands in the source.
    pub place: Place,
    /// How far it came.
    pub stage: RejectStage,
    /// The column, when one is to blame.
    pub column: Option<String>,
    /// Why, as one sentence.
    pub reason: String,
}

/// How far a rejected record came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectStage {
    /// It is not a record: a quote left open, or too long.
    Read,
    /// It does not fit the table: fields missing, a cell that is not of its column's type, a null key.
    Bind,
    /// The server refused it.
    Write,
}

impl RejectStage {
    /// A word for tables and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Bind => "bind",
            Self::Write => "write",
        }
    }
}

/// Rejections kept in memory for the report: the first few of all.
const SAMPLES: usize = 5;

/// Writes both files and remembers the first rejections.
#[derive(Debug)]
pub(crate) struct RejectLog {
    files: RejectFiles,
    header: Vec<u8>,
    open: Option<OpenFiles>,
    count: u64,
    /// The same by stage.
    by_stage: [u64; 3],
    samples: Vec<Rejection>,
}

#[derive(Debug)]
struct OpenFiles {
    rows: BufWriter<File>,
    errors: BufWriter<File>,
}

impl RejectLog {
    /// `header` is the first record of the source as it was read.
    pub(crate) fn new(files: RejectFiles, header: Vec<u8>) -> Self {
        Self { files, header, open: None, count: 0, by_stage: [0; 3], samples: Vec::new() }
    }

    /// Keeps one record. `raw` is empty for a line too long to keep, which then has a line in the errors file only.
    ///
    /// # Errors
    /// What the operating system says when a file cannot be created or written.
    pub(crate) fn add(&mut self, rejection: Rejection, raw: &[u8]) -> io::Result<()> {
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(OpenFiles::create(&self.files, &self.header)?),
        };
        if !raw.is_empty() {
            open.rows.write_all(raw)?;
            open.rows.write_all(b"\n")?;
        }
        open.explain(&rejection)?;
        self.count += 1;
        self.by_stage[rejection.stage as usize] += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(rejection);
        }
        Ok(())
    }

    /// Makes what was added visible to readers of the files.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match &mut self.open {
            Some(open) => open.rows.flush().and_then(|()| open.errors.flush()),
            None => Ok(()),
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// How many came how far: not a record, not fit for the table, refused by the server.
    pub(crate) fn by_stage(&self) -> [u64; 3] {
        self.by_stage
    }

    /// The files, if any record went into them.
    pub(crate) fn files_used(&self) -> Option<RejectFiles> {
        self.open.as_ref().map(|_| self.files.clone())
    }

    pub(crate) fn samples(&self) -> &[Rejection] {
        &self.samples
    }
}

impl OpenFiles {
    fn create(files: &RejectFiles, header: &[u8]) -> io::Result<Self> {
        let mut rows = BufWriter::new(File::create(&files.rows)?);
        rows.write_all(header)?;
        rows.write_all(b"\n")?;
        let mut errors = BufWriter::new(File::create(&files.errors)?);
        errors.write_all(b"line,byte,stage,column,reason\n")?;
        Ok(Self { rows, errors })
    }

    fn explain(&mut self, rejection: &Rejection) -> io::Result<()> {
        let place = rejection.place;
        write!(self.errors, "{},{},{},", place.line, place.offset, rejection.stage.as_str())?;
        write_field(&mut self.errors, rejection.column.as_deref().unwrap_or_default())?;
        self.errors.write_all(b",")?;
        write_field(&mut self.errors, &rejection.reason)?;
        self.errors.write_all(b"\n")
    }
}

fn write_field(out: &mut impl Write, text: &str) -> io::Result<()> {
    let mut writer = csv_core::Writer::new();
    let mut buffer = [0u8; 256];
    let mut input = text.as_bytes();
    loop {
        let (result, used, written) = writer.field(input, &mut buffer);
        input = &input[used..];
        out.write_all(&buffer[..written])?;
        if result == WriteResult::InputEmpty {
            break;
        }
    }
    let (_, written) = writer.finish(&mut buffer);
    out.write_all(&buffer[..written])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(line: u64, reason: &str) -> Rejection {
        Rejection {
            place: Place { offset: 17, length: 3, line },
            stage: RejectStage::Bind,
            column: Some("temp".to_owned()),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn the_files_hold_the_records_and_the_reasons() {
        let folder = tempfile::tempdir().unwrap();
        let files = RejectFiles::named_after("data/w.csv.gz", folder.path());
        assert_eq!(files.rows(), folder.path().join("w.csv.gz.rejects.csv"));
        assert_eq!(files.errors(), folder.path().join("w.csv.gz.rejects.errors.csv"));
        let mut log = RejectLog::new(files.clone(), b"a,b".to_vec());
        assert_eq!(log.files_used(), None);
        assert!(!files.rows().exists());
        log.add(rejection(2, "no \"number\", sorry"), b"1,\"x\ny\"").unwrap();
        log.add(rejection(9, &"long ".repeat(100)), b"").unwrap();
        log.flush().unwrap();
        assert_eq!(std::fs::read_to_string(files.rows()).unwrap(), "a,b\n1,\"x\ny\"\n");
        let errors = std::fs::read_to_string(files.errors()).unwrap();
        assert!(errors.starts_with(
            "line,byte,stage,column,reason\n2,17,bind,temp,\"no \"\"number\"\", sorry\"\n9,17,bind,temp,long long"
        ));
        assert_eq!((log.count(), log.samples().len()), (2, 2));
        assert_eq!(log.files_used(), Some(files));
    }

    #[test]
    fn a_place_that_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let files = RejectFiles::at(folder.path().join("none/rejects.csv"));
        assert!(RejectLog::new(files, Vec::new()).add(rejection(1, "x"), b"x").is_err());
    }

    #[test]
    fn other_names_get_the_ending_appended() {
        assert_eq!(RejectFiles::at("bad.txt").errors(), Path::new("bad.txt.errors.csv"));
    }
}
