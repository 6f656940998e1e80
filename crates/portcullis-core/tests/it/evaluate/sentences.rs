//! The contract's sentences on what a verdict means, one after the other.

use std::sync::Arc;

use portcullis_core::policy::{Control, Settings, private_space};

use super::random::pair;
use crate::fixture::{control, peers, policy, verdicts, world};

/// The verdict of one control, written as in [`pair`], on a world; empty where it passes.
fn check(line: &str, text: &str, expected: &str) {
    check_control(pair(line).0, text, expected);
}

fn check_control(control: Control, text: &str, expected: &str) {
    let id = control.id.clone();
    let found = verdicts(&world(text), &policy([control])).join(", ");
    let short = found.replace(id.as_str(), "fail").replace("fail?", "unknown");
    assert_eq!(short, expected, "{id} on\n{text}");
}

#[test]
fn private_space_is_what_the_contract_names() {
    assert_eq!(private_space(), peers("10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, fc00::/7"));
}

#[test]
fn a_rule_for_everything_speaks_of_everything_open() {
    let all = "all-traffic critical ingress all everything ipv4";
    check(all, "ingress tcp 443 from 0.0.0.0/0", ""); // the public web port is left alone
    check(all, "ingress all from 0.0.0.0/0", "fail ipv4");
    check(all, "ingress tcp 1-65535 from 0.0.0.0/0", "fail ipv4");
    check(all, "ingress udp all from 0.0.0.0/0", "fail ipv4");
    check(all, "ingress icmp all from 0.0.0.0/0\ningress 47 from 0.0.0.0/0", "");
    check(all, "ingress all from ::/0", ""); // it names IPv4
    check(all, "ingress tcp 1-79 from 0.0.0.0/0\ningress tcp 81-65535 from 0.0.0.0/0", "");
    check("all-tcp critical ingress tcp everything ipv4", "ingress udp all from 0.0.0.0/0", "");
    check("any-traffic high ingress all any ipv4", "ingress tcp 443 from 0.0.0.0/0", "fail ipv4");
    check("all-of-it high ingress all all ipv4", "ingress tcp all from 0.0.0.0/0", "");
    check("all-of-it high ingress all all ipv4", "ingress all from 0.0.0.0/1, 128.0.0.0/1", "fail ipv4");
    check("everything-from-ten high ingress all everything 10.0.0.0/8", "ingress all from 10.1.0.0/16", "fail ipv4");
    check("everything-from-ten high ingress all everything 10.0.0.0/8", "ingress tcp 22 from 10.1.0.0/16", "");
}

#[test]
fn any_overlap_of_ports_violates() {
    let rule = "no-admin high ingress tcp:3000-4000 any internet";
    check(rule, "ingress tcp 4000-9000 from 0.0.0.0/0", "fail ipv4");
    check(rule, "ingress tcp 3306 from 0.0.0.0/0", "fail ipv4");
    check(rule, "ingress tcp 4001-9000 from 0.0.0.0/0", "");
    check(rule, "ingress udp 3306 from 0.0.0.0/0", "");
    let every = "no-admin high ingress tcp:3000-4000 all internet";
    check(every, "ingress tcp 3000-3999 from 0.0.0.0/0", "");
    check(every, "ingress tcp 3000-3500 from 0.0.0.0/0\ningress tcp 3501-9000 from 0.0.0.0/0", "fail ipv4");
}

