//! What can be typed.

mod events;
pub(crate) mod flows;
mod rules;
mod selection;

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use portcullis_core::finding::Status;
use portcullis_core::net::AnyCidr;
use portcullis_core::policy::Severity;

pub(crate) use events::{EventArgs, HandleEventArgs, UnblockArgs, WatchArgs};
pub(crate) use rules::{
    BuildArgs, CommitArgs, ConfigureArgs, DestroyArgs, FmtArgs, ImportArgs, InitArgs, PlaceArgs, RulesArgs,
    RulesCommand, RulesFormat, StageArgs, StageFormat, StatusArgs, TemplateFormat,
};
pub(crate) use selection::{AwsArgs, PolicyArgs, SelectionArgs};

const EXIT_CODES: &str = "Exit codes:
  0  clean or done
  1  findings at or above --fail-on
  2  bad usage or input, nothing done
  3  something could not be read or changed, or, with --strict, a verdict is unknown
  4  an internal error";

const HANDLE_EVENT_CODES: &str = "Exit codes:
  0  what was found is dealt with, or there is nothing to do
  1  findings at or above --fail-on stand, in a dry run too
  2  bad usage, or a body that is no event; nothing done
  3  something could not be read or changed
  4  an internal error";

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold());

/// Find what AWS security groups let in that they should not, close exactly that, prove it, and take it back.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, styles = STYLES, after_help = EXIT_CODES, propagate_version = true)]
#[command(max_term_width = 100, arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) terminal: TerminalArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TerminalArgs {
    /// When to colour what goes to a terminal [default: auto, which honours NO_COLOR]
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto", hide_default_value = true)]
    pub(crate) color: When,
    /// Say nothing on stderr but errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge an inventory
    #[command(after_help = EXIT_CODES)]
    Scan(ScanArgs),
    /// Write the least change that makes it clean, with its proof
    #[command(after_help = EXIT_CODES)]
    Plan(PlanArgs),
    /// Back up, re-read, change, verify
    #[command(after_help = EXIT_CODES)]
    Apply(ApplyArgs),
    /// Put back what stood before
    #[command(after_help = EXIT_CODES)]
    Rollback(RollbackArgs),
    /// Do what the policy's levels ask, account by account: report, tag and notice, or remedy after the grace period
    #[command(after_help = EXIT_CODES)]
    Enforce(EnforceArgs),
    /// Save a live inventory for offline work
    #[command(after_help = EXIT_CODES)]
    Snapshot(SnapshotArgs),
    /// Say why in words: rules, evidence, fix; or what a control is
    #[command(after_help = EXIT_CODES)]
    Explain(ExplainArgs),
    /// Read VPC flow logs: who really connects, by which rule, and what would be enough
    #[command(subcommand, arg_required_else_help = true)]
    Flows(flows::FlowsCommand),
    /// Check, list, show and test policies
    #[command(subcommand, arg_required_else_help = true)]
    Policy(PolicyCommand),
    /// Keep a group's rules in text files, and the group in a CloudFormation stack
    Rules(RulesArgs),
    /// Act on events from a queue of Amazon SQS, until told to stop
    #[command(after_help = EXIT_CODES)]
    Watch(WatchArgs),
    /// Act on one event, or a batch of them
    #[command(after_help = HANDLE_EVENT_CODES)]
    HandleEvent(HandleEventArgs),
    /// Take back the block of a user or role
    #[command(after_help = EXIT_CODES)]
    Unblock(UnblockArgs),
    /// Print a completion script
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page in roff
    Man,
    /// Print a document that is generated from the program
    #[command(hide = true)]
    Docs {
        /// Which
        document: Document,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Document {
    /// The catalogue of controls, in markdown.
    Controls,
    /// JSON Schema of the plan file.
    PlanSchema,
    /// JSON Schema of a repository's settings.
    RulesSchema,
    /// IAM policy: reading an account.
    IamScanOnly,
    /// IAM policy: reading and changing an account, with all that a run keeps there.
    IamRemediate,
    /// IAM policy: reading and changing an account through a role there.
    IamRemediateMember,
    /// IAM policy: entering many accounts, and all that a run keeps.
    IamHub,
    /// IAM policy: the list of an organisation's accounts.
    IamOrganizationRead,
    /// IAM policy: groups kept as rules files.
    IamRules,
    /// IAM policy: reading flow logs.
    IamFlowLogs,
    /// IAM policy: blocking users and roles.
    IamBlockPrincipals,
    /// IAM trust policy of a role.
    IamTrustPolicy,
}

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    pub(crate) format: Format,
    /// Write the result to a file too; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = output, help_heading = "Output")]
    pub(crate) output: Vec<(Format, PathBuf)>,
    /// Which findings to list; may be repeated or a comma list [default: fail,unknown,exempt]
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = status, help_heading = "Output")]
    pub(crate) status: Vec<Status>,
    /// Tell of each finding whether anybody used it from the internet, by these flow logs; may be repeated
    #[arg(long, value_name = "INPUT", help_heading = "Output")]
    pub(crate) flows: Vec<String>,
    /// Leave out what this earlier result (json or ndjson) lists already
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) baseline: Option<PathBuf>,
    /// Exit with 1 only for failing findings of at least this severity
    #[arg(long, value_name = "SEVERITY", default_value = "low", value_parser = severity, help_heading = "Output")]
    pub(crate) fail_on: Severity,
    /// Exit with 3 when any verdict is unknown
    #[arg(long, help_heading = "Output")]
    pub(crate) strict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// One document, versioned
    Json,
    /// One finding a line
    Ndjson,
    /// For spreadsheets
    Csv,
    /// For code scanning, 2.1.0
    Sarif,
    /// For a pull request's comment
    Markdown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StrategyName {
    /// Cut the offending public addresses from the rules at fault, and nothing else
    Narrow,
    /// Take the whole offending rule away
    Revoke,
    /// Put --replace-with in the place of the offending sources, on the offending ports
    Replace,
    /// Take all rules away, both directions, and leave one that explains
    Lockdown,
    /// Change no rule, tag the group
    Tag,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Tell of each change which connections it would cut, by these flow logs; may be repeated
    #[arg(long, value_name = "INPUT", help_heading = "Plan")]
    pub(crate) flows: Vec<String>,
    /// How to remedy [default: what the policy's `remediation_settings` say, else narrow]
    #[arg(long, value_name = "STRATEGY", help_heading = "Plan")]
    pub(crate) strategy: Option<StrategyName>,
    /// The sources that take the place of offending ones
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = cidr, help_heading = "Plan")]
    pub(crate) replace_with: Vec<AnyCidr>,
    /// Write the plan to this file, for `portcullis apply`
    #[arg(long, value_name = "FILE", help_heading = "Plan")]
    pub(crate) out: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Plan")]
    pub(crate) format: PlanFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// A readable difference
    Text,
    /// The plan file itself
    Json,
}

