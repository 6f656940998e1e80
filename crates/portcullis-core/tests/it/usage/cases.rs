//! Flows whose rules are known, one thing at a time.

use super::fixture::{at_risk, flows, told, world};

const WEB: &str = "
    group sg-web
    ingress tcp 443 from 0.0.0.0/0, ::/0
    ingress tcp 22 from 10.0.0.0/8
    egress all to 0.0.0.0/0
    group sg-db
    ingress tcp 5432 from sg-web
    group sg-ops
    ingress tcp 22 from 10.0.9.0/24, 198.51.100.0/24
    list pl-partner = 192.0.2.0/25
    group sg-partner
    ingress tcp 8443 from pl-partner
    interface eni-web 10.0.0.5, 2001:db8::5 on sg-web, sg-ops
    interface eni-web2 10.0.0.6 on sg-web
    interface eni-db 10.0.1.9 on sg-db
    interface eni-partner 10.0.3.1 on sg-partner
    interface eni-nat 10.0.4.1 on
";

/// What becomes of these flows, however many parts they are attributed in.
fn check(flow_lines: &str, expected: &[&str]) {
    check_in(WEB, flow_lines, expected);
}

fn check_in(text: &str, flow_lines: &str, expected: &[&str]) {
    let (inventory, flows) = (world(text), flows(flow_lines));
    for parts in [1, 3] {
        assert_eq!(told(&inventory, &flows, parts), expected, "{flow_lines} in {parts} parts");
    }
}

#[test]
fn a_flow_is_a_use_of_the_rule_that_admits_it() {
    check("eni-web 203.0.113.9:50000 > 10.0.0.5:443 tcp x3", &["sg-web 0: 3 last 60"]);
    check("eni-web [2001:db8:1::9]:50000 > [2001:db8::5]:443 tcp", &["sg-web 1: 1 last 60"]);
    check("eni-web 10.0.0.5:40000 > 203.0.113.9:25 tcp @100-900", &["sg-web 3: 1 last 900"]);
    check("eni-web 203.0.113.9:50000 > 10.0.0.5:443 tcp reject", &[]);
}

#[test]
fn prefix_lists_count_by_their_entries_and_groups_by_their_members() {
    check("eni-partner 192.0.2.7:50000 > 10.0.3.1:8443 tcp", &["sg-partner 0: 1 last 60"]);
    check("eni-partner 192.0.2.200:50000 > 10.0.3.1:8443 tcp", &["unattributed: 1"]);
    check("eni-db 10.0.0.6:50000 > 10.0.1.9:5432 tcp", &["sg-db 0: 1 last 60"]);
    check("eni-db 10.0.0.7:50000 > 10.0.1.9:5432 tcp", &["unattributed: 1"]);
}

#[test]
fn a_flow_that_several_rules_admit_counts_for_each_and_is_shared() {
    check(
        "eni-web 10.0.9.9:50000 > 10.0.0.5:22 tcp x2
         eni-web 10.0.8.8:50000 > 10.0.0.5:22 tcp
         eni-web2 10.0.9.9:50000 > 10.0.0.6:22 tcp",
        &["sg-ops 0: 2 (2 shared) last 60", "sg-web 2: 4 (2 shared) last 60"],
    );
}

#[test]
fn what_no_rule_admits_is_told_apart_from_where_no_rule_filters() {
    check("eni-web 203.0.113.9:50000 > 10.0.0.5:80 tcp", &["unattributed: 1"]);
    check("eni-gone 203.0.113.9:50000 > 10.0.0.5:443 tcp", &["unattributed: 1"]);
    check("eni-web 10.7.7.7:50000 > 10.8.8.8:443 tcp", &["unattributed: 1"]); // neither address is the interface's
    check("eni-web 10.7.7.7:50000 > 10.8.8.8:443 tcp in", &["sg-web 0: 1 last 60"]); // but the direction is told
    check("eni-nat 203.0.113.9:50000 > 10.0.4.1:443 tcp", &["unguarded: 1"]);
}

