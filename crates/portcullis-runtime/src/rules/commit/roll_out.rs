//! Executing a change set, and what must hold afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use portcullis_cloud::api::{ChangeSet, ChangeSetKind, GroupFilter, Stack};
use portcullis_core::model::{Rule, SecurityGroup};
use portcullis_rules::{Action, StagePlan, Template, difference};

use super::{Commit, Failure, Result};
use crate::rules::follow::Followed;
use crate::rules::repair::{Target, as_files_say, put_right};

/// The pauses between looks at a group that CloudFormation just changed and that does not show it yet.
const LAG: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(400), Duration::from_millis(800), Duration::from_millis(1_600)];

impl Commit<'_> {
    /// Shows a change set and asks for it. No where it is only to be shown.
    pub(super) fn agreed(&self, set: &ChangeSet, base: Option<&Template>) -> Result<bool> {
        if !set.is_ready() {
            return Err(Failure::World(format!("CloudFormation makes no change set: {} ({})", set.reason, set.status)));
        }
        self.propose(set.changes.items.clone());
        for (place, rules) in self.in_the_way(base) {
            let id = self.live.get(place).map(|group| group.key.group_id.to_string()).unwrap_or_default();
            for rule in rules {
                self.talk.warn(&format!(
                    "`{rule}` of {id} was made by hand and is in the files now: it is taken away for a moment, since \
                     CloudFormation adds rules and takes over none"
                ));
            }
        }
        if self.options.dry_run {
            return Ok(false);
        }
        self.talk.agree(&format!("the change set of stack `{}`", self.repository.stack_name()))?;
        self.still_the_same()?;
        Ok(true)
    }

    /// Refuses where the groups changed while somebody was asked.
    fn still_the_same(&self) -> Result<()> {
        let before: Vec<&SecurityGroup> = self.live.iter().collect();
        let ids: Vec<String> = before.iter().map(|group| group.key.group_id.to_string()).collect();
        let now = if ids.is_empty() { Vec::new() } else { self.groups(&ids)? };
        if crate::rules::live_mark(&now.iter().collect::<Vec<_>>()) == crate::rules::live_mark(&before) {
            return Ok(());
        }
        Err(Failure::World(
            "the live group changed meanwhile, so nothing was executed: run `portcullis rules stage` again".to_owned(),
        ))
    }

    fn groups(&self, ids: &[String]) -> Result<Vec<SecurityGroup>> {
        let found = self.site.groups(&GroupFilter { ids: ids.to_vec(), ..GroupFilter::default() })?;
        let of_id = |id: &String| found.iter().find(|group| group.key.group_id == id.as_str()).cloned();
        Ok(ids.iter().filter_map(of_id).collect())
    }

    /// Executes a change set, and waits for its end.
    pub(super) fn executed(&self, set: &ChangeSet, kind: ChangeSetKind, base: Option<&Template>) -> Result<Stack> {
        let in_the_way = self.in_the_way(base);
        let doing = if kind == ChangeSetKind::Create { "Creating" } else { "Updating" };
        self.talk.info(&format!("{doing} Stack {}", set.stack_id));
        let mut followed = Followed::begin(self.site, self.stacks, &set.stack_id)?;
        self.without(&in_the_way)?;
        let ended = self
            .site
            .ask(self.stacks.execute_change_set(&set.id))
            .map_err(|error| {
                Failure::World(format!(
                    "the change set could not be executed: {error}; somebody else may have committed meanwhile"
                ))
            })
            .and_then(|()| followed.until_its_end(self.talk));
        let stack = match ended {
            Ok(stack) if stack.is_well() => return Ok(stack),
            Ok(stack) => Err(Failure::World(format!("{}; the repository stays uncommitted", followed.why(&stack)))),
            Err(failure) => Err(failure),
        };
        if !in_the_way.is_empty() {
            self.as_it_was()?;
        }
        stack
    }

    /// Takes rules away that the change set adds.
    fn without(&self, in_the_way: &[(usize, BTreeSet<String>)]) -> Result<()> {
        for (place, rules) in in_the_way {
            let Some(group) = self.live.get(*place) else { continue };
            let stays = |now: &SecurityGroup| -> Vec<Rule> {
                now.rules.iter().filter(|rule| !rules.contains(&rule.to_string())).cloned().collect()
            };
            put_right(self.bench, self.repository.group_name(), &[target(group, &stays)])?;
        }
        Ok(())
    }

    /// Puts back what stood before, after a change set that failed.
    fn as_it_was(&self) -> Result<()> {
        for group in &self.live {
            let before = |now: &SecurityGroup| -> Vec<Rule> {
                let own: BTreeMap<_, &Rule> = now.rules.iter().map(|rule| (rule.identity(), rule)).collect();
                let rules = group.rules.iter().map(|rule| match own.get(&rule.identity()) {
                    Some(own) => Rule { description: rule.description.clone(), ..(*own).clone() },
                    None => rule.clone(),
                });
                rules.collect()
            };
            put_right(self.bench, self.repository.group_name(), &[target(group, &before)])?;
        }
        Ok(())
    }

    /// The ids of the stack's groups, in the order of the template.
    pub(super) fn group_ids(&self, stack: &Stack) -> Result<Vec<String>> {
        let key =
            |number: usize| if number == 1 { "SecurityGroupId".to_owned() } else { format!("SecurityGroupId{number}") };
        let ids: Option<Vec<String>> =
            (1..=self.parts.len()).map(|number| stack.output(&key(number)).map(str::to_owned)).collect();
        ids.ok_or_else(|| Failure::World(format!("stack `{}` does not say which group it holds", stack.name)))
    }

    /// Reads the groups again, puts right what CloudFormation does not see, and makes sure that they admit what the files
    /// say. How many changes it took.
    pub(super) fn settle(&self, stack: &Stack, group_ids: &[String]) -> Result<usize> {
        let mut groups = self.groups(group_ids)?;
        for pause in LAG {
            if !self.plan.drift.is_empty() || self.compare(&groups).is_empty() {
                break;
            }
            self.site.wait.wait(pause);
            groups = self.groups(group_ids)?;
        }
        let left = self.compare(&groups);
        if left.is_empty() {
            return Ok(0);
        }
        self.check_alone(stack)?;
        if groups.len() != group_ids.len() {
            return Err(Failure::World(format!(
                "of the groups {} of stack `{}` not all are there: somebody deleted them by hand; `portcullis rules destroy` \
                 takes the stack away, so that a commit makes them anew",
                group_ids.join(", "),
                stack.name
            )));
        }
        let wanted: Vec<_> = self.parts.iter().map(|part| move |now: &SecurityGroup| as_files_say(part, now)).collect();
        let targets: Vec<Target<'_>> = groups.iter().zip(&wanted).map(|(group, rules)| target(group, rules)).collect();
        let changed = put_right(self.bench, self.repository.group_name(), &targets)?;
        let left = self.compare(&self.groups(group_ids)?);
        if left.is_same_traffic() {
            return Ok(changed);
        }
        Err(Failure::World(format!(
            "the live group is not what the files say{}: the repository stays uncommitted; run this again",
            first(&left)
        )))
    }

    fn compare(&self, groups: &[SecurityGroup]) -> StagePlan {
        difference(self.rules.rules(), &groups.iter().collect::<Vec<_>>(), None)
    }

    /// Refuses to put right what somebody else just committed.
    fn check_alone(&self, stack: &Stack) -> Result<()> {
        let now = self.site.look(|| self.stacks.stack(&stack.id))?;
        let text = self.site.look(|| self.stacks.template(&stack.id))?;
        let ours = Template::from_json(&text).is_ok_and(|template| template.value() == self.template.value());
        if ours && !now.is_busy() {
            return Ok(());
        }
        Err(Failure::World(format!(
            "somebody else committed to stack `{}` at the same time: the repository stays uncommitted; run `portcullis rules \
             stage` to see what differs",
            stack.name
        )))
    }
}

fn target<'a>(group: &SecurityGroup, rules: &'a (dyn Fn(&SecurityGroup) -> Vec<Rule> + Sync)) -> Target<'a> {
    Target { key: group.key.clone(), name: group.name.to_string(), rules }
}

/// The first difference that is left, in words.
fn first(left: &StagePlan) -> String {
    let change = left.changes.iter().chain(&left.drift).find(|change| change.action != Action::Description);
    change.map_or_else(String::new, |change| match change.action {
        Action::Removal => format!(" (`{}` should not be there)", change.rule),
        _ => format!(" (`{}` is missing)", change.rule),
    })
}
