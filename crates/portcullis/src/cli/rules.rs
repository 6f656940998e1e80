//! What can be typed behind `portcullis rules`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::flows::ReadingArgs;
use super::selection::{PolicyArgs, duration};

const EXIT_CODES: &str = "Exit codes:
  0  done, or nothing to do
  1  a difference, with --exit-code; or a staged change that is refused; or drift, with --live
  2  bad usage or input, nothing done
  3  something could not be read or changed
  4  an internal error";

/// Keep a group's rules in text files, and the group in a CloudFormation stack.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Which repositories, and how AWS is reached for them. May stand before the subcommand too.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PlaceArgs {
    /// The repository: a folder with `.portcullis.toml` and rules files
    #[arg(short = 'C', long = "folder-path", visible_alias = "dir", value_name = "DIR", default_value = ".")]
    #[arg(global = true, help_heading = "Repository")]
    pub(crate) folder: PathBuf,
    /// Each repository in that folder and below it
    #[arg(long, global = true, help_heading = "Repository")]
    pub(crate) recursive: bool,
    /// Do not ask
    #[arg(long, short, global = true)]
    pub(crate) yes: bool,
    /// Use the profile that the repository names, whatever credentials the environment brings
    #[arg(long, global = true, help_heading = "AWS")]
    pub(crate) use_profile: bool,
    /// The profile of the AWS configuration; `configure` writes it down
    #[arg(long, visible_alias = "aws-profile-name", value_name = "NAME", global = true, help_heading = "AWS")]
    pub(crate) profile: Option<String>,
    /// The Region of the group; `configure` writes it down
    #[arg(long, visible_alias = "aws-region", value_name = "REGION", global = true, help_heading = "AWS")]
    pub(crate) region: Option<String>,
    /// The role to assume in the repository's account, by its name or ARN; `configure` writes it down
    #[arg(long, value_name = "NAME", global = true, help_heading = "AWS")]
    pub(crate) role_name: Option<String>,
    /// The external id that the role's trust policy asks for; `configure` writes it down
    #[arg(long, value_name = "ID", global = true, help_heading = "AWS")]
    pub(crate) external_id: Option<String>,
    /// How long a stack's change may take, such as `10m`
    #[arg(long, value_name = "TIME", value_parser = duration, global = true, help_heading = "AWS")]
    pub(crate) time_budget: Option<Duration>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Make a folder a repository
    #[command(after_help = EXIT_CODES)]
    Init(InitArgs),
    /// Say which group the repository keeps, and where
    #[command(after_help = EXIT_CODES)]
    Configure(ConfigureArgs),
    /// Which files changed since they were committed
    #[command(after_help = EXIT_CODES)]
    Status(StatusArgs),
    /// Show what committing would change, judge it, and mark it for commit
    #[command(after_help = EXIT_CODES)]
    Stage(StageArgs),
    /// Roll out what was staged, through a CloudFormation change set
    #[command(after_help = EXIT_CODES)]
    Commit(CommitArgs),
    /// Delete the stack with its group; the rules files stay
    #[command(after_help = EXIT_CODES)]
    Destroy(DestroyArgs),
    /// Write a live group's rules as a file, and take the group into a stack
    #[command(after_help = EXIT_CODES)]
    Import(ImportArgs),
    /// Print the CloudFormation template
    #[command(after_help = EXIT_CODES)]
    Build(BuildArgs),
    /// Rewrite rules files in the usual form
    #[command(after_help = EXIT_CODES)]
    Fmt(FmtArgs),
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Take over `.pysec` and `.hashes` of the folder
    #[arg(long)]
    pub(crate) from_pysec: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigureArgs {
    /// The VPC of the group
    #[arg(long, value_name = "ID")]
    pub(crate) vpc_id: Option<String>,
    /// The name of the group [default: the folder's]
    #[arg(long, value_name = "NAME")]
    pub(crate) group_name: Option<String>,
    /// The description of the group, which cannot be changed once it exists
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// The name of the stack [default: made from prefix, group name and VPC]
    #[arg(long, value_name = "NAME")]
    pub(crate) stack: Option<String>,
    /// What the stack's name begins with
    #[arg(long, value_name = "TEXT")]
    pub(crate) stack_prefix: Option<String>,
    /// A tag of stack and group; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) tag: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RulesFormat {
    /// For people
    #[default]
    Table,
    /// One document, versioned
    Json,
    /// For a pull request's comment
    Markdown,
}

