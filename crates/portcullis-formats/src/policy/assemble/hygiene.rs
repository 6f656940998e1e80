//! Hygiene controls whose numbers policies set.
//!
//! Policies may set them for all accounts, for all but some, or for one, and several policies may set the same one. What
//! holds in an account is all that is set for it at once, so one control with the strictest numbers says the same as all of
//! them, and a group never has two findings of one control.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::CompactString;
use portcullis_core::controls::Hygiene;
use portcullis_core::policy::{Control, Scope, Settings};

use super::Policy;
use crate::catalogue::{ShippedKind, control, hygiene_control};

/// The controls that policies set, by id. `named` are those that packs turn on: their own numbers hold where no policy
/// sets any.
pub(super) fn controls<'a>(
    policies: &'a [Policy],
    named: &BTreeSet<&str>,
    settings: &Arc<Settings>,
) -> BTreeMap<&'static str, Vec<Control>> {
    let all: Vec<&'a (Hygiene, Scope)> = policies.iter().flat_map(|policy| &policy.hygiene).collect();
    let ids: BTreeSet<&'static str> = all.iter().map(|(hygiene, _)| hygiene.metadata().id).collect();
    let of = |id| all.iter().filter(move |(hygiene, _)| hygiene.metadata().id == id).copied().collect::<Vec<_>>();
    ids.into_iter()
        .map(|id| {
            let default = control(id).filter(|_| named.contains(id)).and_then(|shipped| match &shipped.kind {
                ShippedKind::Hygiene(hygiene) => Some(hygiene.clone()),
                ShippedKind::Traffic(_) => None,
            });
            let scoped = by_account(&of(id), default.as_ref());
            (id, scoped.into_iter().map(|(hygiene, scope)| hygiene_control(hygiene, scope, settings)).collect())
        })
        .collect()
}

/// One control's settings, sorted out by account: each account is in the scope of one at most.
fn by_account(set: &[&(Hygiene, Scope)], default: Option<&Hygiene>) -> Vec<(Hygiene, Scope)> {
    let named: BTreeSet<&CompactString> =
        set.iter().flat_map(|(_, scope)| scope.accounts.iter().chain(&scope.except_accounts)).collect();
    let holds = |account: Option<&CompactString>| {
        let covers = |scope: &Scope| match account {
            Some(account) => {
                (scope.accounts.is_empty() || scope.accounts.contains(account))
                    && !scope.except_accounts.contains(account)
            }
            None => scope.accounts.is_empty(),
        };
        let own = set.iter().filter(|(_, scope)| covers(scope)).map(|(hygiene, _)| hygiene.clone());
        own.reduce(strictest).or_else(|| default.cloned())
    };
    let rest = holds(None);
    let mut apart: Vec<(Hygiene, Scope)> = Vec::new();
    let mut except_accounts = BTreeSet::new();
    for account in named {
        let own = holds(Some(account));
        if own == rest {
            continue;
        }
        except_accounts.insert(account.clone());
        let Some(own) = own else { continue };
        match apart.iter_mut().find(|(hygiene, _)| *hygiene == own) {
            Some((_, scope)) => drop(scope.accounts.insert(account.clone())),
            None => apart.push((own, Scope { accounts: [account.clone()].into(), ..Scope::default() })),
        }
    }
    let rest = rest.map(|hygiene| (hygiene, Scope { except_accounts, ..Scope::default() }));
    rest.into_iter().chain(apart).collect()
}

/// What holds when both hold.
fn strictest(one: Hygiene, other: Hygiene) -> Hygiene {
    match (one, other) {
        (Hygiene::TooManyRules(a), Hygiene::TooManyRules(b)) => Hygiene::TooManyRules(a.min(b)),
        (Hygiene::MissingGroupDescription(a), Hygiene::MissingGroupDescription(b)) => {
            Hygiene::MissingGroupDescription(a.max(b))
        }
        (Hygiene::MissingRuleDescription(a), Hygiene::MissingRuleDescription(b)) => {
            Hygiene::MissingRuleDescription(a.max(b))
        }
        (Hygiene::MissingRequiredTag(mut tags), Hygiene::MissingRequiredTag(more)) => {
            for tag in more {
                if !tags.contains(&tag) {
                    tags.push(tag);
                }
            }
            Hygiene::MissingRequiredTag(tags)
        }
        // The other controls have no numbers, so that both are the same.
        (one, _) => one,
    }
}
