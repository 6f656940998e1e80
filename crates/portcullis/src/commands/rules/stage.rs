//! `portcullis rules stage`

use std::io::{self, Write};

use portcullis_core::model::{Inventory, SecurityGroup};
use portcullis_core::policy::PolicySet;
use portcullis_core::remediation::RULE_QUOTA;
use portcullis_formats::cloudformation::quota;
use portcullis_report::Terminal;
use portcullis_report::sanitise::{markdown_text, neutral};
use portcullis_rules::{Repository, RuleSet, SecurityTemplate, StagePlan, difference, find_groups};
use portcullis_runtime::rules::live_mark;
use serde_json::{Value, json};

use super::judge::{self, Opened};
use super::live::live_side;
use super::rows::{self, Table};
use super::sarif;
use super::told::warnings;
use super::{each, failure, open};
use crate::cli::{AwsArgs, PlaceArgs, StageArgs, StageFormat};
use crate::exit::{Failure, Outcome, Result};
use crate::output::{Console, to_file, to_stdout};
use crate::selection::read_policies;

/// What a commit of one repository would do.
struct Staged {
    repository: Repository,
    rules: RuleSet,
    group_ids: Vec<String>,
    plan: StagePlan,
    opened: Vec<Opened>,
    /// Why it is not staged.
    refused: Vec<String>,
}

pub(crate) fn run(place: &PlaceArgs, args: &StageArgs, console: &Console) -> Result<Outcome> {
    if !args.flows.is_empty() {
        let way = "`portcullis flows risk --repo DIR` tells what the change would cut of them";
        return Err(Failure::input(format!("`stage` does not read flow logs yet: {way}")));
    }
    let repositories = open(place, console)?;
    // Nothing is staged while any file of any repository is wrong, and nothing runs on a policy that does not parse.
    let rules = each(&repositories, console, |repository| {
        repository.settings.group()?;
        repository.load()
    })?;
    let aws = AwsArgs { profile: place.profile.clone(), ..AwsArgs::default() };
    let policies = read_policies(&args.policies, &aws, console)?;
    let mut side = live_side(place, &args.inventory, console)?;
    let mut all = Vec::new();
    for (repository, rules) in repositories.into_iter().zip(&rules) {
        warnings(rules.warnings(), console);
        let live = side.inventory(&repository)?;
        all.push(stage(repository, rules, &live, args, &policies, console)?);
    }
    for (format, path) in &args.output {
        to_file(path, |out| render(*format, &all, Terminal { width: 120, color: false }, out))?;
    }
    to_stdout(|out| render(args.format, &all, console.stdout(), out))?;
    for staged in &all {
        for why in &staged.refused {
            console.warn(&format!("refused: {}: {}", staged.repository.name(), neutral(why)));
        }
    }
    let refused = all.iter().any(|staged| !staged.refused.is_empty());
    let differs = all.iter().any(|staged| !staged.plan.is_empty());
    if differs && !refused {
        console.remark("staged: `portcullis rules commit` rolls it out");
    }
    Ok(if refused || (args.exit_code && differs) { Outcome::Findings } else { Outcome::Done })
}

fn stage(
    mut repository: Repository,
    rules: &SecurityTemplate,
    live: &Inventory,
    args: &StageArgs,
    policies: &PolicySet,
    console: &Console,
) -> Result<Staged> {
    let failed = |error| failure(error, console);
    let state_file = repository.path_of(portcullis_rules::STATE_FILE);
    let committed = repository.state.committed.as_ref().map(|committed| committed.rules(&state_file));
    let committed = committed.transpose().map_err(failed)?.flatten();
    let groups = find_groups(&repository, live);
    let plan = difference(rules.rules(), &groups, committed.as_ref());
    let parts = rules.parts(args.split, live);
    let opened = judge::opened(&repository, &parts, live, policies);

    let mut refused = Vec::new();
    if !opened.is_empty() && !args.allow_findings {
        let count = opened.len();
        refused.push(format!(
            "it would open what the policies prohibit ({count}): `--allow-findings` stages it all the same"
        ));
    }
    refused.extend(over_quota(&parts, &groups, live));
    let group_ids = groups.iter().map(|group| group.key.group_id.to_string()).collect();
    if refused.is_empty() {
        let template = repository.template(rules, args.split, live).map_err(failed)?;
        repository.stage(&template, Some(live_mark(&groups))).map_err(failed)?;
    } else {
        // What was staged before is not what the files say now.
        repository.unstage().map_err(failed)?;
    }
    Ok(Staged { repository, rules: rules.rules().clone(), group_ids, plan, opened, refused })
}

