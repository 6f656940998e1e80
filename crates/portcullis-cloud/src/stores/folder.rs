//! Objects below a prefix, none of which is ever overwritten.

use std::sync::Arc;
use std::time::Duration;

use super::location::S3Location;
use crate::api::{Object, Objects, Put};
use crate::error::{Error, Kind};
use crate::patience::{Backoff, Patience, pages, repeated};

/// Why an object could not be kept or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A call failed.
    #[error("`{place}` could not be {doing}: {error}")]
    Call {
        /// The object.
        place: String,
        /// `written`, `read`, `listed` or `deleted`.
        doing: &'static str,
        /// Why.
        error: Error,
    },
    /// There is another object already.
    #[error("`{0}` exists already, and nothing is overwritten")]
    Exists(String),
}

/// A prefix of a bucket. Calls that fail for a passing reason are made again for a while.
#[derive(Clone, Debug)]
pub struct Folder {
    pub(super) objects: Arc<dyn Objects>,
    location: S3Location,
    kms_key: Option<String>,
    budget: Duration,
}

impl Folder {
    /// Below this location. `kms_key` encrypts what is written; each operation may take up to `budget`.
    pub fn new(objects: Arc<dyn Objects>, location: S3Location, kms_key: Option<String>, budget: Duration) -> Self {
        Self { objects, location, kms_key, budget }
    }

    /// Where a person finds what has this name.
    pub fn place(&self, name: &str) -> String {
        format!("s3://{}/{}", self.location.bucket, self.location.key(name))
    }

    /// Writes an object that must be new, and gives its ETag. Where an answer is lost, an object with the same bytes is
    /// taken for the one that was written.
    ///
    /// # Errors
    /// Where another object has the name, or it cannot be written.
    pub async fn create(&self, name: &str, bytes: &[u8], content_type: &str) -> Result<String, StoreError> {
        self.put(name, bytes, Put { only_new: true, content_type, ..Put::default() }).await
    }

    /// Puts an object under a condition. [`StoreError::Exists`] where the condition does not hold.
    pub(super) async fn put(&self, name: &str, bytes: &[u8], how: Put<'_>) -> Result<String, StoreError> {
        let key = self.location.key(name);
        let how = Put { kms_key: self.kms_key.as_deref(), ..how };
        let mut patience = Backoff::new(self.budget);
        let mut unanswered = false;
        loop {
            let error = match self.objects.put(&self.location.bucket, &key, bytes.to_vec(), &how).await {
                Ok(etag) => return Ok(etag),
                Err(error) => error,
            };
            match error.kind {
                // An earlier attempt of ours may be what stands in the way.
                Kind::Condition if unanswered => match self.read(name).await {
                    Ok(object) if object.bytes == bytes => return Ok(object.etag),
                    Ok(_) => return Err(StoreError::Exists(self.place(name))),
                    Err(error) => return Err(error),
                },
                Kind::Condition => return Err(StoreError::Exists(self.place(name))),
                Kind::Throttled => {}
                Kind::Server | Kind::Unreachable | Kind::Answer => unanswered = true,
                _ => return Err(self.failed(name, "written", error)),
            }
            if !patience.again(&error).await {
                return Err(self.failed(name, "written", error));
            }
        }
    }

    /// Reads an object as it is kept.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn read(&self, name: &str) -> Result<Object, StoreError> {
        let nothing =
            || Error::new(Kind::Answer, "s3:GetObject", "the answer is that nothing changed, of which nobody asked");
        self.changed(name, None).await?.ok_or_else(|| self.failed(name, "read", nothing()))
    }

    /// Reads an object unless it still has this ETag.
    pub(super) async fn changed(&self, name: &str, known: Option<&str>) -> Result<Option<Object>, StoreError> {
        let key = self.location.key(name);
        let mut patience = Backoff::new(self.budget);
        let object = repeated(&mut patience, || self.objects.get(&self.location.bucket, &key, known)).await;
        object.map_err(|error| self.failed(name, "read", error))
    }

    /// The names below `below`, in order.
    ///
    /// # Errors
    /// Where they cannot be listed.
    pub async fn names(&self, below: &str) -> Result<Vec<String>, StoreError> {
        // With its slash, so that `a` does not list what is below `ab`.
        let root = self.location.key("");
        let prefix = format!("{root}{below}");
        let mut patience = Backoff::new(self.budget);
        let list = |next| self.objects.list(&self.location.bucket, &prefix, next);
        let keys = pages(&mut patience, "s3:ListBucket", list).await;
        let keys = keys.map_err(|error| self.failed(below, "listed", error))?;
        let mut names: Vec<String> = keys.iter().filter_map(|key| key.strip_prefix(&root)).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let key = self.location.key(name);
        let mut patience = Backoff::new(self.budget);
        let gone = repeated(&mut patience, || self.objects.delete(&self.location.bucket, &key)).await;
        gone.map_err(|error| self.failed(name, "deleted", error))
    }

    pub(super) fn failed(&self, name: &str, doing: &'static str, error: Error) -> StoreError {
        StoreError::Call { place: self.place(name), doing, error }
    }
}
