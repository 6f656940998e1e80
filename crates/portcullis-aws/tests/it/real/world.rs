//! An account of one's own on the AWS-like server, and what is to be found in it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use portcullis_aws::real::{Keys, Limits, Settings, connect};
use portcullis_cloud::api::{AccountAccess, Cloud, Role};

/// The Region of all worlds.
pub(crate) const REGION: &str = "eu-west-1";

/// Where the AWS-like server is.
pub(crate) fn endpoint() -> String {
    std::env::var("PORTCULLIS_TEST_AWS").unwrap_or_else(|_| {
        panic!("start the tests with `cargo xtask test`, or `cargo xtask moto -- cargo nextest run …`")
    })
}

/// An account that no other test uses.
pub(crate) fn new_account() -> String {
    format!("{:012}", RandomState::new().build_hasher().finish() % 1_000_000_000_000)
}

/// Settings with keys of nobody, which the server takes for those of its default account.
pub(crate) fn settings() -> Settings {
    Settings {
        profile: None,
        region: Some(REGION.to_owned()),
        spare_region: None,
        endpoint_url: Some(endpoint()),
        keys: Some(Keys { id: "AKIAIOSFODNN7EXAMPLE".to_owned(), secret: "secret".to_owned(), token: None }),
        limits: Limits::default(),
    }
}

/// Access to an account through a role.
pub(crate) fn through_role(account: &str) -> AccountAccess {
    let role = Role { name: "audit".to_owned(), session_name: "test".to_owned(), ..Role::default() };
    AccountAccess { account: account.to_owned(), role: Some(role) }
}

/// An account with the environment in it, as somebody has who signed in there.
pub(crate) struct World {
    /// Twelve digits.
    pub(crate) account: String,
    /// The code under test, with keys of the account.
    pub(crate) cloud: Arc<dyn Cloud>,
    /// The SDK itself, to make things with.
    pub(crate) sdk: SdkConfig,
}

impl World {
    pub(crate) async fn new() -> Self {
        let account = new_account();
        let keys = keys_of(&account).await;
        let sdk = sdk(&keys);
        let cloud = connect(Settings { keys: Some(keys), ..settings() }).await.unwrap();
        Self { account, cloud, sdk }
    }

    pub(crate) fn ec2(&self) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.sdk)
    }

    /// A VPC without an internet gateway.
    pub(crate) async fn vpc(&self, block: &str) -> String {
        let answer = self.ec2().create_vpc().cidr_block(block).send().await.unwrap();
        answer.vpc.unwrap().vpc_id.unwrap()
    }

    /// A group with the outbound rule that AWS gives to each.
    pub(crate) async fn group(&self, vpc: &str, name: &str) -> String {
        let request = self.ec2().create_security_group().vpc_id(vpc).group_name(name).description("a test");
        request.send().await.unwrap().group_id.unwrap()
    }
}

/// Keys of an account: the server knows it by who assumed a role there.
async fn keys_of(account: &str) -> Keys {
    let nobody = settings().keys.unwrap();
    let request = aws_sdk_sts::Client::new(&sdk(&nobody)).assume_role();
    let request = request.role_arn(format!("arn:aws:iam::{account}:role/admin")).role_session_name("world");
    let keys = request.send().await.unwrap().credentials.unwrap();
    Keys { id: keys.access_key_id, secret: keys.secret_access_key, token: Some(keys.session_token) }
}

fn sdk(keys: &Keys) -> SdkConfig {
    let credentials = Credentials::new(&keys.id, &keys.secret, keys.token.clone(), None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static(REGION))
        .endpoint_url(endpoint())
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(credentials))
        .build()
}
