//! AWS itself, through its SDK.
//!
//! Calls are made once: pace, patience and paging are decided above [`crate::api`]. What is decided here is who one is
//! ([`environment`], [`session`]), how requests leave ([`send`], [`http`]) and what answers mean (`…/convert.rs`, [`errors`]).

mod cloudformation;
mod cloudwatch;
mod dynamodb;
mod ec2;
mod environment;
mod errors;
mod http;
mod iam;
mod logs;
mod organization;
mod s3;
mod send;
mod session;
mod sns;
mod sqs;
mod ssm;
mod users;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{Region, SdkConfig};

use self::session::Sessions;
use crate::api::{
    AccountAccess, Caller, Cloud, Ec2, Logs, Metrics, Objects, Organization, Parameters, Principals, Queue, Stacks,
    Table, Topics, Users,
};
use crate::calls::Call;
use crate::error::{Error, Kind, Result};

/// What the environment does not say, or what shall count instead of it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The profile of the AWS configuration files; it comes before keys in the environment.
    pub profile: Option<String>,
    /// The home Region, else `AWS_REGION`, the profile's, or the machine's.
    pub region: Option<String>,
    /// The home Region where none of these names one, else `us-east-1`: whoever asks for Regions of China alone has no keys
    /// elsewhere.
    pub spare_region: Option<String>,
    /// Where all services are, else `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_S3`, …, or the profile's `endpoint_url`.
    pub endpoint_url: Option<String>,
    /// Keys, else the usual chain: environment, profile, SSO, web identity, process, container, machine.
    pub keys: Option<Keys>,
    /// How long a call may take.
    pub limits: Limits,
}

/// Keys that are given by hand.
#[derive(Clone)]
pub struct Keys {
    /// The access key id.
    pub id: String,
    /// The secret access key.
    pub secret: String,
    /// The session's token, for keys that end.
    pub token: Option<String>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// How long the steps of a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until there is a connection.
    pub connect: Duration,
    /// From the request to the first byte of the answer.
    pub read: Duration,
    /// All of it.
    pub call: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), read: Duration::from_secs(30), call: Duration::from_secs(60) }
    }
}

/// Reads the environment and makes ready to call AWS; nothing is sent yet but to the machine's own metadata service.
///
/// # Errors
///
/// If `AWS_CA_BUNDLE` cannot be used. Credentials are sought by the first call, which fails with
/// [`Kind::NoCredentials`] where there are none.
pub async fn connect(settings: Settings) -> Result<Arc<dyn Cloud>> {
    let (own, home) = environment::load(&settings).await?;
    Ok(Arc::new(Aws { sessions: Arc::new(Sessions::new(own)), home, ec2: Mutex::default() }))
}

/// So many clients of EC2 are kept. Whoever goes through accounts and Regions needs each only once.
const KEPT: usize = 32;

/// AWS, by the environment's credentials.
#[derive(Debug)]
struct Aws {
    sessions: Arc<Sessions>,
    /// The Region that was named, as opposed to the one that calls fall back to.
    home: Option<Region>,
    /// Clients that were made before: making one takes about as long as a call, and an event makes a handful of calls.
    ec2: Mutex<HashMap<(AccountAccess, String), Arc<ec2::Door>>>,
}

impl Aws {
    /// The own configuration in a Region, else in the home Region, of which there must be one.
    fn own_in(&self, region: Option<&str>, call: Call) -> Result<SdkConfig> {
        let region = region.map(|region| Region::new(region.to_owned())).or_else(|| self.home.clone());
        let Some(region) = region else {
            let text = "there is no Region: name one with AWS_REGION or in the profile";
            return Err(Error::new(Kind::Invalid, call.action(), text));
        };
        Ok(in_region(self.sessions.own(), region))
    }

