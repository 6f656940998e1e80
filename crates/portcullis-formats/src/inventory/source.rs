//! Where inventories come from: files, folders and readers that the caller gives, plain or gzip, told apart by content.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use crate::diagnostics::io_message;
use flate2::bufread::MultiGzDecoder;

/// The extensions that are read in a folder. A file that is named itself is read whatever it is called.
const EXTENSIONS: [&str; 4] = ["json", "jsonl", "ndjson", "gz"];

/// One input.
pub enum Source<'a> {
    /// A file, or a folder whose files `*.json`, `*.jsonl`, `*.ndjson` and `*.gz` are read, with its subfolders, in the
    /// order of their names. Names that begin with a dot are passed over.
    Path(PathBuf),
    /// Anything that can be read, such as standard input, and the name that messages use for it.
    Reader(String, Box<dyn Read + 'a>),
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Reader(name, _) => f.debug_tuple("Reader").field(name).finish(),
        }
    }
}

impl<'a> Source<'a> {
    /// A file or folder.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self::Path(path.into())
    }

    /// A reader under a name.
    pub fn reader(name: impl Into<String>, reader: impl Read + 'a) -> Self {
        Self::Reader(name.into(), Box::new(reader))
    }

    /// Itself, or for a folder its files. The message says why not.
    pub(super) fn expand(self) -> Result<Vec<Self>, (String, String)> {
        let Self::Path(path) = self else { return Ok(vec![self]) };
        let name = path.display().to_string();
        let failed = |error: io::Error| (path.display().to_string(), format!("cannot be read: {}", io_message(&error)));
        if !fs::metadata(&path).map_err(failed)?.is_dir() {
            return Ok(vec![Self::Path(path)]);
        }
        let mut files = Vec::new();
        list(&path, &mut files).map_err(failed)?;
        if files.is_empty() {
            return Err((name, "the folder holds no file `*.json`, `*.jsonl`, `*.ndjson` or `*.gz`".to_owned()));
        }
        files.sort();
        Ok(files.into_iter().map(Self::Path).collect())
    }

    /// The name that messages use.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Reader(name, _) => name.clone(),
        }
    }

    /// Its text, decompressed where it is gzip.
    pub(super) fn open(self) -> io::Result<Box<dyn Read + 'a>> {
        let mut reader: Box<dyn Read + 'a> = match self {
            Self::Path(path) => Box::new(File::open(path)?),
            Self::Reader(_, reader) => reader,
        };
        let mut start = Vec::with_capacity(2);
        reader.by_ref().take(2).read_to_end(&mut start)?;
        let gzip = start == [0x1f, 0x8b];
        let whole = Cursor::new(start).chain(reader);
        Ok(if gzip { Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 16, whole))) } else { Box::new(whole) })
    }
}

/// Adds the files of a folder and its subfolders. Links to folders are not followed, so that there is no going in
/// circles.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        if kind.is_dir() {
            list(&path, files)?;
        } else if EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)) && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}