/// How a staged change is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StageFormat {
    /// For people
    #[default]
    Table,
    /// One document, versioned
    Json,
    /// For a pull request's comment
    Markdown,
    /// For code scanning, 2.1.0: what it would open, beside the lines, and what it would cut
    Sarif,
}

fn output(text: &str) -> Result<(StageFormat, PathBuf), String> {
    match text.split_once('=') {
        Some((format, file)) if !file.is_empty() => Ok((StageFormat::from_str(format, false)?, PathBuf::from(file))),
        _ => Err("FORMAT=FILE is expected, such as `sarif=rules.sarif`".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Compare with the live group too: exit with 1 on drift
    #[arg(long)]
    pub(crate) live: bool,
    /// Take the live group from a snapshot instead of AWS
    #[arg(long, value_name = "FILE")]
    pub(crate) inventory: Vec<PathBuf>,
    /// Exit with 1 when there is a difference
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: RulesFormat,
}

#[derive(Debug, Args)]
#[command(mut_group("ReadingArgs", |reading| reading.requires("flows")))]
pub(crate) struct StageArgs {
    /// Take the live group from a snapshot instead of AWS
    #[arg(long, value_name = "FILE")]
    pub(crate) inventory: Vec<PathBuf>,
    /// Tell which observed connections each change would cut, by these flow logs: files, folders, `-` for stdin,
    /// `s3://BUCKET/PREFIX`, `cwl:GROUP[:STREAM]`; may be repeated
    #[arg(long, value_name = "INPUT", help_heading = "Flow logs")]
    pub(crate) flows: Vec<String>,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    /// Stage also what opens what the policies prohibit
    #[arg(long)]
    pub(crate) allow_findings: bool,
    /// Spread the rules over several groups where one cannot hold them
    #[arg(long)]
    pub(crate) split: bool,
    /// Exit with 1 when there is a difference
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: StageFormat,
    /// Write the result to a file too; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = output)]
    pub(crate) output: Vec<(StageFormat, PathBuf)>,
    #[command(flatten)]
    pub(crate) policies: PolicyArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CommitArgs {
    /// The bucket that a template goes through that is too large to be sent
    #[arg(long, visible_alias = "template-bucket", value_name = "s3://BUCKET/PREFIX")]
    pub(crate) bucket: Option<String>,
    /// Where backups go, where rules are put right one by one: a folder, or `s3://BUCKET/PREFIX`
    #[arg(long, value_name = "PLACE", default_value = "portcullis-backups")]
    pub(crate) backup: String,
    /// Show the change set and do not execute it
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DestroyArgs {
    /// Leave the stack and forget it
    #[arg(long)]
    pub(crate) skip_stack: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The group, by id or name; may be repeated, each into a folder of its own [default: the repository's group]
    #[arg(value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    /// Take the group from a snapshot instead of AWS
    #[arg(long, value_name = "FILE")]
    pub(crate) inventory: Vec<PathBuf>,
    /// Take into the files what was changed in the console
    #[arg(long)]
    pub(crate) update: bool,
    /// Take the group into a stack too, through a change set of type IMPORT
    #[arg(long)]
    pub(crate) into_stack: bool,
    /// Write over rules files that are there
    #[arg(long)]
    pub(crate) force: bool,
    /// The bucket that a template goes through that is too large to be sent
    #[arg(long, visible_alias = "template-bucket", value_name = "s3://BUCKET/PREFIX")]
    pub(crate) bucket: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TemplateFormat {
    /// As people read it
    #[default]
    #[value(alias = "yml")]
    Yaml,
    /// As programs read it
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// How to write the template
    #[arg(long, value_name = "FORMAT", default_value = "yaml")]
    pub(crate) format: TemplateFormat,
    /// Spread the rules over several groups where one cannot hold them
    #[arg(long)]
    pub(crate) split: bool,
    /// Write to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct FmtArgs {
    /// Rules files, or `-` for stdin [default: those of the repository]
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// Write nothing; name the files that would be rewritten, and exit with 1 if there are any
    #[arg(long)]
    pub(crate) check: bool,
}