/// Where changes are made and kept.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// Change this inventory instead of AWS; goes with --write
    #[arg(long, value_name = "IN", requires = "write")]
    pub(crate) inventory: Option<PathBuf>,
    /// Where to write the inventory as changed; may be IN itself
    #[arg(long, value_name = "OUT", requires = "inventory")]
    pub(crate) write: Option<PathBuf>,
    /// Where backups go: a folder, or `s3://BUCKET/PREFIX`
    #[arg(long, value_name = "PLACE", default_value = "portcullis-backups")]
    pub(crate) backup: String,
    /// Where the journal and the lock are: a folder, or `s3://BUCKET/PREFIX` [default: with the backups]
    #[arg(long, value_name = "PLACE", conflicts_with = "inventory")]
    pub(crate) state: Option<String>,
    /// Encrypt what goes to S3 with this key of AWS KMS
    #[arg(long, value_name = "KEY")]
    pub(crate) kms_key: Option<String>,
    /// Tell this topic of Amazon SNS what became of each group
    #[arg(long, value_name = "sns:ARN", conflicts_with = "inventory")]
    pub(crate) notify: Option<String>,
    /// Publish to Amazon CloudWatch how many groups were changed, and how many could not be
    #[arg(long, conflicts_with = "inventory")]
    pub(crate) metrics: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Change nothing if more groups than this would change
    #[arg(long, value_name = "N")]
    pub(crate) max_groups: Option<usize>,
    /// Say what would be done, call by call, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// The plan: a file, or `s3://BUCKET/KEY`
    #[arg(value_name = "PLAN")]
    pub(crate) plan: String,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// Where the quota leaves no room, revoke before authorising
    #[arg(long)]
    pub(crate) allow_gap: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// Backup files, folders of them, or `s3://BUCKET/PREFIX`
    #[arg(value_name = "BACKUP", required = true)]
    pub(crate) backups: Vec<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EnforceArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// What is remembered from run to run, first sights above all: a file, or `dynamodb://TABLE`
    #[arg(long, value_name = "PLACE", default_value = "portcullis-state/enforce.redb", help_heading = "Enforcement")]
    pub(crate) state: String,
    /// Where backups, the journal and the lock go: a folder, or `s3://BUCKET/PREFIX`
    #[arg(long, value_name = "PLACE", default_value = "portcullis-backups", help_heading = "Enforcement")]
    pub(crate) backup: String,
    /// Encrypt what goes to S3 with this key of AWS KMS
    #[arg(long, value_name = "KEY", help_heading = "Enforcement")]
    pub(crate) kms_key: Option<String>,
    /// Where plans wait that somebody must agree to
    #[arg(long, value_name = "DIR", default_value = "portcullis-plans", help_heading = "Enforcement")]
    pub(crate) plans: PathBuf,
    /// Send notices to this topic of Amazon SNS
    #[arg(long, value_name = "sns:ARN", help_heading = "Enforcement")]
    pub(crate) notify: Option<String>,
    /// Publish metrics to Amazon CloudWatch
    #[arg(long, help_heading = "Enforcement")]
    pub(crate) metrics: bool,
    /// Write a line of JSON for each violation to this file
    #[arg(long, value_name = "FILE", help_heading = "Enforcement")]
    pub(crate) log: Option<PathBuf>,
    /// Put right no more groups than this in one run
    #[arg(long, value_name = "N", help_heading = "Enforcement")]
    pub(crate) max_groups: Option<usize>,
    /// Do not ask
    #[arg(long, short, help_heading = "Enforcement")]
    pub(crate) yes: bool,
    /// Say what would be done and do nothing
    #[arg(long, help_heading = "Enforcement")]
    pub(crate) dry_run: bool,
    /// How to print what was done
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) format: PlanFormat,
}

