//! What can be typed.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use portcullis_core::finding::Status;
use portcullis_core::net::AnyCidr;
use portcullis_core::policy::Severity;

const EXIT_CODES: &str = "Exit codes:
  0  clean or done
  1  findings at or above --fail-on
  2  bad usage or input, nothing done
  3  something could not be read or changed, or, with --strict, a verdict is unknown
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
    /// Say why in words: rules, evidence, fix; or what a control is
    #[command(after_help = EXIT_CODES)]
    Explain(ExplainArgs),
    /// Check, list, show and test policies
    #[command(subcommand, arg_required_else_help = true)]
    Policy(PolicyCommand),
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
}

/// What is read and judged.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectionArgs {
    /// Files, folders, or `-` for stdin: what `aws ec2 describe-security-groups` and its like print; the format is recognised
    #[arg(value_name = "INPUT", help_heading = None)]
    pub(crate) inputs: Vec<String>,
    /// Only groups of this account; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) account: Vec<String>,
    /// Only groups of this Region; the Region of groups whose input does not tell it; may be repeated
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
    pub(crate) policies: PolicyArgs,
}

/// What is judged by.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Policies")]
pub(crate) struct PolicyArgs {
    /// Judge by this policy file; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<PathBuf>,
    /// Judge by this pack; may be repeated [default: recommended, unless --policy is given]
    #[arg(long, value_name = "NAME")]
    pub(crate) pack: Vec<String>,
    /// Only this control, by its id or a policy's rule id; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) control: Vec<String>,
    /// Only controls of at least this severity
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    pub(crate) severity: Option<Severity>,
    /// The environment of all groups, whatever accounts and tags say
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,
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
    /// The inventory to change
    #[arg(long, value_name = "IN")]
    pub(crate) inventory: PathBuf,
    /// Where to write the inventory as changed; may be IN itself
    #[arg(long, value_name = "OUT")]
    pub(crate) write: PathBuf,
    /// The folder for backups
    #[arg(long, value_name = "DIR", default_value = "portcullis-backups")]
    pub(crate) backup: PathBuf,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Change nothing if more groups than this would change
    #[arg(long, value_name = "N")]
    pub(crate) max_groups: Option<usize>,
    /// Say what would be done and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// The plan file
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// Where the quota leaves no room, revoke before authorising
    #[arg(long)]
    pub(crate) allow_gap: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// Backup files, or folders of them
    #[arg(value_name = "BACKUP", required = true)]
    pub(crate) backups: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
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
        /// The policy files
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
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
