//! Rolling out what was staged.

mod checks;
pub(in crate::rules) use checks::account;
mod roll_out;

use portcullis_cloud::api::{ChangeSetKind, Stack, Stacks};
use portcullis_cloud::error::Kind;
use portcullis_cloud::stores::S3Location;
use portcullis_core::model::SecurityGroup;
use portcullis_rules::{
    FileStatus, Repository, RuleSet, SecurityTemplate, StackState, StagePlan, Template, difference,
};

use super::{Failure, Proposal, Result, Site, Talk, Workbench, change_set, destroy, follow, live_mark};

/// How a commit is to go.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommitOptions<'a> {
    /// Where a template goes that is too large for a call.
    pub bucket: Option<&'a S3Location>,
    /// Show what would be done, and do nothing.
    pub dry_run: bool,
}

/// What a commit came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// A new stack.
    Created,
    /// A stack that was there.
    Updated,
    /// CloudFormation had nothing to do, and so many changes of rules put the group right.
    Repaired(usize),
    /// The group is what the files say.
    Nothing,
    /// It was shown what would be done.
    Shown,
}

/// Rolls out what was staged; where nothing is staged and no file changed, what was committed last.
///
/// A change set is made of the template, shown, agreed to, executed and waited for. What CloudFormation does not see, since
/// it compares templates and not groups, is put right rule by rule. Then the groups are read again, and only where they
/// admit what the files say does the repository remember it as committed.
///
/// # Errors
/// Where that is not so. A stack that failed says the event's reason.
pub fn commit(
    repository: &mut Repository,
    site: &Site,
    bench: &dyn Workbench,
    options: CommitOptions<'_>,
    talk: &dyn Talk,
) -> Result<Done> {
    let rules = repository.load()?;
    repository.settings.group()?;
    let inventory = site.inventory(repository, true)?;
    let split_up = checks::groups_of(repository)? > 1;
    let template = match repository.state.staged {
        Some(_) => repository.staged_template(&rules, &inventory)?,
        None => repository.template(&rules, split_up, &inventory)?,
    };
    checks::account(repository, site)?;
    let stacks = site.stacks()?;
    let name = repository.stack_name();
    let stack = match site.look(|| stacks.stack(&name)) {
        Err(error) if error.kind == Kind::NotFound => None,
        stack => Some(stack?).filter(|stack| !stack.is_gone()),
    };
    let committed = match &repository.state.committed {
        Some(committed) => committed.rules(&repository.path_of(portcullis_rules::STATE_FILE))?,
        None => None,
    };
    let live = site.live(repository, &inventory);
    let plan = difference(rules.rules(), &live.iter().collect::<Vec<_>>(), committed.as_ref());
    let parts = rules.parts(split_up, &inventory);
    let stacks = &*stacks;
    Commit { site, stacks, bench, options, talk, repository, rules, template, parts, live, plan }.run(stack)
}

/// A commit under way.
struct Commit<'a> {
    site: &'a Site,
    stacks: &'a dyn Stacks,
    bench: &'a dyn Workbench,
    options: CommitOptions<'a>,
    talk: &'a dyn Talk,
    repository: &'a mut Repository,
    rules: SecurityTemplate,
    template: Template,
    /// The rules of each group.
    parts: Vec<RuleSet>,
    /// The groups as they are.
    live: Vec<SecurityGroup>,
    /// What becomes of them.
    plan: StagePlan,
}

