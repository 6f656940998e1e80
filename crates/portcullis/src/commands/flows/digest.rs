//! `portcullis flows digest`

use std::io;

use portcullis_flows::render::{self, Naming};
use portcullis_flows::{Digest, Field, Query};
use portcullis_report::sanitise::{cell, neutral};

use super::Logs;
use super::names::Names;
use crate::cli::flows::{DigestArgs, DigestFormat};
use crate::exit::{Failure, Outcome, Result};
use crate::output::{Console, to_file, to_stdout};
use crate::selection::nearest;

pub(crate) fn run(args: &DigestArgs, console: &Console) -> Result<Outcome> {
    let by = fields(&args.by)?;
    let logs = Logs::open(&args.input)?;
    let formats = || args.output.iter().map(|(format, _)| *format).chain([args.format]);
    let tops = formats().map(|format| args.top(format)).collect::<Option<Vec<_>>>();
    let top = tops.and_then(|tops| tops.into_iter().max());
    let (digest, inventory, outcome) = logs.digest(by, top, console)?;
    if let Some(field) = digest.missing.iter().find(|field| !field.is_known()) {
        let near = nearest(field.name(), Field::known());
        let near = near.map(|name| format!(": did you mean `{name}`?")).unwrap_or_default();
        return Err(Failure::input(format!("--by: no input has a field `{}`{near}", neutral(field.name()))));
    }
    let names = Names::of(inventory.as_ref());
    for (format, path) in &args.output {
        to_file(path, |out| write(*format, args, &digest, &names, out))?;
    }
    to_stdout(|out| write(args.format, args, &digest, &names, out))?;
    remark(args, &digest, console);
    // The process ends here; taking millions of keys apart first would only cost time.
    std::mem::forget(digest);
    Ok(outcome)
}

fn fields(names: &[String]) -> Result<Vec<Field>> {
    let mut fields: Vec<Field> = Vec::new();
    for name in names.iter().map(|name| name.trim()) {
        let field = Field::named(name);
        if name.is_empty() {
            return Err(Failure::input("--by: a field's name is missing"));
        }
        if Query::SUMS.contains(&field.name()) {
            let name = neutral(name);
            return Err(Failure::input(format!("--by: `{name}` is summed up in every row and cannot be grouped by")));
        }
        if fields.contains(&field) {
            return Err(Failure::input(format!("--by: `{}` is named twice", neutral(name))));
        }
        fields.push(field);
    }
    Ok(fields)
}

fn write(
    format: DigestFormat,
    args: &DigestArgs,
    digest: &Digest,
    names: &Names,
    out: &mut impl io::Write,
) -> io::Result<()> {
    match format {
        DigestFormat::Table => {
            let naming = Naming { clean: &neutral, name: &|field, value| names.of_value(field, value) };
            render::table(digest, args.top(format), &naming, out)
        }
        DigestFormat::Json => render::json(digest, out),
        DigestFormat::Ndjson => render::ndjson(digest, out),
        DigestFormat::Csv => render::csv(digest, cell, out),
    }
}

/// Says how much there was, where the format does not.
fn remark(args: &DigestArgs, digest: &Digest, console: &Console) {
    let counts = &digest.counts;
    let shown = args.top(args.format).map_or(u64::MAX, |top| top.get() as u64);
    if args.format != DigestFormat::Table {
        return;
    }
    let mut line = format!("{} records", counts.records);
    if counts.nodata + counts.skipdata > 0 {
        line.push_str(&format!(", {} times no data, {} times data skipped", counts.nodata, counts.skipdata));
    }
    let keys = digest.rows.keys();
    if keys > shown {
        line.push_str(&format!("; {shown} of {keys} rows are shown, `--top 0` shows all"));
    }
    console.remark(&line);
}
