//! Cases for `policy test`: groups in a line each, with what is expected of the policy beside its cause.
//!
//! ```text
//! ## the whole internet reaches SSH only through halves
//! sg-web ingress tcp 22  from 0.0.0.0/1, 128.0.0.0/1   # NO_WORLD_SSH high
//! sg-web ingress tcp 443 from anywhere
//! group sg-web tag Environment=production
//! ```
//!
//! A line is `GROUP ingress|egress PROTOCOL PORTS from|to PEER[, PEER…] ["DESCRIPTION"] [# EXPECTED[, EXPECTED…]]`, where
//! `EXPECTED` is `RULE_ID-or-control-id [severity] [fail|unknown|exempt]`; `fail` is meant where nothing is written. What
//! is not expected must not be found, except that hygiene controls count only in the cases that name them.
//! Directives: `group NAME tag K=V`, `group NAME name TEXT`, `group NAME description TEXT`, `group NAME account ID`,
//! `group NAME vpc ID`, `prefix-list pl-… = CIDR, …`. A blank line ends a case, `## name` begins one, `#` begins a remark.

mod check;
mod line;

use std::collections::BTreeMap;
use std::sync::Arc;

use compact_str::CompactString;
use portcullis_core::finding::Status;
use portcullis_core::model::{GroupKey, Inventory, Peer, Rule, SecurityGroup};
use portcullis_core::policy::Severity;

pub use self::check::{Mismatch, check};
use self::line::{Attribute, Line};
use crate::diagnostics::{Diagnostic, Diagnostics, Source, Span};

/// The account of groups for which no other is given: one that no policy has, so that a case says which account it means.
pub const ACCOUNT: &str = "000000000000";
/// The Region of all groups.
pub const REGION: &str = "us-east-1";
/// The VPC of groups for which no other is given.
pub const VPC: &str = "vpc-0123456789abcdef0";

/// What a case expects of one control on one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The group's name in the fixture.
    pub group: CompactString,
    /// A rule id or a control id.
    pub id: CompactString,
    /// Where it stands.
    pub span: Span,
    /// How bad, where it is written.
    pub severity: Option<Severity>,
    /// What becomes of it.
    pub status: Status,
}

/// Some groups, and everything that is expected of them.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name, or the place where it begins.
    pub name: String,
    /// The groups.
    pub inventory: Inventory,
    /// What is expected; what is not, is not expected.
    pub expectations: Vec<Expectation>,
    source: Arc<Source>,
}

impl Case {
    /// Mismatches with their places and excerpts.
    pub fn diagnostics(&self, mismatches: &[Mismatch]) -> Diagnostics {
        let diagnostic = |mismatch: &Mismatch| {
            let error = Diagnostic::error(mismatch.span, mismatch.message.clone());
            mismatch.help.iter().fold(error, |error, help| error.help(help.clone()))
        };
        Diagnostics::of(&self.source, mismatches.iter().map(diagnostic).collect())
    }
}

/// Reads the cases of a fixture. `name` is what messages call it.
///
/// # Errors
///
/// Everything that is wrong with it, each with its place.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Vec<Case>, Diagnostics> {
    let source = Arc::new(Source::new(name, bytes)?);
    let mut errors = Vec::new();
    let mut cases = Vec::new();
    let mut title: Option<String> = None;
    let mut draft = Draft::default();
    for (number, text) in (1..).zip(source.text().split('\n')) {
        match line::parse(&source, number, text, &mut errors) {
            Line::Remark => {}
            Line::Blank => draft.finish(&source, &mut title, &mut cases, &mut errors),
            Line::Title(name) => {
                draft.finish(&source, &mut title, &mut cases, &mut errors);
                title = Some(name);
            }
            line => draft.add(number, line),
        }
    }
    draft.finish(&source, &mut title, &mut cases, &mut errors);
    if errors.is_empty() { Ok(cases) } else { Err(Diagnostics::of(&source, errors)) }
}

