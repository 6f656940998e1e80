//! S3 in memory, with answers that are lost and calls that are refused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use crate::api::{
    AccountAccess, Caller, Cloud, Ec2, Metrics, Object, Objects, Organization, Page, Parameters, Put, Stacks, Table,
    Topics, Users,
};
use crate::error::{Error, Kind, Result};
use crate::model;
use crate::stores::{Folder, S3Location};

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Fine,
    Throttled,
    Lost,
    AnswerLost,
    Denied,
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) objects: Mutex<BTreeMap<String, Object>>,
    /// What becomes of the next calls; of those after them, all is fine.
    pub(super) fates: Mutex<Vec<Fate>>,
    pub(super) kms_keys: Mutex<Vec<Option<String>>>,
    pub(super) calls: Mutex<Vec<String>>,
    versions: Mutex<usize>,
}

impl Memory {
    pub(super) fn fated(fates: &[Fate]) -> Arc<Self> {
        let memory = Self::default();
        memory.fate(fates);
        Arc::new(memory)
    }

    pub(super) fn fate(&self, fates: &[Fate]) {
        *self.fates.lock().unwrap() = fates.iter().rev().copied().collect();
    }

    pub(super) fn folder(self: &Arc<Self>) -> Folder {
        let location: S3Location = "s3://bucket/a/prefix".parse().unwrap();
        Folder::new(
            Arc::clone(self) as Arc<dyn Objects>,
            location,
            Some("alias/key".to_owned()),
            Duration::from_secs(60),
        )
    }

    /// What is below the prefix: names and contents.
    pub(super) fn kept(&self) -> Vec<(String, String)> {
        let objects = self.objects.lock().unwrap();
        let text = |object: &Object| String::from_utf8(object.bytes.clone()).unwrap();
        let kept = objects.iter().map(|(key, object)| (key.trim_start_matches("a/prefix/").to_owned(), text(object)));
        kept.collect()
    }

    pub(super) fn write(&self, key: &str, bytes: &[u8]) -> String {
        let mut versions = self.versions.lock().unwrap();
        *versions += 1;
        let etag = format!("v{versions}");
        self.objects.lock().unwrap().insert(key.to_owned(), Object { bytes: bytes.to_vec(), etag: etag.clone() });
        etag
    }

    fn call<T>(&self, name: &'static str, key: &str, act: impl FnOnce() -> Result<T>) -> Result<T> {
        self.calls.lock().unwrap().push(format!("{name} {key}"));
        match self.fates.lock().unwrap().pop().unwrap_or(Fate::Fine) {
            Fate::Fine => act(),
            Fate::Throttled => Err(Error::new(Kind::Throttled, name, "slow down")),
            Fate::Lost => Err(Error::new(Kind::Unreachable, name, "connection reset")),
            Fate::AnswerLost => {
                let _ = act();
                Err(Error::new(Kind::Unreachable, name, "connection reset"))
            }
            Fate::Denied => Err(Error::new(Kind::Denied, name, "no")),
        }
    }
}

#[async_trait]
impl Objects for Memory {
    async fn get(&self, _: &str, key: &str, known: Option<&str>) -> Result<Option<Object>> {
        self.call("s3:GetObject", key, || match self.objects.lock().unwrap().get(key) {
            None => Err(Error::new(Kind::NotFound, "s3:GetObject", "no such key")),
            Some(object) => Ok((known != Some(&object.etag)).then(|| object.clone())),
        })
    }

    async fn put(&self, _: &str, key: &str, bytes: Vec<u8>, how: &Put<'_>) -> Result<String> {
        self.kms_keys.lock().unwrap().push(how.kms_key.map(str::to_owned));
        self.call("s3:PutObject", key, || {
            let there = self.objects.lock().unwrap().get(key).map(|object| object.etag.clone());
            let holds =
                !(how.only_new && there.is_some()) && how.only_if.is_none_or(|etag| there.as_deref() == Some(etag));
            if holds { Ok(self.write(key, &bytes)) } else { Err(Error::new(Kind::Condition, "s3:PutObject", "")) }
        })
    }