#[test]
fn answers_are_no_use_and_not_unattributed() {
    check(
        "eni-web 203.0.113.9:50000 > 10.0.0.5:443 tcp
         eni-web 10.0.0.5:443 > 203.0.113.9:50000 tcp",
        &["sg-web 0: 1 last 60"],
    );
    // No rule of the database lets anything out: its answers need none.
    check(
        "eni-db 10.0.1.9:5432 > 10.0.0.6:50000 tcp
         eni-db 10.0.0.6:50000 > 10.0.1.9:5432 tcp",
        &["sg-db 0: 1 last 60"],
    );
    // What comes back from a port that nobody may call.
    check(
        "eni-web 203.0.113.9:25 > 10.0.0.5:40000 tcp
         eni-web 10.0.0.5:40000 > 203.0.113.9:25 tcp",
        &["sg-web 3: 1 last 60"],
    );
}

#[test]
fn an_answer_long_after_is_none() {
    check(
        "eni-web 203.0.113.9:50000 > 10.0.0.5:443 tcp @0-60
         eni-web 10.0.0.5:443 > 203.0.113.9:50000 tcp @661-700",
        &["sg-web 0: 1 last 60", "sg-web 3: 1 last 700"],
    );
    check(
        "eni-web 203.0.113.9:50000 > 10.0.0.5:443 tcp @0-60
         eni-web 10.0.0.5:443 > 203.0.113.9:50000 tcp @660-700",
        &["sg-web 0: 1 last 60"],
    );
}

#[test]
fn tcp_flags_tell_who_began() {
    let both = "
        group sg-all
        ingress all from 0.0.0.0/0
        egress all to 0.0.0.0/0
        interface eni-1 10.0.0.5 on sg-all";
    let (inward, outward) =
        ("eni-1 203.0.113.9:443 > 10.0.0.5:50000 tcp", "eni-1 10.0.0.5:50000 > 203.0.113.9:443 tcp");
    check_in(both, &format!("{inward} syn\n{outward} synack"), &["sg-all 0: 1 last 60"]);
    check_in(both, &format!("{inward} synack\n{outward} syn"), &["sg-all 1: 1 last 60"]);
    check_in(both, &format!("{inward}\n{outward} synack"), &["sg-all 0: 1 last 60"]);
    check_in(both, &format!("{inward} synack"), &[]); // the question was not seen
    // Records of a long connection have no flags after the first.
    check_in(both, &format!("{inward} syn\n{inward}\n{outward}"), &["sg-all 0: 2 last 60"]);
    check_in(both, &format!("{inward}\n{outward}"), &["sg-all 1: 1 last 60"]); // nothing but the lower port
}

#[test]
fn the_service_is_where_many_different_ports_meet() {
    let both = "
        group sg-all
        ingress all from 0.0.0.0/0
        egress all to 0.0.0.0/0
        interface eni-1 10.0.0.5 on sg-all";
    // A service on a high port, clients on lower ones.
    let served: String = (1..=3)
        .map(|n| {
            format!("eni-1 10.1.0.{n}:3300{n} > 10.0.0.5:61616 tcp\neni-1 10.0.0.5:61616 > 10.1.0.{n}:3300{n} tcp\n")
        })
        .collect();
    check_in(both, &served, &["sg-all 0: 3 last 60"]);
    // A client that calls many servers, now and then from the same port: the ports of the servers are one.
    let crawler: String = (1..=6)
        .map(|n| {
            let port = 33000 + n / 2;
            format!(
                "eni-1 10.0.0.5:{port} > 203.0.113.{n}:61443 tcp\neni-1 203.0.113.{n}:61443 > 10.0.0.5:{port} tcp\n"
            )
        })
        .collect();
    check_in(both, &crawler, &["sg-all 1: 6 last 60"]);
    // One connection: who was seen first began.
    let single = "
        eni-1 10.1.0.1:33000 > 10.0.0.5:61616 tcp @0-60
        eni-1 10.0.0.5:61616 > 10.1.0.1:33000 tcp @1-60";
    check_in(both, single, &["sg-all 0: 1 last 60"]);
}