/// A case whose end has not been reached.
#[derive(Default)]
struct Draft {
    first_line: Option<u32>,
    groups: BTreeMap<CompactString, SecurityGroup>,
    prefix_lists: Vec<portcullis_core::model::PrefixList>,
    expectations: Vec<Expectation>,
}

impl Draft {
    fn group(&mut self, name: &str, line: u32) -> &mut SecurityGroup {
        self.groups.entry(name.into()).or_insert_with(|| SecurityGroup {
            key: GroupKey { account_id: ACCOUNT.into(), region: REGION.into(), group_id: name.into() },
            name: name.into(),
            description: format!("group {name} of the fixture").into(),
            vpc_id: VPC.into(),
            line,
            ..SecurityGroup::default()
        })
    }

    fn add(&mut self, number: u32, line: Line) {
        self.first_line.get_or_insert(number);
        match line {
            Line::Rules { group, rules, expectations } => {
                self.group(&group, number).rules.extend(rules);
                self.expectations.extend(expectations);
            }
            Line::Group { group: name, attribute, expectations } => {
                let group = self.group(&name, number);
                match attribute {
                    Attribute::Tag(tag) => group.tags.push(tag),
                    Attribute::Name(name) => group.name = name,
                    Attribute::Description(description) => group.description = description,
                    Attribute::Account(account) => group.key.account_id = account,
                    Attribute::Vpc(vpc) => group.vpc_id = vpc,
                    Attribute::None => {}
                }
                self.expectations.extend(expectations);
            }
            Line::PrefixList(list) => self.prefix_lists.push(list),
            Line::Blank | Line::Remark | Line::Title(_) | Line::Wrong => {}
        }
    }

    fn finish(
        &mut self,
        source: &Arc<Source>,
        title: &mut Option<String>,
        cases: &mut Vec<Case>,
        errors: &mut Vec<Diagnostic>,
    ) {
        let draft = std::mem::take(self);
        let Some(first_line) = draft.first_line else { return };
        let accounts: BTreeMap<CompactString, CompactString> =
            draft.groups.iter().map(|(name, group)| (name.clone(), group.key.account_id.clone())).collect();
        let mut groups: Vec<SecurityGroup> = draft.groups.into_values().collect();
        for rule in groups.iter_mut().flat_map(|group| &mut group.rules) {
            name_account(rule, &accounts, source, errors);
        }
        groups.iter_mut().for_each(|group| group.rules.sort_by_key(|rule| rule.direction));
        groups.sort_by(|a, b| a.key.cmp(&b.key));
        let prefix_lists = draft.prefix_lists.into_iter().map(|list| (list.id.clone(), list)).collect();
        let sources = vec![source.name.clone()];
        let inventory = Inventory { groups, prefix_lists, sources, ..Inventory::default() };
        let name = title.take().unwrap_or_else(|| format!("{}:{first_line}", source.name));
        cases.push(Case { name, inventory, expectations: draft.expectations, source: Arc::clone(source) });
    }
}

/// Gives a peer that is a group of the case that group's account. Any other name must be an id.
fn name_account(
    rule: &mut Rule,
    accounts: &BTreeMap<CompactString, CompactString>,
    source: &Source,
    errors: &mut Vec<Diagnostic>,
) {
    let Peer::Group(reference) = &mut rule.peer else { return };
    if !reference.account.is_empty() {
        return;
    }
    if let Some(account) = accounts.get(&reference.id) {
        reference.account = account.clone();
    } else if !reference.id.starts_with("sg-") && errors.len() < 1000 {
        let message = format!("`{}` is no peer and no group of this case", reference.id);
        let help = "a peer is a CIDR block, `anywhere`, `sg-…`, `pl-…` or the name of a group of the same case";
        errors.push(Diagnostic::error(line_span(source, rule.line), message).help(help));
    }
}

/// The whole of a line.
fn line_span(source: &Source, line: u32) -> Span {
    let mut start = 0;
    for (number, text) in (1..).zip(source.text().split('\n')) {
        if number == line {
            return Span::new(start, start + text.trim_end().len());
        }
        start += text.len() + 1;
    }
    Span::default()
}

#[cfg(test)]
mod tests;