    /// Two a page.
    async fn list(&self, _: &str, prefix: &str, next: Option<String>) -> Result<Page<String>> {
        self.call("s3:ListBucket", prefix, || {
            let from: usize = next.map_or(0, |next| next.parse().unwrap());
            let objects = self.objects.lock().unwrap();
            let all: Vec<_> = objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect();
            let items = all.iter().skip(from).take(2).cloned().collect();
            Ok(Page { items, next: (from + 2 < all.len()).then(|| (from + 2).to_string()) })
        })
    }

    async fn part(&self, _: &str, _: &str, _: u64, _: u64, _: Option<&str>) -> Result<crate::api::Part> {
        unimplemented!()
    }

    async fn below(&self, _: &str, _: &str, _: bool, _: Option<String>) -> Result<Page<crate::api::Below>> {
        unimplemented!()
    }

    async fn delete(&self, _: &str, key: &str) -> Result<()> {
        self.call("s3:DeleteObject", key, || {
            self.objects.lock().unwrap().remove(key);
            Ok(())
        })
    }
}

#[async_trait]
impl Parameters for Memory {
    async fn get(&self, name: &str) -> Result<Object> {
        Objects::get(self, "", name, None).await.map(Option::unwrap)
    }
}

/// The world in memory, with S3 and a parameter store of its own.
#[derive(Debug)]
pub(super) struct World {
    memory: Arc<Memory>,
    others: model::World,
}

impl World {
    pub(super) fn with(memory: &Arc<Memory>) -> Self {
        Self { memory: Arc::clone(memory), others: model::World::new().with_home_region(None) }
    }
}

#[async_trait]
impl Cloud for World {
    fn home_region(&self) -> Option<String> {
        self.others.home_region()
    }
    async fn caller(&self, access: &AccountAccess) -> Result<Caller> {
        self.others.caller(access).await
    }
    async fn ec2(&self, access: &AccountAccess, region: &str) -> Result<Arc<dyn Ec2>> {
        self.others.ec2(access, region).await
    }
    async fn users(&self, access: &AccountAccess, region: &str) -> Result<Arc<dyn Users>> {
        self.others.users(access, region).await
    }
    async fn stacks(&self, access: &AccountAccess, region: &str) -> Result<Arc<dyn Stacks>> {
        self.others.stacks(access, region).await
    }
    async fn organization(&self) -> Result<Arc<dyn Organization>> {
        self.others.organization().await
    }
    async fn objects(&self) -> Result<Arc<dyn Objects>> {
        Ok(Arc::clone(&self.memory) as Arc<dyn Objects>)
    }
    async fn parameters(&self, region: Option<&str>) -> Result<Arc<dyn Parameters>> {
        self.memory.calls.lock().unwrap().push(format!("in {}", region.unwrap_or("the home Region")));
        Ok(Arc::clone(&self.memory) as Arc<dyn Parameters>)
    }
    async fn topics(&self, region: &str) -> Result<Arc<dyn Topics>> {
        self.others.topics(region).await
    }
    async fn metrics(&self, region: Option<&str>) -> Result<Arc<dyn Metrics>> {
        self.others.metrics(region).await
    }
    async fn table(&self, name: &str, region: Option<&str>) -> Result<Arc<dyn Table>> {
        self.others.table(name, region).await
    }
    async fn logs(&self, region: Option<&str>) -> Result<Arc<dyn crate::api::Logs>> {
        self.others.logs(region).await
    }
    async fn queue(&self, url: &str) -> Result<Arc<dyn crate::api::Queue>> {
        self.others.queue(url).await
    }
    async fn principals(&self, access: &AccountAccess) -> Result<Arc<dyn crate::api::Principals>> {
        self.others.principals(access).await
    }
}

/// On a clock that goes on by itself whenever everybody waits.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}
