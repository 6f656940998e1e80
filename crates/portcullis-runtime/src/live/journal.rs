//! The journal on S3.

use jiff::Timestamp;
use portcullis_formats::journal::Run;

use super::{Handle, told};
use crate::ports::{Journal, PortError};

/// A journal below a prefix of a bucket. Lines wait until they are made durable together.
#[derive(Debug)]
pub struct LiveJournal {
    journal: portcullis_cloud::stores::Journal,
    handle: Handle,
}

impl LiveJournal {
    /// There.
    pub fn new(journal: portcullis_cloud::stores::Journal, handle: Handle) -> Self {
        Self { journal, handle }
    }
}

impl Journal for LiveJournal {
    fn record(&self, run: &Run, at: Timestamp, line: &[u8]) -> Result<(), PortError> {
        self.journal.record(&run.plan, &run.run_id, at, line);
        Ok(())
    }

    fn sync(&self) -> Result<(), PortError> {
        self.handle.block_on(self.journal.sync()).map_err(told)
    }

    fn past(&self, plan: &str) -> Result<Vec<u8>, PortError> {
        self.handle.block_on(self.journal.past(plan)).map_err(told)
    }
}
