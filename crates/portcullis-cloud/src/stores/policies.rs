//! Policies from S3 and the parameter store.
//!
//! An object that did not change since it was last read is taken from a folder of copies, after S3 has said so. The copy
//! never stands in for an object that cannot be read: that stops the run. The parameter store always answers with the
//! parameter, so that there is nothing to be saved by copies of it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::location::Location;
use crate::api::{Cloud, Object};
use crate::error::{Error, Kind};
use crate::patience::{Backoff, repeated};

/// Why there is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It could not be read.
    #[error("the policy `{place}` could not be read: {error}")]
    Call {
        /// Where it is.
        place: String,
        /// Why.
        error: Error,
    },
    /// It is no place for policies.
    #[error("`{0}` is no place for a policy: name a file, `s3://bucket/key` or `ssm:name`")]
    Place(String),
}

/// Reads policies.
#[derive(Clone, Debug)]
pub struct Policies {
    cloud: Arc<dyn Cloud>,
    copies: Option<PathBuf>,
    budget: Duration,
}

impl Policies {
    /// From this world, with copies in a folder of its own, if there is one. Each may take up to `budget`.
    pub fn new(cloud: Arc<dyn Cloud>, copies: Option<PathBuf>, budget: Duration) -> Self {
        Self { cloud, copies, budget }
    }

    /// A policy as it is now.
    ///
    /// # Errors
    /// Where it cannot be read, whether or not there is a copy.
    pub async fn read(&self, location: &Location) -> Result<Vec<u8>, PolicyError> {
        let place = location.to_string();
        if matches!(location, Location::S3(location) if location.prefix.is_empty())
            || matches!(location, Location::DynamoDb(_))
        {
            return Err(PolicyError::Place(place));
        }
        let mut patience = Backoff::new(self.budget);
        let bytes = repeated(&mut patience, || self.once(location, &place)).await;
        bytes.map_err(|error| PolicyError::Call { place, error })
    }

    async fn once(&self, location: &Location, place: &str) -> Result<Vec<u8>, Error> {
        match location {
            Location::S3(location) => {
                let copy = self.file(place).and_then(|file| load(&file, place));
                let known = copy.as_ref().map(|copy| copy.etag.as_str());
                let objects = self.cloud.objects().await?;
                match (objects.get(&location.bucket, &location.prefix, known).await?, copy) {
                    (Some(object), _) => {
                        self.keep(place, &object);
                        Ok(object.bytes)
                    }
                    (None, Some(copy)) => Ok(copy.bytes),
                    (None, None) => Err(Error::new(Kind::Answer, "s3:GetObject", "the answer holds no object")),
                }
            }
            Location::Ssm(name) => {
                // An ARN names the Region in which the parameter is.
                let region = name.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2));
                let parameters = self.cloud.parameters(region.filter(|region| !region.is_empty())).await?;
                Ok(parameters.get(name).await?.bytes)
            }
            Location::DynamoDb(_) => Err(Error::new(Kind::Invalid, "dynamodb:GetItem", "a table holds no policies")),
        }
    }

    /// The copy's file: its name is the digest of where the policy is.
    fn file(&self, place: &str) -> Option<PathBuf> {
        Some(self.copies.as_ref()?.join(hex(&Sha256::digest(place.as_bytes()))))
    }

    /// Keeps a copy. One that cannot be kept is read again next time, and that is all.
    fn keep(&self, place: &str, object: &Object) {
        let Some(file) = self.file(place) else { return };
        let digest = hex(&Sha256::digest(&object.bytes));
        let head =
            Head { schema_version: "1".into(), location: place.into(), etag: object.etag.clone(), sha256: digest };
        let Ok(mut bytes) = serde_json::to_vec(&head) else { return };
        bytes.push(b'\n');
        bytes.extend_from_slice(&object.bytes);
        // Under a name of its own until it is whole: several processes may be at it.
        let unfinished = file.with_extension(format!("{}.part", std::process::id()));
        let written = || -> std::io::Result<()> {
            fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
            fs::write(&unfinished, bytes)?;
            fs::rename(&unfinished, &file)
        };
        if written().is_err() {
            let _ = fs::remove_file(&unfinished);
        }
    }
}

/// The first line of a copy.
#[derive(Serialize, Deserialize)]
struct Head {
    schema_version: String,
    location: String,
    etag: String,
    sha256: String,
}

/// A copy, if there is one and it is whole.
fn load(file: &Path, place: &str) -> Option<Object> {
    let content = fs::read(file).ok()?;
    let end = content.iter().position(|byte| *byte == b'\n')?;
    let (head, rest) = content.split_at_checked(end)?;
    let head: Head = serde_json::from_slice(head).ok()?;
    let bytes = rest.get(1..)?.to_vec();
    let whole = head.schema_version == "1" && head.location == place && head.sha256 == hex(&Sha256::digest(&bytes));
    whole.then_some(Object { bytes, etag: head.etag })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