/// Why the rules do not fit their groups. A group that holds more than the usual quota has had it raised.
fn over_quota(parts: &[RuleSet], groups: &[&SecurityGroup], live: &Inventory) -> Option<String> {
    let raised = groups.iter().map(|group| quota(&RuleSet::of(group.rules.iter().cloned()), live)).max().unwrap_or(0);
    let most = raised.max(RULE_QUOTA);
    let fullest = parts.iter().map(|part| quota(part, live)).max().unwrap_or(0);
    (fullest > most).then(|| {
        let way = if parts.len() == 1 {
            "`--split` spreads them over several groups"
        } else {
            "a prefix list alone is larger"
        };
        format!("{fullest} rules in one direction and family, and a group takes {most}: {way}")
    })
}

fn render(format: StageFormat, all: &[Staged], terminal: Terminal, out: &mut impl Write) -> io::Result<()> {
    match format {
        StageFormat::Table => table(all, terminal, out),
        StageFormat::Markdown => markdown(all, out),
        StageFormat::Json => writeln!(out, "{:#}", json(all)),
        StageFormat::Sarif => {
            let judged: Vec<sarif::Judged<'_>> = all
                .iter()
                .map(|Staged { repository, rules, opened, .. }| sarif::Judged { repository, rules, opened })
                .collect();
            writeln!(out, "{:#}", sarif::log(&judged))
        }
    }
}

/// What is said of a repository, with the tables that belong to it.
fn sections(staged: &Staged) -> Vec<(Option<String>, Table)> {
    let name = staged.repository.group_name();
    let mut sections = Vec::new();
    if !staged.plan.changes.is_empty() {
        sections.push((None, rows::changes(name, &staged.plan.changes)));
    }
    if !staged.plan.drift.is_empty() {
        let said = "Made outside of the repository since the last commit; a commit takes it back:";
        sections.push((Some(said.to_owned()), rows::drift(name, &staged.plan.drift)));
    }
    if !staged.opened.is_empty() {
        sections.push((Some("Prohibited by the policies:".to_owned()), judge::table(&staged.opened)));
    }
    sections
}

/// Writes the sections one below the other, each table as the form has it.
fn each_section<W: Write>(
    staged: &Staged,
    out: &mut W,
    write: impl Fn(&Table, &mut W) -> io::Result<()>,
) -> io::Result<()> {
    if staged.plan.is_empty() {
        writeln!(out, "No changes to stage.")?;
    }
    for (place, (said, table)) in sections(staged).into_iter().enumerate() {
        if place > 0 {
            writeln!(out)?;
        }
        if let Some(said) = said {
            writeln!(out, "{said}\n")?;
        }
        write(&table, out)?;
    }
    Ok(())
}

fn table(all: &[Staged], terminal: Terminal, out: &mut impl Write) -> io::Result<()> {
    for (number, staged) in all.iter().enumerate() {
        if all.len() > 1 {
            let gap = if number > 0 { "\n" } else { "" };
            writeln!(out, "{gap}{}", neutral(&staged.repository.name()))?;
        }
        each_section(staged, out, |table, out| table.render(terminal, out))?;
    }
    Ok(())
}

fn markdown(all: &[Staged], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "### Rules: what a commit would change")?;
    for staged in all {
        writeln!(out, "\n#### {}\n", markdown_text(&staged.repository.name()))?;
        each_section(staged, out, |table, out| table.markdown(out))?;
        for why in &staged.refused {
            writeln!(out, "\n**Refused:** {}", markdown_text(why))?;
        }
    }
    Ok(())
}

fn json(all: &[Staged]) -> Value {
    let repository = |staged: &Staged| {
        json!({
            "path": staged.repository.name(),
            "group_name": staged.repository.settings.group_name,
            "group_ids": staged.group_ids,
            "stack": staged.repository.stack_name(),
            "staged": staged.refused.is_empty(),
            "refused": staged.refused,
            "changes": rows::json(&staged.plan.changes),
            "drift": rows::json(&staged.plan.drift),
            "findings": staged.opened.iter().map(Opened::json).collect::<Vec<_>>(),
        })
    };
    json!({ "schema_version": "1", "repositories": all.iter().map(repository).collect::<Vec<_>>() })
}
