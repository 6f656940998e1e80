//! Credentials: the environment's own, and sessions in other accounts.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::config::{IdentityCache, SharedCredentialsProvider};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::send::send;
use crate::api::{AccountAccess, Caller, Role};
use crate::calls::Call;
use crate::error::{Error, Kind, Result};

/// How long a session is asked for: the default of every role, and the most that a chain of roles may have.
const SESSION_SECONDS: i32 = 3600;

/// A session is renewed when it has less than this left, so that no call begins with one that ends under way.
const RENEW_BEFORE: Duration = Duration::from_mins(5);

/// For how long a refusal is remembered, lest each Region of an account asks for a role that was just refused.
const REMEMBER_REFUSAL: Duration = Duration::from_secs(30);

/// All sessions of a run.
pub(super) struct Sessions {
    own: SdkConfig,
    caller: OnceCell<Caller>,
    open: Mutex<HashMap<AccountAccess, Arc<tokio::sync::Mutex<Session>>>>,
}

/// One session. Who wants it while it is being opened waits for it.
#[derive(Default)]
enum Session {
    #[default]
    Closed,
    Open(Credentials),
    Refused(Error, Instant),
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl Sessions {
    pub(super) fn new(own: SdkConfig) -> Self {
        Self { own, caller: OnceCell::new(), open: Mutex::default() }
    }

    /// The configuration with the environment's own credentials.
    pub(super) fn own(&self) -> &SdkConfig {
        &self.own
    }

    /// Who the environment's own credentials are of. Asked once; a failure is not kept.
    pub(super) async fn caller(&self) -> Result<Caller> {
        self.caller.get_or_try_init(|| identity(&self.own)).await.cloned()
    }

    /// A refusal of keys that are good elsewhere is about the Region: one that is not enabled knows no keys of the account.
    pub(super) async fn about_region(&self, mut error: Error) -> Error {
        // Source: EC2 User Guide, "Regions and Zones": `AuthFailure`; the other services' codes for the same.
        let codes = ["AuthFailure", "UnrecognizedClientException", "InvalidClientTokenId"];
        if codes.contains(&error.code.as_str()) && self.caller().await.is_ok() {
            error.kind = Kind::RegionDisabled;
        }
        error
    }

    /// Makes sure that an account can be entered: its session is opened here, so that a refusal is known before the first
    /// call.
    pub(super) async fn enter(&self, access: &AccountAccess) -> Result<()> {
        if access.role.is_some() {
            return self.session(access).await.map(drop);
        }
        if !access.account.is_empty() {
            let own = self.caller().await?.account;
            if own != access.account {
                let text = format!(
                    "account `{}` is not that of the credentials (`{own}`): name a role to assume there with --role-name",
                    access.account
                );
                return Err(Error::new(Kind::Invalid, Call::AssumeRole.action(), text));
            }
        }
        Ok(())
    }

    /// The configuration for an account that can be entered.
    pub(super) async fn into_account(self: &Arc<Self>, access: &AccountAccess) -> Result<SdkConfig> {
        self.enter(access).await?;
        if access.role.is_none() {
            return Ok(self.own.clone());
        }
        let provider = RoleCredentials { sessions: Arc::clone(self), access: access.clone() };
        // This provider is itself a cache, and one that renews in time.
        let builder = self.own.clone().into_builder().identity_cache(IdentityCache::no_cache());
        Ok(builder.credentials_provider(SharedCredentialsProvider::new(provider)).build())
    }

    /// The credentials of a role, assumed if they are not there or about to end. Concurrent callers assume once.
    async fn session(&self, access: &AccountAccess) -> Result<Credentials> {
        let slot = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(open.entry(access.clone()).or_default())
        };
        let mut session = slot.lock().await;
        match &*session {
            Session::Open(credentials) if lasts(credentials, SystemTime::now()) => return Ok(credentials.clone()),
            Session::Refused(error, at) if at.elapsed() < REMEMBER_REFUSAL => return Err(error.clone()),
            _ => {}
        }
        match self.assume(access).await {
            Ok(credentials) => {
                *session = Session::Open(credentials.clone());
                Ok(credentials)
            }
            Err(error) => {
                *session = match error.kind.is_passing() {
                    true => Session::Closed,
                    false => Session::Refused(error.clone(), Instant::now()),
                };
                Err(error)
            }
        }
    }

    async fn assume(&self, access: &AccountAccess) -> Result<Credentials> {
        let Some(role) = &access.role else {
            return Err(Error::new(Kind::Invalid, Call::AssumeRole.action(), "there is no role to assume"));
        };
        let arn = match role.name.starts_with("arn:") {
            true => whole_arn(role, &access.account)?,
            false => role_arn(role, &access.account, &self.caller().await?)?,
        };
        let request = aws_sdk_sts::Client::new(&self.own)
            .assume_role()
            .role_arn(&arn)
            .role_session_name(&role.session_name)
            .set_external_id(role.external_id.clone())
            .set_policy(role.session_policy.clone())
            .duration_seconds(SESSION_SECONDS);
        let answer = send!(AssumeRole, request).map_err(|error| naming(error, &arn))?;
        let keys = answer.credentials.ok_or_else(|| {
            Error::new(Kind::Answer, Call::AssumeRole.action(), format!("no credentials came with `{arn}`"))
        })?;
        let ends = SystemTime::try_from(keys.expiration).ok();
        Ok(Credentials::new(keys.access_key_id, keys.secret_access_key, Some(keys.session_token), ends, "AssumeRole"))
    }
}

