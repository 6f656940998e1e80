//! What a commit would make of the world, so that policies can judge it beforehand.

use portcullis_core::evaluate::{Evaluator, Options};
use portcullis_core::finding::{Finding, Status};
use portcullis_core::model::{GroupKey, Inventory, SecurityGroup, Tag};
use portcullis_core::net::Traffic;
use portcullis_core::policy::PolicySet;
use portcullis_formats::rules::RuleSet;

use crate::repository::Repository;
use crate::state::StackState;

/// The tag by which CloudFormation names the stack of a resource.
const STACK_TAG: &str = "aws:cloudformation:stack-name";

/// The repository's groups in an inventory: those that its state names; before the first commit those of its stack, or
/// the one with its name in its VPC.
pub fn find_groups<'a>(repository: &Repository, inventory: &'a Inventory) -> Vec<&'a SecurityGroup> {
    let known = repository.state.stack.as_ref().map(|stack| stack.group_ids.as_slice()).unwrap_or_default();
    if !known.is_empty() {
        let of_id = |id: &String| inventory.groups.iter().find(|group| group.key.group_id == id.as_str());
        return known.iter().filter_map(of_id).collect();
    }
    let settings = &repository.settings;
    let in_region = |group: &&SecurityGroup| {
        let region = group.key.region.as_str();
        region == "unknown" || region.is_empty() || repository.region().is_none_or(|own| own == region)
    };
    let in_vpc = |group: &&SecurityGroup| settings.vpc_id.as_deref().is_none_or(|vpc| group.vpc_id == vpc);
    let candidates = || inventory.groups.iter().filter(in_region).filter(in_vpc);
    let stack = repository.stack_name();
    let of_stack: Vec<_> = candidates().filter(|group| group.tag(STACK_TAG) == Some(stack.as_str())).collect();
    if !of_stack.is_empty() || settings.generated_name {
        return of_stack;
    }
    let named = |group: &&SecurityGroup| settings.group_name.as_deref().is_some_and(|name| group.name == name);
    candidates().filter(named).take(1).collect()
}

/// The world as a commit would leave it.
#[derive(Clone, Debug)]
pub struct Projected {
    /// The inventory with the repository's groups as the files have them.
    pub inventory: Inventory,
    /// The keys of those groups, in the order of the parts.
    pub groups: Vec<GroupKey>,
}

/// The world as a commit of these parts (one a group) would leave it. A group that does not exist yet has the key of the
/// account and Region that the repository speaks of, with its name for an id.
pub fn projected(repository: &Repository, parts: &[RuleSet], inventory: &Inventory) -> Projected {
    let live: Vec<SecurityGroup> = find_groups(repository, inventory).into_iter().cloned().collect();
    let (mut inventory, mut groups) = (inventory.clone(), Vec::new());
    for (number, part) in parts.iter().enumerate() {
        let mut group = live.get(number).cloned().unwrap_or_else(|| new_group(repository, number, live.first()));
        group.rules = part.as_held();
        group.unreadable = None;
        groups.push(group.key.clone());
        match inventory.groups.binary_search_by(|known| known.key.cmp(&group.key)) {
            Ok(at) => inventory.groups.get_mut(at).into_iter().for_each(|known| *known = group.clone()),
            Err(at) => inventory.groups.insert(at, group),
        }
    }
    Projected { inventory, groups }
}

fn new_group(repository: &Repository, number: usize, sibling: Option<&SecurityGroup>) -> SecurityGroup {
    let settings = &repository.settings;
    let stack = repository.state.stack.as_ref();
    let name = match number {
        0 => repository.group_name().to_owned(),
        more => format!("{}-{}", repository.group_name(), more + 1),
    };
    let account = sibling.map(|group| group.key.account_id.as_str()).or_else(|| stack.and_then(StackState::account_id));
    let group_settings = settings.group().unwrap_or_default();
    SecurityGroup {
        key: GroupKey {
            account_id: account.unwrap_or_default().into(),
            region: repository.region().unwrap_or("unknown").into(),
            group_id: name.as_str().into(),
        },
        name: name.into(),
        description: match group_settings.description.as_str() {
            "" => portcullis_formats::cloudformation::usual_description(&group_settings.group_name).into(),
            own => own.into(),
        },
        vpc_id: group_settings.vpc_id.as_str().into(),
        tags: settings
            .tags
            .iter()
            .map(|(key, value)| Tag { key: key.as_str().into(), value: value.as_str().into() })
            .collect(),
        ..SecurityGroup::default()
    }
}

impl Projected {
    /// The failing findings on traffic that a commit would bring: what its groups admit against a control afterwards and
    /// none of them admits now, each with its group in [`Self::inventory`]. `before` is the inventory as it is; `now`
    /// decides which exemptions have expired.
    pub fn opened(&self, before: &Inventory, policies: &PolicySet, now: jiff::Timestamp) -> Vec<(GroupKey, Finding)> {
        let fails = |inventory: &Inventory| -> Vec<(GroupKey, Finding)> {
            let evaluator = Evaluator::new(inventory, policies, now, Options::default());
            let groups = self.groups.iter().filter_map(|key| inventory.group(key));
            let findings = groups.flat_map(|group| {
                let findings = evaluator.findings_of(group).into_iter();
                findings.map(|finding| (group.key.clone(), finding))
            });
            findings.filter(|(_, finding)| finding.status == Status::Fail && !finding.traffic.is_empty()).collect()
        };
        let old = fails(before);
        let opens = |(_, finding): &(GroupKey, Finding)| {
            let same = old.iter().map(|(_, known)| known);
            let same = same.filter(|known| known.control == finding.control && known.direction == finding.direction);
            let open = same.fold(Traffic::none(), |open, known| open.union(&known.traffic));
            !finding.traffic.is_subset(&open)
        };
        let mut opened: Vec<_> = fails(&self.inventory).into_iter().filter(opens).collect();
        opened.sort_by_key(|(_, finding)| std::cmp::Reverse(policies.severity(finding)));
        opened
    }
}