#[test]
fn other_peers_mean_any_overlap() {
    let rule = "no-partner high ingress tcp:22 any 198.51.100.0/24";
    check(rule, "ingress tcp 22 from 198.51.100.7/32", "fail ipv4");
    check(rule, "ingress tcp 22 from 0.0.0.0/0", "fail ipv4");
    check(rule, "ingress tcp 22 from 198.51.101.0/24", "");
    check(rule, "list pl-a = 198.51.0.0/16\ningress tcp 22 from pl-a", "fail ipv4");
    check(rule, "list pl-a ?\ningress tcp 22 from pl-a", "unknown");
    check("no-list high ingress tcp:22 any pl-a", "ingress tcp 22 from pl-a", "fail");
    check("no-list high ingress tcp:22 any pl-a", "list pl-a = 10.0.0.0/8\ningress tcp 22 from pl-a", "fail ipv4");
    check(
        "no-list high ingress tcp:22 any pl-a",
        "list pl-a = 10.0.0.0/8\ningress tcp 22 from 10.9.9.9/32",
        "fail ipv4",
    );
    check("no-list high ingress tcp:22 any pl-a", "list pl-a =\ningress tcp 22 from pl-a", ""); // nobody is in it
    check("no-list high ingress tcp:22 any pl-a", "ingress tcp 22 from 10.9.9.9/32", "unknown ipv4");
    check("no-list high ingress tcp:22 any pl-a", "list pl-a ? ipv6\ningress tcp 22 from 10.9.9.9/32", "");
    check("no-group high ingress tcp:22 any sg-b", "ingress tcp 22 from sg-b", "fail");
    check("no-group high ingress tcp:22 any sg-b", "ingress tcp 22 from sg-c, 0.0.0.0/0", "");
    check("no-group high ingress tcp:22 any sg-b", "ingress tcp 22 from 999999999999/sg-b", "fail");
    check("no-group high ingress tcp:22 any 888888888888/sg-b", "ingress tcp 22 from 999999999999/sg-b", "");
}

#[test]
fn no_peer_at_all_means_any_peer() {
    let rule = "no-telnet high ingress tcp:23 any any";
    check(rule, "ingress tcp 23 from 10.0.0.1/32", "fail ipv4");
    check(rule, "ingress all from sg-b", "fail");
    check(rule, "ingress tcp 23 from ::1/128, 127.0.0.0/8", ""); // no traffic between hosts
    check(rule, "list pl-a =\ningress tcp 23 from pl-a", "");
    check(rule, "list pl-a ? ipv4\ningress tcp 23 from pl-a", "unknown");
    check("no-icmpv6 high ingress icmpv6 any any", "ingress icmpv6 all from 10.0.0.0/8", ""); // carries nothing
    check("no-icmpv6 high ingress icmpv6 any any", "ingress icmpv6 all from fc00::/7", "fail ipv6");
    check("no-icmpv6 high ingress icmpv6 any any", "ingress all from sg-b", "fail");
    check("no-zero high ingress tcp:0-0 any any", "ingress tcp all from 10.0.0.0/8", ""); // port 0 decides nothing
}

#[test]
fn restricted_rules_name_the_excess() {
    let rule = "admin-only high ingress tcp:22 any outside 10.0.0.0/8, 52.1.2.0/24";
    check(rule, "ingress tcp 22 from 10.1.0.0/16, 52.1.2.3/32", "");
    check(rule, "ingress tcp 22 from 52.1.2.0/23", "fail ipv4");
    check(rule, "ingress tcp 22 from 10.0.0.0/7", "fail ipv4");
    check(rule, "ingress tcp 22 from fc00::/7", "fail ipv6");
    check(rule, "ingress tcp 22 from sg-b, 127.0.0.0/8", "");
    check(rule, "ingress tcp 23 from 0.0.0.0/0", "");
    check(rule, "list pl-a = 10.0.0.0/9, 10.128.0.0/9\ningress tcp 22 from pl-a", "");
    check(rule, "list pl-a ?\ningress tcp 22 from pl-a", "unknown");
    let listed = "listed-only high ingress tcp:22 any outside pl-a";
    check(listed, "ingress tcp 22 from pl-a", ""); // by name, whatever is in it
    check(listed, "list pl-a = 10.0.0.0/8\ningress tcp 22 from 10.0.0.0/9, pl-a", "");
    check(listed, "list pl-a = 10.0.0.0/8\ningress tcp 22 from 11.0.0.0/9", "fail ipv4");
    check(listed, "ingress tcp 22 from 11.0.0.0/9", "unknown ipv4");
}

