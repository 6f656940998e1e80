//! What the console changed, taken into the files.

use std::collections::BTreeSet;

use portcullis_core::model::{Direction, Peer, Rule, SecurityGroup};
use portcullis_formats::diagnostics::io_message;
use portcullis_formats::rules::{parse, write};
use portcullis_rules::{
    Action, Change, Egress, FIRST_RULES_FILE, Repository, RuleSet, STATE_FILE, difference, line_of,
};

use super::Result;

/// A rule as files write it: the account of a peer group only where it is another one.
fn as_written(rule: &Rule, account: &str) -> Rule {
    let mut rule = rule.clone();
    if let Peer::Group(group) = &mut rule.peer
        && group.account == account
    {
        group.account = Default::default();
    }
    rule
}

/// The rules of live groups, as one set.
pub(super) fn rules_of(live: &[&SecurityGroup]) -> RuleSet {
    let rules = live.iter().flat_map(|group| group.rules.iter().map(|rule| as_written(rule, &group.key.account_id)));
    let mut seen = BTreeSet::new();
    RuleSet::of(rules.filter(|rule| seen.insert(rule.to_string())))
}

/// The text of a rules file that says what live groups hold.
pub(super) fn text_of(live: &[&SecurityGroup]) -> String {
    write(&rules_of(live))
}

fn line(rule: &Rule) -> String {
    let comment = if rule.description.is_empty() { String::new() } else { format!(" # {}", rule.description) };
    format!("{}{comment}", line_of(rule))
}

/// Takes into the rules files what somebody changed in the live groups since the last commit: lines go and come, and all
/// others stay as they are, comments too. How many rules were changed.
///
/// # Errors
/// Where the files cannot be read or written.
pub fn take_over(repository: &mut Repository, live: &[&SecurityGroup]) -> Result<usize> {
    let rules = repository.load()?;
    let committed = match &repository.state.committed {
        Some(committed) => committed.rules(&repository.path_of(STATE_FILE))?,
        None => None,
    };
    let plan = difference(rules.rules(), live, committed.as_ref());
    // Without a commit whatever differs is the console's.
    let (gone, come): (Vec<Change>, Vec<Change>) = match committed {
        Some(_) => plan.drift.into_iter().partition(|change| change.action == Action::Removal),
        None => {
            let changes = plan.changes.into_iter().filter(|change| change.action != Action::Description);
            changes.partition(|change| change.action == Action::Addition)
        }
    };
    if gone.is_empty() && come.is_empty() {
        return Ok(0);
    }
    let egress = gone.iter().chain(&come).any(|change| change.rule.direction == Direction::Egress);
    let lost: BTreeSet<String> = gone.iter().map(|change| change.rule.to_string()).collect();
    let files: Vec<String> = repository.files().map(str::to_owned).collect();
    let mut texts = Vec::new();
    for name in &files {
        let text = std::fs::read_to_string(repository.folder().join(name)).map_err(|error| {
            super::Failure::World(format!("`{}` cannot be read: {}", repository.path_of(name), io_message(&error)))
        })?;
        texts.push((name.clone(), edited(&text, &lost, egress)));
    }
    let new: Vec<String> = if egress {
        let all = rules_of(live);
        let ingress =
            come.iter().filter(|change| change.rule.direction == Direction::Ingress).map(|change| line(&change.rule));
        let said = match all.egress {
            Egress::Default => Vec::new(),
            Egress::Nothing => vec!["egress none".to_owned()],
            Egress::Rules => all.of_direction(Direction::Egress).map(line).collect(),
        };
        ingress.chain(said).collect()
    } else {
        come.iter().map(|change| line(&change.rule)).collect()
    };
    let (name, mut text) = texts.pop().unwrap_or_else(|| (FIRST_RULES_FILE.to_owned(), String::new()));
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    new.iter().for_each(|line| text.extend([line, "\n"]));
    texts.push((name, text));
    let edited: Vec<(&str, &[u8])> = texts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let follows = |plan: portcullis_rules::StagePlan| match committed {
        Some(_) => plan.drift.is_empty(),
        None => plan.is_same_traffic(),
    };
    // Where rules changed in part only, whole lines cannot follow; then the files say what the groups hold, as `import` writes it.
    let whole =
        !parse(edited.iter().copied()).is_ok_and(|read| follows(difference(&read.set, live, committed.as_ref())));
    if whole {
        let last = texts.len().saturating_sub(1);
        for (place, (_, text)) in texts.iter_mut().enumerate() {
            *text = if place == last { text_of(live) } else { String::new() };
        }
    }
    for (name, text) in &texts {
        repository.write_rules(name, text)?;
    }
    Ok(gone.len() + come.len())
}

/// A file's text without the rules that are gone, and without all egress where that is written anew.
fn edited(text: &str, lost: &BTreeSet<String>, egress: bool) -> String {
    let mut out = String::new();
    for own in text.split_inclusive('\n') {
        let Ok(read) = parse([("line", own.as_bytes())]) else {
            out.push_str(own);
            continue;
        };
        let says_egress = own.trim_start().starts_with("egress ");
        if egress && says_egress {
            continue;
        }
        let stays = |rule: &&Rule| !lost.contains(&rule.to_string());
        let kept: Vec<&Rule> = read.set.rules.iter().filter(stays).collect();
        if kept.len() == read.set.rules.len() {
            out.push_str(own);
        } else {
            kept.iter().for_each(|rule| out.extend([line(rule).as_str(), "\n"]));
        }
    }
    out
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn lines_that_stay_stay_as_they_are() {
        let text = "# ours\n10.0.0.0/8:22^tcp  # ssh\n10.0.0.0/8,10.9.0.0/16:80^tcp # web\negress 10.0.0.0/8:443^tcp\n";
        let lost = ["ingress tcp 22 from 10.0.0.0/8".to_owned()].into();
        assert_eq!(edited(text, &lost, false), text.replace("10.0.0.0/8:22^tcp  # ssh\n", ""));
        let lost = ["ingress tcp 80 from 10.0.0.0/8".to_owned()].into();
        let expected = "# ours\n10.0.0.0/8:22^tcp  # ssh\n10.9.0.0/16:80^tcp # web\n";
        assert_eq!(edited(text, &lost, true), expected);
    }
}
