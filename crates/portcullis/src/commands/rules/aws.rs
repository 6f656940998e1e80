//! Repositories on AWS: which credentials, account and Region each of them means, what is told while a stack changes, and
//! where rules are changed one by one.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use portcullis_cloud::api::{AccountAccess, ResourceChange, Role, StackEvent};
use portcullis_cloud::stores::{Location, S3Location};
use portcullis_core::model::Inventory;
use portcullis_report::sanitise::neutral;
use portcullis_rules::Repository;
use portcullis_runtime::rules::{self, Proposal, Site, Talk, Waiting, Workbench};
use portcullis_runtime::{NoObserver, PortError, Report, RunError, RunOptions, new_run_id};

use super::live::{Around, LiveSide, profile};
use super::rows::{self, Table, cell};
use crate::cli::{AwsArgs, ChangeArgs, PlaceArgs};
use crate::commands::change::confirmed;
use crate::exit::{Failure, Result};
use crate::interrupt::flag_of_signals;
use crate::live::{Live, Purpose};
use crate::output::{Console, to_stdout};
use crate::workshop::Workshop;

/// How long a stack may take where nobody says otherwise.
const STACK_BUDGET: Duration = Duration::from_secs(15 * 60);

/// How AWS is reached for a repository.
pub(super) fn aws_args(place: &PlaceArgs, repository: &Repository) -> AwsArgs {
    let settings = &repository.settings;
    AwsArgs {
        profile: profile(place, repository),
        role_name: place.role_name.clone().or_else(|| settings.role_name.clone()),
        external_id: place.external_id.clone().or_else(|| settings.external_id.clone()),
        session_name: "portcullis".to_owned(),
        ..AwsArgs::default()
    }
}

/// AWS for as many repositories as there are; those with the same credentials share a client.
pub(super) struct Sites<'a> {
    place: &'a PlaceArgs,
    purpose: Purpose,
    open: BTreeMap<Option<String>, Live>,
}

impl<'a> Sites<'a> {
    pub(super) fn new(place: &'a PlaceArgs, purpose: Purpose) -> Self {
        Self { place, purpose, open: BTreeMap::new() }
    }

    /// The account and Region of a repository.
    pub(super) fn site(&mut self, repository: &Repository) -> Result<Site> {
        let args = aws_args(self.place, repository);
        let live = match self.open.entry(args.profile.clone()) {
            std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::btree_map::Entry::Vacant(none) => none.insert(Live::open(&args, self.purpose)?),
        };
        let own = || repository.region().map(str::to_owned);
        let region = self.place.region.clone().or_else(own).or_else(|| live.cloud().home_region());
        let region = region.ok_or_else(|| {
            let place = repository.name();
            Failure::input(format!(
                "`{place}` names no Region: `portcullis rules configure --region` does, or AWS_REGION"
            ))
        })?;
        let session_policy = (self.purpose == Purpose::Read).then(portcullis_aws::permissions::scan_session_policy);
        let role = args.role_name.map(|name| Role {
            name,
            external_id: args.external_id,
            session_name: args.session_name,
            session_policy,
        });
        let access = AccountAccess { account: String::new(), role };
        let budget = self.place.time_budget.unwrap_or(STACK_BUDGET);
        Ok(Site::new(Arc::clone(live.cloud()), live.handle(), access, &region, Arc::new(Waiting), budget))
    }
}

/// The live side of comparisons on AWS.
pub(super) struct OnAws<'a> {
    pub(super) sites: Sites<'a>,
    pub(super) console: &'a Console,
}

impl LiveSide for OnAws<'_> {
    fn inventory(&mut self, repository: &Repository) -> Result<Inventory> {
        let site = self.sites.site(repository)?;
        site.inventory(repository, false).map_err(|error| failed(error, self.console))
    }

    fn around(&mut self, all: &[Around<'_>]) -> Result<Inventory> {
        let mut parts = Vec::with_capacity(all.len());
        for one in all {
            let site = self.sites.site(one.repository)?;
            parts.push(site.surroundings(one.live, one.rules).map_err(|error| failed(error, self.console))?);
        }
        let mut whole = Inventory::merged(parts);
        // What is around one repository may be another's group, or around it too.
        whole.groups.dedup_by(|a, b| a.key == b.key);
        if let Some(interfaces) = &mut whole.interfaces {
            interfaces.sort_by(|a, b| a.id.cmp(&b.id));
            interfaces.dedup_by(|a, b| a.id == b.id);
        }
        Ok(whole)
    }
}

/// A failure of the use cases as the end of a command.
pub(super) fn failed(error: rules::Failure, console: &Console) -> Failure {
    match error {
        rules::Failure::Input(message) | rules::Failure::Declined(message) => Failure::Input(message),
        rules::Failure::World(message) => Failure::Incomplete(neutral(&message).into_owned()),
        rules::Failure::Repository(error) => super::failure(error, console),
    }
}

