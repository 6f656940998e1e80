//! What can be typed after `flows`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use portcullis_core::usage::Lengths;

use super::EXIT_CODES;

#[derive(Debug, Subcommand)]
pub(crate) enum FlowsCommand {
    /// Say who connects to whom, most often first
    #[command(after_help = EXIT_CODES)]
    Digest(DigestArgs),
    /// Print an Athena table over flow logs in S3, and the queries that do the same digest there
    Ddl(DdlArgs),
    /// Say which connections of today a change would cut, and the rule that admits each
    #[command(after_help = EXIT_CODES)]
    Risk(RiskArgs),
    /// Say how much each rule is used, and what was never used
    #[command(after_help = EXIT_CODES)]
    Usage(UsageArgs),
    /// Suggest the least rules that cover what was seen, never more than is admitted today
    #[command(after_help = EXIT_CODES)]
    Suggest(SuggestArgs),
}

/// Which flow logs are read, and which of their records.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct InputArgs {
    /// Flow logs: files, folders, `-` for stdin, `s3://BUCKET/PREFIX`, `cwl:GROUP[:STREAM]`; text, gzip or Parquet, told
    /// by content
    #[arg(value_name = "INPUT", required = true)]
    pub(crate) inputs: Vec<String>,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    /// Of `s3://` only logs of this Region, and where log groups are; may be repeated
    #[arg(long, value_name = "REGION", help_heading = FLOW_LOGS)]
    pub(crate) region: Vec<String>,
    /// The profile of the AWS configuration whose credentials are used
    #[arg(long, value_name = "NAME", help_heading = FLOW_LOGS)]
    pub(crate) profile: Option<String>,
    /// Only records of interfaces that have this group, by id or name; may be repeated
    #[arg(long, value_name = "GROUP", requires = "inventory", help_heading = "Selection")]
    pub(crate) group: Vec<String>,
    /// The inventory that tells which interfaces have which groups, and what addresses are known as; may be repeated
    #[arg(long, value_name = "INV", help_heading = "Selection")]
    pub(crate) inventory: Vec<String>,
}

const FLOW_LOGS: &str = "Flow logs";

/// How flow logs are read, and which of their records count: what `flows` and `rules stage --flows` share.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReadingArgs {
    /// The columns of text without a header line: AWS's own format string, `${srcaddr} ${dstaddr} …`, or bare names
    /// [default: version 2's fourteen]
    #[arg(long, value_name = "FORMAT", help_heading = FLOW_LOGS)]
    pub(crate) fields: Option<String>,
    /// Of `s3://` only logs of this account; may be repeated
    #[arg(long, value_name = "ID", help_heading = FLOW_LOGS)]
    pub(crate) account: Vec<String>,
    /// How much memory sums may take before they go to temporary files, such as `512MB` or `4GB`
    #[arg(long, value_name = "SIZE", default_value = "1GB", value_parser = size, help_heading = FLOW_LOGS)]
    pub(crate) memory: usize,
    /// Only records that begin at or after this time: RFC 3339, or so long ago: `2d`, `6h`, `30m`
    #[arg(long, value_name = "TIME", value_parser = moment, help_heading = FLOW_LOGS)]
    pub(crate) since: Option<Moment>,
    /// Only records that begin before this time
    #[arg(long, value_name = "TIME", value_parser = moment, help_heading = FLOW_LOGS)]
    pub(crate) until: Option<Moment>,
    /// Only records of the last so many days
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36500), conflicts_with = "since", help_heading = FLOW_LOGS)]
    pub(crate) look_back: Option<u32>,
    /// Only records of this network interface; may be repeated or a comma list
    #[arg(long, value_name = "ID", value_delimiter = ',', help_heading = FLOW_LOGS)]
    pub(crate) eni: Vec<String>,
    /// Only traffic that was let through, or that was refused
    #[arg(long, value_name = "ACTION", ignore_case = true, help_heading = FLOW_LOGS)]
    pub(crate) action: Option<Action>,
    /// Only what came in, or what went out (`flow-direction`)
    #[arg(long, value_name = "DIRECTION", ignore_case = true, help_heading = FLOW_LOGS)]
    pub(crate) direction: Option<FlowDirection>,
}

