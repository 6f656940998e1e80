//! `portcullis scan`

use std::collections::HashSet;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use portcullis_core::evaluate::Options;
use portcullis_core::finding::{Evaluation, Status};
use portcullis_core::model::Inventory;
use portcullis_core::policy::PolicySet;
use portcullis_core::usage::{Attribution, Members, Observed, Rulebook};
use portcullis_formats::diagnostics::io_message;
use portcullis_report::{Report, Terminal};

use crate::cli::flows::InputArgs;
use crate::cli::{Format, ScanArgs};
use crate::commands::flows::seen;
use crate::exit::{Failure, Outcome, Result};
use crate::output::{Console, to_file, to_stdout};
use crate::selection::{Selection, Wanted, is_unread, remark_on};

pub(crate) fn run(args: &ScanArgs, console: &Console) -> Result<Outcome> {
    let baseline = args.baseline.as_deref().map(read_baseline).transpose()?;
    let now = Timestamp::now();
    let streams = args.format == Format::Ndjson && args.flows.is_empty();
    let mut streamed = Ok(());
    let wanted = Wanted::new(&args.selection)?;
    // Of a live account what is found is printed Region by Region, while the others are still read.
    let selection = Selection::read_telling(&args.selection, console, &mut |region, policies| {
        if streams && streamed.is_ok() {
            let options = Options { passes: passes(args) };
            let selected = wanted.among(region);
            let mut evaluation = portcullis_runtime::judge(region, policies, now, options, selected.as_deref());
            leave_out(&mut evaluation, baseline.as_ref());
            let report = report(args, region, policies, &evaluation, now);
            streamed = to_stdout(|out| render(args.format, &report, console.stdout(), out));
        }
    })?;
    streamed?;
    let mut evaluation = selection.judge(now, passes(args));
    leave_out(&mut evaluation, baseline.as_ref());
    let logs =
        if args.flows.is_empty() { Outcome::Done } else { tell_used(args, &selection, &mut evaluation, console)? };
    remark_on(&selection, &evaluation, console);

    let report = report(args, &selection.inventory, &selection.policies, &evaluation, now);
    for (format, path) in &args.output {
        to_file(path, |out| render(*format, &report, Terminal { width: 120, color: false }, out))?;
    }
    if !(streams && args.selection.inputs.is_empty()) {
        to_stdout(|out| render(args.format, &report, console.stdout(), out))?;
    }
    let outcome = if logs == Outcome::Done { outcome(args, &selection, &evaluation) } else { logs };
    // The process ends here; taking millions of groups apart first would only cost time.
    std::mem::forget((selection, evaluation));
    Ok(outcome)
}

/// Tells of each finding whether anybody used it from the internet.
fn tell_used(
    args: &ScanArgs,
    selection: &Selection,
    evaluation: &mut Evaluation,
    console: &Console,
) -> Result<Outcome> {
    let seen = seen::read(&InputArgs::of(&args.flows), console)?;
    let inventory = &selection.inventory;
    let members = Members::of(inventory);
    let rulebook = Rulebook::new(&inventory.groups, &members);
    let places = seen::places(inventory, &seen.flows, &rulebook, console);
    let attribution = Attribution { rulebook: &rulebook, places: &places, flows: &seen.flows };
    let (parts, _) = portcullis_runtime::attribute(&attribution, Observed::new, |points, used| points.add(&used));
    let mut points = Observed::new();
    parts.into_iter().for_each(|part| points.merge(part));
    portcullis_core::usage::tell_used(evaluation, inventory, &points.sorted());
    Ok(seen.outcome)
}

fn passes(args: &ScanArgs) -> bool {
    args.status.contains(&Status::Pass)
}

fn report<'a>(
    args: &'a ScanArgs,
    inventory: &'a Inventory,
    policies: &'a PolicySet,
    evaluation: &'a Evaluation,
    now: Timestamp,
) -> Report<'a> {
    let mut report = Report::new(inventory, policies, evaluation, now, env!("CARGO_PKG_VERSION"));
    if !args.status.is_empty() {
        report.statuses = &args.status;
    }
    report
}

fn render(format: Format, report: &Report<'_>, terminal: Terminal, out: &mut impl io::Write) -> io::Result<()> {
    use portcullis_report::Format as Known;
    let format = match format {
        Format::Table => Known::Table,
        Format::Json => Known::Json,
        Format::Ndjson => Known::Ndjson,
        Format::Csv => Known::Csv,
        Format::Sarif => Known::Sarif,
        Format::Markdown => Known::Markdown,
    };
    format.render(report, terminal, out)
}

fn outcome(args: &ScanArgs, selection: &Selection, evaluation: &Evaluation) -> Outcome {
    let unknown = args.strict && evaluation.with_status(Status::Unknown) > 0;
    let grave = evaluation
        .findings
        .iter()
        .any(|finding| finding.status == Status::Fail && selection.policies.severity(finding) >= args.fail_on);
    if is_unread(evaluation) || unknown {
        Outcome::Incomplete
    } else if grave {
        Outcome::Findings
    } else {
        Outcome::Done
    }
}

/// The ids of the findings that an earlier result lists.
fn read_baseline(path: &Path) -> Result<HashSet<String>> {
    let failed = |why: String| Failure::input(format!("the baseline `{}` {why}", path.display()));
    let text =
        std::fs::read_to_string(path).map_err(|error| failed(format!("cannot be read: {}", io_message(&error))))?;
    let mut ids = HashSet::new();
    let mut documents = 0;
    for document in serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>() {
        let document = document.map_err(|error| failed(format!("is no JSON: {error}")))?;
        documents += 1;
        let findings = match document.get("findings") {
            Some(serde_json::Value::Array(findings)) => findings.clone(),
            _ if document.get("control_id").is_some() => vec![document],
            _ => return Err(failed("is no result of `portcullis scan --format json` or `ndjson`".to_owned())),
        };
        for finding in findings {
            let id = finding.get("id").and_then(serde_json::Value::as_str);
            ids.insert(id.ok_or_else(|| failed("lists a finding without an id".to_owned()))?.to_owned());
        }
    }
    if documents == 0 && !text.trim().is_empty() {
        return Err(failed("is empty".to_owned()));
    }
    Ok(ids)
}

/// Takes known findings out; one that a known one implied stands for itself from here on.
fn leave_out(evaluation: &mut Evaluation, known: Option<&HashSet<String>>) {
    let Some(known) = known else { return };
    evaluation.findings.retain(|finding| !known.contains(finding.id.as_str()));
    for finding in &mut evaluation.findings {
        finding.implied_by = finding.implied_by.take().filter(|id| !known.contains(id.as_str()));
    }
}