/// Tells what happens, and asks.
pub(super) struct Told<'a> {
    pub(super) place: &'a PlaceArgs,
    pub(super) console: &'a Console,
}

impl Talk for Told<'_> {
    fn info(&self, line: &str) {
        self.console.remark(&format!("[INFO] {}", neutral(line)));
    }

    fn warn(&self, line: &str) {
        self.console.warn(&format!("warning: {}", neutral(line)));
    }

    fn event(&self, event: &StackEvent) {
        let reason = if event.reason.is_empty() { String::new() } else { format!(": {}", event.reason) };
        let line = format!("{} {} {}{reason}", event.status, event.kind, event.logical_id);
        self.info(&line);
    }

    fn propose(&self, proposal: &Proposal) {
        // A reader that is gone is no reason to leave a stack half changed.
        let _ = to_stdout(|out| shown(proposal, self.console, out));
    }

    fn agree(&self, what: &str) -> std::result::Result<(), rules::Failure> {
        confirmed(self.place.yes, what).map_err(|error| match error {
            Failure::Input(message) => rules::Failure::Declined(message),
            other => rules::Failure::Declined(format!("{other:?}")),
        })
    }
}

fn shown(proposal: &Proposal, console: &Console, out: &mut impl Write) -> io::Result<()> {
    let terminal = console.stdout();
    if !proposal.changes.is_empty() {
        writeln!(out, "Change set of stack {}:\n", neutral(&proposal.stack))?;
        change_set(proposal).render(terminal, out)?;
        writeln!(out)?;
    }
    if !proposal.plan.changes.is_empty() {
        rows::changes(&proposal.group, &proposal.plan.changes).render(terminal, out)?;
        writeln!(out)?;
    }
    if !proposal.plan.drift.is_empty() {
        writeln!(out, "Made outside of the repository since the last commit; this takes it back:\n")?;
        rows::drift(&proposal.group, &proposal.plan.drift).render(terminal, out)?;
        writeln!(out)?;
    }
    Ok(())
}

fn change_set(proposal: &Proposal) -> Table {
    let row = |change: &ResourceChange| -> Vec<rows::Cell> {
        let replaced = match change.replacement.as_str() {
            "True" => "yes",
            "Conditional" => "perhaps",
            _ => "no",
        };
        let cells = [&change.action, &change.logical_id, &change.physical_id, &change.kind];
        cells.into_iter().map(cell).chain([cell(replaced)]).collect()
    };
    let rows = proposal.changes.iter().map(row).collect();
    Table { heads: vec!["Action", "Logical Id", "Physical Id", "Type", "Replaced"], rows }
}

/// Where rules are changed one by one: opened only when that is needed, which is seldom.
pub(super) struct Bench {
    change: ChangeArgs,
}

impl Bench {
    pub(super) fn new(place: &PlaceArgs, repository: &Repository, backup: &str) -> Self {
        let mut aws = aws_args(place, repository);
        aws.time_budget = place.time_budget;
        let change = ChangeArgs {
            inventory: None,
            write: None,
            backup: backup.to_owned(),
            state: None,
            kms_key: None,
            notify: None,
            metrics: false,
            yes: true,
            max_groups: None,
            dry_run: false,
            aws,
        };
        Self { change }
    }
}

impl Workbench for Bench {
    fn run(&self, run: &rules::Run<'_>) -> std::result::Result<Report, RunError> {
        let told = |error: Failure| match error {
            Failure::Input(message) => RunError::Input(message),
            Failure::Incomplete(message) => RunError::Port(PortError(message)),
            Failure::Internal(error) => RunError::Port(PortError(error.to_string())),
        };
        let interrupt = flag_of_signals().map_err(|error| RunError::Port(PortError(error.to_string())))?;
        let workshop = Workshop::open(&self.change).map_err(told)?;
        let options = RunOptions {
            run_id: new_run_id(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            max_groups: None,
            allow_gap: true,
            dry_run: false,
            concurrency: 1,
        };
        workshop.run(&options, &interrupt, &NoObserver, |ports, options| run(ports, options))
    }
}

/// A bucket, as `BUCKET`, `s3://BUCKET` or with a prefix.
pub(super) fn bucket(text: Option<&str>) -> Result<Option<S3Location>> {
    let Some(text) = text else { return Ok(None) };
    let whole = if text.contains(':') { text.to_owned() } else { format!("s3://{text}") };
    match whole.parse::<Location>() {
        Ok(Location::S3(location)) => Ok(Some(location)),
        Ok(_) => Err(Failure::input(format!("`--bucket {text}`: `s3://BUCKET/PREFIX` is expected"))),
        Err(error) => Err(Failure::input(format!("`--bucket {text}`: {error}"))),
    }
}
