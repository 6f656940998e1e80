//! What went wrong with a call, in our own terms: what decides how to go on, and what a person needs to know.

use std::fmt;

/// The kind of a failure, which decides what is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// No credentials could be found, or the provider failed.
    NoCredentials,
    /// The credentials have expired or are not valid.
    Expired,
    /// IAM, a service control policy or a resource policy says no.
    Denied,
    /// The Region is not enabled for the account, or does not exist.
    RegionDisabled,
    /// Too many calls; to be repeated more slowly.
    Throttled,
    /// The service failed; to be repeated.
    Server,
    /// No answer: name resolution, connection, reset, time-out, an answer cut short. To be repeated where the call can be.
    Unreachable,
    /// What was asked for does not exist.
    NotFound,
    /// What was to be made exists already.
    Duplicate,
    /// A quota is reached.
    Quota,
    /// A condition of a conditional write did not hold, or a cached copy is still current.
    Condition,
    /// The machine's clock is too far from AWS's.
    Clock,
    /// AWS refuses the request as it stands.
    Invalid,
    /// An answer that cannot be understood.
    Answer,
}

impl Kind {
    /// Whether the same call may succeed a little later.
    pub const fn is_passing(self) -> bool {
        matches!(self, Self::Throttled | Self::Server | Self::Unreachable)
    }

    /// Whether a call that only reads is worth making again: an answer that cannot be understood may be whole next time.
    pub const fn may_read_again(self) -> bool {
        self.is_passing() || matches!(self, Self::Answer)
    }

    /// Whether every other call with the same credentials would fail in the same way.
    pub const fn is_about_credentials(self) -> bool {
        matches!(self, Self::NoCredentials | Self::Expired | Self::Clock)
    }
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is to be done about it.
    pub kind: Kind,
    /// The call, as IAM writes it: `ec2:DescribeSecurityGroups`.
    pub call: &'static str,
    /// AWS's code, such as `UnauthorizedOperation`; empty where there is none.
    pub code: String,
    /// What AWS, or the network, says.
    pub message: String,
    /// AWS's id of the request; empty where there is none.
    pub request_id: String,
}

impl Error {
    /// A failure that came without an answer of AWS.
    pub fn new(kind: Kind, call: &'static str, message: impl Into<String>) -> Self {
        Self { kind, call, code: String::new(), message: message.into(), request_id: String::new() }
    }

    /// What a person can do about it; empty where nothing better than the message is known.
    pub const fn advice(&self) -> &'static str {
        match self.kind {
            Kind::NoCredentials => "sign in (`aws sso login`, `aws configure`) or name a profile with AWS_PROFILE",
            Kind::Expired => "the credentials have expired: sign in again",
            Kind::Denied => "allow the call in the role's policy: `deploy/iam/` holds ones that suffice",
            Kind::RegionDisabled => "enable the Region for the account, or leave it out with --region",
            Kind::Throttled => "AWS asks for fewer calls: lower --concurrency, or give more time with --time-budget",
            Kind::Unreachable => "check the network, the proxy and AWS_ENDPOINT_URL",
            Kind::Clock => "set the machine's clock: AWS refuses requests that are minutes off",
            Kind::Server => "the failure is AWS's own: try again later",
            Kind::NotFound | Kind::Duplicate | Kind::Quota | Kind::Condition | Kind::Invalid | Kind::Answer => "",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed", self.call)?;
        if !self.code.is_empty() {
            write!(f, " with {}", self.code)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message.trim_end_matches('.'))?;
        }
        if !self.request_id.is_empty() {
            write!(f, " (request {})", self.request_id)?;
        }
        let advice = self.advice();
        if advice.is_empty() { Ok(()) } else { write!(f, "; {advice}") }
    }
}

impl std::error::Error for Error {}

/// What a call answers.
pub type Result<T> = std::result::Result<T, Error>;
