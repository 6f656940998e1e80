//! `portcullis scan`

use std::collections::HashSet;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use portcullis_core::finding::{Evaluation, Status};
use portcullis_report::{Report, Terminal};

use crate::cli::{Format, ScanArgs};
use crate::exit::{Failure, Outcome, Result};
use crate::output::{Console, to_file, to_stdout};
use crate::selection::{Selection, is_unread, remark_on};

pub(crate) fn run(args: &ScanArgs, console: &Console) -> Result<Outcome> {
    let baseline = args.baseline.as_deref().map(read_baseline).transpose()?;
    let selection = Selection::read(&args.selection, console)?;
    let now = Timestamp::now();
    let mut evaluation = selection.judge(now, args.status.contains(&Status::Pass));
    if let Some(known) = baseline {
        leave_out(&mut evaluation, &known);
    }
    remark_on(&selection, &evaluation, console);

    let version = env!("CARGO_PKG_VERSION");
    let mut report = Report::new(&selection.inventory, &selection.policies, &evaluation, now, version);
    if !args.status.is_empty() {
        report.statuses = &args.status;
    }
    for (format, path) in &args.output {
        to_file(path, |out| render(*format, &report, Terminal { width: 120, color: false }, out))?;
    }
    to_stdout(|out| render(args.format, &report, console.stdout(), out))?;
    let outcome = outcome(args, &selection, &evaluation);
    // The process ends here; taking millions of groups apart first would only cost time.
    std::mem::forget((selection, evaluation));
    Ok(outcome)
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
    let text = std::fs::read_to_string(path).map_err(|error| failed(format!("cannot be read: {error}")))?;
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
fn leave_out(evaluation: &mut Evaluation, known: &HashSet<String>) {
    evaluation.findings.retain(|finding| !known.contains(finding.id.as_str()));
    for finding in &mut evaluation.findings {
        finding.implied_by = finding.implied_by.take().filter(|id| !known.contains(id.as_str()));
    }
}
