//! `missing-rule-description`

use super::{Context, Fault, Metadata, is_too_short, named_rules};
use crate::finding::Status;
use crate::model::Rule;
use crate::policy::Severity;

pub(super) const METADATA: Metadata = Metadata {
    id: "missing-rule-description",
    severity: Severity::Low,
    title: "Rule without a description",
    description: "At least one rule has a blank description, or one shorter than a policy asks for \
                  (`global_rules.min_description_length`). The outbound rule that AWS itself gives every group is \
                  not asked for one.",
    reason: "An address says little; years later only the description tells whose it is and whether the rule is \
             still needed. Low, because it is about order, not about what is open.",
    remediation: "Describe each rule: who the peer is, what for, and until when. AWS changes descriptions in place, \
                  without a gap.",
};

pub(super) fn status(context: Context<'_>, least: usize) -> Status {
    if context.group.rules.iter().any(|rule| lacks(rule, least)) { Status::Fail } else { Status::Pass }
}

pub(super) fn fault(context: Context<'_>, least: usize) -> Fault {
    let group = context.group;
    let lacking = group.rules.iter().enumerate().filter(|(_, rule)| lacks(rule, least));
    let rules: Vec<usize> = lacking.map(|(place, _)| place).collect();
    let (subject, verb) = match rules.len() {
        1 => ("a rule".to_owned(), "has"),
        count => (format!("{count} rules"), "have"),
    };
    let short = if least > 1 { format!(" of at least {least} characters") } else { String::new() };
    let reason = format!("{subject} {verb} no description{short}: {}", named_rules(group, &rules));
    Fault { rules, ..Fault::of(reason) }
}

fn lacks(rule: &Rule, least: usize) -> bool {
    is_too_short(&rule.description, least) && !rule.is_default_egress()
}

#[cfg(test)]
mod tests {
    use crate::controls::Hygiene;
    use crate::testing::{group, inventory, judge};

    fn check(rules: &str, least: usize, expected: &str) {
        let inventory = inventory([group("sg-a", rules)]);
        assert_eq!(judge(&Hygiene::MissingRuleDescription(least), &inventory, "sg-a"), expected, "{rules}");
    }

    #[test]
    fn every_rule_has_a_description() {
        check("ingress tcp 22 from 10.0.0.0/8 # offices", 1, "pass");
        check("", 1, "pass");
        check(
            "ingress tcp 22 from 10.0.0.0/8",
            1,
            "fail: a rule has no description: `ingress tcp 22 from 10.0.0.0/8` [0]",
        );
        check(
            "ingress tcp 22 from 10.0.0.0/8 # offices\ningress tcp 23 from sg-b, sg-c # x",
            8,
            "fail: 3 rules have no description of at least 8 characters: `ingress tcp 22 from 10.0.0.0/8`, \
             `ingress tcp 23 from sg-b` and `ingress tcp 23 from sg-c` [0, 1, 2]",
        );
    }

    #[test]
    fn the_default_egress_rule_is_not_asked() {
        check("egress all to 0.0.0.0/0, ::/0", 1, "pass");
        check("egress all to 10.0.0.0/8", 1, "fail: a rule has no description: `egress all traffic to 10.0.0.0/8` [0]");
        check(
            "ingress all from 0.0.0.0/0",
            1,
            "fail: a rule has no description: `ingress all traffic from 0.0.0.0/0` [0]",
        );
    }
}
