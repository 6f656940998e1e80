//! `portcullis rules stage`

use std::io::{self, Write};

use portcullis_core::model::{Inventory, SecurityGroup};
use portcullis_core::policy::PolicySet;
use portcullis_core::remediation::RULE_QUOTA;
use portcullis_formats::cloudformation::quota;
use portcullis_report::Terminal;
use portcullis_report::sanitise::{markdown_text, neutral};
use portcullis_rules::{Error, Repository, RuleSet, SecurityTemplate, StagePlan, difference, find_groups};
use portcullis_runtime::rules::live_mark;
use serde_json::{Value, json};

use super::cuts::{self, Cut};
use super::judge::{self, Opened};
use super::live::{Around, LiveSide, live_side, looked_up};
use super::rows::{self, Table};
use super::sarif;
use super::told::warnings;
use super::{each, open};
use crate::cli::{AwsArgs, PlaceArgs, StageArgs, StageFormat};
use crate::commands::flows::seen::Observed;
use crate::exit::{Outcome, Result};
use crate::output::{Console, to_file, to_stdout};
use crate::selection::read_policies;

/// What a commit of one repository would do.
struct Staged {
    repository: Repository,
    rules: SecurityTemplate,
    /// The group as it is, with what its rules name.
    live: Inventory,
    group_ids: Vec<String>,
    plan: StagePlan,
    /// The rules of each of its groups.
    parts: Vec<RuleSet>,
    opened: Vec<Opened>,
    /// The observed connections that it would cut, where flow logs were named.
    cuts: Option<Vec<Cut>>,
    /// Why it is not staged.
    refused: Vec<String>,
}

pub(crate) fn run(place: &PlaceArgs, args: &StageArgs, console: &Console) -> Result<Outcome> {
    let repositories = open(place, console)?;
    // Nothing is staged while any file of any repository is wrong, and nothing runs on a policy that does not parse.
    let rules = each(repositories.iter().collect(), console, |repository: &Repository| {
        repository.settings.group()?;
        repository.load()
    })?;
    rules.iter().for_each(|rules| warnings(rules.warnings(), console));
    let aws = AwsArgs { profile: place.profile.clone(), ..AwsArgs::default() };
    let policies = read_policies(&args.policies, &aws, console)?;
    let observed = cuts::observed(place, args, &repositories, console)?;
    let mut side = live_side(place, &args.inventory, console)?;
    let looked_up = looked_up(repositories.into_iter().zip(rules), &mut *side, console)?;
    let unread = looked_up.iter().any(|(_, _, live)| live.is_none());
    let known = looked_up.into_iter().filter_map(|(repository, rules, live)| Some((repository, rules, live?)));
    let mut all =
        each(known.collect(), console, |(repository, rules, live)| stage(repository, rules, live, args, &policies))?;
    if let Some(observed) = &observed {
        look_for_cuts(&mut all, &mut *side, observed, console)?;
    }
    all = each(all, console, |mut staged: Staged| staged.mark(args.split).map(|()| staged))?;
    tell(&all, args, console)?;

    let refused = all.iter().any(|staged| !staged.refused.is_empty());
    let differs = all.iter().any(|staged| !staged.plan.is_empty());
    if differs && !refused {
        console.remark("staged: `portcullis rules commit` rolls it out");
    }
    let logs = observed.map_or(Outcome::Done, |observed| observed.outcome);
    Ok(match (unread, logs) {
        (false, Outcome::Done) if refused || (args.exit_code && differs) => Outcome::Findings,
        (false, logs) => logs,
        (true, _) => Outcome::Incomplete,
    })
}

/// What a commit of one repository would do; nothing is written yet.
fn stage(
    repository: Repository,
    rules: SecurityTemplate,
    live: Inventory,
    args: &StageArgs,
    policies: &PolicySet,
) -> std::result::Result<Staged, Error> {
    let state_file = repository.path_of(portcullis_rules::STATE_FILE);
    let committed = repository.state.committed.as_ref().map(|committed| committed.rules(&state_file));
    let committed = committed.transpose()?.flatten();
    let groups = find_groups(&repository, &live);
    let plan = difference(rules.rules(), &groups, committed.as_ref());
    let parts = rules.parts(args.split, &live);
    // What admits the same as before opens nothing, which most of a large tree does.
    let opens_nothing = plan.is_same_traffic() && !groups.is_empty();
    let opened = if opens_nothing { Vec::new() } else { judge::opened(&repository, &parts, &live, policies) };

    let mut refused = Vec::new();
    if !opened.is_empty() && !args.allow_findings {
        let count = opened.len();
        refused.push(format!(
            "it would open what the policies prohibit ({count}): `--allow-findings` stages it all the same"
        ));
    }
    refused.extend(over_quota(&parts, &groups, &live));
    let group_ids = groups.iter().map(|group| group.key.group_id.to_string()).collect();
    Ok(Staged { repository, rules, live, group_ids, plan, parts, opened, cuts: None, refused })
}

