//! Rows that could not be loaded: kept as they were, in a file that can be loaded again, with the reason beside.
//!
//! Two files. The first has the header of the source and the rejected records, byte for byte; mend it and load
//! it. The second is a CSV with one line a record: where it stood, which column, and why. Neither is created
//! before there is something to put in.

mod kept;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use csv_core::WriteResult;

use super::checkpoint::ResumeError;
use super::csv::Place;
pub(crate) use kept::KeptRejects;
use kept::Output;

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

    /// Files for each of several sources: those for the first, which are named after it if `first` is nothing, and the same
    /// with a number for those whose names are taken, as in `f.csv.rejects.2.csv`.
    #[must_use]
    pub fn of_each(first: Option<&Self>, sources: &[String], folder: &Path) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::with_capacity(sources.len());
        for source in sources {
            let wanted = first.cloned().unwrap_or_else(|| Self::named_after(source, folder));
            let mut files = wanted.clone();
            let mut number = 2;
            while all.contains(&files) {
                let stem = wanted.rows.file_stem().unwrap_or_default().to_string_lossy();
                let ending = wanted.rows.extension().map(|ending| format!(".{}", ending.to_string_lossy()));
                let name = format!("{stem}.{number}{}", ending.unwrap_or_default());
                files = Self::at(wanted.rows.with_file_name(name));
                number += 1;
            }
            all.push(files);
        }
        all
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
    /// The name of its source, in the report of a load of several.
    pub source: Option<String>,
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
    /// Files of this input and those before it that have something.
    used: Vec<RejectFiles>,
    count: u64,
    /// The same by stage.
    by_stage: [u64; 3],
    samples: Vec<Rejection>,
    /// The source, when there are several.
    source: Option<String>,
}

#[derive(Debug)]
struct OpenFiles {
    rows: Output,
    errors: Output,
}

impl RejectLog {
    /// `header` is the first record of the source as it was read; `by_stage` counts what was rejected before.
    pub(crate) fn new(files: RejectFiles, header: Vec<u8>, by_stage: [u64; 3]) -> Self {
        let (count, samples) = (by_stage.iter().sum(), Vec::new());
        Self { files, header, open: None, used: Vec::new(), count, by_stage, samples, source: None }
    }

    /// Names the source, one of several.
    pub(crate) fn of_several(&mut self, source: String) {
        self.source = Some(source);
    }

    /// Goes on with the next input, which has files of its own.
    ///
    /// # Errors
    /// What the operating system says when those before cannot be written to their end.
    pub(crate) fn next(&mut self, files: RejectFiles, header: Vec<u8>) -> io::Result<()> {
        self.flush()?;
        for file in self.files_to_sync()? {
            file.sync_data()?;
        }
        self.open = None;
        (self.files, self.header) = (files, header);
        Ok(())
    }

    /// Goes on with the files that an interrupted run left: what is in them that does not count is taken off.
    pub(crate) fn go_on(&mut self, kept: &KeptRejects) -> Result<(), ResumeError> {
        if kept.used().is_none() {
            return Ok(());
        }
        let (rows, errors) = kept.go_on()?;
        self.open = Some(OpenFiles { rows, errors });
        self.used.push(self.files.clone());
        Ok(())
    }

    /// Names the files of an input that is done with.
    pub(crate) fn passed(&mut self, kept: &KeptRejects) {
        self.used.extend(kept.used());
    }

