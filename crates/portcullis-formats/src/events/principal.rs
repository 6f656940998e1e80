//! Who made a call, as CloudTrail tells it.

use super::EventError;
use super::field::Field;

/// What kind of principal it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalKind {
    /// A user of IAM.
    User,
    /// A session of a role.
    Role,
    /// An account's root user.
    Root,
    /// A service of AWS, or something that CloudTrail names in another way.
    #[default]
    Other,
}

/// Who made a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// What kind.
    pub kind: PrincipalKind,
    /// Its ARN, that of the session for a role; else the name of the service, or `unknown`.
    pub arn: String,
    /// Its account; empty where it has none.
    pub account_id: String,
    /// The user's name, or that of the session's role; empty for others.
    pub name: String,
    /// The name of the session; empty for others than roles.
    pub session: String,
}

impl Principal {
    /// From a record's `userIdentity`. Source: CloudTrail User Guide, "CloudTrail userIdentity element".
    pub(super) fn of(identity: &Field<'_>) -> Result<Self, EventError> {
        let arn = identity.text("arn")?;
        let account_id = identity.text("accountId")?.to_owned();
        let issuer = identity.at("userIdentity.sessionContext", "sessionContext");
        let issuer = issuer.at("userIdentity.sessionContext.sessionIssuer", "sessionIssuer");
        let by_type = match identity.text("type")? {
            "IAMUser" => PrincipalKind::User,
            "AssumedRole" => PrincipalKind::Role,
            "Root" => PrincipalKind::Root,
            "" => kind_of(arn),
            _ => PrincipalKind::Other,
        };
        let parts: Vec<&str> = arn.splitn(6, ':').nth(5).unwrap_or_default().split('/').collect();
        let last = parts.last().copied().unwrap_or_default();
        let (name, session) = match by_type {
            PrincipalKind::User => {
                (Some(identity.text("userName")?).filter(|name| !name.is_empty()).unwrap_or(last), "")
            }
            PrincipalKind::Role => {
                let in_arn = parts.get(1).copied().unwrap_or_default();
                let told = issuer.text("userName")?;
                (if told.is_empty() { in_arn } else { told }, if parts.len() > 2 { last } else { "" })
            }
            PrincipalKind::Root | PrincipalKind::Other => ("", ""),
        };
        let named = [arn, identity.text("invokedBy")?, identity.text("principalId")?, "unknown"];
        let arn = named.into_iter().find(|name| !name.is_empty()).unwrap_or_default().to_owned();
        Ok(Self { kind: by_type, arn, account_id, name: name.to_owned(), session: session.to_owned() })
    }

    /// From an ARN: `arn:aws:iam::111122223333:user/ann`, `…:role/NAME`, `arn:aws:sts::…:assumed-role/NAME/SESSION`.
    ///
    /// # Errors
    /// Where it names neither a user nor a role.
    pub fn parse(arn: &str) -> Result<Self, EventError> {
        let wrong = || {
            EventError(format!(
                "`{}` is no user and no role: an ARN such as `arn:aws:iam::111122223333:user/ann`, `…:role/NAME` or \
                 `arn:aws:sts::111122223333:assumed-role/NAME/SESSION` is expected",
                super::field::short(arn)
            ))
        };
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _, "iam" | "sts", _, account, resource] = parts.as_slice() else { return Err(wrong()) };
        let account_id = super::field::account(account)?;
        let path: Vec<&str> = resource.split('/').collect();
        let fits = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
        let (name, session) = match path.as_slice() {
            ["user" | "role", .., name] => (*name, ""),
            ["assumed-role", name, session @ ..] => (*name, session.first().copied().unwrap_or_default()),
            _ => return Err(wrong()),
        };
        if name.is_empty() || !name.chars().all(fits) {
            return Err(wrong());
        }
        Ok(Self {
            kind: kind_of(arn),
            arn: arn.to_owned(),
            account_id,
            name: name.to_owned(),
            session: session.to_owned(),
        })
    }
}

/// What kind an ARN is of.
fn kind_of(arn: &str) -> PrincipalKind {
    match arn.splitn(6, ':').nth(5).and_then(|resource| resource.split('/').next()) {
        Some("user") => PrincipalKind::User,
        Some("assumed-role" | "role") => PrincipalKind::Role,
        Some("root") => PrincipalKind::Root,
        _ => PrincipalKind::Other,
    }
}
