//! Rules files and their hashes.

use std::collections::BTreeMap;

use md5::{Digest as _, Md5};

/// The hash of a file's content: MD5 in hexadecimal digits, as pysec-aws kept it. It tells changes apart and protects
/// nothing. Line ends count as `\n`, since git writes others on some machines.
///
/// ```
/// assert_eq!(portcullis_rules::hash_of(b"a\r\nb\n"), portcullis_rules::hash_of(b"a\nb\n"));
/// assert_eq!(portcullis_rules::hash_of(b""), "d41d8cd98f00b204e9800998ecf8427e");
/// ```
pub fn hash_of(content: &[u8]) -> String {
    let mut hash = Md5::new();
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => {
                hash.update(line);
                hash.update(b"\n");
            }
            None => hash.update(line),
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A rules file now and as it was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStatus {
    /// Its path, relative to the repository.
    pub path: String,
    /// Its hash when it was committed; `None` for a new file.
    pub committed: Option<String>,
    /// Its hash now; `None` for a file that is gone.
    pub current: Option<String>,
}

impl FileStatus {
    /// Whether the two differ.
    pub fn differs(&self) -> bool {
        self.committed != self.current
    }

    /// `new`, `removed`, `changed` or `unchanged`.
    pub fn word(&self) -> &'static str {
        match (&self.committed, &self.current) {
            (None, Some(_)) => "new",
            (Some(_), None) => "removed",
            (committed, current) if committed != current => "changed",
            _ => "unchanged",
        }
    }

    /// All files of two lists, by path.
    pub(crate) fn of(committed: &BTreeMap<String, String>, current: &BTreeMap<String, String>) -> Vec<Self> {
        let mut paths: Vec<&String> = committed.keys().chain(current.keys()).collect();
        paths.sort();
        paths.dedup();
        let status = |path: &String| Self {
            path: path.clone(),
            committed: committed.get(path).cloned(),
            current: current.get(path).cloned(),
        };
        paths.into_iter().map(status).collect()
    }
}
