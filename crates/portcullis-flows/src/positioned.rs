//! Reading a file at a place, by several threads at once: a file's own cursor is shared by all of them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

/// Reads from a place on.
#[derive(Debug)]
pub(crate) struct At {
    pub(crate) file: Arc<File>,
    pub(crate) offset: u64,
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = read_at(&self.file, buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// A file or bytes in memory, as the parquet crate reads them.
#[derive(Clone, Debug)]
pub(crate) enum Whole {
    File(Arc<File>, u64),
    Bytes(Bytes),
}

impl Length for Whole {
    fn len(&self) -> u64 {
        match self {
            Self::File(_, length) => *length,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

impl ChunkReader for Whole {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        match self {
            // Headers of pages are read byte by byte.
            Self::File(file, _) => {
                Ok(Box::new(BufReader::with_capacity(1 << 10, At { file: Arc::clone(file), offset: start })))
            }
            Self::Bytes(bytes) => ChunkReader::get_read(bytes, start).map(|reader| Box::new(reader) as Self::T),
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        match self {
            Self::File(file, whole) => {
                // What a damaged file says of its lengths is no reason to ask for so much memory.
                if start.checked_add(length as u64).is_none_or(|end| end > *whole) {
                    return Err(ParquetError::EOF(format!("{length} bytes are expected at byte {start}")));
                }
                let mut buffer = vec![0; length];
                At { file: Arc::clone(file), offset: start }.read_exact(&mut buffer)?;
                Ok(buffer.into())
            }
            Self::Bytes(bytes) => bytes.get_bytes(start, length),
        }
    }
}
