//! The Lambda door: events from AWS to the use cases of the runtime.
//!
//! What it goes by stands in its environment ([`settings`]). It is opened once, when the function starts; each call answers
//! what it is given ([`answer`]).

mod answer;
mod settings;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use portcullis_runtime::service::Service;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

/// So long before its end a call begins nothing new.
const LAST_CALL: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Error> {
    let service = Arc::new(open().await?);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| called(Arc::clone(&service), event))).await
}

/// Opens the service. What is wrong with the environment ends the function before its first call.
async fn open() -> anyhow::Result<Service> {
    let cloud = portcullis_aws::real::connect(portcullis_aws::real::Settings::default()).await?;
    let handle = Handle::current();
    let opened = spawn_blocking(move || {
        let environment = |name: &str| std::env::var(name).ok();
        let settings = settings::read(&environment, &cloud, &handle)?;
        Ok::<Service, anyhow::Error>(Service::open(cloud, handle, settings)?)
    });
    opened.await.context("the service could not be opened")?
}

/// One call. Its work waits for calls of AWS, so it is done beside the runtime's own threads.
async fn called(service: Arc<Service>, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let interrupt = Arc::new(AtomicBool::new(false));
    let timer = tokio::spawn(near_the_end(event.context.deadline, Arc::clone(&interrupt)));
    let answered = spawn_blocking(move || answer::answer(&service, &event.payload, &interrupt)).await;
    timer.abort();
    answered.context("the answer could not be waited for")?.map_err(Error::from)
}

/// Sets the flag shortly before a call's time is over.
async fn near_the_end(deadline: u64, flag: Arc<AtomicBool>) {
    let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default();
    let left = Duration::from_millis(deadline.saturating_sub(now));
    tokio::time::sleep(left.saturating_sub(LAST_CALL)).await;
    flag.store(true, Ordering::Relaxed);
}