impl Commit<'_> {
    fn run(mut self, stack: Option<Stack>) -> Result<Done> {
        let stack = self.usable(stack)?;
        let base = match &stack {
            Some(stack) => self.base(stack)?,
            None => None,
        };
        self.check_stage(base.as_ref())?;
        let same = base.as_ref().is_some_and(|base| base.value() == self.template.value());
        if let Some(stack) = stack.as_ref().filter(|_| same && self.repository.state.staged.is_none()) {
            return self.without_change_set(stack);
        }
        self.check_names(stack.as_ref(), base.as_ref())?;
        let kind = if stack.is_some() { ChangeSetKind::Update } else { ChangeSetKind::Create };
        let wanted = change_set::Wanted {
            kind,
            template: self.template.to_compact_json(),
            imports: Vec::new(),
            bucket: self.options.bucket,
        };
        let set = change_set::make(self.site, self.stacks, self.repository, wanted)?;
        if let Some(stack) = stack.as_ref().filter(|_| set.is_empty()) {
            change_set::discard(self.site, self.stacks, &set.id);
            return self.without_change_set(stack);
        }
        let agreed = self.agreed(&set, base.as_ref());
        if !matches!(agreed, Ok(true)) {
            change_set::discard(self.site, self.stacks, &set.id);
            if stack.is_none() {
                // Only its first change set made it.
                follow::undone(self.site, self.stacks, &set.stack_id);
            }
            return agreed.map(|_| Done::Shown);
        }
        let stack = self.executed(&set, kind, base.as_ref())?;
        let group_ids = self.group_ids(&stack)?;
        self.settle(&stack, &group_ids)?;
        self.remember(&stack, group_ids)?;
        Ok(if kind == ChangeSetKind::Create { Done::Created } else { Done::Updated })
    }

    /// The stack where it can be updated, `None` where one is to be made.
    fn usable(&self, stack: Option<Stack>) -> Result<Option<Stack>> {
        let Some(stack) = stack else {
            if self.repository.state.stack.is_some() {
                let name = self.repository.stack_name();
                self.talk.warn(&format!("stack `{name}` is gone, though it was committed: it is made anew"));
            }
            return Ok(None);
        };
        let (name, status) = (&stack.name, &stack.status);
        if stack.is_busy() {
            return Err(Failure::World(format!(
                "stack `{name}` is {status}: somebody else is at work on it; run this again when that is done"
            )));
        }
        if stack.is_stillborn() {
            let what =
                format!("stack `{name}` is {status}, since its first change set failed: it is deleted and made anew");
            self.talk.warn(&what);
            if !self.options.dry_run {
                self.talk.agree(&format!("the deletion of the failed stack `{name}`"))?;
                destroy::delete(self.site, self.stacks, &stack, self.talk)?;
            }
            return Ok(None);
        }
        if stack.is_planned() {
            return Ok(None);
        }
        if stack.status.ends_with("_FAILED") {
            return Err(Failure::World(format!(
                "stack `{name}` is {status}: AWS takes no change of it; put it right in the console, or `portcullis rules destroy` it"
            )));
        }
        Ok(Some(stack))
    }

    /// What the stack was made of, where that can be understood.
    fn base(&self, stack: &Stack) -> Result<Option<Template>> {
        let text = self.site.look(|| self.stacks.template(&stack.id))?;
        Ok(Template::from_json(&text).ok())
    }

    /// Refuses where somebody else committed since this was staged.
    fn check_stage(&self, base: Option<&Template>) -> Result<()> {
        let (repository, name) = (&*self.repository, self.repository.group_name());
        let in_stack = base.and_then(|base| base.rules().ok());
        let known = repository.state.committed.as_ref().and_then(|committed| committed.rules.clone());
        let is_known = match (&in_stack, &known) {
            (Some(in_stack), Some(known)) => checks::lines(in_stack) == *known,
            _ => false,
        };
        let Some(staged) = &repository.state.staged else {
            return match base {
                Some(_) if !is_known => Err(Failure::Input(format!(
                    "the stack of `{name}` holds other rules than were committed here: somebody else committed; take their \
                     state (`git pull`), or see with `portcullis rules stage` what differs"
                ))),
                _ => Ok(()),
            };
        };
        let mark = live_mark(&self.live.iter().collect::<Vec<_>>());
        // A stack that is gone is made anew, and that was said.
        if base.is_none() || staged.live.as_ref().is_none_or(|then| *then == mark) {
            return Ok(());
        }
        if is_known {
            // Nobody committed: what is new was done by hand, and shows as drift.
            self.talk.warn(&format!("the live group `{name}` was changed by hand since it was staged"));
            return Ok(());
        }
        Err(Failure::Input(format!(
            "the live group `{name}` changed since it was staged, and not by hand: somebody else committed; run \
             `portcullis rules stage` again to see what this would change now"
        )))
    }

    /// What is to be done, shown.
    fn propose(&self, changes: Vec<portcullis_cloud::api::ResourceChange>) -> Proposal {
        let stack = self.repository.stack_name();
        let proposal =
            Proposal { stack, group: self.repository.group_name().to_owned(), changes, plan: self.plan.clone() };
        self.talk.propose(&proposal);
        proposal
    }

    /// CloudFormation has nothing to do: what is left is drift, or nothing.
    fn without_change_set(mut self, stack: &Stack) -> Result<Done> {
        let proposal = self.propose(Vec::new());
        if self.options.dry_run {
            return Ok(Done::Shown);
        }
        let group_ids = self.group_ids(stack)?;
        if proposal.is_empty() {
            self.remember(stack, group_ids)?;
            return Ok(Done::Nothing);
        }
        let name = self.repository.group_name();
        self.talk.info(&format!("CloudFormation sees no change: the rules of `{name}` are put right one by one"));
        self.talk.agree(&format!("a change of the rules of group `{name}`"))?;
        let changed = self.settle(stack, &group_ids)?;
        self.remember(stack, group_ids)?;
        Ok(Done::Repaired(changed))
    }

    fn remember(&mut self, stack: &Stack, group_ids: Vec<String>) -> Result<()> {
        Ok(self.repository.committed(&self.rules, StackState { id: stack.id.clone(), group_ids })?)
    }

    /// Whether any file differs from what was committed.
    fn files_differ(repository: &Repository) -> bool {
        repository.status().iter().any(FileStatus::differs)
    }
}
