//! Random groups, controls and strategies: every plan does what the contract says of its strategy, point by point, and
//! its proof says what it does.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_core::finding::Status;
use portcullis_core::model::{Direction, Inventory, SecurityGroup};
use portcullis_core::net::{Family, Symbol, Traffic};
use portcullis_core::policy::PolicySet;
use portcullis_core::remediation::{Change, GroupPlan, Plan, Strategy as Way, plan, quota_use, simulate};
use proptest::prelude::*;

use super::naive::{How, State, all, cut, rule, state};
use crate::evaluate::random::{OWN, SURROUNDINGS, any_world, lines, pair};
use crate::fixture::{self, SHIPPED, cases, judged, now, policy, tested};
use crate::naive::{self, At, Both, minus, nobody, union, void};

/// A handful of controls, those that open much more often than not among them.
fn any_controls() -> impl Strategy<Value = Vec<&'static str>> {
    let all: Vec<&str> = lines(SHIPPED).chain(lines(OWN)).collect();
    let few = prop::sample::subsequence(all, 1..=4);
    let usual: Vec<&str> = lines(SHIPPED)
        .filter(|line| {
            ["-all-traffic", "-ssh ", "-unauthorized-port", "wide-", "-egress-all", "-http "]
                .iter()
                .any(|id| line.contains(id))
        })
        .collect();
    (few, prop::sample::subsequence(usual, 0..=3)).prop_map(|(few, usual)| {
        let mut lines: Vec<&str> = few.into_iter().chain(usual).collect();
        lines.sort_unstable();
        lines.dedup();
        lines
    })
}

struct Case {
    inventory: Inventory,
    policies: PolicySet,
    world: naive::World,
    controls: Vec<naive::Control>,
    plan: Plan,
}

