//! Acting on events.

use std::net::SocketAddr;

use clap::Args;
use portcullis_core::net::AnyCidr;
use portcullis_core::policy::Severity;

use super::{AwsArgs, PlanFormat, PolicyArgs, StrategyName};

/// How events are answered.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Response")]
pub(crate) struct EventArgs {
    /// Change what the policy or --strategy asks; without it nothing in the account is changed
    #[arg(long, env = "PORTCULLIS_ENFORCE", hide_env = true, value_parser = flag)]
    pub(crate) enforce: bool,
    /// Put right everything that is found in this way; an order by hand, which needs no level
    #[arg(long, value_name = "STRATEGY", env = "PORTCULLIS_STRATEGY", hide_env = true, value_parser = strategy)]
    pub(crate) strategy: Option<Ordered>,
    /// The sources that take the place of offending ones
    #[arg(long, value_name = "CIDR", value_delimiter = ',', env = "PORTCULLIS_REPLACE_WITH", hide_env = true,
          value_parser = cidr)]
    pub(crate) replace_with: Vec<Replacement>,
    /// Ports that must not be open to the internet: a policy in a flag
    #[arg(long, value_name = "PORTS", env = "PORTCULLIS_BAD_PORTS", hide_env = true)]
    pub(crate) bad_ports: Option<String>,
    /// Where backups, the journal and the lock go: a folder, or `s3://BUCKET/PREFIX`
    #[arg(
        long,
        value_name = "PLACE",
        default_value = "portcullis-backups",
        env = "PORTCULLIS_BACKUP",
        hide_env = true
    )]
    pub(crate) backup: String,
    /// What is remembered, events and grace above all: a file, or `dynamodb://TABLE`
    #[arg(
        long,
        value_name = "PLACE",
        default_value = "portcullis-state/events.redb",
        env = "PORTCULLIS_STATE",
        hide_env = true
    )]
    pub(crate) state: String,
    /// Encrypt what goes to S3 with this key of AWS KMS
    #[arg(long, value_name = "KEY", env = "PORTCULLIS_KMS_KEY", hide_env = true)]
    pub(crate) kms_key: Option<String>,
    /// Send notices to this topic of Amazon SNS
    #[arg(long, value_name = "sns:ARN", env = "PORTCULLIS_NOTIFY", hide_env = true)]
    pub(crate) notify: Option<String>,
    /// Publish metrics to Amazon CloudWatch
    #[arg(long, env = "PORTCULLIS_METRICS", hide_env = true, value_parser = flag)]
    pub(crate) metrics: bool,
    /// Never block this user or role, by its ARN; may be repeated
    #[arg(long, value_name = "ARN", value_delimiter = ',', env = "PORTCULLIS_BREAK_GLASS", hide_env = true)]
    pub(crate) break_glass: Vec<String>,
    /// Findings of at least this severity count as standing
    #[arg(long, value_name = "SEVERITY", default_value = "low", value_parser = super::severity)]
    pub(crate) fail_on: Severity,
    /// For scans that an event asks for: only this account; may be repeated
    #[arg(long, value_name = "ID", help_heading = "Selection")]
    pub(crate) account: Vec<String>,
    /// For scans that an event asks for: this Region, or `all`; may be repeated
    #[arg(
        long,
        value_name = "REGION",
        value_delimiter = ',',
        env = "PORTCULLIS_REGIONS",
        hide_env = true,
        help_heading = "Selection"
    )]
    pub(crate) region: Vec<String>,
    /// How to print what was done
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) format: PlanFormat,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    #[command(flatten)]
    pub(crate) policies: PolicyArgs,
}

#[derive(Debug, Args)]
pub(crate) struct HandleEventArgs {
    /// The event: a file, or `-` for stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    #[command(flatten)]
    pub(crate) events: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The URL of the queue of Amazon SQS
    #[arg(long, value_name = "URL", env = "PORTCULLIS_QUEUE", hide_env = true)]
    pub(crate) queue: String,
    /// Tell at `http://ADDRESS/health` whether all is well
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) health: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) events: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct UnblockArgs {
    /// The ARN of the user, the role, or a session of it
    #[arg(value_name = "PRINCIPAL")]
    pub(crate) principal: String,
    /// There is nothing to be asked; taken for scripts that give it everywhere
    #[arg(long, short, hide = true)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
}

/// A strategy; an empty variable of the environment is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ordered(pub(crate) Option<StrategyName>);

/// A source; an empty variable of the environment is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replacement(pub(crate) Option<AnyCidr>);

/// A switch, which a variable of the environment may also turn off.
fn flag(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        _ => Err(format!("`{text}` is neither true nor false")),
    }
}

fn strategy(text: &str) -> Result<Ordered, String> {
    if text.is_empty() {
        return Ok(Ordered(None));
    }
    <StrategyName as clap::ValueEnum>::from_str(text, false)
        .map(|strategy| Ordered(Some(strategy)))
        .map_err(|_| format!("`{text}` is no strategy: narrow, revoke, replace, lockdown or tag is expected"))
}

fn cidr(text: &str) -> Result<Replacement, String> {
    if text.is_empty() {
        return Ok(Replacement(None));
    }
    super::cidr(text).map(|cidr| Replacement(Some(cidr)))
}