/// Who a configuration's credentials are of.
pub(super) async fn identity(config: &SdkConfig) -> Result<Caller> {
    let answer = send!(GetCallerIdentity, aws_sdk_sts::Client::new(config).get_caller_identity())?;
    match (answer.account, answer.arn) {
        (Some(account), Some(arn)) => Ok(Caller { account, arn }),
        _ => Err(Error::new(Kind::Answer, Call::GetCallerIdentity.action(), "the answer names no account")),
    }
}

/// Whether credentials last long enough to begin a call with.
fn lasts(credentials: &Credentials, now: SystemTime) -> bool {
    credentials.expiry().is_none_or(|end| end.duration_since(now).is_ok_and(|left| left > RENEW_BEFORE))
}

/// The ARN of a role that is given by its name: in the account asked for, else in the caller's.
fn role_arn(role: &Role, account: &str, caller: &Caller) -> Result<String> {
    let account = if account.is_empty() { &caller.account } else { account };
    let invalid = |text| Err(Error::new(Kind::Invalid, Call::AssumeRole.action(), text));
    if account.len() != 12 || !account.bytes().all(|digit| digit.is_ascii_digit()) {
        return invalid(format!("`{account}` is not an account: twelve digits are"));
    }
    // Source: IAM API Reference, `CreateRole`: the name's pattern is [\w+=,.@-]+; a path adds slashes.
    let name = role.name.trim_start_matches('/');
    let fits = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-/".contains(c);
    if name.is_empty() || !name.chars().all(fits) {
        return invalid(format!("`{}` is no name of a role: letters, digits and `+=,.@_-` make one", role.name));
    }
    let partition = caller.arn.split(':').nth(1).filter(|partition| !partition.is_empty()).unwrap_or("aws");
    Ok(format!("arn:{partition}:iam::{account}:role/{name}"))
}

/// A role that is given by its ARN, which must be of the account that it is to lead to.
fn whole_arn(role: &Role, account: &str) -> Result<String> {
    let named = role.name.split(':').nth(4).unwrap_or_default();
    if !account.is_empty() && named != account {
        let text = format!("the role `{}` does not lead to account `{account}`: give its name alone", role.name);
        return Err(Error::new(Kind::Invalid, Call::AssumeRole.action(), text));
    }
    Ok(role.name.clone())
}

/// A refusal that does not say which role it is about says so.
fn naming(mut error: Error, arn: &str) -> Error {
    if !error.message.contains(arn) {
        error.message = format!("role `{arn}`: {}", error.message);
    }
    error
}

/// Hands the session's credentials to the SDK, renewed where need be.
struct RoleCredentials {
    sessions: Arc<Sessions>,
    access: AccountAccess,
}

impl fmt::Debug for RoleCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleCredentials").field("account", &self.access.account).finish_non_exhaustive()
    }
}

impl ProvideCredentials for RoleCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.sessions.session(&self.access).await.map_err(CredentialsError::provider_error)
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn caller(arn: &str) -> Caller {
        Caller { account: "111122223333".to_owned(), arn: arn.to_owned() }
    }

    fn role(name: &str) -> Role {
        Role { name: name.to_owned(), ..Role::default() }
    }

    #[test]
    fn a_role_is_sought_in_the_account_and_partition() {
        let aws = caller("arn:aws:iam::111122223333:user/ann");
        let gov = caller("arn:aws-us-gov:sts::111122223333:assumed-role/x/y");
        let arn = |name: &str, account: &str, caller: &Caller| role_arn(&role(name), account, caller).unwrap();
        assert_eq!(arn("audit", "444455556666", &aws), "arn:aws:iam::444455556666:role/audit");
        assert_eq!(arn("/team/audit", "", &aws), "arn:aws:iam::111122223333:role/team/audit");
        assert_eq!(arn("audit", "444455556666", &gov), "arn:aws-us-gov:iam::444455556666:role/audit");
    }

    #[test]
    fn what_is_no_role_or_account_is_refused_before_it_is_sent() {
        let aws = caller("arn:aws:iam::111122223333:user/ann");
        for (name, account, complaint) in [
            ("audit", "12345", "is not an account"),
            ("audit", "1111222233334", "is not an account"),
            ("au dit", "444455556666", "no name of a role"),
            ("", "444455556666", "no name of a role"),
        ] {
            let error = role_arn(&role(name), account, &aws).unwrap_err();
            assert!(error.message.contains(complaint), "{name} {account}: {error}");
        }
        let foreign = whole_arn(&role("arn:aws:iam::111122223333:role/x"), "444455556666").unwrap_err();
        assert!(foreign.message.contains("does not lead to account `444455556666`"), "{foreign}");
    }

    #[test]
    fn a_session_is_renewed_before_it_ends() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
        let ending = |left: u64| {
            let end = now + Duration::from_secs(left);
            Credentials::new("id", "secret", None, Some(end), "test")
        };
        assert!(lasts(&ending(301), now));
        assert!(!lasts(&ending(299), now));
        assert!(!lasts(&Credentials::new("id", "secret", None, Some(now - RENEW_BEFORE), "test"), now));
        assert!(lasts(&Credentials::new("id", "secret", None, None, "test"), now));
    }
}
