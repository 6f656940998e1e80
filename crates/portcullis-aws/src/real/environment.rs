//! What the environment says: credentials, Region, endpoints. All by aws-config, within bounds of time.

use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::config::{IdentityCache, SharedCredentialsProvider, SharedHttpClient};

use super::{Settings, http};
use crate::calls::Call;
use crate::error::{Error, Kind, Result};

/// How long the metadata service may take. It answers within milliseconds where there is one; on a laptop nothing
/// answers at all, and who has no credentials shall be told so at once.
const METADATA: Duration = Duration::from_secs(1);

/// How long credentials may take: a browser that signs in, a process that asks for a second factor.
const CREDENTIALS: Duration = Duration::from_mins(2);

/// Where calls go whose Region nobody names; services without Regions are served from there too.
pub(super) const FALLBACK_REGION: &str = "us-east-1";

/// The configuration, and the Region that was named, if one was.
pub(super) async fn load(settings: &Settings) -> Result<(SdkConfig, Option<Region>)> {
    let client = http::shared()?;
    let bare = ProviderConfig::without_region().with_http_client(client.clone());
    let metadata = metadata_client(&bare);

    let home = home_region(settings, &bare, &metadata).await;
    let spare = || settings.spare_region.clone().map_or(Region::from_static(FALLBACK_REGION), Region::new);
    let region = home.clone().unwrap_or_else(spare);
    let limits = TimeoutConfig::builder()
        .connect_timeout(settings.limits.connect)
        .read_timeout(settings.limits.read)
        .operation_attempt_timeout(settings.limits.call)
        .build();

    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(client.clone())
        .region(region.clone())
        .retry_config(RetryConfig::disabled())
        .timeout_config(limits)
        .identity_cache(IdentityCache::lazy().load_timeout(CREDENTIALS).build())
        .app_name(app_name()?)
        .no_credentials();
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &settings.endpoint_url {
        loader = loader.endpoint_url(endpoint);
    }
    let config = loader.load().await;
    let provider = credentials(settings, &config, client, metadata).await;
    Ok((config.into_builder().credentials_provider(provider).build(), home))
}

/// Where credentials come from. A profile that is named comes before keys in the environment, as in the AWS CLI;
/// otherwise it is the usual chain.
async fn credentials(
    settings: &Settings,
    config: &SdkConfig,
    client: SharedHttpClient,
    metadata: imds::Client,
) -> SharedCredentialsProvider {
    // The sources of credentials retry by themselves: they are few, and nobody above counts their calls.
    let context = ProviderConfig::without_region()
        .with_http_client(client)
        .with_region(config.region().cloned())
        .with_use_fips(config.use_fips())
        .with_use_dual_stack(config.use_dual_stack());
    if let Some(keys) = &settings.keys {
        let keys = Credentials::new(&keys.id, &keys.secret, keys.token.clone(), None, "settings");
        return SharedCredentialsProvider::new(keys);
    }
    if let Some(profile) = &settings.profile {
        let provider = ProfileFileCredentialsProvider::builder().configure(&context).profile_name(profile).build();
        return SharedCredentialsProvider::new(NamedProfile { name: profile.clone(), provider });
    }
    let chain = DefaultCredentialsChain::builder().configure(context).imds_client(metadata);
    SharedCredentialsProvider::new(chain.region(config.region().cloned()).build().await)
}

/// A profile that says its name when it has no credentials: aws-config does not, where there is no file at all.
#[derive(Debug)]
struct NamedProfile {
    name: String,
    provider: ProfileFileCredentialsProvider,
}

impl ProvideCredentials for NamedProfile {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let named = |error| match error {
            CredentialsError::CredentialsNotLoaded(_) => {
                let text = format!("profile `{}` does not exist or holds none", self.name);
                CredentialsError::not_loaded(text)
            }
            other => other,
        };
        future::ProvideCredentials::new(async move { self.provider.provide_credentials().await.map_err(named) })
    }
}

/// The Region that settings, environment, profile or machine name, in this order.
async fn home_region(settings: &Settings, context: &ProviderConfig, metadata: &imds::Client) -> Option<Region> {
    let mut profile = ProfileFileRegionProvider::builder().configure(context);
    if let Some(name) = &settings.profile {
        profile = profile.profile_name(name);
    }
    let named = RegionProviderChain::first_try(settings.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build());
    let found = named.region().await;
    // Keys that were given by hand say that the machine has no part in this.
    if found.is_some() || settings.keys.is_some() {
        return found;
    }
    let machine = ImdsRegionProvider::builder().configure(context).imds_client(metadata.clone()).build();
    machine.region().await
}

fn metadata_client(context: &ProviderConfig) -> imds::Client {
    imds::Client::builder()
        .configure(context)
        .max_attempts(2)
        .connect_timeout(METADATA)
        .read_timeout(METADATA)
        .operation_timeout(METADATA)
        .build()
}

fn app_name() -> Result<AppName> {
    let name = concat!("portcullis-", env!("CARGO_PKG_VERSION"));
    AppName::new(name)
        .map_err(|error| Error::new(Kind::Invalid, Call::GetCallerIdentity.action(), format!("`{name}`: {error}")))
}
