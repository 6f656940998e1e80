//! Amazon S3.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use aws_config::{Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use aws_types::service_config::ServiceConfigKey;

use super::errors;
use super::send::ask;
use crate::api::{Below, Object, Objects, Page, Part, Put};
use crate::calls::Call;
use crate::error::{Error, Kind, Result};

/// The status of an answer that has nothing new.
const NOT_MODIFIED: u16 = 304;

/// All buckets.
#[derive(Debug)]
pub(super) struct Door {
    config: SdkConfig,
    /// An endpoint of one's own seldom has a name for each bucket.
    path_style: bool,
    /// Clients by Region.
    clients: Mutex<HashMap<String, Client>>,
    /// The Regions of buckets that turned out to be elsewhere.
    buckets: Mutex<HashMap<String, String>>,
}

/// Sends a request, and sends it again to the Region where the bucket is, if that is another. The answer tells, so no
/// permission to ask for a bucket's Region is needed.
macro_rules! send_to {
    ($door:ident, $bucket:ident, $call:ident, |$client:ident| $request:expr) => {{
        let $client = $door.client($bucket);
        let first = ask!($call, $request);
        match first.as_ref().err().and_then(errors::bucket_region) {
            Some(region) if $door.moves($bucket, &region) => {
                let $client = $door.client($bucket);
                ask!($call, $request)
            }
            _ => first,
        }
    }};
}

impl Door {
    pub(super) fn new(config: &SdkConfig) -> Self {
        let path_style = config.endpoint_url().is_some() || own_endpoint(config).is_some();
        Self { config: config.clone(), path_style, clients: Mutex::default(), buckets: Mutex::default() }
    }

    /// The client for a bucket's Region, which is the home Region until we learn better.
    fn client(&self, bucket: &str) -> Client {
        let home = || self.config.region().map(ToString::to_string).unwrap_or_default();
        let region = self.buckets.lock().unwrap_or_else(PoisonError::into_inner).get(bucket).cloned();
        let region = region.unwrap_or_else(home);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let config = aws_sdk_s3::config::Builder::from(&self.config).region(Region::new(region.clone()));
            Client::from_conf(config.force_path_style(self.path_style).build())
        };
        clients.entry(region.clone()).or_insert_with(make).clone()
    }

    /// Keeps in mind where a bucket is; whether that is news.
    fn moves(&self, bucket: &str, region: &str) -> bool {
        let asked = self.client(bucket).config().region().map(ToString::to_string);
        let news = asked.as_deref() != Some(region);
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).insert(bucket.to_owned(), region.to_owned());
        news
    }
}

/// `AWS_ENDPOINT_URL_S3`, or the same in the profile.
fn own_endpoint(config: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    config.service_config()?.load_config(key.ok()?)
}

#[async_trait]
impl Objects for Door {
    async fn get(&self, bucket: &str, key: &str, known: Option<&str>) -> Result<Option<Object>> {
        let answer = send_to!(self, bucket, GetObject, |client| {
            client.get_object().bucket(bucket).key(key).set_if_none_match(known.map(str::to_owned))
        });
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if errors::status(&error) == Some(NOT_MODIFIED) => return Ok(None),
            Err(error) => return Err(about(errors::failure(Call::GetObject, &error), bucket, key)),
        };
        let etag = answer.e_tag.unwrap_or_default();
        let bytes = answer.body.collect().await.map_err(|_cut| {
            Error::new(Kind::Unreachable, Call::GetObject.action(), format!("`s3://{bucket}/{key}` was cut short"))
        })?;
        Ok(Some(Object { bytes: bytes.to_vec(), etag }))
    }

    async fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>, how: &Put<'_>) -> Result<String> {
        let answer = send_to!(self, bucket, PutObject, |client| {
            let encryption = how.kms_key.map(|_| ServerSideEncryption::AwsKms);
            client
                .put_object()
                .bucket(bucket)
                .key(key)
                .body(ByteStream::from(bytes.clone()))
                .content_type(how.content_type)
                .set_if_none_match(how.only_new.then(|| "*".to_owned()))
                .set_if_match(how.only_if.map(str::to_owned))
                .set_server_side_encryption(encryption)
                .set_ssekms_key_id(how.kms_key.map(str::to_owned))
        });
        let answer = answer.map_err(|error| about(errors::failure(Call::PutObject, &error), bucket, key))?;
        Ok(answer.e_tag.unwrap_or_default())
    }

    async fn list(&self, bucket: &str, prefix: &str, next: Option<String>) -> Result<Page<String>> {
        let answer = send_to!(self, bucket, ListObjects, |client| {
            client.list_objects_v2().bucket(bucket).prefix(prefix).set_continuation_token(next.clone())
        });
        let answer = answer.map_err(|error| about(errors::failure(Call::ListObjects, &error), bucket, prefix))?;
        let keys = answer.contents.unwrap_or_default().into_iter().filter_map(|object| object.key);
        Ok(Page { items: keys.collect(), next: answer.next_continuation_token })
    }

    async fn part(&self, bucket: &str, key: &str, start: u64, length: u64, only_if: Option<&str>) -> Result<Part> {
        let range = format!("bytes={start}-{}", start.saturating_add(length).saturating_sub(1));
        let answer = send_to!(self, bucket, GetObject, |client| {
            client.get_object().bucket(bucket).key(key).range(&range).set_if_match(only_if.map(str::to_owned))
        });
        let answer = answer.map_err(|error| about(errors::failure(Call::GetObject, &error), bucket, key))?;
        let etag = answer.e_tag.unwrap_or_default();
        // `bytes 0-99/1234`; an answer without it is the whole object.
        let size = answer.content_range.as_deref().and_then(|range| range.rsplit_once('/')?.1.parse().ok());
        let bytes = answer.body.collect().await.map_err(|_cut| {
            Error::new(Kind::Unreachable, Call::GetObject.action(), format!("`s3://{bucket}/{key}` was cut short"))
        })?;
        let bytes = bytes.to_vec();
        Ok(Part { size: size.unwrap_or(bytes.len() as u64), bytes, etag })
    }

    async fn below(&self, bucket: &str, prefix: &str, folders: bool, next: Option<String>) -> Result<Page<Below>> {
        let answer = send_to!(self, bucket, ListObjects, |client| {
            let delimiter = folders.then(|| "/".to_owned());
            let request = client.list_objects_v2().bucket(bucket).prefix(prefix).set_delimiter(delimiter);
            request.set_continuation_token(next.clone())
        });
        let answer = answer.map_err(|error| about(errors::failure(Call::ListObjects, &error), bucket, prefix))?;
        let folders = answer.common_prefixes.unwrap_or_default().into_iter().filter_map(|folder| folder.prefix);
        let objects = answer.contents.unwrap_or_default().into_iter().filter_map(|object| {
            let size = object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
            object.key.map(|key| Below::Object { key, size })
        });
        let items = folders.map(Below::Folder).chain(objects).collect();
        Ok(Page { items, next: answer.next_continuation_token })
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<()> {
        let answer = send_to!(self, bucket, DeleteObject, |client| { client.delete_object().bucket(bucket).key(key) });
        answer.map(drop).map_err(|error| about(errors::failure(Call::DeleteObject, &error), bucket, key))
    }
}

/// S3's own sentences name neither bucket nor key.
fn about(mut error: Error, bucket: &str, key: &str) -> Error {
    error.message = format!("`s3://{bucket}/{key}`: {}", error.message);
    error
}
