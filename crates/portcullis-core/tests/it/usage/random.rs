//! Random rules and flows of a small world: attribution does what the naive model does.

use proptest::prelude::*;

use super::fixture::{at_risk, flows, told, world};
use super::naive;
use crate::fixture::cases;

const AROUND: &str = "
    list pl-a = 10.0.2.0/24, 2001:db8:2::/48
    interface eni-1 10.0.0.5, 2001:db8::5 on sg-1, sg-2
    interface eni-2 10.0.0.6 on sg-2
    interface eni-3 10.0.2.7 on sg-1
    interface eni-4 10.0.2.8 on
    group sg-3
    interface eni-5 10.0.2.9 on sg-3
";

fn rule() -> impl Strategy<Value = String> {
    let services = prop::sample::select(vec![
        "all",
        "tcp all",
        "tcp 22",
        "tcp 22-443",
        "tcp 40000-50000",
        "udp 53",
        "udp 123-443",
        "icmp all",
    ]);
    let peers = prop::sample::select(vec![
        "0.0.0.0/0",
        "::/0",
        "10.0.0.0/8",
        "10.0.2.7/32",
        "203.0.113.0/24",
        "pl-a",
        "sg-1",
        "sg-2",
        "sg-3",
        "2001:db8:2::/48",
    ]);
    (any::<bool>(), services, peers).prop_map(|(inward, services, peer)| {
        let (way, word) = if inward { ("ingress", "from") } else { ("egress", "to") };
        format!("{way} {services} {word} {peer}\n")
    })
}

fn group(id: &'static str) -> impl Strategy<Value = String> {
    prop::collection::btree_set(rule(), 0..6)
        .prop_map(move |rules| format!("group {id}\n{}", rules.into_iter().collect::<String>()))
}

pub(super) fn any_world() -> impl Strategy<Value = String> {
    (group("sg-1"), group("sg-2")).prop_map(|(one, two)| format!("{AROUND}{one}{two}"))
}

/// Which way a log would say that a flow goes: always where neither end is the interface's, for one interface; where one is,
/// now and then. A log never says opposite things of one connection.
fn told_way(interface: &str, from: &str, to: &str, tell: bool) -> &'static str {
    let own: &[&str] = match interface {
        "eni-1" => &["10.0.0.5", "[2001:db8::5]"],
        "eni-2" => &["10.0.0.6"],
        "eni-3" => &["10.0.2.7"],
        _ => &["10.0.2.8"],
    };
    match (own.contains(&to), own.contains(&from)) {
        (true, _) if tell => "in",
        (_, true) if tell => "out",
        (false, false) if interface == "eni-3" => {
            if from < to {
                "in"
            } else {
                "out"
            }
        }
        _ => "",
    }
}

fn flow() -> impl Strategy<Value = [String; 2]> {
    let interface = prop::sample::select(vec!["eni-1", "eni-1", "eni-1", "eni-2", "eni-3", "eni-4", "eni-gone"]);
    let v4 = || {
        let inside = ["10.0.0.5", "10.0.0.5", "10.0.0.6", "10.0.2.7", "10.0.2.9"];
        prop::sample::select([inside.as_slice(), &["203.0.113.9", "198.51.100.1"]].concat())
    };
    let v6 = || prop::sample::select(vec!["[2001:db8::5]", "[2001:db8:2::1]", "[2600::1]"]);
    let ends = prop_oneof![8 => (v4(), v4()), 1 => (v6(), v6())].prop_filter("two ends", |(from, to)| from != to);
    let port = || prop::sample::select(vec![22, 53, 123, 443, 40000, 40001, 50000]);
    let protocol = prop::sample::select(vec!["tcp", "tcp", "tcp", "udp", "icmp", "gre"]);
    let words = || prop::sample::select(vec!["", "", "", "", "reject", "syn", "synack"]);
    let first = || prop::sample::select(vec![0, 0, 0, 1, 5000]);
    let sides = (words(), words(), first(), first(), any::<[bool; 2]>());
    (interface, ends, port(), port(), protocol, 1..4u64, sides).prop_map(
        |(interface, (from, to), from_port, to_port, protocol, records, (word, back, first, then, tell))| {
            let (from_port, to_port) = if matches!(protocol, "tcp" | "udp") { (from_port, to_port) } else { (0, 0) };
            let line = |from: &str, from_port, to: &str, to_port, word: &str, first: i64, tell| {
                let word = if protocol != "tcp" && word.starts_with("syn") { "" } else { word };
                let (way, last) = (told_way(interface, from, to, tell), first + 60);
                format!("{interface} {from}:{from_port} > {to}:{to_port} {protocol} {word} {way} x{records} @{first}-{last}\n")
            };
            [
                line(from, from_port, to, to_port, word, first, tell[0]),
                line(to, to_port, from, from_port, back, then, tell[1]),
            ]
        },
    )
}

/// Flows, many of them with their answers.
pub(super) fn any_flows() -> impl Strategy<Value = String> {
    let with_answer = (flow(), any::<bool>())
        .prop_map(|([line, answer], answered)| if answered { format!("{line}{answer}") } else { line });
    prop::collection::vec(with_answer, 0..14).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn attribution_is_what_the_naive_model_says(text in any_world(), lines in any_flows(), parts in 1..4usize) {
        let flows = flows(&lines);
        prop_assert_eq!(told(&world(&text), &flows, parts), naive::world(&text).told(&flows));
    }

    #[test]
    fn at_risk_is_what_was_used_before_and_is_used_by_no_rule_after(
        text in any_world(), change in group("sg-1"), lines in any_flows(),
    ) {
        let flows = flows(&lines);
        let before = world(&text);
        let rows = at_risk(&before, &change, &flows, 2);
        // One flow at a time, as the beginning of a connection: admitted before, not admitted after.
        let after = text.split("group sg-1\n").next().unwrap().to_owned()
            + &change + "group sg-2\n" + text.split("group sg-2\n").nth(1).unwrap();
        let model = (naive::world(&text), naive::world(&after));
        let total: u64 = rows.iter().map(|row| row.split(": ").nth(1).unwrap().split(' ').next().unwrap().parse::<u64>().unwrap()).sum();
        prop_assert_eq!(total, model.0.lost(&model.1, &flows));
    }
}
