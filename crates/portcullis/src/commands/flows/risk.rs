//! `portcullis flows risk`

use std::collections::{BTreeMap, HashMap};

use portcullis_core::model::{GroupKey, Inventory, SecurityGroup};
use portcullis_core::remediation::{Plan, simulate};
use portcullis_core::usage::{Attribution, Cut, Flow, Members, Risk, Rulebook, Tally, cuts};
use portcullis_formats::diagnostics::io_message;
use portcullis_formats::inventory::may_be_one;
use portcullis_report::flows::risk::Report;

use super::seen::{places, read, remark_on_unattributed};
use crate::cli::flows::{DigestFormat, RiskArgs};
use crate::exit::{Failure, Outcome, Result};
use crate::output::{Console, to_file, to_stdout};

/// Rules before and after a change, with what is known around them.
pub(crate) struct Change {
    /// The groups as they are, with their surroundings.
    pub(crate) before: Inventory,
    /// The same groups as they will be.
    pub(crate) after: Vec<SecurityGroup>,
}

pub(crate) fn run(args: &RiskArgs, console: &Console) -> Result<Outcome> {
    let plan = args.plan.as_deref().map(read_plan).transpose()?;
    let repository = args.repo.as_deref().map(|folder| super::repository::open(folder, console)).transpose()?;
    let observed = read(&args.input, console)?;
    let inventory = observed.inventory;
    let change = match (&plan, &repository) {
        (Some(plan), _) => Change::of_plan(plan, inventory)?,
        (None, Some(repository)) => repository.change(inventory)?,
        (None, None) => return Err(Failure::input("`flows risk` needs `--plan PLAN` or `--repo DIR`: the change")),
    };
    let found = change.at_risk(&observed.flows, console, |rulebook, risk| {
        let report = Report { rulebook, rows: risk.rows() };
        for (format, path) in &args.output {
            to_file(path, |out| render(*format, &report, out))?;
        }
        to_stdout(|out| render(args.format, &report, out))?;
        Ok(!report.rows.is_empty())
    })?;
    Ok(match (observed.outcome, found) {
        (Outcome::Done, true) => Outcome::Findings,
        (outcome, _) => outcome,
    })
}

fn render(format: DigestFormat, report: &Report<'_>, out: &mut impl std::io::Write) -> std::io::Result<()> {
    match format {
        DigestFormat::Table => report.table(out),
        DigestFormat::Json => report.json(out),
        DigestFormat::Ndjson => report.ndjson(out),
        DigestFormat::Csv => report.csv(out),
    }
}

fn read_plan(path: &std::path::Path) -> Result<Plan> {
    let failed = |why: String| Failure::input(format!("the plan `{}` {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| failed(format!("cannot be read: {}", io_message(&error))))?;
    Ok(portcullis_formats::plan::read(&bytes).map_err(|error| failed(format!("is refused: {error}")))?.plan)
}

impl Change {
    /// What a plan changes: its groups as they were planned on, and all else of the inventory, if there is one.
    pub(crate) fn of_plan(plan: &Plan, inventory: Option<Inventory>) -> Result<Self> {
        let mut before = inventory.unwrap_or_default();
        let lists = plan.around.prefix_lists.iter().map(|(id, list)| (id.clone(), list.clone()));
        before.prefix_lists.extend(lists);
        // Where no interface tells what groups it has, only those that change are looked at.
        if before.interfaces.is_none() {
            before.groups.clear();
        }
        // The inventory may not tell an account or a Region that the plan knows: an old copy left beside the planned group
        // would still let in what the plan closes.
        let mut planned: HashMap<&str, Vec<&GroupKey>> = HashMap::new();
        for key in plan.groups.iter().map(|planned| &planned.group.key) {
            planned.entry(&key.group_id).or_default().push(key);
        }
        before.groups.retain(|SecurityGroup { key, .. }| {
            !planned.get(key.group_id.as_str()).into_iter().flatten().any(|planned| may_be_one(planned, key))
        });
        let mut changed = BTreeMap::new();
        for planned in &plan.groups {
            let after = simulate(&planned.group, &planned.changes);
            let after = after.map_err(|error| Failure::input(format!("the plan does not fit itself: {error}")))?;
            changed.insert(planned.group.key.clone(), after);
            before.groups.push(planned.group.clone());
        }
        before.groups.sort_by(|a, b| a.key.cmp(&b.key));
        let after = before.groups.iter().map(|group| changed.get(&group.key).unwrap_or(group).clone()).collect();
        Ok(Self { before, after })
    }

    /// Looks for flows that the change would cut, and hands them to `tell`.
    pub(crate) fn at_risk<T>(
        &self,
        flows: &[Flow],
        console: &Console,
        tell: impl FnOnce(&Rulebook<'_>, Risk<'_>) -> Result<T>,
    ) -> Result<T> {
        let members = Members::of(&self.before);
        let rulebook = Rulebook::new(&self.before.groups, &members);
        let changed = Rulebook::new(&self.after, &members);
        let places = places(&self.before, flows, &rulebook, console);
        let attribution = Attribution { rulebook: &rulebook, places: &places, flows };
        let begin = || (Risk::new(&rulebook, &changed), Tally::new(&rulebook));
        let (parts, _) = portcullis_runtime::attribute(&attribution, begin, |(risk, tally), used| {
            risk.add(&used);
            tally.add(&used);
        });
        let (mut risk, mut tally) = begin();
        for (own_risk, own_tally) in parts {
            risk.merge(own_risk);
            tally.merge(own_tally);
        }
        if self.before.interfaces.is_some() {
            remark_on_unattributed(tally.unattributed, console);
        }
        tell(&rulebook, risk)
    }

    /// What each change of a plan would cut.
    pub(crate) fn cuts(&self, plan: &Plan, flows: &[Flow], console: &Console) -> Result<Vec<Cut>> {
        self.at_risk(flows, console, |rulebook, risk| Ok(cuts(plan, rulebook, &risk)))
    }
}
