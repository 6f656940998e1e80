//! `portcullis flows usage`

use portcullis_core::usage::{Attribution, Members, Rulebook, Tally};
use portcullis_report::flows::usage::Report;

use super::seen::{needed, places, read, remark_on_unattributed, told};
use crate::cli::flows::{DigestFormat, UsageArgs};
use crate::exit::{Outcome, Result};
use crate::output::{Console, to_file, to_stdout};

pub(crate) fn run(args: &UsageArgs, console: &Console) -> Result<Outcome> {
    let observed = read(&args.input, console)?;
    let inventory = needed(observed.inventory, "usage")?;
    let members = Members::of(&inventory);
    let rulebook = Rulebook::new(&inventory.groups, &members);
    let places = places(&inventory, &observed.flows, &rulebook, console);
    let attribution = Attribution { rulebook: &rulebook, places: &places, flows: &observed.flows };
    let (parts, _) =
        portcullis_runtime::attribute(&attribution, || Tally::new(&rulebook), |tally, used| tally.add(&used));
    let mut tally = Tally::new(&rulebook);
    parts.into_iter().for_each(|part| tally.merge(part));
    remark_on_unattributed(tally.unattributed, console);
    let groups = told(&args.input, rulebook.groups());
    let report = Report { rulebook: &rulebook, groups, tally: &tally, covered: observed.covered };
    for (format, path) in &args.output {
        to_file(path, |out| render(*format, &report, out))?;
    }
    to_stdout(|out| render(args.format, &report, out))?;
    Ok(observed.outcome)
}

fn render(format: DigestFormat, report: &Report<'_>, out: &mut impl std::io::Write) -> std::io::Result<()> {
    match format {
        DigestFormat::Table => report.table(out),
        DigestFormat::Json => report.json(out),
        DigestFormat::Ndjson => report.ndjson(out),
        DigestFormat::Csv => report.csv(out),
    }
}
