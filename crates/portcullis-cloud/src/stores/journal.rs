//! The journal on S3, which cannot append: each batch of lines is an object of its own.
//!
//! `<prefix>/journal/<plan>/<UTC time>-<run id>/<sequence>.jsonl`, where the plan stands as a digest of its name, so that
//! what earlier runs of one plan recorded is found without reading what all others did, and in the order of time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::folder::{Folder, StoreError};

/// A journal that several threads write to.
#[derive(Debug)]
pub struct Journal {
    folder: Folder,
    open: Mutex<BTreeMap<(String, String), Open>>,
    /// One batch at a time, so that a batch is durable only after those before it.
    writing: tokio::sync::Mutex<()>,
}

/// What a run recorded and what of it is still to be written.
#[derive(Debug)]
struct Open {
    folder: String,
    sequence: u32,
    /// A batch that was sent and may have arrived: it is sent again as it was.
    sent: Option<Vec<u8>>,
    lines: Vec<u8>,
}

impl Journal {
    /// In this folder.
    pub fn new(folder: Folder) -> Self {
        Self { folder, open: Mutex::default(), writing: tokio::sync::Mutex::default() }
    }

    /// Takes a line, with its end, of a run of a plan. It is durable once [`Journal::sync`] has returned.
    pub fn record(&self, plan: &str, run_id: &str, at: Timestamp, line: &[u8]) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let run = open.entry((plan.to_owned(), run_id.to_owned())).or_insert_with(|| Open {
            folder: format!("{}{}-{run_id}", of_plan(plan), at.strftime("%Y%m%dT%H%M%SZ")),
            sequence: 0,
            sent: None,
            lines: Vec::new(),
        });
        run.lines.extend_from_slice(line);
    }

    /// Makes durable what was recorded before the call.
    ///
    /// # Errors
    /// Where that fails; what could not be written stays to be tried again.
    pub async fn sync(&self) -> Result<(), StoreError> {
        let _turn = self.writing.lock().await;
        while let Some((run, name, batch)) = self.next_batch() {
            self.folder.create(&name, &batch, "application/x-ndjson").await?;
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(run) = open.get_mut(&run) {
                run.sent = None;
                run.sequence += 1;
            }
        }
        Ok(())
    }

    /// A run with something to write, the object's name, and the batch.
    fn next_batch(&self) -> Option<((String, String), String, Vec<u8>)> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, run) = open.iter_mut().find(|(_, run)| run.sent.is_some() || !run.lines.is_empty())?;
        let batch = run.sent.get_or_insert_with(|| std::mem::take(&mut run.lines)).clone();
        Some((key.clone(), format!("{}/{:06}.jsonl", run.folder, run.sequence), batch))
    }

    /// What runs of this plan recorded and made durable, the oldest first.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn past(&self, plan: &str) -> Result<Vec<u8>, StoreError> {
        let mut past = Vec::new();
        for name in self.folder.names(&of_plan(plan)).await? {
            past.extend(self.folder.read(&name).await?.bytes);
        }
        Ok(past)
    }

    /// Where a person finds it.
    pub fn place(&self) -> String {
        self.folder.place("journal")
    }
}

/// The part of the keys that is the plan's.
fn of_plan(plan: &str) -> String {
    let digest = Sha256::digest(plan.as_bytes());
    let mut text = String::from("journal/");
    for byte in digest.iter().take(8) {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('/');
    text
}