    async fn account_in(&self, access: &AccountAccess, region: &str) -> Result<SdkConfig> {
        let config = self.sessions.into_account(access).await?;
        let config = in_region(&config, Region::new(region.to_owned())).into_builder();
        // It looks after answers that are read bit by bit once a call is over. These are whole when it ends, within the
        // limit of all of it, and a watch over each of a thousand calls under way is felt.
        Ok(config.stalled_stream_protection(StalledStreamProtectionConfig::disabled()).build())
    }
}

fn in_region(config: &SdkConfig, region: Region) -> SdkConfig {
    config.clone().into_builder().region(region).build()
}

#[async_trait]
impl Cloud for Aws {
    fn home_region(&self) -> Option<String> {
        self.home.as_ref().map(ToString::to_string)
    }

    async fn caller(&self, access: &AccountAccess) -> Result<Caller> {
        match access.role {
            Some(_) => session::identity(&self.sessions.into_account(access).await?).await,
            None => {
                self.sessions.into_account(access).await?;
                self.sessions.caller().await
            }
        }
    }

    async fn ec2(&self, access: &AccountAccess, region: &str) -> Result<Arc<dyn Ec2>> {
        self.sessions.enter(access).await?;
        let key = (access.clone(), region.to_owned());
        let kept = || self.ec2.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept().get(&key).cloned();
        if let Some(door) = known {
            return Ok(door);
        }
        let config = self.account_in(access, region).await?;
        let door = Arc::new(ec2::Door::new(&config, Arc::clone(&self.sessions)));
        let mut kept = kept();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&door));
        Ok(door)
    }

    async fn users(&self, access: &AccountAccess, region: &str) -> Result<Arc<dyn Users>> {
        let config = self.account_in(access, region).await?;
        Ok(Arc::new(users::Doors::new(&config, Arc::clone(&self.sessions))))
    }

    async fn stacks(&self, access: &AccountAccess, region: &str) -> Result<Arc<dyn Stacks>> {
        let config = self.account_in(access, region).await?;
        Ok(Arc::new(cloudformation::Door::new(&config, Arc::clone(&self.sessions))))
    }

    async fn organization(&self) -> Result<Arc<dyn Organization>> {
        Ok(Arc::new(organization::Door::new(self.sessions.own())))
    }

    async fn objects(&self) -> Result<Arc<dyn Objects>> {
        Ok(Arc::new(s3::Door::new(self.sessions.own())))
    }

    async fn parameters(&self, region: Option<&str>) -> Result<Arc<dyn Parameters>> {
        Ok(Arc::new(ssm::Door::new(&self.own_in(region, Call::GetParameter)?)))
    }

    async fn topics(&self, region: &str) -> Result<Arc<dyn Topics>> {
        Ok(Arc::new(sns::Door::new(&self.own_in(Some(region), Call::Publish)?)))
    }

    async fn metrics(&self, region: Option<&str>) -> Result<Arc<dyn Metrics>> {
        Ok(Arc::new(cloudwatch::Door::new(&self.own_in(region, Call::PutMetricData)?)))
    }

    async fn logs(&self, region: Option<&str>) -> Result<Arc<dyn Logs>> {
        Ok(Arc::new(logs::Door::new(&self.own_in(region, Call::FilterLogEvents)?)))
    }

    async fn table(&self, name: &str, region: Option<&str>) -> Result<Arc<dyn Table>> {
        Ok(Arc::new(dynamodb::Door::new(&self.own_in(region, Call::GetItem)?, name)))
    }

    async fn queue(&self, url: &str) -> Result<Arc<dyn Queue>> {
        Ok(Arc::new(sqs::Door::new(&self.own_in(sqs::region_of(url), Call::ReceiveMessage)?, url)))
    }

    async fn principals(&self, access: &AccountAccess) -> Result<Arc<dyn Principals>> {
        let home =
            self.home.as_ref().or(self.sessions.own().region()).map_or(environment::FALLBACK_REGION, AsRef::as_ref);
        Ok(Arc::new(iam::Door::new(&self.account_in(access, home).await?)))
    }
}
