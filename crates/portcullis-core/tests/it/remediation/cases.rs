//! Plans by hand: the contract's own examples, and shapes where the least change is plain to a person.

use portcullis_core::controls::Hygiene;
use portcullis_core::model::Direction;
use portcullis_core::net::service::describe_services;
use portcullis_core::net::{Family, Traffic};
use portcullis_core::policy::{Control, ControlKind, ExemptedRules, Exemption, ExemptionTarget, PolicySet};
use portcullis_core::remediation::{Change, GroupPlan, Plan, Strategy, plan, quota_use, simulate};

use crate::evaluate::random::pair;
use crate::fixture::{addresses, group, judged, now, policy, world};

fn planned(text: &str, controls: &[&'static str], strategy: &Strategy) -> Plan {
    let (inventory, policies) = (world(text), policy(controls.iter().map(|line| pair(line).0)));
    plan(&inventory, &policies, &judged(&inventory, &policies), strategy, now())
}

fn changes(group: &GroupPlan) -> Vec<String> {
    let text = |change: &Change| match change {
        Change::Authorize(rule) => format!("+ {rule}"),
        Change::Revoke(rule) => format!("- {rule}"),
        Change::Modify { before, after } => format!("{before} > {after}"),
        Change::Describe { before, .. } => format!("describe {before}"),
        Change::Tag { key, after, .. } => format!("{key} = {}", after.as_deref().unwrap_or_default()),
    };
    let mut lines: Vec<String> = group.changes.iter().map(text).collect();
    let services = |list: &[(Direction, Traffic)]| {
        let services = list.iter().flat_map(|(_, traffic)| describe_services(&traffic.services()));
        services.map(|(protocol, ports)| format!("{protocol} {ports}")).collect::<Vec<_>>().join(", ")
    };
    if !group.proof.also_closes.is_empty() {
        lines.push(format!("also {}", services(&group.proof.also_closes)));
    }
    assert_eq!(group.proof.findings_gone, if lines[0].contains(" = ") { None } else { Some(true) });
    lines
}

fn check_way(strategy: &Strategy, controls: &[&'static str], text: &str, expected: &[&str]) {
    let plan = planned(text, controls, strategy);
    assert_eq!(plan.groups.len(), 1, "{text}: {:?}", plan.unfixable);
    assert_eq!(changes(&plan.groups[0]), expected, "{text}");
}

fn check(control: &'static str, text: &str, expected: &[&str]) {
    check_way(&Strategy::Narrow, &[control], text, expected);
}

const SSH: &str = "ssh high ingress tcp:22 any internet";
const HTTP: &str = "http low ingress tcp:80 any internet";
const ALL: &str = "all critical ingress all everything internet";
const OPEN: &str = "open high ingress tcp:0-79,81-442,444-65535+udp any internet";

#[test]
fn what_is_left_of_the_internet_is_private_space() {
    check(
        SSH,
        "ingress tcp 22 from 0.0.0.0/0",
        &[
            "+ ingress tcp 22 from 100.64.0.0/10",
            "+ ingress tcp 22 from 172.16.0.0/12",
            "+ ingress tcp 22 from 192.168.0.0/16",
            "ingress tcp 22 from 0.0.0.0/0 > ingress tcp 22 from 10.0.0.0/8",
        ],
    );
    check(
        SSH,
        "ingress tcp 22 from 0.0.0.0/1, 128.0.0.0/1",
        &[
            "+ ingress tcp 22 from 100.64.0.0/10",
            "+ ingress tcp 22 from 192.168.0.0/16",
            "ingress tcp 22 from 0.0.0.0/1 > ingress tcp 22 from 10.0.0.0/8",
            "ingress tcp 22 from 128.0.0.0/1 > ingress tcp 22 from 172.16.0.0/12",
        ],
    );
    check(SSH, "ingress tcp 22 from 16.0.0.0/4", &["- ingress tcp 22 from 16.0.0.0/4"]);
    check(
        SSH,
        "ingress tcp 22 from 10.0.0.0/7, 12.0.0.0/7",
        &["ingress tcp 22 from 10.0.0.0/7 > ingress tcp 22 from 10.0.0.0/8", "- ingress tcp 22 from 12.0.0.0/7"],
    );
}

#[test]
fn the_vpcs_own_addresses_stay() {
    check(
        SSH,
        "vpc 10.0.0.0/16, 2600:1f00:1::/56\ningress tcp 22 from ::/0",
        &["+ ingress tcp 22 from fc00::/7", "ingress tcp 22 from ::/0 > ingress tcp 22 from 2600:1f00:1::/56"],
    );
    check(
        SSH,
        "vpc 25.0.0.0/16\ningress tcp 22 from 24.0.0.0/7",
        &["ingress tcp 22 from 24.0.0.0/7 > ingress tcp 22 from 25.0.0.0/16"],
    );
}

#[test]
fn a_range_loses_the_port_at_fault_only() {
    check(
        HTTP,
        "ingress tcp 80-443 from 0.0.0.0/0",
        &[
            "+ ingress tcp 80 from 10.0.0.0/8",
            "+ ingress tcp 80 from 100.64.0.0/10",
            "+ ingress tcp 80 from 172.16.0.0/12",
            "+ ingress tcp 80 from 192.168.0.0/16",
            "ingress tcp 80-443 from 0.0.0.0/0 > ingress tcp 81-443 from 0.0.0.0/0",
        ],
    );
    check(
        HTTP,
        "ingress tcp 79-81 from 16.0.0.0/4",
        &["+ ingress tcp 81 from 16.0.0.0/4", "ingress tcp 79-81 from 16.0.0.0/4 > ingress tcp 79 from 16.0.0.0/4"],
    );
    // Private space that another rule admits already is not written again.
    check(
        HTTP,
        "ingress tcp 80-443 from 0.0.0.0/0\ningress all from 10.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12, 192.168.0.0/16",
        &["ingress tcp 80-443 from 0.0.0.0/0 > ingress tcp 81-443 from 0.0.0.0/0"],
    );
}

#[test]
fn an_everything_control_leaves_the_web_ports() {
    check(
        ALL,
        "ingress all from 0.0.0.0/0",
        &[
            "+ ingress all traffic from 10.0.0.0/8",
            "+ ingress all traffic from 100.64.0.0/10",
            "+ ingress all traffic from 172.16.0.0/12",
            "+ ingress all traffic from 192.168.0.0/16",
            "+ ingress tcp 443 from 0.0.0.0/0",
            "ingress all traffic from 0.0.0.0/0 > ingress tcp 80 from 0.0.0.0/0",
        ],
    );
    check(
        ALL,
        "ingress tcp all from 16.0.0.0/4",
        &[
            "+ ingress tcp 443 from 16.0.0.0/4",
            "ingress tcp all ports from 16.0.0.0/4 > ingress tcp 80 from 16.0.0.0/4",
        ],
    );
    check_way(
        &Strategy::Narrow,
        &[ALL, HTTP],
        "ingress tcp all from 16.0.0.0/4",
        &["ingress tcp all ports from 16.0.0.0/4 > ingress tcp 443 from 16.0.0.0/4"],
    );
    check(
        OPEN,
        "ingress tcp 0-32767 from 16.0.0.0/4\ningress tcp 32768-65535 from 16.0.0.0/4",
        &[
            "+ ingress tcp 443 from 16.0.0.0/4",
            "ingress tcp 0-32767 from 16.0.0.0/4 > ingress tcp 80 from 16.0.0.0/4",
            "- ingress tcp 32768-65535 from 16.0.0.0/4",
        ],
    );
}

#[test]
fn all_protocols_less_a_port_are_written_as_nearly_as_can_be() {
    check(
        SSH,
        "ingress all from 0.0.0.0/0",
        &[
            "+ ingress all traffic from 10.0.0.0/8",
            "+ ingress all traffic from 100.64.0.0/10",
            "+ ingress all traffic from 172.16.0.0/12",
            "+ ingress all traffic from 192.168.0.0/16",
            "+ ingress tcp 23-65535 from 0.0.0.0/0",
            "+ ingress udp all ports from 0.0.0.0/0",
            "+ ingress icmp all types from 0.0.0.0/0",
            "ingress all traffic from 0.0.0.0/0 > ingress tcp 0-21 from 0.0.0.0/0",
            "also 0 all, 2-5 all, 7-16 all, 18-57 all, icmpv6 all, 59-255 all",
        ],
    );
}

#[test]
fn an_office_beside_the_internet_stays() {
    let private = [
        "+ ingress tcp 22 from 100.64.0.0/10",
        "+ ingress tcp 22 from 172.16.0.0/12",
        "+ ingress tcp 22 from 192.168.0.0/16",
        "ingress tcp 22 from 0.0.0.0/0 > ingress tcp 22 from 10.0.0.0/8",
    ];
    check(SSH, "ingress tcp 22 from 52.1.2.3/32, 0.0.0.0/0, sg-b", &private);
    check(SSH, "list pl-a = 52.1.2.0/24\ningress tcp 22 from pl-a, 0.0.0.0/0", &private);
    // A /12 beside it is wide of itself.
    check(
        SSH,
        "ingress tcp 22 from 17.0.0.0/12, 16.0.0.0/4, 19.0.0.0/16",
        &["- ingress tcp 22 from 17.0.0.0/12", "- ingress tcp 22 from 16.0.0.0/4"],
    );
}

#[test]
fn the_next_widest_go_until_the_finding_is_gone() {
    let many: String = (0..300).map(|n| format!("ingress tcp 22 from {}.{}.0.0/16\n", 60 + n / 256, n % 256)).collect();
    let plan = planned(&many, &[SSH], &Strategy::Narrow);
    let lines = changes(&plan.groups[0]);
    // 256 × /16 is a /8, which is not more than a /8.
    assert_eq!(lines.len(), 44, "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("- ingress tcp 22 from 6")), "{lines:?}");
}

#[test]
fn a_prefix_list_gives_way_to_rules_for_what_stays() {
    check(
        SSH,
        "list pl-a = 10.0.0.0/8, 16.0.0.0/4\ningress tcp 22 from pl-a",
        &["+ ingress tcp 22 from 10.0.0.0/8", "- ingress tcp 22 from pl-a"],
    );
    // On ports that are not at fault the list stays.
    check(
        SSH,
        "list pl-a = 10.0.0.0/8, 16.0.0.0/4, 52.0.0.0/8\ningress tcp 22-80 from pl-a",
        &["+ ingress tcp 22 from 10.0.0.0/8", "ingress tcp 22-80 from pl-a > ingress tcp 23-80 from pl-a"],
    );
    check(
        SSH,
        "list pl-a = 16.0.0.0/4\ningress tcp 20-80 from pl-a",
        &["+ ingress tcp 23-80 from pl-a", "ingress tcp 20-80 from pl-a > ingress tcp 20-21 from pl-a"],
    );
}

#[test]
fn restricted_rules_lose_exactly_the_excess() {
    let only = "only high ingress tcp:22 any outside 10.0.0.0/8, 52.1.2.0/24";
    check(
        only,
        "ingress tcp 22 from 52.1.2.0/23, 10.1.0.0/16",
        &["ingress tcp 22 from 52.1.2.0/23 > ingress tcp 22 from 52.1.2.0/24"],
    );
    check(
        only,
        "ingress tcp 20-25 from 52.1.3.0/24",
        &[
            "+ ingress tcp 23-25 from 52.1.3.0/24",
            "ingress tcp 20-25 from 52.1.3.0/24 > ingress tcp 20-21 from 52.1.3.0/24",
        ],
    );
    check(
        only,
        "ingress tcp 22 from 0.0.0.0/0, ::/0, sg-b",
        &[
            "+ ingress tcp 22 from 52.1.2.0/24",
            "ingress tcp 22 from 0.0.0.0/0 > ingress tcp 22 from 10.0.0.0/8",
            "- ingress tcp 22 from ::/0",
        ],
    );
    check(
        "half high ingress tcp:22 any outside 0.0.0.0/1",
        "ingress tcp 22 from 0.0.0.0/0",
        &["ingress tcp 22 from 0.0.0.0/0 > ingress tcp 22 from 0.0.0.0/1"],
    );
    check(
        "any high ingress tcp:22 any any",
        "ingress tcp 20-22 from sg-b, 10.0.0.0/8",
        &[
            "ingress tcp 20-22 from sg-b > ingress tcp 20-21 from sg-b",
            "ingress tcp 20-22 from 10.0.0.0/8 > ingress tcp 20-21 from 10.0.0.0/8",
        ],
    );
    check(
        "not high ingress tcp:22 any 52.1.2.0/24",
        "ingress tcp 22 from 52.1.2.0/23",
        &["ingress tcp 22 from 52.1.2.0/23 > ingress tcp 22 from 52.1.3.0/24"],
    );
}

#[test]
fn what_is_left_of_two_rules_for_one_group_is_written_once() {
    check(
        "any high ingress tcp:23-90 any any",
        "ingress tcp 22-80 from sg-b\ningress tcp 22-90 from sg-b",
        &["ingress tcp 22-80 from sg-b > ingress tcp 22 from sg-b", "- ingress tcp 22-90 from sg-b"],
    );
    check(
        "any high ingress tcp:23-90 any any",
        "ingress tcp 22-80 from pl-u\ningress tcp 22-90 from pl-u, sg-b\ningress tcp 22 from pl-u",
        &["ingress tcp 22-90 from sg-b > ingress tcp 22 from sg-b"],
    );
}

#[test]
fn other_strategies() {
    let revoke = |text: &str, expected: &[&str]| check_way(&Strategy::Revoke, &[SSH], text, expected);
    revoke("ingress tcp 22-80 from 0.0.0.0/0, 52.1.2.3/32", &["- ingress tcp 22-80 from 0.0.0.0/0", "also tcp 22-80"]);
    revoke(
        "ingress tcp 22 from 0.0.0.0/0\ningress tcp 23 from 0.0.0.0/0",
        &["- ingress tcp 22 from 0.0.0.0/0", "also tcp 22"],
    );
    let with = |sources: &str, text: &str, expected: &[&str]| {
        check_way(&Strategy::Replace(addresses(sources).cidrs()), &[SSH], text, expected);
    };
    with(
        "10.9.0.0/16",
        "ingress tcp 22 from 0.0.0.0/0",
        &["ingress tcp 22 from 0.0.0.0/0 > ingress tcp 22 from 10.9.0.0/16", "also tcp 22"],
    );
    with(
        "10.9.0.0/16",
        "ingress tcp 22 from 0.0.0.0/0, ::/0",
        &[
            "ingress tcp 22 from 0.0.0.0/0 > ingress tcp 22 from 10.9.0.0/16",
            "- ingress tcp 22 from ::/0",
            "also tcp 22",
        ],
    );
    // The replacement is there already: AWS would call it a duplicate.
    with("10.9.0.0/16", "ingress tcp 22 from 16.0.0.0/4, 10.9.0.0/16", &["- ingress tcp 22 from 16.0.0.0/4"]);
    with(
        "10.9.0.0/16, 52.1.0.0/16",
        "ingress tcp 21-22 from 16.0.0.0/4",
        &[
            "+ ingress tcp 22 from 10.9.0.0/16",
            "+ ingress tcp 22 from 52.1.0.0/16",
            "ingress tcp 21-22 from 16.0.0.0/4 > ingress tcp 21 from 16.0.0.0/4",
        ],
    );
}

#[test]
fn lockdown_and_tag() {
    check_way(
        &Strategy::Lockdown,
        &[SSH],
        "ingress tcp 22 from 16.0.0.0/4\negress all to 0.0.0.0/0",
        &[
            "+ ingress tcp 65535 from 127.0.0.1/32",
            "- ingress tcp 22 from 16.0.0.0/4",
            "- egress all traffic to 0.0.0.0/0",
            "also -1 all",
        ],
    );
    check_way(
        &Strategy::Tag,
        &[SSH],
        "tag COMPLIANCE_STATUS = COMPLIANT\ningress tcp 22 from 16.0.0.0/4",
        &["COMPLIANCE_STATUS = NON_COMPLIANT", "COMPLIANCE_VIOLATION_COUNT = 1", "COMPLIANCE_VIOLATION_REASON = ssh"],
    );
}

#[test]
fn a_lockdown_at_the_quota_puts_the_rule_that_explains_in_the_place_of_another() {
    let text = offices(59) + "ingress tcp 22 from 16.0.0.0/4\n";
    let plan = planned(&text, &[SSH], &Strategy::Lockdown);
    let group = &plan.groups[0];
    assert!(!group.needs_gap);
    assert_eq!(group.changes.iter().filter(|change| change.action() == "modify").count(), 1);
    let after = simulate(&group.group, &group.changes).unwrap();
    assert_eq!(
        after.rules.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["ingress tcp 65535 from 127.0.0.1/32"]
    );
    // Where no rule is of its kind, something has to go first.
    let groups: String = (0..60).map(|port| format!("ingress tcp {} from sg-b\n", 8000 + port)).collect();
    let plan = planned(&(groups + "ingress tcp 22 from ::/0\n"), &[SSH], &Strategy::Lockdown);
    assert!(plan.groups[0].needs_gap);
}

#[test]
fn descriptions_and_ids_go_with_what_is_left_of_a_rule() {
    let mut inventory = world("ingress tcp 22-443 from 0.0.0.0/0 # the web\ningress tcp 443 from sg-b # inside");
    inventory.groups[0].rules[0].id = "sgr-1".into();
    inventory.groups[0].rules[1].id = "sgr-2".into();
    let policies = policy([pair(SSH).0]);
    let plan = plan(&inventory, &policies, &judged(&inventory, &policies), &Strategy::Narrow, now());
    for change in &plan.groups[0].changes {
        assert_eq!(&*change.after().unwrap().description, "the web");
        let id = if matches!(change, Change::Modify { .. }) { "sgr-1" } else { "" };
        assert_eq!(change.after().unwrap().id, id);
    }
}

#[test]
fn what_cannot_be_fixed_is_listed_with_its_reason() {
    let plan = planned("ingress tcp 22 from 0.0.0.0/0", &[SSH], &Strategy::Replace(addresses("0.0.0.0/1").cidrs()));
    assert!(plan.groups.is_empty());
    assert!(plan.unfixable[0].reason.contains("narrower"), "{:?}", plan.unfixable);
    let plan = planned("ingress tcp 22 from pl-u", &[SSH], &Strategy::Narrow);
    assert!(plan.groups.is_empty());
    assert!(plan.unfixable[0].reason.contains("not known"), "{:?}", plan.unfixable);
}

fn offices(count: usize) -> String {
    (0..count).map(|n| format!("ingress tcp 443 from 52.1.2.{n}/32\n")).collect()
}

#[test]
fn the_quota_is_kept_and_what_has_no_room_is_said() {
    let text = offices(58) + "ingress tcp 22 from 0.0.0.0/0\n";
    let plan = planned(&text, &[SSH], &Strategy::Narrow);
    let group = &plan.groups[0];
    assert_eq!(
        changes(group),
        [
            "+ ingress tcp 22 from 100.64.0.0/10",
            "ingress tcp 22 from 0.0.0.0/0 > ingress tcp 22 from 10.0.0.0/8",
            "also tcp 22"
        ]
    );
    let after = simulate(&group.group, &group.changes).unwrap();
    assert_eq!(quota_use(after.rules.iter(), &world(&text), Direction::Ingress, Family::Ipv4), 60);
    assert!(!group.needs_gap, "one more before the change makes 60");
}

#[test]
fn where_the_quota_has_no_room_for_both_states_the_plan_says_so() {
    let p81 = "p81 high ingress tcp:81 any internet";
    let range = "ingress tcp 80-82 from 16.0.0.0/4";
    let less = ["ingress tcp 80-82 from 16.0.0.0/4 > ingress tcp 80 from 16.0.0.0/4", "also tcp 82"];
    // Above the default the quota is what the group has already.
    for count in [59, 70] {
        let plan = planned(&(offices(count) + range), &[p81], &Strategy::Narrow);
        assert_eq!(changes(&plan.groups[0]), less);
        assert!(!plan.groups[0].needs_gap, "it is changed in place");
    }
    for (count, gap) in [(58, false), (59, true)] {
        let text = offices(count) + "list pl-a = 10.0.0.0/8, 16.0.0.0/4\ningress tcp 22 from pl-a\n";
        let plan = planned(&text, &[SSH], &Strategy::Narrow);
        assert_eq!(changes(&plan.groups[0]), ["+ ingress tcp 22 from 10.0.0.0/8", "- ingress tcp 22 from pl-a"]);
        assert_eq!(plan.groups[0].needs_gap, gap);
    }
}

#[test]
fn what_is_exempt_is_left_alone() {
    let exemption = Exemption {
        target: ExemptionTarget::Group("sg-1".into()),
        rules: ExemptedRules::Only(["ssh".into()].into()),
        reason: "a bastion".to_owned(),
        approved_by: String::new(),
        expires: None,
        place: String::new(),
    };
    let telnet = pair("telnet high ingress tcp:23 any internet").0;
    let policies = PolicySet { exemptions: vec![exemption], ..policy([pair(SSH).0, telnet]) };
    let inventory = world("ingress tcp 22-23 from 16.0.0.0/4");
    let plan = plan(&inventory, &policies, &judged(&inventory, &policies), &Strategy::Narrow, now());
    let expected = ["ingress tcp 22-23 from 16.0.0.0/4 > ingress tcp 22 from 16.0.0.0/4"];
    assert_eq!(changes(&plan.groups[0]), expected);
    assert!(plan.unfixable.is_empty());
}

fn redundant() -> Control {
    let metadata = Hygiene::RedundantRule.metadata();
    let kind = ControlKind::Hygiene(Hygiene::RedundantRule);
    Control { id: metadata.id.into(), severity: metadata.severity, kind, ..pair(SSH).0 }
}

#[test]
fn redundant_rules_go_after_the_cut_has_been_made() {
    let check = |text: &str, expected: &[&str]| {
        let (mut inventory, policies) = (world(text), policy([pair(SSH).0, redundant()]));
        let plan = plan(&inventory, &policies, &judged(&inventory, &policies), &Strategy::Narrow, now());
        assert_eq!(changes(&plan.groups[0]), expected, "{text}");
        inventory.groups[0] = simulate(&plan.groups[0].group, &plan.groups[0].changes).unwrap();
        assert!(judged(&inventory, &policies).findings.is_empty(), "{text}");
    };
    let covered = "ingress tcp 20-30 from 10.0.0.0/8\ningress tcp 22 from 10.1.0.0/16";
    check(covered, &["- ingress tcp 22 from 10.1.0.0/16"]);
    // What covered the office goes: the office is needed then.
    check("ingress tcp 22 from 16.0.0.0/4\ningress tcp 22 from 17.1.2.3/32", &["- ingress tcp 22 from 16.0.0.0/4"]);
    check(
        "ingress tcp 22-80 from 16.0.0.0/4\ningress tcp 40 from 17.1.2.3/32",
        &["ingress tcp 22-80 from 16.0.0.0/4 > ingress tcp 23-80 from 16.0.0.0/4", "- ingress tcp 40 from 17.1.2.3/32"],
    );
}

#[test]
fn a_plan_of_many_groups_is_in_their_order() {
    let mut inventory = world("ingress tcp 22 from 16.0.0.0/4");
    inventory.groups.push(group("sg-2", "ingress tcp 22 from 10.0.0.0/8"));
    inventory.groups.push(group("sg-3", "ingress tcp 20-22 from 32.0.0.0/4"));
    let policies = policy([pair(SSH).0]);
    let plan = plan(&inventory, &policies, &judged(&inventory, &policies), &Strategy::Narrow, now());
    let ids: Vec<&str> = plan.groups.iter().map(|group| group.key().group_id.as_str()).collect();
    assert_eq!(ids, ["sg-1", "sg-3"]);
    let expected = ["ingress tcp 20-22 from 32.0.0.0/4 > ingress tcp 20-21 from 32.0.0.0/4"];
    assert_eq!(changes(&plan.groups[1]), expected);
}
