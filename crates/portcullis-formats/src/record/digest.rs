//! One number for a whole document.

use std::io::{self, Write};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

struct Hash(Sha256);

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The SHA-256 of a document's JSON without white space, keys in the order of the format, as 64 hexadecimal digits.
///
/// Layout does not count, so that a document may be formatted anew; every name and value does.
pub(crate) fn digest<T: Serialize>(document: &T) -> String {
    let mut hash = Hash(Sha256::new());
    // Neither the hash nor our own records can fail to be written.
    let written = serde_json::to_writer(&mut hash, document);
    let digest = hash.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if written.is_ok() { digest } else { String::new() }
}
