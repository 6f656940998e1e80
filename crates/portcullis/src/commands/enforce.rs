//! `portcullis enforce`

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use jiff::Timestamp;
use portcullis_cloud::stores::Location;
use portcullis_core::evaluate::Options;
use portcullis_core::model::GroupKey;
use portcullis_core::remediation::Plan;
use portcullis_report::sanitise::neutral;
use portcullis_runtime::enforce::{
    Action, Batch, ComplianceLog, Deed, EnforceOptions, EnforcePorts, EnforceReport, Enforcement, PlanShelf,
    Remediator, Terms, ViolationLog, deeds,
};
use portcullis_runtime::live::{TableState, wants};
use portcullis_runtime::metrics::{MetricsSink, Tracking};
use portcullis_runtime::notices::Notifier;
use portcullis_runtime::respond::strategy_of;
use portcullis_runtime::state::{FileState, KeyValue, MemoryState};
use portcullis_runtime::{NoObserver, PortError, RunOptions, new_run_id};

use super::change::confirmed;
use super::policy_files::assembled;
use crate::cli::{ChangeArgs, EnforceArgs, PlanFormat};
use crate::exit::{Failure, Outcome, Result};
use crate::interrupt::flag_of_signals;
use crate::output::{Console, to_stdout};
use crate::selection::{Wanted, narrowed, remark_on_coverage};
use crate::workshop::Workshop;

pub(crate) fn run(args: &EnforceArgs, console: &Console) -> Result<Outcome> {
    if !args.selection.inputs.is_empty() {
        return Err(Failure::input(
            "`enforce` works on AWS itself; for files there are `plan` and `apply --inventory`",
        ));
    }
    if args.selection.policies.policy.is_empty() {
        return Err(Failure::input("`enforce` needs `--policy`: it says which accounts are at which level"));
    }
    let began = Timestamp::now();
    let assembled = assembled(&args.selection.policies, &args.selection.aws, None, console)?;
    let strategy = assembled.policies.iter().rev().find_map(strategy_of);
    let terms = Terms::new(&assembled.policies, strategy);
    let policies = narrowed(assembled.set, &args.selection.policies)?;
    let wanted = Wanted::new(&args.selection)?;
    if !args.dry_run {
        confirmed(args.yes, "groups are tagged, and changed, as the policy's levels ask")?;
    }

    let interrupt = flag_of_signals().map_err(|error| Failure::Internal(error.into()))?;
    let workshop = Workshop::open(&changes(args))?;
    let live = workshop.live();
    let inventory = live.read(&args.selection, &policies, wants(&policies), console, |_| {})?;
    remark_on_coverage(&inventory.coverage, console);

    let state = state(args, &workshop)?;
    let notifier = workshop.notifier(args.notify.as_deref())?;
    let metrics = workshop.metrics(args.metrics)?;
    let log = args.log.as_deref().filter(|_| !args.dry_run).map(log).transpose()?;
    let remedies = Remedies { workshop: &workshop, interrupt: &interrupt, dry_run: args.dry_run, backup: &args.backup };
    let shelf = Shelf { folder: args.plans.clone() };
    let ports = EnforcePorts {
        state: &*state,
        remediator: &remedies,
        plans: &shelf,
        notifier: notifier.as_ref().map(|notifier| notifier as &dyn Notifier),
        metrics: metrics.as_ref().map(|metrics| metrics as &dyn MetricsSink),
        log: log.as_ref().map(|log| log as &dyn ViolationLog),
    };
    let options =
        EnforceOptions { run_id: new_run_id(), now: began, dry_run: args.dry_run, max_groups: args.max_groups };
    let mut enforcement =
        Enforcement::begin(&terms, ports, options).map_err(|error| Failure::Incomplete(error.to_string()))?;
    let selected = wanted.among(&inventory);
    let judged = Options::default();
    let evaluation = portcullis_runtime::judge(&inventory, &policies, began, judged, selected.as_deref());
    enforcement.judge(&Batch {
        inventory: &inventory,
        policies: &policies,
        evaluation: &evaluation,
        selected: selected.as_deref(),
        whole: wanted.takes_whole_accounts(),
    });
    let report = enforcement.finish(&Tracking::new(&assembled.policies), Some(began.duration_until(Timestamp::now())));

    to_stdout(|out| match args.format {
        PlanFormat::Text => tell(&report, out),
        PlanFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, &report)?;
            out.write_all(b"\n")
        }
    })?;
    report.failures.iter().for_each(|failure| console.warn(&format!("failed: {}", neutral(failure))));
    let unread = evaluation.coverage.iter().any(|row| row.status.is_unread());
    Ok(if unread || !report.is_complete() {
        Outcome::Incomplete
    } else if stands(&report) {
        Outcome::Findings
    } else {
        Outcome::Done
    })
}

/// Whether some finding fails and is not dealt with.
fn stands(report: &EnforceReport) -> bool {
    let dealt = |deed: &Option<Deed>| matches!(deed, Some(Deed::Changed { .. } | Deed::AlreadyDone));
    report.groups.iter().any(|group| {
        let mut failing = group.findings.iter().filter(|finding| finding.judged.status == "fail");
        failing
            .any(|finding| finding.action != Action::Remediate || finding.stays.is_some() || !dealt(&group.remediation))
    })
}