impl Staged {
    /// Marks it for a commit, unless it is refused.
    fn mark(&mut self, split: bool) -> std::result::Result<(), Error> {
        if !self.refused.is_empty() {
            // What was staged before is not what the files say now.
            return self.repository.unstage();
        }
        let groups = find_groups(&self.repository, &self.live);
        let mark = live_mark(&groups);
        let template = self.repository.template(&self.rules, split, &self.live)?;
        self.repository.stage(&template, Some(mark))
    }
}

/// Tells which of the observed connections each of them would cut.
fn look_for_cuts(all: &mut [Staged], side: &mut dyn LiveSide, observed: &Observed, console: &Console) -> Result<()> {
    let around: Vec<Around<'_>> = all
        .iter()
        .map(|staged| Around { repository: &staged.repository, rules: staged.rules.rules(), live: &staged.live })
        .collect();
    let world = side.around(&around)?;
    let parts: Vec<cuts::Part<'_>> = all
        .iter()
        .map(|staged| cuts::Part { repository: &staged.repository, parts: &staged.parts, plan: &staged.plan })
        .collect();
    let found = cuts::cuts(&parts, &world, &observed.flows, console)?;
    all.iter_mut().zip(found).for_each(|(staged, cuts)| staged.cuts = Some(cuts));
    Ok(())
}

/// Prints what was found, and writes it to the files that were asked for.
fn tell(all: &[Staged], args: &StageArgs, console: &Console) -> Result<()> {
    for (format, path) in &args.output {
        to_file(path, |out| render(*format, all, Terminal { width: 120, color: false }, out))?;
    }
    to_stdout(|out| render(args.format, all, console.stdout(), out))?;
    for staged in all {
        for why in &staged.refused {
            console.warn(&format!("refused: {}: {}", staged.repository.name(), neutral(why)));
        }
    }
    Ok(())
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
                .map(|staged| sarif::Judged {
                    repository: &staged.repository,
                    rules: staged.rules.rules(),
                    opened: &staged.opened,
                    cuts: staged.cuts.iter().flat_map(|cuts| cuts::sentences(&staged.plan, cuts)).collect(),
                })
                .collect();
            writeln!(out, "{:#}", sarif::log(&judged))
        }
    }
}

/// What is said of a repository, with the tables that belong to it.
fn sections(staged: &Staged) -> Vec<(Option<String>, Option<Table>)> {
    let name = staged.repository.group_name();
    let mut sections = Vec::new();
    if !staged.plan.changes.is_empty() {
        sections.push((None, Some(rows::changes(name, &staged.plan.changes))));
    }
    if !staged.plan.drift.is_empty() {
        let said = "Made outside of the repository since the last commit; a commit takes it back:";
        sections.push((Some(said.to_owned()), Some(rows::drift(name, &staged.plan.drift))));
    }
    if !staged.opened.is_empty() {
        sections.push((Some("Prohibited by the policies:".to_owned()), Some(judge::table(&staged.opened))));
    }
    if let Some(cuts) = staged.cuts.as_ref().filter(|_| !staged.plan.is_empty()) {
        sections.push((Some(cuts::heading(cuts)), (!cuts.is_empty()).then(|| cuts::table(cuts))));
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
        if let Some(said) = &said {
            writeln!(out, "{said}")?;
        }
        if let Some(table) = &table {
            if said.is_some() {
                writeln!(out)?;
            }
            write(table, out)?;
        }
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
        let mut repository = json!({
            "path": staged.repository.name(),
            "group_name": staged.repository.settings.group_name,
            "group_ids": staged.group_ids,
            "stack": staged.repository.stack_name(),
            "staged": staged.refused.is_empty(),
            "refused": staged.refused,
            "changes": rows::json(&staged.plan.changes),
            "drift": rows::json(&staged.plan.drift),
            "findings": staged.opened.iter().map(Opened::json).collect::<Vec<_>>(),
        });
        if let (Some(cuts), Some(fields)) = (&staged.cuts, repository.as_object_mut()) {
            fields.insert("at_risk".to_owned(), cuts::json(cuts));
        }
        repository
    };
    json!({ "schema_version": "1", "repositories": all.iter().map(repository).collect::<Vec<_>>() })
}
