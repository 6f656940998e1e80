//! A bucket of the world in memory, behind faults that strike by a list.

use std::sync::Arc;
use std::time::Duration;

use crate::api::{Cloud, Objects};
use crate::faults::{Fate, Faults};
use crate::model::World;
use crate::stores::Folder;

const BUCKET: &str = "bucket";

/// S3 with one bucket, whose pages hold two keys.
pub(super) struct Bench {
    pub(super) world: World,
    pub(super) faults: Faults,
    pub(super) objects: Arc<dyn Objects>,
}

impl Bench {
    pub(super) fn new() -> Self {
        let world = World::new().with_pages_of(2);
        world.add_bucket(BUCKET);
        let faults = Faults::around(Arc::new(world.clone()), []);
        Self { objects: run(faults.objects()).unwrap(), faults, world }
    }

    /// What becomes of the next calls; of those after them, all is fine.
    pub(super) fn fate(&self, fates: &[Fate]) {
        self.faults.fate("*", fates);
    }

    pub(super) fn folder(&self) -> Folder {
        let location = "s3://bucket/a/prefix".parse().unwrap();
        Folder::new(Arc::clone(&self.objects), location, Some("alias/key".to_owned()), Duration::from_secs(60))
    }

    /// What is below the prefix: names and contents.
    pub(super) fn kept(&self) -> Vec<(String, String)> {
        let text = |(key, bytes): (String, Vec<u8>)| {
            (key.trim_start_matches("a/prefix/").to_owned(), String::from_utf8(bytes).unwrap())
        };
        self.world.bucket(BUCKET).into_iter().map(text).collect()
    }

    pub(super) fn write(&self, key: &str, bytes: &[u8]) {
        self.world.put_object(BUCKET, key, bytes);
    }
}

/// On a clock that goes on by itself whenever everybody waits.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}