/// Where backups, journal and lock are, as `apply` has them.
fn changes(args: &EnforceArgs) -> ChangeArgs {
    ChangeArgs {
        inventory: None,
        write: None,
        backup: args.backup.clone(),
        state: None,
        kms_key: args.kms_key.clone(),
        notify: None,
        metrics: false,
        yes: args.yes,
        max_groups: None,
        dry_run: args.dry_run,
        aws: args.selection.aws.clone(),
    }
}

/// What is remembered. A dry run makes nothing that was not there.
fn state(args: &EnforceArgs, workshop: &Workshop) -> Result<Box<dyn KeyValue>> {
    let failed = |error: portcullis_runtime::state::StateError| Failure::Incomplete(error.to_string());
    if args.state.contains("://") {
        let live = workshop.live();
        return match args.state.parse::<Location>() {
            Ok(Location::DynamoDb(table)) => {
                Ok(Box::new(TableState::open(&**live.cloud(), live.handle(), &table).map_err(failed)?))
            }
            Ok(_) => Err(Failure::input(format!("`--state {}`: a file or `dynamodb://TABLE` is expected", args.state))),
            Err(error) => Err(Failure::input(format!("`--state {}`: {error}", args.state))),
        };
    }
    let path = Path::new(&args.state);
    if args.dry_run && !path.exists() {
        return Ok(Box::new(MemoryState::default()));
    }
    Ok(Box::new(FileState::open(path).map_err(failed)?))
}

fn log(path: &Path) -> Result<ComplianceLog<File>> {
    let file = File::options().create(true).append(true).open(path);
    let file = file.map_err(|error| Failure::io(format!("the log `{}` cannot be written", path.display()), &error))?;
    Ok(ComplianceLog::new(file))
}

/// Plans are carried out as `apply` does it.
struct Remedies<'a> {
    workshop: &'a Workshop,
    interrupt: &'a AtomicBool,
    dry_run: bool,
    backup: &'a str,
}

impl Remediator for Remedies<'_> {
    fn carry_out(&self, plan: &Plan) -> std::result::Result<Vec<(GroupKey, Deed)>, PortError> {
        let options = RunOptions {
            run_id: new_run_id(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            dry_run: self.dry_run,
            ..RunOptions::default()
        };
        let run = |ports: &portcullis_runtime::Ports<'_>, options: &RunOptions| {
            portcullis_runtime::apply(plan, ports, options)
        };
        let report = self
            .workshop
            .run(&options, self.interrupt, &NoObserver, run)
            .map_err(|error| PortError(error.to_string()))?;
        Ok(deeds(report, |key| format!("{}/{key}", self.backup.trim_end_matches('/'))))
    }
}

/// A folder of plans that wait.
struct Shelf {
    folder: PathBuf,
}

impl PlanShelf for Shelf {
    fn keep(&self, name: &str, plan: &Plan) -> std::result::Result<String, PortError> {
        let path = self.folder.join(format!("{name}.json"));
        let failed =
            |error: &io::Error| PortError::io(format!("the plan `{}` could not be kept", path.display()), error);
        std::fs::create_dir_all(&self.folder).map_err(|error| failed(&error))?;
        let about =
            portcullis_formats::plan::About { created_at: Timestamp::now(), tool_version: env!("CARGO_PKG_VERSION") };
        let written = portcullis_runtime::replace(&path, |out| portcullis_formats::plan::write(plan, &about, out));
        written.map_err(|error| failed(&error))?;
        Ok(path.display().to_string())
    }
}

fn tell(report: &EnforceReport, out: &mut impl Write) -> io::Result<()> {
    for group in &report.groups {
        let name = neutral(&group.group_name);
        let key = &group.key;
        writeln!(out, "{} {name}  {} {}  level {}", neutral(&key.group_id), key.account_id, key.region, group.level)?;
        for finding in group.findings.iter().filter(|finding| finding.action != Action::None) {
            let judged = &finding.judged;
            writeln!(out, "  {:<8} {}: {}", judged.severity, neutral(&judged.control_id), neutral(&finding.why))?;
            if let Some(stays) = &finding.stays {
                writeln!(out, "           it stays: {}", neutral(stays))?;
            }
        }
        for (what, deed) in [("tags", &group.marks), ("rules", &group.remediation)] {
            match deed {
                Some(Deed::Changed { changes, backup }) => {
                    writeln!(out, "  {what}: {changes} changes made; backup {}", neutral(backup))?;
                }
                Some(Deed::WouldChange { changes }) => writeln!(out, "  {what}: {changes} changes would be made")?,
                Some(Deed::Refused { why } | Deed::Failed { why }) => writeln!(out, "  {what}: {}", neutral(why))?,
                Some(Deed::AlreadyDone) | None => {}
            }
        }
        if let Some(plan) = &group.plan {
            writeln!(out, "  waits for approval: `portcullis apply {}` carries it out", neutral(plan))?;
        }
    }
    let sum = &report.summary;
    writeln!(
        out,
        "{} groups with findings: {} reported, {} warned, {} in grace, {} waiting for approval, {} due; {} groups put right, {} findings gone, {} notices",
        sum.groups,
        sum.reported,
        sum.warned,
        sum.waiting,
        sum.awaiting_approval,
        sum.due,
        sum.remediated,
        sum.resolved,
        sum.notices
    )
}
