//! Whether anybody used what findings are about.

use portcullis_core::usage::{Attribution, Members, Observed, Places, Rulebook, tell_used};

use super::fixture::{flows, world};
use crate::fixture::{judged, policy, shipped};

/// The findings in order, each with the records that used it from the internet.
fn check(text: &str, flow_lines: &str, expected: &[&str]) {
    let (inventory, flows) = (world(text), flows(flow_lines));
    let policies =
        policy(shipped().into_iter().filter(|control| ["internet-ssh", "internet-rdp"].contains(&&*control.id)));
    let mut evaluation = judged(&inventory, &policies);
    let members = Members::of(&inventory);
    let rulebook = Rulebook::new(&inventory.groups, &members);
    let places = Places::of(&inventory, &rulebook);
    let attribution = Attribution { rulebook: &rulebook, places: &places, flows: &flows };
    let mut observed = Observed::new();
    attribution.attribute_all(|used| observed.add(&used));
    tell_used(&mut evaluation, &inventory, &observed.sorted());
    let line = |finding: &portcullis_core::finding::Finding| {
        let id = &policies.control(finding).unwrap().id;
        format!("{} {id} {}", inventory.groups[finding.group].key.group_id, finding.used.unwrap().flows)
    };
    assert_eq!(evaluation.findings.iter().map(line).collect::<Vec<_>>(), expected);
}

#[test]
fn what_somebody_used_from_the_internet_stands_first() {
    let text = "
        group sg-a
        ingress tcp 22 from 0.0.0.0/0
        group sg-b
        ingress tcp 22-3389 from 0.0.0.0/0
        interface eni-a 10.0.0.1 on sg-a
        interface eni-b 10.0.0.2 on sg-b";
    check(
        text,
        "eni-b 8.8.8.8:50000 > 10.0.0.2:3389 tcp x3
         eni-a 10.0.0.9:50000 > 10.0.0.1:22 tcp
         eni-b 8.8.8.8:50000 > 10.0.0.2:443 tcp
         eni-a 8.8.4.4:50000 > 10.0.0.1:22 tcp reject",
        &["sg-b internet-rdp 3", "sg-a internet-ssh 0", "sg-b internet-ssh 0"],
    );
}
