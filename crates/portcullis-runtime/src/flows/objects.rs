//! Flow logs in a bucket: which objects, and their bytes, fetched ahead of whoever reads them.

use std::io::{self, Seek as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use portcullis_cloud::api::{Below, Cloud, Objects};
use portcullis_cloud::error::{Error, Kind, Result};
use portcullis_cloud::patience::{Backoff, pages, repeated};
use portcullis_cloud::stores::S3Location;
use portcullis_flows::Input;
use portcullis_flows::input::Content;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;

use super::Wanted;
use super::layout::{Relation, relation};

/// An object that may hold wanted records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// How many bytes it has.
    pub size: u64,
}

/// How much is asked for at once.
const PART: u64 = 8 << 20;
/// How many requests are under way at once.
const REQUESTS: usize = 16;
/// How much is held of objects that nobody has read yet, in units of 64 KB.
const AHEAD: u32 = 2048;
const UNIT: u64 = 1 << 16;
/// A greater object goes to a temporary file. AWS's own are up to 75 MB.
const IN_MEMORY: u64 = 256 << 20;
/// How long a call is made again while it fails for passing reasons.
const PATIENCE: Duration = Duration::from_secs(60);

/// Finds the objects below a location that may hold wanted records, in the order of their keys.
///
/// # Errors
/// Where a folder cannot be listed.
pub async fn find(cloud: &Arc<dyn Cloud>, location: &S3Location, wanted: &Wanted) -> Result<Vec<Found>> {
    let objects = cloud.objects().await?;
    let folders = list(&objects, location, wanted, &folder(location)).await?;
    if !folders.is_empty() || location.prefix.is_empty() {
        return Ok(folders);
    }
    // Not a folder, but perhaps an object, or the beginning of several names.
    list(&objects, location, wanted, &location.prefix).await
}

fn folder(location: &S3Location) -> String {
    if location.prefix.is_empty() { String::new() } else { format!("{}/", location.prefix) }
}

async fn list(objects: &Arc<dyn Objects>, location: &S3Location, wanted: &Wanted, prefix: &str) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut running: JoinSet<Result<(bool, Vec<Below>)>> = JoinSet::new();
    let places = Arc::new(Semaphore::new(REQUESTS));
    let spawn = |running: &mut JoinSet<_>, prefix: String, folders: bool| {
        let (objects, bucket, places) = (Arc::clone(objects), location.bucket.clone(), Arc::clone(&places));
        running.spawn(async move {
            let _place = places.acquire_owned().await;
            let mut patience = Backoff::new(PATIENCE);
            let fetch = |next| objects.below(&bucket, &prefix, folders, next);
            pages(&mut patience, "s3:ListBucket", fetch).await.map(|below| (folders, below))
        });
    };
    match relation(prefix, wanted) {
        Relation::Outside => {}
        // What is wanted altogether is listed in as few calls as can be.
        relation => spawn(&mut running, prefix.to_owned(), relation == Relation::Partly),
    }
    while let Some(done) = running.join_next().await {
        let (_, below) = done.unwrap_or_else(|_| Err(Error::new(Kind::Answer, "s3:ListBucket", "a thread failed")))?;
        for below in below {
            match below {
                Below::Folder(folder) => match relation(&folder, wanted) {
                    Relation::Outside => {}
                    relation => spawn(&mut running, folder, relation == Relation::Partly),
                },
                Below::Object { key, size } => {
                    if size > 0 && !key.ends_with('/') && relation(&key, wanted) != Relation::Outside {
                        found.push(Found { bucket: location.bucket.clone(), key, size });
                    }
                }
            }
        }
    }
    found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    Ok(found)
}