impl Case {
    fn new(text: &str, controls: &[&'static str], way: &Way) -> Self {
        let text = format!("{SURROUNDINGS}{text}");
        let mut inventory = fixture::world(&text);
        for group in &mut inventory.groups {
            for (place, rule) in group.rules.iter_mut().enumerate() {
                rule.id = format!("sgr-{place}").into();
                rule.description = format!("rule {place}").into();
            }
        }
        let (real, model): (Vec<_>, Vec<_>) = controls.iter().map(|line| pair(line)).unzip();
        let policies = policy(real);
        let evaluation = judged(&inventory, &policies);
        let plan = plan(&inventory, &policies, &evaluation, way, now());
        Self { world: naive::world(&text), controls: model, inventory, policies, plan }
    }

    fn group(&self) -> &SecurityGroup {
        tested(&self.inventory)
    }

    /// The ids of the controls that fail now.
    fn failing(&self) -> BTreeSet<String> {
        let evaluation = judged(&self.inventory, &self.policies);
        let failing = evaluation.findings.iter().filter(|finding| finding.status == Status::Fail);
        failing.map(|finding| self.policies.control(finding).unwrap().id.to_string()).collect()
    }

    fn planned(&self) -> BTreeSet<String> {
        self.plan
            .groups
            .iter()
            .flat_map(|group| &group.findings)
            .map(|finding| finding.control_id.to_string())
            .collect()
    }

    /// The naive controls of these ids.
    fn naive_controls(&self, ids: &BTreeSet<String>) -> Vec<naive::Control> {
        self.controls.iter().filter(|control| ids.contains(&control.id)).cloned().collect()
    }

    /// A point of every cell that rules before and after, controls or web ports make.
    fn points(&self, after: &naive::World) -> Vec<At> {
        let mut both = self.world.clone();
        both.rules.extend(after.rules.clone());
        let web = naive::control("web low ingress tcp:80,443 any internet");
        let mut controls = self.controls.clone();
        controls.push(web);
        both.points(&controls)
    }
}

/// Traffic at a point, as lists of numbers; what carries nothing is left out.
fn at(list: &[(Direction, Traffic)], ingress: bool, at: At) -> (Both, BTreeSet<String>) {
    let wanted = if ingress { Direction::Ingress } else { Direction::Egress };
    let mut spans = Both::default();
    let mut names = BTreeSet::new();
    for (_, traffic) in list.iter().filter(|(direction, _)| *direction == wanted) {
        let Some(peers) = traffic.peers_at(u32::from(at.0) << 16 | at.1) else { continue };
        let v4 = peers.addresses.v4.intervals().iter().map(|span| (span.low.into(), span.high.into())).collect();
        let v6 = peers.addresses.v6.intervals().iter().map(|span| (span.low, span.high)).collect();
        spans = union(&spans, &[v4, v6]);
        names.extend(peers.symbols.iter().map(|symbol| match symbol {
            Symbol::Group { account, id } if account.is_empty() => id.to_string(),
            Symbol::Group { account, id } => format!("{account}/{id}"),
            Symbol::PrefixList(id) => id.to_string(),
        }));
    }
    (spans, names)
}

fn without_void(mut spans: Both, at: At) -> Both {
    (0..2).filter(|family| void(at, *family)).for_each(|family| spans[family].clear());
    spans
}

/// What must hold of the changes of a group, whatever the strategy.
fn changes_are_sound(case: &Case, planned: &GroupPlan, after: &SecurityGroup) -> Result<(), TestCaseError> {
    let group = case.group();
    prop_assert_eq!(&planned.group, group);
    let order = |change: &Change| match change {
        Change::Authorize(_) => 0,
        Change::Modify { .. } => 1,
        Change::Describe { .. } | Change::Tag { .. } => 2,
        Change::Revoke(_) => 3,
    };
    prop_assert!(planned.changes.iter().map(order).is_sorted(), "authorise first: {:?}", planned.changes);
    for change in &planned.changes {
        let same = change.before().zip(change.after()).is_some_and(|(a, b)| a.identity() == b.identity());
        prop_assert!(!same, "a change that changes nothing: {:?}", change);
    }
    let identities: BTreeSet<_> = after.rules.iter().map(portcullis_core::model::Rule::identity).collect();
    prop_assert_eq!(identities.len(), after.rules.len(), "two rules alike");
    let had: BTreeSet<_> = group.rules.iter().map(portcullis_core::model::Rule::identity).collect();
    let again = planned.changes.iter().filter(|change| matches!(change, Change::Authorize(_)));
    for change in again {
        prop_assert!(!had.contains(&change.after().unwrap().identity()), "authorised again: {:?}", change);
    }
    for direction in Direction::ALL {
        for family in Family::ALL {
            let [before, now] =
                [group, after].map(|group| quota_use(group.rules.iter(), &case.inventory, direction, family));
            prop_assert!(now <= before.max(60), "{} rules", now);
        }
    }
    // A rule that is there before and after keeps its id and its description.
    for rule in &after.rules {
        if let Some(old) = group.rules.iter().find(|old| old.identity() == rule.identity()) {
            prop_assert_eq!((&rule.id, &rule.description), (&old.id, &old.description));
        }
        prop_assert!(rule.description.starts_with("rule ") || rule.description.contains("REMOVED"), "{:?}", rule);
    }
    Ok(())
}

/// What must hold of a plan's proof, and of the world after it: what is admitted at each point is `expected` less what the
/// proof says that it also closes.
fn proof_is_true(
    case: &Case,
    planned: &GroupPlan,
    after: &naive::World,
    points: &[At],
    expected: &dyn Fn(bool) -> State,
    narrow: &dyn Fn(bool) -> State,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(planned.proof.findings_gone, Some(true));
    let full = is_full(case, &simulate(&planned.group, &planned.changes).unwrap());
    let ids = case.planned();
    for control in case.naive_controls(&ids) {
        let left = after.violations(&control, points, false);
        prop_assert!(left.is_empty(), "{} still fails: {:?}", control.id, left);
    }
    for ingress in [true, false] {
        let (old, new) = (state(&case.world, ingress, points), state(after, ingress, points));
        let (expected, narrow) = (expected(ingress), narrow(ingress));
        for point in points {
            let [(old, old_names), (new, new_names), (want, want_names), (least, least_names)] =
                [&old, &new, &expected, &narrow].map(|state| all(state, *point));
            // Neither what narrow would have left nor what this strategy would have is asked for.
            let least = union(&least, &want);
            let least_names: BTreeSet<String> = least_names.union(&want_names).cloned().collect();
            let less = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<BTreeSet<_>>();
            let proof = &planned.proof;
            let closed = (minus(&old, &new), less(&old_names, &new_names));
            prop_assert_eq!(at(&proof.closes, ingress, *point), closed.clone(), "closes at {:?}", point);
            prop_assert_eq!(
                at(&proof.opens, ingress, *point),
                (minus(&new, &old), less(&new_names, &old_names)),
                "opens at {:?}",
                point
            );
            let more = (
                naive::meet(&closed.0, &least),
                closed.1.intersection(&least_names).cloned().collect::<BTreeSet<String>>(),
            );
            let (spans, names) = at(&proof.also_closes, ingress, *point);
            prop_assert_eq!(
                without_void(spans, *point),
                without_void(more.0.clone(), *point),
                "also closes at {:?}",
                point
            );
            // Nothing is left that should have gone, and nothing has gone that should be left unless the proof says so.
            let (more, more_names) = more;
            let [new, want, more] = [new, want, more].map(|spans| without_void(spans, *point));
            // Where one family carries nothing, what comes new may be of the other.
            let left = minus(&new, &want);
            let idle = (void(*point, 0) || void(*point, 1)) && nobody(&naive::meet(&left, &old));
            prop_assert!(nobody(&left) || idle, "left at {:?}: {:?}", point, left);
            let gone = minus(&minus(&want, &new), &more);
            // What comes new may fall short of protocols without ports, which would take a rule each.
            let short = (!matches!(point.0, 1 | 6 | 17 | 58) || full) && nobody(&naive::meet(&gone, &old));
            prop_assert!(nobody(&gone) || short, "gone at {:?}: {:?}", point, gone);
            if !(void(*point, 0) && void(*point, 1)) {
                prop_assert_eq!(&names, &more_names, "names also closed at {:?}", point);
                prop_assert_eq!(&new_names, &less(&want_names, &more_names), "names at {:?}", point);
            }
        }
    }
    Ok(())
}

/// Whether there is no room for a rule more in some direction and family.
fn is_full(case: &Case, after: &SecurityGroup) -> bool {
    let used =
        |group: &SecurityGroup, direction, family| quota_use(group.rules.iter(), &case.inventory, direction, family);
    Direction::ALL.into_iter().any(|direction| {
        Family::ALL
            .into_iter()
            .any(|family| used(after, direction, family) >= used(case.group(), direction, family).max(60))
    })
}

fn world_after(case: &Case, after: &SecurityGroup) -> naive::World {
    let mut world = case.world.clone();
    world.rules = after.rules.iter().map(rule).collect();
    world
}

fn same_traffic_everywhere(old: &naive::World, new: &naive::World, points: &[At]) -> bool {
    [true, false].into_iter().all(|ingress| {
        let (old, new) = (state(old, ingress, points), state(new, ingress, points));
        points.iter().all(|point| all(&old, *point) == all(&new, *point))
    })
}

fn check_cutting(text: &str, lines: &[&'static str], way: &Way, how: &How) -> Result<(), TestCaseError> {
    let case = Case::new(text, lines, way);
    let failing = case.failing();
    let Some(planned) = case.plan.groups.first() else {
        prop_assert!(
            failing.is_empty() || !case.plan.unfixable.is_empty(),
            "{:?} are neither planned nor unfixable",
            failing
        );
        prop_assert!(failing.is_empty() || !matches!(how, How::Narrow | How::Revoke), "{:?}", case.plan.unfixable);
        return Ok(());
    };
    let after = simulate(&planned.group, &planned.changes).unwrap();
    changes_are_sound(&case, planned, &after)?;
    let ids = case.planned();
    prop_assert!(ids.is_subset(&failing));
    if matches!(how, How::Narrow | How::Revoke) {
        prop_assert_eq!(&ids, &failing, "unfixable: {:?}", &case.plan.unfixable);
    }
    let world = world_after(&case, &after);
    let points = case.points(&world);
    prop_assert!(!same_traffic_everywhere(&case.world, &world, &points), "nothing is closed by {:?}", planned.changes);
    let controls = case.naive_controls(&failing);
    let expected = |ingress: bool| cut(&case.world, &controls, ingress, &points, how);
    let narrow = |ingress: bool| cut(&case.world, &controls, ingress, &points, &How::Narrow);
    if ids == failing {
        proof_is_true(&case, planned, &world, &points, &expected, &narrow)?;
    }
    if let How::Narrow = how {
        // Rules that lose nothing are not touched.
        let states: BTreeMap<bool, State> =
            [true, false].into_iter().map(|ingress| (ingress, expected(ingress))).collect();
        for (place, old) in planned.group.rules.iter().enumerate() {
            let ingress = old.direction == Direction::Ingress;
            let before = state(&case.world, ingress, &points);
            let of = |state: &State, point: &At| state[point].iter().find(|one| one.rule == place).cloned();
            let carries = |point: &&At| {
                of(&before, point).is_some_and(|one| one.name.is_some() || !nobody(&without_void(one.spans, **point)))
            };
            let mut carried = points.iter().filter(carries).peekable();
            if carried.peek().is_some() && carried.all(|point| of(&before, point) == of(&states[&ingress], point)) {
                let kept = after.rules.iter().any(|rule| rule == old);
                prop_assert!(kept, "`{}` is not at fault and did not stay: {:?}", old, planned.changes);
            }
        }
        // What also closes is what has no ports, or what the quota has no room for.
        for point in &points {
            let (spans, names) = at(&planned.proof.also_closes, true, *point);
            let portless = !matches!(point.0, 1 | 6 | 17 | 58) || is_full(&case, &after);
            prop_assert!(
                portless || (nobody(&without_void(spans, *point)) && names.is_empty()),
                "also closed at {:?}",
                point
            );
        }
    }
    // There is nothing left to do for these controls.
    let mut done = case.inventory.clone();
    done.groups.iter_mut().filter(|group| group.key == after.key).for_each(|group| *group = after.clone());
    let policies = policy(case.policies.controls.iter().filter(|control| ids.contains(control.id.as_str())).cloned());
    let again = plan(&done, &policies, &judged(&done, &policies), way, now());
    prop_assert!(again.groups.is_empty(), "planned again: {:?}", again.groups);
    Ok(())
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn narrow_cuts_what_the_contract_says_and_no_more(world in any_world(5), controls in any_controls()) {
        check_cutting(&world, &controls, &Way::Narrow, &How::Narrow)?;
    }

    #[test]
    fn revoke_takes_whole_rules_at_fault_and_no_others(world in any_world(5), controls in any_controls()) {
        check_cutting(&world, &controls, &Way::Revoke, &How::Revoke)?;
    }

    #[test]
    fn replace_puts_the_sources_in_the_place_of_those_at_fault(
        world in any_world(5),
        controls in any_controls(),
        with in prop::sample::select(vec!["10.20.0.0/16", "52.9.9.0/24", "10.20.0.0/16 fd00::/8", "0.0.0.0/0", "19.0.0.0/16 2602:1::7/128"]),
    ) {
        let sources = fixture::addresses(&with.replace(' ', ",")).cidrs();
        check_cutting(&world, &controls, &Way::Replace(sources), &How::Replace(naive::cidrs(with)))?;
    }

    #[test]
    fn lockdown_leaves_the_rule_that_explains(world in any_world(4), controls in any_controls()) {
        let case = Case::new(&world, &controls, &Way::Lockdown);
        let Some(planned) = case.plan.groups.first() else { return Ok(()) };
        let after = simulate(&planned.group, &planned.changes).unwrap();
        changes_are_sound(&case, planned, &after)?;
        let rules: Vec<String> = after.rules.iter().map(ToString::to_string).collect();
        prop_assert_eq!(rules, ["ingress tcp 65535 from 127.0.0.1/32"]);
        let world = world_after(&case, &after);
        let points = case.points(&world);
        let controls = case.naive_controls(&case.planned());
        let narrow = |ingress: bool| cut(&case.world, &controls, ingress, &points, &How::Narrow);
        let expected = |ingress: bool| state(&world, ingress, &points);
        proof_is_true(&case, planned, &world, &points, &expected, &narrow)?;
    }

    #[test]
    fn tag_changes_no_rule(world in any_world(3), controls in any_controls()) {
        let case = Case::new(&world, &controls, &Way::Tag);
        let failing = case.failing();
        let Some(planned) = case.plan.groups.first() else {
            prop_assert!(failing.is_empty());
            return Ok(());
        };
        prop_assert_eq!(case.planned(), failing);
        let after = simulate(&planned.group, &planned.changes).unwrap();
        prop_assert_eq!(&after.rules, &planned.group.rules);
        prop_assert_eq!(&planned.proof, &portcullis_core::remediation::Proof::default());
        let mut done = case.inventory.clone();
        done.groups.iter_mut().filter(|group| group.key == after.key).for_each(|group| *group = after.clone());
        let again = plan(&done, &case.policies, &judged(&done, &case.policies), &Way::Tag, now());
        prop_assert!(again.groups.is_empty(), "tagged again");
    }
}
