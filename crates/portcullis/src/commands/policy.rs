//! `portcullis policy`

use std::io::{self, Write as _};

use jiff::Timestamp;
use portcullis_formats::catalogue;
use portcullis_formats::policy::assemble::{Request, assemble};
use portcullis_report::explain;

use super::documents::{control_doc, pack_docs};
use super::{policy_files, policy_test};
use crate::cli::{AwsArgs, PolicyArgs, PolicyCommand};
use crate::exit::{Failure, Outcome, Result};
use crate::output::{Console, to_stdout};
use crate::selection::{no_such_control, read_policies};

pub(crate) fn run(command: &PolicyCommand, console: &Console) -> Result<Outcome> {
    match command {
        PolicyCommand::Check { files } => check(files, &AwsArgs::default(), console),
        PolicyCommand::List(args) => list(args, console),
        PolicyCommand::Show { id, policies } => show(id, policies, console),
        PolicyCommand::Schema => {
            to_stdout(|out| {
                serde_json::to_writer_pretty(&mut *out, &portcullis_formats::policy::schema())?;
                out.write_all(b"\n")
            })?;
            Ok(Outcome::Done)
        }
        PolicyCommand::Test { policy, cases, policies } => policy_test::run(policy, cases, &policies.pack, console),
    }
}

/// Checks the files together, as a run would take them, and says what is worth knowing of each.
fn check(files: &[String], aws: &AwsArgs, console: &Console) -> Result<Outcome> {
    let request = Request { policies: policy_files::read(files, aws, None)?, ..Request::default() };
    let assembled = assemble(&request).map_err(|errors| console.diagnostics(&errors))?;
    let notes = assembled.notes(Timestamp::now());
    if !notes.is_empty() {
        console.remark(&console.excerpts(&notes));
    }
    to_stdout(|out| {
        for policy in &assembled.policies {
            let (rules, allowed, exceptions) = (policy.rules.len(), policy.allowed.len(), policy.exemptions.len());
            let name = portcullis_report::sanitise::neutral(&policy.source.name).into_owned();
            writeln!(out, "{name}: ok, {rules} rules, {allowed} allowances, {exceptions} exemptions")?;
        }
        Ok(())
    })?;
    Ok(Outcome::Done)
}

/// Without a choice, everything that ships; else what the chosen packs and policies judge by.
fn list(args: &PolicyArgs, console: &Console) -> Result<Outcome> {
    let everything =
        args.pack.is_empty() && args.policy.is_empty() && args.control.is_empty() && args.severity.is_none();
    if everything {
        to_stdout(|out| {
            writeln!(out, "Packs")?;
            for pack in pack_docs() {
                let description = pack.description.trim().replace('\n', " ");
                writeln!(out, "  {:<17} {:>3} controls  {description}", pack.name, pack.controls.len())?;
            }
            writeln!(out, "\nControls")?;
            for shipped in catalogue::controls() {
                line(out, shipped.id, shipped.severity().as_str(), &shipped.text().title)?;
            }
            Ok(())
        })?;
        return Ok(Outcome::Done);
    }
    let policies = read_policies(args, &AwsArgs::default(), console)?;
    to_stdout(|out| {
        for control in &policies.controls {
            line(out, control.rule_id.as_ref().unwrap_or(&control.id), control.severity.as_str(), &control.text.title)?;
        }
        Ok(())
    })?;
    Ok(Outcome::Done)
}

fn line(out: &mut impl io::Write, id: &str, severity: &str, title: &str) -> io::Result<()> {
    writeln!(out, "  {id:<28} {severity:<9} {}", portcullis_report::sanitise::neutral(title))
}

fn show(id: &str, args: &PolicyArgs, console: &Console) -> Result<Outcome> {
    let policies = read_policies(args, &AwsArgs::default(), console)?;
    let own = policies.controls.iter().find(|control| control.id == *id || control.rule_id.as_deref() == Some(id));
    let settings = std::sync::Arc::new(policies.settings.clone());
    let control = own.cloned().or_else(|| catalogue::control(id).map(|shipped| shipped.control(&settings)));
    let Some(control) = control else {
        return Err(Failure::input(format!("{}; `portcullis policy list` names all", no_such_control(id))));
    };
    to_stdout(|out| explain::render_control(&control_doc(&control), console.stdout(), out))?;
    Ok(Outcome::Done)
}