#[test]
fn a_rule_for_the_very_port_tells_who_began() {
    let one = "
        group sg-all
        ingress tcp 61616 from 0.0.0.0/0
        egress all to 0.0.0.0/0
        interface eni-1 10.0.0.5 on sg-all";
    // Always from the same port, to two services: the ports alone would tell nothing, or the wrong thing.
    let seen = "
        eni-1 10.1.0.1:50000 > 10.0.0.5:61616 tcp
        eni-1 10.0.0.5:61616 > 10.1.0.1:50000 tcp
        eni-1 10.1.0.2:50000 > 10.0.0.5:61616 tcp
        eni-1 10.0.0.5:61616 > 10.1.0.2:50000 tcp";
    check_in(one, seen, &["sg-all 0: 2 last 60"]);
    // A range that answers come in on is no service.
    let wide = "
        group sg-all
        ingress tcp 1024-65535 from 0.0.0.0/0
        egress all to 0.0.0.0/0
        interface eni-1 10.0.0.5 on sg-all";
    let called = "
        eni-1 10.0.0.5:50000 > 203.0.113.9:443 tcp
        eni-1 203.0.113.9:443 > 10.0.0.5:50000 tcp";
    check_in(wide, called, &["sg-all 1: 1 last 60"]);
}

#[test]
fn where_nothing_tells_who_began_both_sides_are_used_and_shared() {
    let both = "
        group sg-all
        ingress udp 123 from 0.0.0.0/0
        ingress icmp all from 0.0.0.0/0
        egress all to 0.0.0.0/0
        interface eni-1 10.0.0.5 on sg-all";
    for (source, destination, protocol, rule) in
        [("203.0.113.9:123", "10.0.0.5:123", "udp", 0), ("203.0.113.9", "10.0.0.5", "icmp", 1)]
    {
        let lines = format!("eni-1 {source} > {destination} {protocol}\neni-1 {destination} > {source} {protocol}");
        let used = [format!("sg-all {rule}: 1 (1 shared) last 60"), "sg-all 2: 1 (1 shared) last 60".to_owned()];
        check_in(both, &lines, &used.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn flows_that_do_not_say_where_they_were_seen_are_placed_by_address() {
    check("- 203.0.113.9:50000 > 10.0.0.5:443 tcp", &["sg-web 0: 1 last 60"]);
    check("- 10.0.0.6:50000 > 203.0.113.9:443 tcp", &["sg-web 3: 1 last 60"]);
}

#[test]
fn peers_that_are_not_known_admit_what_nothing_else_does() {
    let text = "
        group sg-1
        ingress tcp 443 from 444455556666/sg-theirs, pl-unread
        ingress tcp 22 from 444455556666/sg-theirs
        ingress tcp 443 from 10.0.0.0/16
        list pl-unread ?
        interface eni-1 10.0.0.5 on sg-1";
    check_in(text, "eni-1 10.0.7.7:50000 > 10.0.0.5:443 tcp", &["sg-1 3: 1 last 60"]);
    check_in(
        text,
        "eni-1 10.7.7.7:50000 > 10.0.0.5:443 tcp",
        &["sg-1 0: 1 (1 shared) last 60", "sg-1 1: 1 (1 shared) last 60"],
    );
    check_in(text, "eni-1 8.8.8.8:50000 > 10.0.0.5:443 tcp", &["sg-1 1: 1 last 60"]); // groups have private addresses
    check_in(text, "eni-1 8.8.8.8:50000 > 10.0.0.5:22 tcp", &["unattributed: 1"]);
}

#[test]
fn members_in_another_account_count_where_their_interfaces_were_read() {
    let text = "
        group sg-1
        ingress tcp 443 from 444455556666/sg-theirs
        interface eni-1 10.0.0.5 on sg-1
        interface eni-theirs 10.9.0.1 on sg-theirs";
    check_in(text, "eni-1 10.9.0.1:50000 > 10.0.0.5:443 tcp", &["sg-1 0: 1 last 60"]);
    check_in(text, "eni-1 10.9.0.2:50000 > 10.0.0.5:443 tcp", &["unattributed: 1"]);
}

#[test]
fn without_interfaces_every_group_is_presumed_on_each_and_the_common_address_is_its_own() {
    let text = "
        group sg-1
        ingress tcp 443 from 0.0.0.0/0
        egress tcp 25 to 0.0.0.0/0";
    check_in(
        text,
        "eni-1 203.0.113.9:50000 > 10.0.0.5:443 tcp
         eni-1 10.0.0.5:443 > 203.0.113.9:50000 tcp
         eni-1 10.0.0.5:40000 > 203.0.113.8:25 tcp
         eni-1 203.0.113.8:25 > 10.0.0.5:40000 tcp
         eni-2 203.0.113.9:50000 > 10.0.0.6:443 tcp",
        &["sg-1 0: 2 last 60", "sg-1 1: 1 last 60"],
    );
}

fn check_risk(change: &str, flow_lines: &str, expected: &[&str]) {
    let (inventory, flows) = (world(WEB), flows(flow_lines));
    for parts in [1, 3] {
        assert_eq!(at_risk(&inventory, change, &flows, parts), expected, "{flow_lines} in {parts} parts");
    }
}

#[test]
fn at_risk_is_what_rules_admit_today_and_none_admits_afterwards() {
    let seen = "
        eni-web 203.0.113.9:50000 > 10.0.0.5:443 tcp x2
        eni-web 203.0.113.9:50001 > 10.0.0.5:443 tcp x3
        eni-web 10.0.0.5:443 > 203.0.113.9:50000 tcp x2
        eni-web 10.0.9.9:50000 > 10.0.0.5:22 tcp
        eni-web2 10.0.9.9:50000 > 10.0.0.6:22 tcp
        eni-web 10.0.0.5:40000 > 203.0.113.7:443 tcp
        eni-web 203.0.113.7:443 > 10.0.0.5:40000 tcp
        eni-web 203.0.113.66:50000 > 10.0.0.5:8080 tcp";
    // Without the rule for 443 the clients are cut; answers of what the web servers call stay.
    let change = "group sg-web\ningress tcp 22 from 10.0.0.0/8\negress all to 0.0.0.0/0";
    check_risk(change, seen, &["203.0.113.9 > 10.0.0.5 443: 5 by sg-web 0"]);
    // Port 22 of the first stays open through the other group.
    let change = "group sg-web\ningress tcp 443 from 0.0.0.0/0\negress all to 0.0.0.0/0";
    check_risk(change, seen, &["10.0.9.9 > 10.0.0.6 22: 1 by sg-web 2"]);
    // Narrowed to what is used nothing is at risk.
    let change = "
        group sg-web
        ingress tcp 443 from 203.0.113.9/32
        ingress tcp 22 from 10.0.9.0/24
        egress tcp 443 to 203.0.113.7/32";
    check_risk(change, seen, &[]);
    check_risk(
        "group sg-web",
        seen,
        &[
            "203.0.113.9 > 10.0.0.5 443: 5 by sg-web 0",
            "10.0.0.5 > 203.0.113.7 443: 1 by sg-web 3",
            "10.0.9.9 > 10.0.0.6 22: 1 by sg-web 2",
        ],
    );
}

#[test]
fn of_icmp_all_types_must_stay_since_the_type_is_not_told() {
    let text = "group sg-1\ningress icmp all from 0.0.0.0/0\ninterface eni-1 10.0.0.5 on sg-1";
    let (inventory, flows) = (world(text), flows("eni-1 203.0.113.9 > 10.0.0.5 icmp"));
    let part = at_risk(&inventory, "group sg-1\ningress icmp 3/4 from 0.0.0.0/0", &flows, 1);
    assert_eq!(part, ["203.0.113.9 > 10.0.0.5 0: 1 by sg-1 0"]);
    let halves: String = (0..=255).map(|kind| format!("ingress icmp {kind}/* from 203.0.113.9/32\n")).collect();
    assert!(at_risk(&inventory, &format!("group sg-1\n{halves}"), &flows, 1).is_empty());
}
