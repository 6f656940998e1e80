//! The Lambda door: events from AWS to the use cases of the runtime.
//!
//! What it goes by stands in its environment ([`settings`]). It is opened once, when the function starts; each call answers
//! what it is given ([`answer`]).

mod answer;
mod budget;
mod fit;
mod settings;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use portcullis_runtime::live::Handle;
use portcullis_runtime::service::Service;
use serde_json::Value;
use tokio::task::spawn_blocking;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let service = Arc::new(open().await?);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| called(Arc::clone(&service), event))).await
}

/// Opens the service. What is wrong with the environment ends the function before its first call.
async fn open() -> anyhow::Result<Service> {
    let cloud = portcullis_aws::real::connect(portcullis_aws::real::Settings::default()).await?;
    let handle = Handle::from(tokio::runtime::Handle::current());
    let opened = spawn_blocking(move || {
        let environment = |name: &str| std::env::var(name).ok();
        let settings = settings::read(&environment, &cloud, &handle)?;
        Ok::<Service, anyhow::Error>(Service::open(cloud, handle, settings)?)
    });
    opened.await.context("the service could not be opened")?
}

/// A call that failed, as AWS Step Functions and the function's log name it.
#[derive(Debug)]
struct Failed(String);

impl From<Failed> for Diagnostic {
    fn from(Failed(why): Failed) -> Self {
        Self { error_type: "Portcullis.Failed".to_owned(), error_message: why }
    }
}

/// One call. Its work waits for calls of AWS, so it is done beside the runtime's own threads.
async fn called(service: Arc<Service>, event: LambdaEvent<Value>) -> Result<Value, Failed> {
    let interrupt = Arc::new(AtomicBool::new(false));
    let timer = tokio::spawn(budget::near_the_end(event.context.deadline, Arc::clone(&interrupt)));
    let answered = spawn_blocking(move || answer::answer(&service, &event.payload, &interrupt)).await;
    timer.abort();
    let answered = answered.map_err(|_| Failed("the answer could not be waited for".to_owned()))?;
    answered.map_err(|error| Failed(fit::cut(&format!("{error:#}"))))
}
