//! Journals in a folder, one file for each run.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use portcullis_formats::journal::{self, Run};

use super::replace::{folder_of, sync_folder};
use crate::ports::{Journal, PortError};

/// Journals in a folder, `<UTC time>-<run id>.jsonl` for each run. A file only ever grows.
#[derive(Debug)]
pub struct FileJournal {
    folder: PathBuf,
    own: Mutex<Option<Own>>,
}

/// The run's own file.
#[derive(Debug)]
struct Own {
    file: File,
    /// Whether the last line may be in it in part.
    torn: bool,
}

impl FileJournal {
    /// In this folder, which is made when the first step is recorded.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), own: Mutex::default() }
    }

    fn make(&self, run: &Run, at: Timestamp) -> io::Result<Own> {
        fs::create_dir_all(&self.folder)?;
        let name = format!("{}-{}.jsonl", at.strftime("%Y%m%dT%H%M%S.%3fZ"), run.run_id);
        let file = OpenOptions::new().create_new(true).append(true).open(self.folder.join(name))?;
        sync_folder(&self.folder)?;
        sync_folder(folder_of(&self.folder))?;
        Ok(Own { file, torn: false })
    }

    fn failed(&self, what: &'static str) -> impl Fn(io::Error) -> PortError {
        move |error| PortError::io(format!("the journal in `{}` could not be {what}", self.folder.display()), &error)
    }
}

impl Journal for FileJournal {
    fn record(&self, run: &Run, at: Timestamp, line: &[u8]) -> Result<(), PortError> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let own = match &mut *own {
            Some(own) => own,
            none => none.insert(self.make(run, at).map_err(self.failed("written"))?),
        };
        // What follows a line that could not be written whole must not become a part of it.
        let whole = if own.torn { [b"\n", line].concat() } else { line.to_owned() };
        let written = own.file.write_all(&whole);
        own.torn = written.is_err();
        written.map_err(self.failed("written"))
    }

    fn sync(&self) -> Result<(), PortError> {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.as_ref().map_or(Ok(()), |own| own.file.sync_data()).map_err(self.failed("made safe"))
    }

    fn past(&self, plan: &str) -> Result<Vec<u8>, PortError> {
        let failed = self.failed("read");
        let mut past = Vec::new();
        for path in files(&self.folder).map_err(&failed)? {
            // The first line tells the plan, so that journals of other plans need not be read.
            let mut first = Vec::new();
            BufReader::new(File::open(&path).map_err(&failed)?).read_until(b'\n', &mut first).map_err(&failed)?;
            if journal::read(&first).steps.first().is_some_and(|step| step.plan == plan) {
                past.extend(fs::read(&path).map_err(&failed)?);
                // The last line of a run that was killed may be torn; the next run's first line is none of it.
                past.push(b'\n');
            }
        }
        Ok(past)
    }
}

/// The journals of a folder, the oldest first: their names begin with their time.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use portcullis_formats::backup::Purpose;
    use portcullis_formats::journal::Step;

    use super::*;

    #[test]
    fn a_line_after_one_that_was_torn_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let journal = FileJournal::new(folder.path());
        let run = Run { run_id: "r1".into(), purpose: Purpose::Apply, plan: "p1".into(), caller: "ada".into() };
        let at = "2026-01-15T12:00:00Z".parse().unwrap();
        let mut line = Vec::new();
        journal::write(&run, at, &Step::Started(1), &mut line).unwrap();
        journal.record(&run, at, &line).unwrap();
        // The disk was full in the middle of a line.
        let own = |torn: &mut Own| {
            torn.file.write_all(line.get(..20).unwrap_or_default()).unwrap();
            torn.torn = true;
        };
        journal.own.lock().unwrap().as_mut().map(own).unwrap();
        journal.record(&run, at, &line).unwrap();
        journal.sync().unwrap();
        let past = journal::read(&journal.past("p1").unwrap());
        assert_eq!((past.steps.len(), past.broken), (2, vec![2]));
        assert!(journal.past("p2").unwrap().is_empty());
    }
}
