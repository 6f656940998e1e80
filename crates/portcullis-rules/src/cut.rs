//! Which staged change cuts a connection that a live rule lets in.

use std::net::IpAddr;

use portcullis_core::model::{Peer, Rule};
use portcullis_core::net::{AddressSet, Interval};

use crate::difference::{Action, Change, StagePlan};

/// The place of a change in a [`StagePlan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CutBy {
    /// In [`StagePlan::changes`].
    Change(usize),
    /// In [`StagePlan::drift`]: somebody added the rule in AWS, and a commit takes it away.
    Drift(usize),
}

impl StagePlan {
    /// The change that takes away what a live rule admits of these services from or to an address, that of the rule itself
    /// before that of another which admits them too; `None` where no change does.
    pub fn cut_by(&self, rule: &Rule, services: Interval<u32>, peer: IpAddr) -> Option<CutBy> {
        let reaches =
            |change: &Change| change.rule.peer.cidr().map(|block| AddressSet::from_iter([block]).contains(peer));
        let own = |change: &Change| is_part(&change.rule, rule) && reaches(change).unwrap_or(true);
        let other = |change: &Change| change.rule.direction == rule.direction && reaches(change).unwrap_or(false);
        self.taken_away(services, own).or_else(|| self.taken_away(services, other))
    }

    fn taken_away(&self, services: Interval<u32>, cuts: impl Fn(&Change) -> bool) -> Option<CutBy> {
        let of = |changes: &[Change], action| {
            let asked = |change: &Change| change.rule.services.interval().intersection(services).is_some();
            changes.iter().position(|change| change.action == action && asked(change) && cuts(change))
        };
        let removed = of(&self.changes, Action::Removal).map(CutBy::Change);
        removed.or_else(|| of(&self.drift, Action::Addition).map(CutBy::Drift))
    }
}

/// Whether a change speaks of a part of this rule and not of another one that admits the same.
fn is_part(part: &Rule, rule: &Rule) -> bool {
    let same_peer = match (&part.peer, &rule.peer) {
        // The account of the group's own is not written in a change.
        (Peer::Group(part), Peer::Group(rule)) => (&part.id, &part.name) == (&rule.id, &rule.name),
        (part, rule) => match (part.cidr(), rule.cidr()) {
            (Some(part), Some(rule)) => AddressSet::from_iter([part]).is_subset(&AddressSet::from_iter([rule])),
            _ => part == rule,
        },
    };
    part.direction == rule.direction && rule.services.interval().contains(part.services.interval()) && same_peer
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

    use portcullis_core::model::SecurityGroup;
    use portcullis_core::net::Protocol;
    use portcullis_formats::rules::{RuleSet, parse};

    use super::*;
    use crate::difference::difference;

    fn set(text: &str) -> RuleSet {
        parse([("rules.pysec", text.as_bytes())]).unwrap().set
    }

    /// What cuts a TCP connection that the live group's rule of this number lets in.
    fn check(file: &str, live: &str, committed: Option<&str>, (rule, port, peer): (usize, u16, &str)) -> Option<CutBy> {
        let group = SecurityGroup { rules: set(live).as_held(), ..SecurityGroup::default() };
        let plan = difference(&set(file), &[&group], committed.map(set).as_ref());
        plan.cut_by(&group.rules[rule], Protocol::TCP.ports(port, port), peer.parse().unwrap())
    }

    #[test]
    fn a_rule_that_goes_cuts_what_it_let_in() {
        let (file, live) = ("10.0.0.0/8:22\n", "10.0.0.0/8:22\n10.0.0.0/8:443\n10.1.0.0/16:443\n");
        assert_eq!(check(file, live, None, (1, 443, "10.1.2.3")), Some(CutBy::Change(0)));
        // Each by the change of its own rule, though the other's would do it too.
        assert_eq!(check(file, live, None, (2, 443, "10.1.2.3")), Some(CutBy::Change(1)));
        assert_eq!(check(file, live, None, (0, 22, "10.1.2.3")), None);
    }

    #[test]
    fn a_part_that_goes_cuts_no_more_than_itself() {
        let (file, live) = ("10.0.0.0/9:80-443\n", "10.0.0.0/8:80-443\n");
        assert_eq!(check(file, live, None, (0, 100, "10.200.0.1")), Some(CutBy::Change(0)));
        assert_eq!(check(file, live, None, (0, 100, "10.1.0.1")), None);
        let (file, live) = ("10.0.0.0/8:80-90,443\n", "10.0.0.0/8:80-443\n");
        assert_eq!(check(file, live, None, (0, 100, "10.1.0.1")), Some(CutBy::Change(0)));
        assert_eq!(check(file, live, None, (0, 85, "10.1.0.1")), None);
    }

    #[test]
    fn of_rules_that_share_what_they_admit_the_one_that_goes_is_named() {
        let (file, live) = ("10.0.0.0/8:8/0^icmp\n", "10.0.0.0/8:8/0^icmp\n10.0.0.0/8:*^icmp\n");
        let group = SecurityGroup { rules: set(live).as_held(), ..SecurityGroup::default() };
        let plan = difference(&set(file), &[&group], None);
        // Of ICMP nobody knows the type, so that the rule that stays may be the one that is asked about.
        let cut = plan.cut_by(&group.rules[0], Protocol::ICMP.services(), "10.1.2.3".parse().unwrap());
        assert_eq!(cut, Some(CutBy::Change(0)));
    }

    #[test]
    fn what_the_console_added_is_cut_as_drift() {
        let (file, live) = ("10.0.0.0/8:22\n", "10.0.0.0/8:22\n9.9.9.9/32:22\nsg-0a:22\n");
        assert_eq!(check(file, live, Some(file), (1, 22, "9.9.9.9")), Some(CutBy::Drift(0)));
        assert_eq!(check(file, live, Some(file), (2, 22, "172.16.0.1")), Some(CutBy::Drift(1)));
    }
}