/// The objects as inputs. They are fetched side by side and ahead, in their order, and each in pieces; what cannot be
/// fetched is an input that cannot be read.
///
/// # Errors
/// Where there are no credentials.
pub async fn inputs(cloud: &Arc<dyn Cloud>, found: Vec<Found>, handle: &Handle) -> Result<Vec<Input>> {
    let objects = cloud.objects().await?;
    let (ahead, requests) = (Arc::new(Semaphore::new(AHEAD as usize)), Arc::new(Semaphore::new(REQUESTS)));
    let (mut inputs, mut waiting) = (Vec::new(), Vec::new());
    for object in found {
        let (sender, receiver) = oneshot::channel::<(io::Result<Content>, Option<OwnedSemaphorePermit>)>();
        let name = format!("s3://{}/{}", object.bucket, object.key);
        inputs.push(Input::new(name, Some(object.size), move || {
            let gone = || io::Error::other("nobody fetched it");
            // With the permit goes the claim on memory: from here on it is the reader's.
            let (content, _claim) = receiver.blocking_recv().map_err(|_| gone())?;
            content
        }));
        waiting.push((object, sender));
    }
    handle.spawn(async move {
        for (object, sender) in waiting {
            let units = object.size.div_ceil(UNIT).min(u64::from(AHEAD)).max(1);
            // One after the other, so that what is read first is fetched first.
            let claim = Arc::clone(&ahead).acquire_many_owned(u32::try_from(units).unwrap_or(AHEAD)).await.ok();
            if sender.is_closed() {
                continue;
            }
            let (objects, requests) = (Arc::clone(&objects), Arc::clone(&requests));
            tokio::spawn(async move {
                let content = fetch(&objects, &object, &requests).await;
                // A reader that has gone wants nothing more.
                let _ = sender.send((content, claim));
            });
        }
    });
    Ok(inputs)
}

/// Fetches an object, all of it of one version.
async fn fetch(objects: &Arc<dyn Objects>, object: &Found, requests: &Arc<Semaphore>) -> io::Result<Content> {
    let first = part(objects, object, requests, 0, None).await.map_err(in_words)?;
    let size = first.size;
    let etag = Arc::new(first.etag);
    let mut starts = (1..size.div_ceil(PART)).map(|number| number * PART);
    let mut running = JoinSet::new();
    let mut parts = std::collections::BTreeMap::from([(0, first.bytes)]);
    let mut sink = Sink::new(size)?;
    let mut next = 0;
    loop {
        while let Some(bytes) = parts.remove(&next) {
            next += bytes.len() as u64;
            sink.write(&bytes)?;
        }
        while running.len() < REQUESTS
            && let Some(start) = starts.next()
        {
            let (objects, object, requests, etag) =
                (Arc::clone(objects), object.clone(), Arc::clone(requests), Arc::clone(&etag));
            running.spawn(async move {
                let part = part(&objects, &object, &requests, start, Some(&etag)).await;
                part.map(|part| (start, part.bytes))
            });
        }
        let Some(done) = running.join_next().await else { break };
        let (start, bytes) = done.map_err(io::Error::other)?.map_err(in_words)?;
        parts.insert(start, bytes);
    }
    if next != size {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "pieces are missing"));
    }
    sink.finish()
}

async fn part(
    objects: &Arc<dyn Objects>,
    object: &Found,
    requests: &Arc<Semaphore>,
    start: u64,
    etag: Option<&str>,
) -> Result<portcullis_cloud::api::Part> {
    let _place = requests.acquire().await;
    let mut patience = Backoff::new(PATIENCE);
    repeated(&mut patience, || objects.part(&object.bucket, &object.key, start, PART, etag)).await
}

fn in_words(error: Error) -> io::Error {
    let kind = match error.kind {
        Kind::Denied => io::ErrorKind::PermissionDenied,
        Kind::NotFound => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error.to_string())
}

/// Where an object's bytes go.
enum Sink {
    Memory(Vec<u8>),
    File(std::fs::File),
}

impl Sink {
    fn new(size: u64) -> io::Result<Self> {
        match usize::try_from(size) {
            Ok(length) if size <= IN_MEMORY => Ok(Self::Memory(Vec::with_capacity(length))),
            _ => tempfile::tempfile().map(Self::File),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory(all) => {
                all.extend_from_slice(bytes);
                Ok(())
            }
            Self::File(file) => file.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<Content> {
        match self {
            Self::Memory(bytes) => Ok(Content::Bytes(bytes.into())),
            Self::File(mut file) => {
                file.rewind()?;
                Ok(Content::File(file))
            }
        }
    }
}
