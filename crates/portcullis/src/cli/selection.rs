//! Which groups, from where, and what they are judged by.

use std::time::Duration;

use clap::Args;
use portcullis_core::policy::Severity;

/// What is read and judged.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectionArgs {
    /// Files, folders, or `-` for stdin: what `aws ec2 describe-security-groups` and its like print; the format is
    /// recognised. Without any, the account that the AWS environment points at is read
    #[arg(value_name = "INPUT", help_heading = None)]
    pub(crate) inputs: Vec<String>,
    /// Only this account; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) account: Vec<String>,
    /// Only this Region, or `all` that are enabled; of files, the Region of groups whose input does not tell it; may be repeated
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Vec<String>,
    /// Only this group, by id or name; may be repeated
    #[arg(long, value_name = "GROUP")]
    pub(crate) group: Vec<String>,
    /// Only groups of this VPC; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) vpc: Vec<String>,
    /// Only groups with this tag; may be repeated, all must hold
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) tag: Vec<String>,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    #[command(flatten)]
    pub(crate) policies: PolicyArgs,
}

/// How AWS is reached.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "AWS")]
pub(crate) struct AwsArgs {
    /// The profile of the AWS configuration whose credentials are used
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Read these accounts: a file with one id a line, or with a policy's `accounts_config`; or `org`, all active accounts
    /// of the organisation
    #[arg(long, value_name = "FILE|org")]
    pub(crate) accounts_from: Option<String>,
    /// Of the organisation only accounts below this organisational unit; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) ou: Vec<String>,
    /// The role to assume in each account, by its name
    #[arg(long, value_name = "NAME")]
    pub(crate) role_name: Option<String>,
    /// The external id that the role's trust policy asks for
    #[arg(long, value_name = "ID")]
    pub(crate) external_id: Option<String>,
    /// The name that the sessions bear in CloudTrail
    #[arg(long, value_name = "NAME", default_value = "portcullis")]
    pub(crate) session_name: String,
    /// How many accounts and Regions are read, or groups changed, at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) concurrency: Option<u16>,
    /// How long reading may take in all, such as `90s` or `15m`; what is not read then is unknown
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) time_budget: Option<Duration>,
}

/// What is judged by.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Policies")]
pub(crate) struct PolicyArgs {
    /// Judge by this policy, a file, `s3://BUCKET/KEY` or `ssm:NAME`; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<String>,
    /// Judge by this pack; may be repeated [default: recommended, unless --policy is given]
    #[arg(long, value_name = "NAME")]
    pub(crate) pack: Vec<String>,
    /// Only this control, by its id or a policy's rule id; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) control: Vec<String>,
    /// Only controls of at least this severity
    #[arg(long, value_name = "SEVERITY", value_parser = super::severity)]
    pub(crate) severity: Option<Severity>,
    /// The environment of all groups, whatever accounts and tags say
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,
}

/// A time such as `90s`, `15m`, `2h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is no length of time: a number with s, m or h is expected, such as `90s` or `15m`");
    let (number, seconds) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) if text.ends_with('s') => (number, 1),
        Some(number) if text.ends_with('m') => (number, 60),
        Some(number) => (number, 3600),
        None => (text, 1),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).filter(|seconds| *seconds > 0).map(Duration::from_secs).ok_or_else(wrong)
}