#[derive(Debug, Args)]
pub(crate) struct SnapshotArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// The file to write; gzip where its name ends in `.gz`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A group's id or name, or a control's id
    #[arg(value_name = "GROUP|CONTROL")]
    pub(crate) subject: String,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Check policy files: every error at once, with its place
    Check {
        /// The policy files, also `s3://BUCKET/KEY` and `ssm:NAME`
        #[arg(value_name = "FILE", required = true)]
        files: Vec<String>,
    },
    /// List packs and controls, or what a policy file or pack judges by
    List(PolicyArgs),
    /// Show a control's documentation
    Show {
        /// Its id
        #[arg(value_name = "CONTROL")]
        id: String,
        #[command(flatten)]
        policies: PolicyArgs,
    },
    /// Print the JSON Schema of policy files
    Schema,
    /// Run a policy's own test cases
    Test {
        /// The policy file
        policy: PathBuf,
        /// Files of cases [default: NAME.test.txt beside the policy]
        cases: Vec<PathBuf>,
        #[command(flatten)]
        policies: TestArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Judge by this pack too; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) pack: Vec<String>,
}

pub(crate) fn parse() -> Cli {
    Cli::parse()
}

pub(crate) fn command() -> clap::Command {
    Cli::command()
}

fn severity(text: &str) -> Result<Severity, String> {
    text.parse()
}

fn status(text: &str) -> Result<Status, String> {
    text.parse()
}

fn cidr(text: &str) -> Result<AnyCidr, String> {
    text.parse::<AnyCidr>().map_err(|error| error.to_string())
}

fn output(text: &str) -> Result<(Format, PathBuf), String> {
    let (format, file) = text.split_once('=').ok_or("FORMAT=FILE is expected, such as `sarif=portcullis.sarif`")?;
    if file.is_empty() {
        return Err("FORMAT=FILE is expected: the file name is missing".to_owned());
    }
    Ok((Format::from_str(format, false)?, PathBuf::from(file)))
}