#[test]
fn allowed_traffic_is_not_reported_by_rules_of_the_same_file() {
    check("ssh high ingress tcp:22 any internet ; tcp:22 0.0.0.0/0", "ingress tcp 22 from 0.0.0.0/0", "");
    check("ssh high ingress tcp:22 any internet ; tcp:22 0.0.0.0/0", "ingress tcp 22 from ::/0", "fail ipv6");
    check("ssh high ingress tcp:22 any internet ; tcp:22 0.0.0.0/1", "ingress tcp 22 from 0.0.0.0/0", "fail ipv4");
    check("ssh high ingress tcp:22 any internet ; tcp:443 anyone", "ingress all from 0.0.0.0/0", "fail ipv4");
    check("any high ingress tcp:22 any any ; tcp named web", "group sg-b named web-1\ningress tcp 22 from sg-b", "");
    check("any high ingress tcp:22 any any ; tcp named web", "group sg-b named db\ningress tcp 22 from sg-b", "fail");
    check("any high ingress tcp:22 any any ; tcp named web", "ingress tcp 22 from sg-b", "unknown");
    check("any high ingress tcp:22 any any ; tcp named web", "ingress tcp 22 from 10.0.0.0/8", "fail ipv4");
    check("any high ingress tcp:22 any any ; tcp sg-b", "ingress tcp 22 from sg-b", "");
    check("any high ingress tcp:22 any any ; tcp pl-a", "ingress tcp 22 from pl-a", "");
    check("any high ingress tcp:22 any any ; tcp pl-a", "list pl-a = 10.0.0.0/8\ningress tcp 22 from 10.1.0.0/16", "");
    check("any high ingress tcp:22 any any ; tcp pl-a", "ingress tcp 22 from 10.1.0.0/16", "unknown ipv4");
    check("any high ingress tcp:22 any any ; tcp 0.0.0.0/0, ::/0", "ingress tcp 22 from pl-a", "");
    check("any high ingress tcp:22 any any ; tcp 0.0.0.0/0", "list pl-a ? ipv4\ningress tcp 22 from pl-a", "");
    // Two allowances together allow what neither does alone.
    check(
        "only high ingress tcp:22 any outside 10.0.0.0/8 ; tcp 0.0.0.0/1 ; tcp 128.0.0.0/1",
        "ingress tcp 22 from 0.0.0.0/0",
        "",
    );
}

#[test]
fn settings_move_the_thresholds() {
    let rule = |settings: Settings| Control {
        settings: Arc::new(settings),
        ..control("ssh high ingress tcp:22 any internet")
    };
    check_control(rule(Settings::default()), "ingress tcp 22 from 17.0.0.0/8", "");
    let narrow = Settings { internet_ipv4: 1 << 16, ..Settings::default() };
    check_control(rule(narrow.clone()), "ingress tcp 22 from 17.0.0.0/8", "fail ipv4");
    check_control(rule(narrow.clone()), "ingress tcp 22 from 17.0.0.0/16", "");
    check_control(rule(narrow), "ingress tcp 22 from 17.0.0.0/16, 18.0.0.1/32", "fail ipv4");
    // A wide threshold above the internet's makes nothing wide, and does not hide the internet.
    let odd = Settings { wide_ipv4: 1 << 30, ..Settings::default() };
    let two = "ingress tcp 22 from 17.0.0.0/8\ningress tcp 22 from 17.0.0.0/9, 17.128.0.0/9";
    check_control(rule(odd.clone()), two, "");
    check_control(rule(odd.clone()), "ingress tcp 22 from 17.0.0.0/8, 18.0.0.0/8", "fail ipv4");
    let wide = Control { settings: Arc::new(odd), ..control("wide medium ingress tcp:22 any wide") };
    check_control(wide, "ingress tcp 22 from 17.0.0.0/8, 18.0.0.0/8", "");
}

#[test]
fn several_tests_are_one_control() {
    let rule = "mixed high ingress tcp:22 any ipv4 | 2600::/16 | wide";
    check(rule, "ingress tcp 22 from 0.0.0.0/0", "fail ipv4");
    check(rule, "ingress tcp 22 from 2600::7/128", "fail ipv6");
    check(rule, "ingress tcp 22 from 17.0.0.0/12, 2600::7/128", "fail ipv4+ipv6");
}
