//! What a report is made of, and which of its findings are listed and shown.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use portcullis_core::finding::{Evaluation, Finding, Status};
use portcullis_core::model::{Inventory, Rule, SecurityGroup};
use portcullis_core::policy::{Control, Exemption, PolicySet, Severity};

/// Everything that a scan's report is made of.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What was read.
    pub inventory: &'a Inventory,
    /// What it was judged by.
    pub policies: &'a PolicySet,
    /// What came of it, with the findings that the user did not ask for already taken out.
    pub evaluation: &'a Evaluation,
    /// When.
    pub scanned_at: Timestamp,
    /// The version of the program.
    pub tool_version: &'a str,
    /// Findings of which status are listed. Summaries count all of the evaluation, whatever is listed.
    pub statuses: &'a [Status],
}

/// A finding with what it points to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) finding: &'a Finding,
    pub(crate) control: &'a Control,
    pub(crate) group: &'a SecurityGroup,
    pub(crate) exemption: Option<&'a Exemption>,
}

impl<'a> Entry<'a> {
    /// The rules that the evidence names, each once, in the group's order.
    pub(crate) fn rules(&self) -> Vec<&'a Rule> {
        let mut indices: Vec<usize> =
            self.finding.evidence.iter().flat_map(|evidence| &evidence.rules).copied().collect();
        indices.sort_unstable();
        indices.dedup();
        indices.into_iter().filter_map(|index| self.group.rules.get(index)).collect()
    }

    /// Whether the internet is the question.
    pub(crate) fn measures_the_internet(&self) -> bool {
        self.finding.evidence.iter().any(|evidence| evidence.internet_share.is_some())
    }

    /// The headline of the control, or its id where a policy gives none.
    pub(crate) fn title(&self) -> &'a str {
        if self.control.text.title.is_empty() { &self.control.id } else { &self.control.text.title }
    }
}

/// A finding that reports for people show, with those that it makes needless to show.
#[derive(Clone, Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) entry: Entry<'a>,
    pub(crate) implies: Vec<Entry<'a>>,
}

impl Shown<'_> {
    /// The ids of the controls of the findings within this one, each once.
    pub(crate) fn implied_ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = Vec::new();
        for entry in &self.implies {
            if !ids.contains(&entry.control.id.as_str()) {
                ids.push(&entry.control.id);
            }
        }
        ids
    }
}

/// How many of what a report shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) failed: Vec<(Severity, usize)>,
    pub(crate) failing_groups: usize,
    pub(crate) unknown: usize,
    pub(crate) exempt: usize,
}

impl Tally {
    /// How many findings fail.
    pub(crate) fn fails(&self) -> usize {
        self.failed.iter().map(|(_, count)| count).sum()
    }
}

impl<'a> Report<'a> {
    /// What is listed unless the user says otherwise.
    pub const STATUSES: &'static [Status] = &[Status::Fail, Status::Unknown, Status::Exempt];

    /// A report that lists what fails, what is unknown and what is exempt.
    pub fn new(
        inventory: &'a Inventory,
        policies: &'a PolicySet,
        evaluation: &'a Evaluation,
        scanned_at: Timestamp,
        tool_version: &'a str,
    ) -> Self {
        Self { inventory, policies, evaluation, scanned_at, tool_version, statuses: Self::STATUSES }
    }

    /// The finding with what it points to; `None` only for an evaluation of another inventory.
    pub(crate) fn entry(&self, finding: &'a Finding) -> Option<Entry<'a>> {
        Some(Entry {
            finding,
            control: self.policies.control(finding)?,
            group: self.inventory.groups.get(finding.group)?,
            exemption: finding.exemption.and_then(|index| self.policies.exemptions.get(index)),
        })
    }

    /// The findings of the chosen statuses, in the order of the evaluation.
    pub(crate) fn listed(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let report = *self;
        let chosen = report.evaluation.findings.iter().filter(move |finding| report.statuses.contains(&finding.status));
        chosen.filter_map(move |finding| report.entry(finding))
    }

    /// The listed findings that no other listed one makes needless to show, in the order of the evaluation.
    ///
    /// A broader finding speaks for a narrower one only while it is listed itself and no less grave in status: a failure
    /// never hides behind an exempt finding, nor behind one that the user filtered out.
    pub(crate) fn shown(&self) -> Vec<Shown<'a>> {
        let listed: Vec<Entry<'a>> = self.listed().collect();
        let of = |entry: &Entry<'a>| (entry.finding.group, entry.finding.id.as_str());
        let named: HashSet<(usize, &str)> = listed
            .iter()
            .filter_map(|entry| entry.finding.implied_by.as_ref().map(|id| (entry.finding.group, id.as_str())))
            .collect();
        let places: HashMap<(usize, &str), usize> = listed
            .iter()
            .enumerate()
            .filter(|(_, entry)| named.contains(&of(entry)))
            .map(|(place, entry)| (of(entry), place))
            .collect();
        let broader = |place: usize| -> Option<usize> {
            let entry = listed.get(place)?;
            let id = entry.finding.implied_by.as_ref()?;
            let broader = *places.get(&(entry.finding.group, id.as_str()))?;
            let graver = listed.get(broader)?.finding.status <= entry.finding.status;
            (graver && broader != place).then_some(broader)
        };
        let mut implies: HashMap<usize, Vec<Entry<'a>>> = HashMap::new();
        let mut roots: Vec<usize> = Vec::with_capacity(listed.len());
        for (place, entry) in listed.iter().enumerate() {
            let mut root = place;
            // Bounded, so that findings that name each other do not go round for ever.
            for _ in 0..8 {
                match broader(root) {
                    Some(next) if next != place => root = next,
                    _ => break,
                }
            }
            if root == place {
                roots.push(place);
            } else {
                implies.entry(root).or_default().push(*entry);
            }
        }
        // What stands for others is shown, whatever it names itself.
        let mut missing: Vec<usize> =
            implies.keys().filter(|root| roots.binary_search(root).is_err()).copied().collect();
        roots.append(&mut missing);
        roots.sort_unstable();
        let shown = |place: usize| {
            let entry = *listed.get(place)?;
            Some(Shown { entry, implies: implies.remove(&place).unwrap_or_default() })
        };
        roots.into_iter().filter_map(shown).collect()
    }

    /// Counts what would be shown if everything but passes were listed. `shown` is what is shown.
    pub(crate) fn tally(&self, shown: &[Shown<'a>]) -> Tally {
        if Self::STATUSES.iter().all(|status| self.statuses.contains(status)) {
            return Self::count(shown);
        }
        Self::count(&Report { statuses: Self::STATUSES, ..*self }.shown())
    }

    fn count(shown: &[Shown<'a>]) -> Tally {
        let with = |status: Status| shown.iter().filter(move |shown| shown.entry.finding.status == status);
        let failed = Severity::ALL.map(|severity| {
            (severity, with(Status::Fail).filter(|shown| shown.entry.control.severity == severity).count())
        });
        let groups: HashSet<usize> = with(Status::Fail).map(|shown| shown.entry.finding.group).collect();
        Tally {
            failed: failed.into_iter().filter(|(_, count)| *count > 0).collect(),
            failing_groups: groups.len(),
            unknown: with(Status::Unknown).count(),
            exempt: with(Status::Exempt).count(),
        }
    }

    /// The score of the evaluation.
    pub(crate) fn score(&self) -> u8 {
        self.evaluation.score(self.policies)
    }
}
