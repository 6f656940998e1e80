//! `portcullis flows ddl`

use portcullis_cloud::stores::S3Location;
use portcullis_flows::Columns;
use portcullis_flows::ddl::{Form, Layout, NamedQuery, Table};
use serde_json::json;

use crate::cli::flows::{DdlArgs, DdlForm, DdlFormat, DdlLayout, DdlQuery};
use crate::exit::{Failure, Outcome, Result};
use crate::output::to_stdout;

pub(crate) fn run(args: &DdlArgs) -> Result<Outcome> {
    let columns = args.fields.as_deref().map(Columns::parse).transpose();
    let columns = columns.map_err(|error| Failure::input(format!("--fields: {error}")))?.unwrap_or_default();
    let table = Table {
        name: name(&args.table)?,
        location: location(&args.location)?,
        layout: match args.layout {
            DdlLayout::Plain => Layout::Plain,
            DdlLayout::Hourly => Layout::Hourly,
            DdlLayout::Hive => Layout::Hive,
            DdlLayout::HiveHourly => Layout::HiveHourly,
        },
        form: match args.form {
            DdlForm::Parquet => Form::Parquet,
            DdlForm::Text => Form::Text,
        },
        columns,
        accounts: plain(&args.account, "--account")?,
        regions: plain(&args.region, "--region")?,
        from: args.from.to_string(),
    };
    let wanted = |query: &NamedQuery| match args.query {
        None => true,
        Some(DdlQuery::Digest) => query.name == "digest",
        Some(DdlQuery::Usage) => query.name == "usage",
        Some(DdlQuery::Risk) => query.name == "risk",
    };
    let queries: Vec<NamedQuery> = table.queries().into_iter().filter(wanted).collect();
    let create = args.query.is_none().then(|| table.create());
    to_stdout(|out| {
        use std::io::Write as _;
        if args.format == DdlFormat::Json {
            let query = |query: &NamedQuery| json!({"name": query.name, "about": query.about, "sql": query.sql});
            let queries: Vec<_> = queries.iter().map(query).collect();
            return writeln!(out, "{:#}", json!({"schema_version": "1", "table": create, "queries": queries}));
        }
        if let Some(create) = &create {
            writeln!(out, "{create};")?;
        }
        for query in &queries {
            let gap = if create.is_some() { "\n" } else { "" };
            writeln!(out, "{gap}-- {}: {}\n{};", query.name, query.about, query.sql)?;
        }
        Ok(())
    })?;
    Ok(Outcome::Done)
}

/// What stands before `AWSLogs/`, which many will name too.
fn location(text: &str) -> Result<String> {
    let location: S3Location = text.parse().map_err(|error| Failure::input(format!("--location: {error}")))?;
    let text = location.to_string();
    let text = text.split_once("/AWSLogs").map_or(text.as_str(), |(before, _)| before);
    if text.contains(['\'', '`', '$']) {
        return Err(Failure::input(format!("--location: `{text}` holds a character that has a meaning in SQL")));
    }
    Ok(text.to_owned())
}

fn name(text: &str) -> Result<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.is_empty() || !text.chars().all(fits) || text.starts_with(|c: char| c.is_ascii_digit()) {
        let message = "is no table's name: letters, digits and `_` are, a digit not first";
        return Err(Failure::input(format!("--table: `{text}` {message}")));
    }
    Ok(text.to_ascii_lowercase())
}

/// Values that stand in a list within quotes.
fn plain(values: &[String], option: &str) -> Result<Vec<String>> {
    let fits = |value: &&String| value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !value.is_empty();
    match values.iter().find(|value| !fits(value)) {
        Some(value) => Err(Failure::input(format!("{option}: `{value}` is neither an account nor a Region"))),
        None => Ok(values.to_vec()),
    }
}
