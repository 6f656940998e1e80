//! From what was typed to what it means here: which groups, judged by which policies.

use jiff::Timestamp;
use portcullis_core::evaluate::Options;
use portcullis_core::finding::Evaluation;
use portcullis_core::model::{Coverage, Inventory, SecurityGroup};
use portcullis_core::policy::PolicySet;
use portcullis_core::remediation::Strategy;
use portcullis_formats::catalogue;
use portcullis_formats::inventory::{ReadOptions, Source, read};
use portcullis_report::sanitise::neutral;
use portcullis_runtime::live::wants;
use portcullis_runtime::respond::strategy_of;

use crate::cli::{AwsArgs, PolicyArgs, SelectionArgs};
use crate::commands::policy_files::assembled;
use crate::exit::{Failure, Result};
use crate::live::{Live, Purpose};
use crate::output::Console;

/// What is told of a live reading while it goes on: each Region as it is whole, and what it is judged by.
pub(crate) type EachRegion<'a> = dyn FnMut(&Inventory, &PolicySet) + Send + 'a;

/// An inventory and what it is judged by.
pub(crate) struct Selection {
    pub(crate) inventory: Inventory,
    pub(crate) policies: PolicySet,
    /// How the policies want findings remedied, where one of them says it; the last one that does counts.
    pub(crate) strategy: Option<Strategy>,
    /// For each group, whether the user asked for it; `None` where all are asked for.
    selected: Option<Vec<bool>>,
}

impl Selection {
    /// Reads policies first, since nothing runs on a policy that does not parse, then the inventory.
    pub(crate) fn read(args: &SelectionArgs, console: &Console) -> Result<Self> {
        Self::read_telling(args, console, &mut |_, _| {})
    }

    /// As [`Self::read`]; of a live reading each Region is told as soon as it is whole.
    pub(crate) fn read_telling(
        args: &SelectionArgs,
        console: &Console,
        each_region: &mut EachRegion<'_>,
    ) -> Result<Self> {
        let live =
            if args.inputs.is_empty() { Some(Live::open_for(&args.aws, Purpose::Read, &args.region)?) } else { None };
        let assembled = assembled(&args.policies, &args.aws, live.as_ref(), console)?;
        let strategy = assembled.policies.iter().rev().find_map(strategy_of);
        let policies = narrowed(assembled.set, &args.policies)?;
        // What was typed wrongly is said before anything is read.
        let wanted = Wanted::new(args)?;
        let inventory = match &live {
            None => read_inventory(args)?,
            Some(live) => {
                live.read(args, &policies, wants(&policies), console, |region| each_region(region, &policies))?
            }
        };
        let selected = wanted.among(&inventory);
        let none = selected.as_ref().is_some_and(|selected| !selected.contains(&true));
        if none && !inventory.coverage.iter().any(|row| row.status.is_unread()) {
            return Err(Failure::input("no group fits --account, --region, --group, --vpc and --tag"));
        }
        Ok(Self { inventory, policies, strategy, selected })
    }

    /// Judges the groups that the user asked for, with everything else that was read around them.
    pub(crate) fn judge(&self, now: Timestamp, passes: bool) -> Evaluation {
        portcullis_runtime::judge(&self.inventory, &self.policies, now, Options { passes }, self.selected.as_deref())
    }
}

/// Tells of exceptions and controls that deserve a look.
pub(crate) fn remark_on(selection: &Selection, evaluation: &Evaluation, console: &Console) {
    let exemption = |index: &usize| selection.policies.exemptions.get(*index);
    for expired in evaluation.expired_exemptions.iter().filter_map(exemption) {
        console.remark(&format!("warning: the exemption at {} has expired and exempts nothing", expired.place));
    }
    for unused in evaluation.unused_exemptions.iter().filter_map(exemption) {
        console.remark(&format!("warning: the exemption at {} matches no finding", unused.place));
    }
    for lack in &evaluation.not_judged {
        console.remark(&format!("note: `{}` was not judged: {}", lack.control_id, lack.reason));
    }
    remark_on_coverage(&evaluation.coverage, console);
}

/// Tells of what could not be read, which `--quiet` does not hide.
pub(crate) fn remark_on_coverage(coverage: &[Coverage], console: &Console) {
    for row in coverage {
        let Some(error) = &row.error else { continue };
        let account =
            if row.account_id.is_empty() { "the account".to_owned() } else { format!("account {}", row.account_id) };
        let region = if row.region.is_empty() { String::new() } else { format!(", Region {}", row.region) };
        console.remark(&format!("warning: {account}{region}: {}", neutral(error)));
    }
}