impl Default for ReadingArgs {
    /// All records.
    fn default() -> Self {
        const MEMORY: usize = 1_000_000_000;
        Self {
            fields: None,
            account: Vec::new(),
            memory: MEMORY,
            since: None,
            until: None,
            look_back: None,
            eni: Vec::new(),
            action: None,
            direction: None,
        }
    }
}

impl InputArgs {
    /// These inputs, all of their records.
    pub(crate) fn of(inputs: &[String]) -> Self {
        Self { inputs: inputs.to_vec(), ..Self::default() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Action {
    /// Let through
    #[value(name = "ACCEPT")]
    Accept,
    /// Refused
    #[value(name = "REJECT")]
    Reject,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FlowDirection {
    /// To the interface
    Ingress,
    /// From the interface
    Egress,
}

#[derive(Debug, Args)]
pub(crate) struct DigestArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// What records are grouped by: fields as AWS names them, a comma list
    #[arg(
        long,
        value_name = "FIELD",
        value_delimiter = ',',
        default_value = "srcaddr,dstaddr,action",
        help_heading = "Output"
    )]
    pub(crate) by: Vec<String>,
    /// How many rows, those with most flows first; 0 is all [default: 50 in a table, all elsewhere]
    #[arg(long, value_name = "N", help_heading = "Output")]
    pub(crate) top: Option<usize>,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    pub(crate) format: DigestFormat,
    /// Write the result to a file too; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = output, help_heading = "Output")]
    pub(crate) output: Vec<(DigestFormat, PathBuf)>,
}

impl DigestArgs {
    /// How many rows a format shows; all where `None`.
    pub(crate) fn top(&self, format: DigestFormat) -> Option<NonZeroUsize> {
        const IN_A_TABLE: usize = 50;
        let otherwise = if format == DigestFormat::Table { IN_A_TABLE } else { 0 };
        NonZeroUsize::new(self.top.unwrap_or(otherwise))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DigestFormat {
    /// For people
    Table,
    /// One document, versioned
    Json,
    /// One row a line
    Ndjson,
    /// For spreadsheets
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct DdlArgs {
    /// How the objects' keys are made
    #[arg(long, value_name = "LAYOUT")]
    pub(crate) layout: DdlLayout,
    /// The bucket and what stands before `AWSLogs/`: `s3://BUCKET/PREFIX`
    #[arg(long, value_name = "LOCATION")]
    pub(crate) location: String,
    /// What the objects hold
    #[arg(long, value_name = "FORM", default_value = "parquet")]
    pub(crate) form: DdlForm,
    /// The columns: AWS's own format string or bare names [default: version 2's fourteen]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) fields: Option<String>,
    /// The table's name
    #[arg(long, value_name = "NAME", default_value = "vpc_flow_logs")]
    pub(crate) table: String,
    /// An account to look into; may be repeated [default: any that a query names]
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) account: Vec<String>,
    /// A Region to look into; may be repeated [default: any that a query names]
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub(crate) region: Vec<String>,
    /// The first day with logs
    #[arg(long, value_name = "DATE", default_value = "2024-01-01")]
    pub(crate) from: jiff::civil::Date,
    /// Only this query, without the table
    #[arg(long, value_name = "NAME")]
    pub(crate) query: Option<DdlQuery>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "sql")]
    pub(crate) format: DdlFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DdlLayout {
    /// A folder a day
    Plain,
    /// A folder an hour
    Hourly,
    /// Folders with names, one a day
    Hive,
    /// Folders with names, one an hour
    HiveHourly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DdlForm {
    Parquet,
    /// Text in gzip
    Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DdlQuery {
    Digest,
    Usage,
    Risk,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DdlFormat {
    Sql,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct RiskArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// The change: a plan file, such as `portcullis plan --out` writes
    #[arg(long, value_name = "PLAN", conflicts_with = "repo", help_heading = "Change")]
    pub(crate) plan: Option<PathBuf>,
    /// The change: the rules of a repository, against the live group in the inventory, or without one against what was
    /// committed
    #[arg(long, value_name = "DIR", help_heading = "Change")]
    pub(crate) repo: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    pub(crate) format: DigestFormat,
    /// Write the result to a file too; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = output, help_heading = "Output")]
    pub(crate) output: Vec<(DigestFormat, PathBuf)>,
}

#[derive(Debug, Args)]
pub(crate) struct UsageArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    pub(crate) format: DigestFormat,
    /// Write the result to a file too; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = output, help_heading = "Output")]
    pub(crate) output: Vec<(DigestFormat, PathBuf)>,
}

#[derive(Debug, Args)]
pub(crate) struct SuggestArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// Widen addresses to blocks of at least these lengths, as far as today's rules reach: `24`, or for IPv6 too `24,64`
    #[arg(long, value_name = "PREFIX", value_parser = lengths, help_heading = "Suggestion")]
    pub(crate) generalise: Option<Lengths>,
    /// Write the change to this file, for `portcullis apply`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    pub(crate) format: SuggestFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SuggestFormat {
    /// For people: what comes, stays and goes
    Table,
    /// One document, versioned
    Json,
    /// The lines of rules files
    Rules,
}

/// Lengths of blocks: one for IPv4, and after a comma one for IPv6.
fn lengths(text: &str) -> Result<Lengths, String> {
    let wrong = || format!("`{text}` is no length of blocks: `24` is expected, or `24,64` for IPv4 and IPv6");
    let length = |text: &str, most: u8| {
        let number: u8 = text.trim().trim_start_matches('/').parse().map_err(|_| wrong())?;
        if number > most { Err(wrong()) } else { Ok(number) }
    };
    let usual = Lengths::default();
    match text.split_once(',') {
        Some((v4, v6)) => Ok(Lengths { v4: length(v4, 32)?, v6: length(v6, 128)? }),
        None => match length(text, 128)? {
            v4 @ 0..=32 => Ok(Lengths { v4, ..usual }),
            v6 => Ok(Lengths { v6, ..usual }),
        },
    }
}

/// A time as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    At(Timestamp),
    Ago(SignedDuration),
}

impl Moment {
    /// The time, in seconds since 1970; a fraction of a second counts as the whole one that follows, since records begin
    /// at whole seconds.
    pub(crate) fn seconds(self, now: Timestamp) -> u64 {
        let at = match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
        };
        let up = i64::from(at.subsec_nanosecond() > 0);
        u64::try_from(at.as_second() + up).unwrap_or(0)
    }
}

fn moment(text: &str) -> Result<Moment, String> {
    if let Some(ago) = ago(text) {
        return Ok(Moment::Ago(ago));
    }
    let date_alone = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let whole = if date_alone { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().map(Moment::At).map_err(|_| {
        format!("`{text}` is no time: RFC 3339 is expected, such as `2026-03-01T00:00:00Z`, or how long ago, such as `2d` or `6h`")
    })
}

/// `2d`, `6h`, `30m`, `90s`, `1w`.
fn ago(text: &str) -> Option<SignedDuration> {
    let (number, seconds) = match text.split_at_checked(text.len().checked_sub(1)?)? {
        (number, "s") => (number, 1),
        (number, "m") => (number, 60),
        (number, "h") => (number, 3600),
        (number, "d") => (number, 86_400),
        (number, "w") => (number, 604_800),
        _ => return None,
    };
    let number: i64 = number.parse().ok().filter(|number| *number >= 0)?;
    number.checked_mul(seconds).map(SignedDuration::from_secs)
}

/// A size such as `512MB`; `1 GB` is 10^9 bytes, `1GiB` 2^30.
fn size(text: &str) -> Result<usize, String> {
    const LEAST: usize = 16_000_000;
    let wrong = || format!("`{text}` is no size: a number with MB or GB is expected, such as `512MB`");
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: usize = number.parse().map_err(|_| wrong())?;
    let bytes = number.checked_mul(factor).ok_or_else(wrong)?;
    if bytes < LEAST {
        return Err(format!("`{text}` is too little: 16MB is the least"));
    }
    Ok(bytes)
}

fn output(text: &str) -> Result<(DigestFormat, PathBuf), String> {
    let (format, file) = text.split_once('=').ok_or("FORMAT=FILE is expected, such as `json=digest.json`")?;
    if file.is_empty() {
        return Err("FORMAT=FILE is expected: the file name is missing".to_owned());
    }
    Ok((DigestFormat::from_str(format, false)?, PathBuf::from(file)))
}
