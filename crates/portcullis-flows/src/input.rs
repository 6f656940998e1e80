//! What is read: files, streams, bytes in memory; text, gzip or Parquet, told by the first bytes.

use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use crate::positioned::{At, Whole};
use crate::progress::{Counted, Progress};

/// What an input turns out to be when it is opened.
pub enum Content {
    /// A file.
    File(File),
    /// What was read whole.
    Bytes(Bytes),
    /// Anything that comes bit by bit.
    Stream(Box<dyn Read + Send>),
}

/// One input, opened when its turn comes.
pub struct Input {
    /// What the user knows it by.
    pub name: String,
    /// How many bytes it has, where that is known.
    pub size: Option<u64>,
    open: Box<dyn FnOnce() -> io::Result<Content> + Send>,
}

impl Input {
    /// An input that `open` opens.
    pub fn new(
        name: impl Into<String>,
        size: Option<u64>,
        open: impl FnOnce() -> io::Result<Content> + Send + 'static,
    ) -> Self {
        Self { name: name.into(), size, open: Box::new(open) }
    }

    /// A file.
    pub fn file(path: PathBuf) -> Self {
        let size = fs::metadata(&path).ok().filter(fs::Metadata::is_file).map(|about| about.len());
        Self::new(path.display().to_string(), size, move || File::open(path).map(Content::File))
    }

    /// Standard input.
    pub fn stdin() -> Self {
        Self::new("-", None, || Ok(Content::Stream(Box::new(io::stdin()))))
    }

    /// Bytes in memory.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::new(name, Some(bytes.len() as u64), || Ok(Content::Bytes(bytes)))
    }

    /// A file, or all files below a folder, in the order of their paths; hidden ones are passed over. What cannot be listed
    /// is an input that cannot be opened, so that it is named with the others.
    pub fn below(path: &Path) -> Vec<Self> {
        if !fs::metadata(path).is_ok_and(|about| about.is_dir()) {
            return vec![Self::file(path.to_owned())];
        }
        let list = || fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
        let mut paths = match list() {
            Ok(paths) => paths,
            Err(error) => return vec![Self::new(path.display().to_string(), None, || Err(error))],
        };
        paths.sort_unstable();
        let hidden = |path: &&PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        paths.iter().filter(|path| !hidden(path)).flat_map(|path| Self::below(path)).collect()
    }

    pub(crate) fn open(self, progress: &Arc<Progress>) -> io::Result<Opened> {
        let whole = match (self.open)()? {
            Content::File(file) => {
                let about = file.metadata()?;
                if about.is_file() {
                    Whole::File(Arc::new(file), about.len())
                } else {
                    return of_stream(Box::new(file), progress);
                }
            }
            Content::Bytes(bytes) => Whole::Bytes(bytes),
            Content::Stream(stream) => return of_stream(stream, progress),
        };
        let reader = || -> Box<dyn Read + Send> {
            match &whole {
                Whole::File(file, _) => Box::new(At { file: Arc::clone(file), offset: 0 }),
                Whole::Bytes(bytes) => Box::new(Cursor::new(bytes.clone())),
            }
        };
        let first = first_bytes(&mut reader())?;
        if first == *PARQUET { Ok(Opened::Parquet(whole)) } else { Ok(text(&first, reader(), progress)) }
    }
}

/// An input of which it is known what it holds.
pub(crate) enum Opened {
    Text(Box<dyn Read + Send>),
    Parquet(Whole),
}

/// Parquet's first four bytes and its last.
const PARQUET: &[u8] = b"PAR1";
/// Gzip's first two (RFC 1952).
const GZIP: &[u8] = &[0x1f, 0x8b];

/// How much of a gzip file is read at once.
const BUFFER: usize = 1 << 17;

fn text(first: &[u8], reader: Box<dyn Read + Send>, progress: &Arc<Progress>) -> Opened {
    let counted = Counted::new(reader, Arc::clone(progress));
    if first.starts_with(GZIP) {
        return Opened::Text(Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, counted))));
    }
    Opened::Text(Box::new(counted))
}

fn of_stream(mut stream: Box<dyn Read + Send>, progress: &Arc<Progress>) -> io::Result<Opened> {
    let first = first_bytes(&mut stream)?;
    let mut whole = Cursor::new(first.clone()).chain(stream);
    if first == *PARQUET {
        // Parquet is read from its end.
        let mut file = tempfile::tempfile()?;
        let length = io::copy(&mut whole, &mut file)?;
        return Ok(Opened::Parquet(Whole::File(Arc::new(file), length)));
    }
    Ok(text(&first, Box::new(whole), progress))
}

fn first_bytes(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut first = Vec::with_capacity(PARQUET.len());
    reader.take(PARQUET.len() as u64).read_to_end(&mut first)?;
    Ok(first)
}