/// Reads and assembles the policies that were asked for.
pub(crate) fn read_policies(args: &PolicyArgs, aws: &AwsArgs, console: &Console) -> Result<PolicySet> {
    narrowed(assembled(args, aws, None, console)?.set, args)
}

/// The controls that `--control` and `--severity` leave.
pub(crate) fn narrowed(mut policies: PolicySet, args: &PolicyArgs) -> Result<PolicySet> {
    for wanted in &args.control {
        let known = policies.controls.iter().any(|c| c.id == *wanted || c.rule_id.as_deref() == Some(wanted));
        if !known {
            let shipped = catalogue::control(wanted).is_some();
            return Err(Failure::input(if shipped {
                format!("control `{wanted}` is in none of the packs and policies in use: add `--pack all`")
            } else {
                no_such_control(wanted)
            }));
        }
    }
    if !args.control.is_empty() {
        let wanted = |id: &str| args.control.iter().any(|wanted| wanted == id);
        policies.controls.retain(|control| wanted(&control.id) || control.rule_id.as_deref().is_some_and(wanted));
    }
    if let Some(least) = args.severity {
        policies.controls.retain(|control| control.severity >= least);
    }
    Ok(policies)
}

/// What is said of a control that does not exist.
pub(crate) fn no_such_control(id: &str) -> String {
    let ids = catalogue::controls().iter().map(|shipped| shipped.id);
    let near = nearest(id, ids).map(|id| format!(": did you mean `{id}`?")).unwrap_or_default();
    format!("there is no control `{id}`{near}")
}

/// Whether some account or Region could not be read whole.
pub(crate) fn is_unread(evaluation: &Evaluation) -> bool {
    evaluation.coverage.iter().any(|row| row.status.is_unread())
}

/// The known word that is nearest to a mistyped one, if any is near.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate));
    scored.min().filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3).map(|(_, candidate)| candidate)
}

fn read_inventory(args: &SelectionArgs) -> Result<Inventory> {
    let region = match args.region.as_slice() {
        [only] if only != "all" => Some(only.clone()),
        _ => None,
    };
    let source = |input: &String| match input.as_str() {
        "-" => Source::reader("stdin", std::io::stdin()),
        path => Source::path(path),
    };
    read(args.inputs.iter().map(source), &ReadOptions { region }).map_err(Failure::input)
}

/// What the user wants of the inventory.
pub(crate) struct Wanted<'a> {
    args: &'a SelectionArgs,
    tags: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Wanted<'a> {
    pub(crate) fn new(args: &'a SelectionArgs) -> Result<Self> {
        let tag = |text: &'a String| match text.split_once('=') {
            Some(("", _)) => Err(Failure::input(format!("`--tag {text}` names no key: KEY=VALUE is expected"))),
            Some((key, value)) => Ok((key, Some(value))),
            None => Ok((text.as_str(), None)),
        };
        Ok(Self { args, tags: args.tag.iter().map(tag).collect::<Result<_>>()? })
    }

    /// For each group whether it is wanted; `None` where all are.
    pub(crate) fn among(&self, inventory: &Inventory) -> Option<Vec<bool>> {
        self.is_narrow().then(|| inventory.groups.iter().map(|group| self.takes(group)).collect())
    }

    /// Whether all groups of the accounts and Regions are wanted.
    pub(crate) fn takes_whole_accounts(&self) -> bool {
        let args = self.args;
        [&args.group, &args.vpc, &args.tag].iter().all(|list| list.is_empty())
    }

    fn is_narrow(&self) -> bool {
        let args = self.args;
        [&args.account, &args.region, &args.group, &args.vpc, &args.tag].iter().any(|list| !list.is_empty())
    }

    fn takes(&self, group: &SecurityGroup) -> bool {
        let args = self.args;
        let among = |list: &[String], value: &str| list.is_empty() || list.iter().any(|wanted| wanted == value);
        let every_region = args.region.iter().any(|region| region == "all");
        among(&args.account, &group.key.account_id)
            && (every_region || among(&args.region, &group.key.region))
            && (among(&args.group, &group.key.group_id) || among(&args.group, &group.name))
            && among(&args.vpc, &group.vpc_id)
            && self
                .tags
                .iter()
                .all(|(key, value)| group.tag(key).is_some_and(|own| value.is_none_or(|value| value == own)))
    }
}
