//! File → rules → file, and formatting twice.

use portcullis_core::model::{GroupReference, Peer, Rule};
use portcullis_core::remediation::fit_description;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::record::testing::rule;
use crate::rules::{RuleSet, format, parse, write};

/// Rules as a file can say them: without ids, tags and what only AWS knows of a referenced group.
fn sayable(rule: Rule) -> Rule {
    let peer = match rule.peer {
        Peer::Group(group) => Peer::Group(Box::new(GroupReference {
            account: if group.account.is_empty() { "".into() } else { "111122223333".into() },
            id: "sg-0a".into(),
            ..GroupReference::default()
        })),
        Peer::PrefixList(_) => Peer::PrefixList("pl-0a".into()),
        block => block,
    };
    let description = fit_description(&rule.description).into();
    Rule { description, ..Rule::new(rule.direction, rule.services, peer) }
}

/// A line that is right, or nearly.
fn line() -> impl Strategy<Value = String> {
    let peer = prop_oneof![
        Just("10.1.2.3/8"),
        Just("[2001:db8::1/32]"),
        Just("sg-0a"),
        Just("111122223333/sg-0b"),
        Just("pl-0c"),
        Just("1.2.3.4"),
        Just(" 10.0.0.0/8 "),
    ];
    let ports = prop_oneof![
        Just("80"),
        Just("80-443"),
        Just("80, 443"),
        Just("*"),
        Just("8/0"),
        Just("8/*"),
        Just("3-4"),
        Just("0-65535"),
        Just("9-1"),
    ];
    let protocol = prop_oneof![
        Just(""),
        Just("^tcp"),
        Just("^6"),
        Just("^ICMP"),
        Just("^icmpv6"),
        Just("^all"),
        Just("^-1"),
        Just("^ESP"),
        Just(" ^ udp"),
    ];
    let comment = prop_oneof![Just(""), Just("# a  b"), Just("  ## x # y"), Just(" #"), Just("#\t\u{e9} ")];
    let rule = ("|egress |EGRESS\t", vec(peer, 1..3), ports, protocol, comment.clone()).prop_map(
        |(way, peers, ports, protocol, comment)| format!("{way}{}:{ports}{protocol}{comment}", peers.join(",")),
    );
    prop_oneof![6 => rule, 1 => comment.prop_map(str::to_owned), 1 => Just("egress none".to_owned()), 1 => Just("\r".to_owned())]
}

proptest! {
    #[test]
    fn rules_come_back(rules in vec(rule(), 0..20)) {
        let mut rules: Vec<Rule> = rules.into_iter().map(sayable).collect();
        rules.sort_by(|a, b| a.identity().cmp(&b.identity()));
        rules.dedup_by(|a, b| a.identity() == b.identity());
        let set = RuleSet::of(rules);
        let text = write(&set);
        let read = parse([("rules.pysec", text.as_bytes())]).unwrap();
        prop_assert!(read.warnings.is_empty(), "{}", read.warnings);
        let bare = |set: &RuleSet| -> Vec<Rule> {
            let mut rules: Vec<Rule> = set.rules.iter().map(|rule| Rule { line: 0, ..rule.clone() }).collect();
            rules.sort();
            rules
        };
        prop_assert_eq!(bare(&read.set), bare(&set));
        prop_assert_eq!(read.set.egress, set.egress);
        prop_assert_eq!(write(&read.set), text.clone());
        prop_assert_eq!(format("rules.pysec", text.as_bytes()).unwrap(), text);
    }

    #[test]
    fn formatting_keeps_the_meaning_and_is_done_once(lines in vec(line(), 0..8)) {
        let text = lines.join("\n");
        let Ok(read) = parse([("rules.pysec", text.as_bytes())]) else { return Ok(()) };
        let formatted = format("rules.pysec", text.as_bytes()).unwrap();
        let again = parse([("rules.pysec", formatted.as_bytes())]).unwrap();
        prop_assert_eq!(&again.set.egress, &read.set.egress);
        let bare = |rules: &[Rule]| -> Vec<Rule> { rules.iter().map(|rule| Rule { line: 0, ..rule.clone() }).collect() };
        prop_assert_eq!(bare(&again.set.rules), bare(&read.set.rules));
        let comments = |text: &str| text.matches('#').count();
        prop_assert_eq!(comments(&formatted), comments(&text));
        prop_assert_eq!(format("rules.pysec", formatted.as_bytes()).unwrap(), formatted);
    }
}
