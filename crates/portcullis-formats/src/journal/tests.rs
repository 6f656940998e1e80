#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::record::{RuleRecord, testing};

fn run() -> Run {
    Run {
        run_id: "r1".to_owned(),
        purpose: Purpose::Apply,
        plan: "p1".to_owned(),
        caller: "arn:aws:iam::111122223333:user/ada".to_owned(),
    }
}

fn line(step: &Step<'_>) -> String {
    let mut out = Vec::new();
    write(&run(), "2026-01-15T12:00:00Z".parse().unwrap(), step, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn group() -> SecurityGroup {
    SecurityGroup {
        key: GroupKey { account_id: "111122223333".into(), region: "eu-west-1".into(), group_id: "sg-1".into() },
        name: "web".into(),
        ..SecurityGroup::default()
    }
}

#[test]
fn an_audit_line_tells_who_changed_what() {
    let rule = |peer: &str| RuleRecord {
        direction: "ingress".to_owned(),
        protocol: "tcp".to_owned(),
        ports: "20-22".to_owned(),
        peers: [peer.to_owned()],
        rule_ids: vec!["sgr-1".to_owned()],
        ..RuleRecord::default()
    };
    let (before, after) = (rule("0.0.0.0/0"), rule("10.0.0.0/8"));
    let modify = Change::Modify { before: before.decode().unwrap(), after: after.decode().unwrap() };
    let tag = Change::Tag { key: "Owner".into(), before: None, after: Some("ops".into()) };
    let text = line(&Step::Changed { group: &group(), changes: &[modify, tag], resumed: false });
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        value,
        json!({
            "schema_version": "1", "at": "2026-01-15T12:00:00Z", "run_id": "r1", "purpose": "apply", "plan": "p1",
            "caller": "arn:aws:iam::111122223333:user/ada", "step": "changed",
            "account_id": "111122223333", "region": "eu-west-1", "group_id": "sg-1",
            "changes": [
                {
                    "GroupId": "sg-1", "GroupName": "web", "FromPort": 20, "ToPort": 22, "IpProtocol": "tcp",
                    "Rules": ["0.0.0.0/0"], "action": "modify", "before": before, "after": after
                },
                {
                    "GroupId": "sg-1", "GroupName": "web", "FromPort": null, "ToPort": null, "IpProtocol": null,
                    "Rules": [], "action": "tag", "before": null, "after": {"key": "Owner", "value": "ops"}
                }
            ]
        })
    );
}

#[test]
fn a_torn_end_hides_nothing_before_it() {
    let group = group();
    let mut text = line(&Step::Started(1));
    text += &line(&Step::Changing { group: &group, backup: "a/b.json" });
    let whole = text.len();
    text += &line(&Step::Closed(&group.key));
    for end in whole..text.len() - 1 {
        let past = read(&text.as_bytes()[..end]);
        assert_eq!(past.steps.len(), 2, "{end}");
        assert_eq!(past.broken, if end == whole { Vec::new() } else { vec![3] }, "{end}");
    }
    let past = read(text.as_bytes());
    let changing = &past.steps[1];
    assert_eq!((changing.step.as_str(), changing.backup.as_deref()), ("changing", Some("a/b.json")));
    assert_eq!(changing.group, group.key);
    assert_eq!(past.steps[2].step, "closed");
}

proptest! {
    #[test]
    fn every_step_is_one_line_and_is_read(group in testing::group(), change in testing::change(), text in any::<String>()) {
        let changes = [change];
        let steps = [
            Step::Started(3),
            Step::BackedUp { group: &group, backup: &text },
            Step::Changing { group: &group, backup: &text },
            Step::Changed { group: &group, changes: &changes, resumed: true },
            Step::ChangedInPart { group: &group, changes: &changes, resumed: false },
            Step::Closed(&group.key),
            Step::Refused { group: &group.key, reason: &text },
            Step::Failed { group: &group.key, step: "change", error: &text },
            Step::Ended { changed: 1, not_changed: 2, not_reached: 3 },
        ];
        let lines: String = steps.iter().map(line).collect();
        let past = read(lines.as_bytes());
        prop_assert_eq!(past.steps.len(), steps.len());
        prop_assert!(past.broken.is_empty());
        prop_assert!(past.steps.iter().all(|step| step.run_id == "r1" && step.plan == "p1"));
        prop_assert_eq!(&past.steps[1].group, &group.key);
    }

    #[test]
    fn no_bytes_make_it_panic(junk in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&junk);
    }
}
