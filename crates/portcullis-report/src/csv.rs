//! One finding a row, for spreadsheets. No cell can be a formula or carry a control character.

use std::io;

use crate::report::{Entry, Report};
use crate::sanitise::cell;
use crate::words::evidence_text;

/// The columns. They are added to at the end, never renamed or reordered.
pub const COLUMNS: [&str; 24] = [
    "id",
    "control_id",
    "rule_id",
    "title",
    "severity",
    "status",
    "account_id",
    "region",
    "vpc_id",
    "group_id",
    "group_name",
    "direction",
    "families",
    "evidence",
    "rule_ids",
    "internet_share",
    "reason",
    "implied_by",
    "frameworks",
    "exemption_reason",
    "exemption_approved_by",
    "exemption_expires",
    "remediation",
    "rules",
];

/// Writes a header and the listed findings. Lists within a cell are separated by `; `.
///
/// # Errors
/// Where `out` fails.
pub fn render(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let mut writer = ::csv::Writer::from_writer(out);
    writer.write_record(COLUMNS).map_err(io_error)?;
    for entry in report.listed() {
        for value in row(&entry) {
            writer.write_field(cell(&value).as_bytes()).map_err(io_error)?;
        }
        writer.write_record(None::<&[u8]>).map_err(io_error)?;
    }
    writer.flush()
}

/// The writer's own error, so that callers can tell a reader that went away from a disk that is full.
fn io_error(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn row(entry: &Entry<'_>) -> [String; COLUMNS.len()] {
    let Entry { finding, control, group, exemption } = *entry;
    let list = |items: Vec<String>| items.into_iter().filter(|item| !item.is_empty()).collect::<Vec<_>>().join("; ");
    let rules = entry.rules();
    let evidence = finding.evidence.iter().map(|evidence| evidence_text(evidence, finding.direction, usize::MAX));
    let share = finding.evidence.iter().filter_map(|evidence| evidence.internet_share).reduce(f64::max);
    [
        finding.id.to_string(),
        control.id.to_string(),
        control.rule_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        entry.title().to_owned(),
        control.severity.to_string(),
        finding.status.to_string(),
        group.key.account_id.to_string(),
        group.key.region.to_string(),
        group.vpc_id.to_string(),
        group.key.group_id.to_string(),
        group.name.to_string(),
        finding.direction.map(|direction| direction.to_string()).unwrap_or_default(),
        list(finding.families.iter().map(ToString::to_string).collect()),
        list(evidence.collect()),
        list(rules.iter().map(|rule| rule.id.to_string()).collect()),
        share.map(|share| share.to_string()).unwrap_or_default(),
        finding.reason.clone(),
        finding.implied_by.as_ref().map(ToString::to_string).unwrap_or_default(),
        list(finding.frameworks(control).into_iter().map(str::to_owned).collect()),
        exemption.map(|exemption| exemption.reason.clone()).unwrap_or_default(),
        exemption.map(|exemption| exemption.approved_by.clone()).unwrap_or_default(),
        exemption.and_then(|exemption| exemption.expires).map(|expires| expires.to_string()).unwrap_or_default(),
        finding.remediation.clone(),
        list(rules.iter().map(ToString::to_string).collect()),
    ]
}