    /// Keeps one record. `raw` is empty for a line too long to keep, which then has a line in the errors file only.
    ///
    /// # Errors
    /// What the operating system says when a file cannot be created or written.
    pub(crate) fn add(&mut self, rejection: Rejection, raw: &[u8]) -> io::Result<()> {
        let open = match &mut self.open {
            Some(open) => open,
            none => {
                let created = OpenFiles::create(&self.files, &self.header)?;
                self.used.push(self.files.clone());
                none.insert(created)
            }
        };
        if !raw.is_empty() {
            open.rows.write_all(raw)?;
            open.rows.write_all(b"\n")?;
        }
        open.explain(&rejection)?;
        self.count += 1;
        self.by_stage[rejection.stage as usize] += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(Rejection { source: self.source.clone(), ..rejection });
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

    /// The files of this input, to be synced by somebody else.
    pub(crate) fn files_to_sync(&self) -> io::Result<Vec<File>> {
        let Some(open) = &self.open else { return Ok(Vec::new()) };
        [&open.rows, &open.errors].into_iter().map(|output| output.file().try_clone()).collect()
    }

    /// What of the files of this input counts. Only after a flush.
    pub(crate) fn kept(&self) -> KeptRejects {
        let mut kept = KeptRejects::of(&self.files);
        if let Some(open) = &self.open {
            kept.count(&open.rows, &open.errors);
        }
        kept
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// How many came how far: not a record, not fit for the table, refused by the server.
    pub(crate) fn by_stage(&self) -> [u64; 3] {
        self.by_stage
    }

    /// The files that any record went into.
    pub(crate) fn files_used(&self) -> &[RejectFiles] {
        &self.used
    }

    pub(crate) fn samples(&self) -> &[Rejection] {
        &self.samples
    }
}

impl OpenFiles {
    fn create(files: &RejectFiles, header: &[u8]) -> io::Result<Self> {
        let mut rows = Output::create(&files.rows)?;
        rows.write_all(header)?;
        rows.write_all(b"\n")?;
        let mut errors = Output::create(&files.errors)?;
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
            source: None,
        }
    }

    #[test]
    fn the_files_hold_the_records_and_the_reasons() {
        let folder = tempfile::tempdir().unwrap();
        let files = RejectFiles::named_after("data/w.csv.gz", folder.path());
        assert_eq!(files.rows(), folder.path().join("w.csv.gz.rejects.csv"));
        assert_eq!(files.errors(), folder.path().join("w.csv.gz.rejects.errors.csv"));
        let mut log = RejectLog::new(files.clone(), b"a,b".to_vec(), [0; 3]);
        assert_eq!(log.files_used(), []);
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
        assert_eq!(log.files_used(), [files]);
    }

    #[test]
    fn files_go_on_where_they_counted_and_no_record_is_there_twice() {
        let folder = tempfile::tempdir().unwrap();
        let files = RejectFiles::named_after("w.csv", folder.path());
        let log = || RejectLog::new(files.clone(), b"a,b".to_vec(), [0; 3]);
        let began = std::time::SystemTime::now() - std::time::Duration::from_secs(9);
        let mut first = log();
        first.add(rejection(2, "bad"), b"1,x").unwrap();
        first.flush().unwrap();
        let kept = first.kept();
        first.add(rejection(3, "worse"), b"2,x").unwrap();
        first.flush().unwrap();
        drop(first);
        // As after a kill behind the checkpoint.
        let mut second = log();
        second.go_on(&kept).unwrap();
        second.add(rejection(3, "worse"), b"2,x").unwrap();
        second.flush().unwrap();
        assert_eq!(std::fs::read_to_string(files.rows()).unwrap(), "a,b\n1,x\n2,x\n");
        assert_eq!(std::fs::read_to_string(files.errors()).unwrap().lines().count(), 3);
        let kept = second.kept();
        drop(second);
        std::fs::write(files.rows(), "a,b\n1,y\n2,x\n").unwrap();
        assert!(matches!(log().go_on(&kept), Err(ResumeError::RejectsChanged { .. })));
        std::fs::write(files.rows(), "a,b\n").unwrap();
        assert!(matches!(log().go_on(&kept), Err(ResumeError::RejectsChanged { .. })));
        // Nothing of them counts: they are the killed run's own, or somebody else's.
        let nothing = KeptRejects::of(&files);
        nothing.remove_uncounted(std::time::SystemTime::now() + std::time::Duration::from_secs(9)).unwrap();
        assert!(files.rows().exists());
        nothing.remove_uncounted(began).unwrap();
        assert!(!files.rows().exists() && !files.errors().exists());
    }

    #[test]
    fn sources_of_the_same_name_have_files_of_their_own() {
        let sources = ["a/f.csv".to_owned(), "b/f.csv".to_owned(), "g.csv".to_owned()];
        let names = |first: Option<&RejectFiles>| -> Vec<String> {
            let all = RejectFiles::of_each(first, &sources, Path::new(""));
            all.iter().map(|files| files.rows().display().to_string()).collect()
        };
        assert_eq!(names(None), ["f.csv.rejects.csv", "f.csv.rejects.2.csv", "g.csv.rejects.csv"]);
        assert_eq!(names(Some(&RejectFiles::at("x/r"))), ["x/r", "x/r.2", "x/r.3"]);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let files = RejectFiles::at(folder.path().join("none/rejects.csv"));
        assert!(RejectLog::new(files, Vec::new(), [0; 3]).add(rejection(1, "x"), b"x").is_err());
    }

    #[test]
    fn other_names_get_the_ending_appended() {
        assert_eq!(RejectFiles::at("bad.txt").errors(), Path::new("bad.txt.errors.csv"));
    }
}
