//! Reading accounts and Regions into an inventory.

use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::sync::Arc;

use portcullis_cloud::api::Cloud;
use portcullis_cloud::collect::{Collected, Documents, Event, Progress, Request, Want, collect};
use portcullis_core::controls::Hygiene;
use portcullis_core::model::{Coverage, CoverageStatus, GroupKey, Inventory, SecurityGroup};
use portcullis_core::policy::{ControlKind, PolicySet};
use portcullis_formats::inventory::{ReadErrors, ReadOptions, Source};

/// What there is to tell while reading.
#[derive(Debug)]
pub enum Told<'a> {
    /// How far it is.
    Progress(Progress),
    /// A whole Region was read, over all accounts. References never leave a Region, so it can be judged by itself.
    Region(&'a Inventory),
    /// Something that a person may want to know though nothing is missing.
    Remark(&'a str),
}

/// What was read.
#[derive(Debug)]
pub struct Reading {
    /// Everything together; what could not be read stands in its coverage.
    pub inventory: Inventory,
    /// How much work it was.
    pub progress: Progress,
}

/// What the controls of these policies need to know beside the rules.
pub fn wants(policies: &PolicySet) -> Want {
    let any = |wanted: &[Hygiene]| {
        policies.controls.iter().any(|control| match &control.kind {
            ControlKind::Hygiene(hygiene) => wanted.contains(hygiene),
            ControlKind::Traffic(_) => false,
        })
    };
    Want {
        interfaces: any(&[Hygiene::UnusedGroup, Hygiene::DefaultGroupInUse]),
        references: any(&[Hygiene::UnusedGroup, Hygiene::StaleReference, Hygiene::DuplicateGroup]),
        users: any(&[Hygiene::UnusedGroup]),
    }
}

/// Reads what is asked for. It does not fail: what cannot be read stands in the coverage.
pub async fn read(cloud: Arc<dyn Cloud>, request: Request, mut tell: impl FnMut(Told<'_>) + Send) -> Reading {
    let Want { interfaces, users, .. } = request.want;
    let merged = |parts: Vec<Inventory>| {
        let mut inventory = Inventory::merged(parts);
        if interfaces || users {
            // They were asked for: where they could not be read, the coverage says so and makes verdicts unknown.
            inventory.interfaces.get_or_insert_default();
        }
        inventory
    };
    let mut whole: Vec<Inventory> = Vec::new();
    let mut regions: BTreeMap<String, Vec<Inventory>> = BTreeMap::new();
    let make = |mut unit: Collected| {
        let (region, remarks) = (unit.region.clone(), std::mem::take(&mut unit.remarks));
        (region, remarks, inventory_of(unit))
    };
    let progress = collect(cloud, request, make, |event| match event {
        Event::Progress(progress) => tell(Told::Progress(progress)),
        Event::Unit((region, remarks, inventory)) => {
            remarks.iter().for_each(|remark| tell(Told::Remark(remark)));
            regions.entry(region).or_default().push(inventory);
        }
        Event::Region(region) => {
            let inventory = merged(regions.remove(&region).unwrap_or_default());
            tell(Told::Region(&inventory));
            whole.push(inventory);
        }
    })
    .await;
    // Accounts that could not be entered at all have no Region.
    whole.extend(regions.into_values().flatten());
    Reading { inventory: merged(whole), progress }
}

/// One account and Region as an inventory. What AWS says in a way that cannot be understood makes that group `unknown`, and
/// the others are judged all the same.
fn inventory_of(unit: Collected) -> Inventory {
    parse(&unit).unwrap_or_else(|_| piece_by_piece(unit))
}

fn parse(unit: &Collected) -> Result<Inventory, ReadErrors> {
    let name = format!("{} in {}", unit.account, unit.region);
    // Serialising plain structs into memory does not fail; an empty text would be an error of the reader.
    let text = serde_json::to_vec(unit).unwrap_or_default();
    let options = ReadOptions { region: Some(unit.region.clone()).filter(|region| !region.is_empty()) };
    let mut inventory = portcullis_formats::inventory::read([Source::reader(name, Cursor::new(text))], &options)?;
    // The text is gone, and with it the lines.
    inventory.sources.clear();
    for group in &mut inventory.groups {
        (group.source, group.line) = (0, 0);
        group.rules.iter_mut().for_each(|rule| rule.line = 0);
    }
    Ok(inventory)
}

/// The parts of a unit one by one, so that what cannot be understood costs no more than itself.
fn piece_by_piece(unit: Collected) -> Inventory {
    let Collected { account, region, mut status, error, remarks, documents } = unit;
    let Documents { groups, rules, vpcs, prefix_lists, interfaces, .. } = documents.clone();
    let users = Documents {
        groups: Vec::new(),
        rules: None,
        vpcs: None,
        prefix_lists: Vec::new(),
        interfaces: None,
        ..documents
    };
    let bare = Collected {
        account: account.clone(),
        region: region.clone(),
        status: CoverageStatus::Complete,
        error: None,
        remarks,
        documents: Documents::default(),
    };
    let mut parts: Vec<Inventory> = Vec::new();
    let mut faults: Vec<String> = error.into_iter().collect();
    let mut take = |what: &str, documents: Documents| match parse(&Collected { documents, ..bare.clone() }) {
        Ok(mut part) => {
            part.coverage.clear();
            parts.push(part);
            None
        }
        Err(errors) => Some(format!("{what} could not be understood: {errors}")),
    };
    faults.extend(take("the VPCs", Documents { vpcs, ..Documents::default() }));
    faults.extend(take("the prefix lists", Documents { prefix_lists, ..Documents::default() }));
    faults.extend(take("the network interfaces", Documents { interfaces, ..Documents::default() }));
    faults.extend(take("what else names groups", users));
    let mut rules_of: HashMap<String, Vec<_>> = HashMap::new();
    let rules_known = rules.is_some();
    for rule in rules.into_iter().flatten() {
        rules_of.entry(rule.group_id.clone()).or_default().push(rule);
    }
    let mut unreadable = Vec::new();
    for group in groups {
        let rules = rules_known.then(|| rules_of.remove(&group.group_id).unwrap_or_default());
        let key = GroupKey {
            account_id: account.as_str().into(),
            region: region.as_str().into(),
            group_id: group.group_id.as_str().into(),
        };
        let (name, vpc) = (group.group_name.clone(), group.vpc_id.clone().unwrap_or_default());
        let documents = Documents { groups: vec![group], rules, ..Documents::default() };
        if let Some(why) = take("it", documents) {
            unreadable.push(SecurityGroup {
                key,
                name: name.into(),
                vpc_id: vpc.into(),
                unreadable: Some(why.into()),
                ..SecurityGroup::default()
            });
        }
    }
    parts.push(Inventory { groups: unreadable, has_rule_ids: true, ..Inventory::default() });
    let mut inventory = Inventory::merged(parts);
    if !faults.is_empty() && status == CoverageStatus::Complete {
        status = CoverageStatus::Partial;
    }
    inventory.coverage.push(Coverage {
        account_id: account.into(),
        region: region.into(),
        status,
        groups: inventory.groups.len(),
        error: (!faults.is_empty()).then(|| faults.join("; ")),
    });
    inventory
}
