//! How quick a scan could be, told from the calls that it made.

use std::collections::BTreeMap;
use std::time::Duration;

use portcullis_testkit::Call;

/// What an account and Region is asked at first. What else it is asked depends on the answers.
const AT_FIRST: [&str; 4] =
    ["DescribeSecurityGroups", "DescribeSecurityGroupRules", "DescribeVpcs", "DescribeNetworkInterfaces"];

/// Before any account can be read: who one is, and a role there.
const BEFORE: [&str; 2] = ["GetCallerIdentity", "AssumeRole"];

/// The most calls that were under way at once.
pub(super) fn under_way(calls: &[Call]) -> usize {
    let mut changes: Vec<_> = calls.iter().flat_map(|c| [(c.at, 1_isize), (c.at + c.took, -1)]).collect();
    changes.sort_unstable();
    let running = changes.into_iter().scan(0, |now, (_, change)| {
        *now += change;
        Some(*now)
    });
    running.max().unwrap_or(0).unsigned_abs()
}

/// The least time for these calls if each takes `each`, and so many accounts and Regions are read at once: by what waits
/// for what, and by an even share. Roles are assumed beside the accounts and Regions, which no schedule can improve upon.
pub(super) fn calls_alone(calls: &[Call], each: Duration, units: u32) -> Duration {
    let before: u32 = BEFORE.iter().map(|action| u32::from(calls.iter().any(|call| call.action == *action))).sum();
    let chains = chains(calls);
    let longest = chains.iter().copied().max().unwrap_or_default();
    let share = each.mul_f64(f64::from(chains.iter().sum::<u32>()) / f64::from(units.max(1)));
    each * before + share.max(each * longest)
}

/// For each account and Region how many of its calls wait for one another: the pages of its longest list, of those that it
/// is asked at first and then of the others.
fn chains(calls: &[Call]) -> Vec<u32> {
    let mut lists: BTreeMap<_, [BTreeMap<_, u32>; 2]> = BTreeMap::new();
    for call in calls.iter().filter(|call| !BEFORE.contains(&call.action.as_str())) {
        let [first, then] = lists.entry((&call.account, &call.region)).or_default();
        let stage = if AT_FIRST.contains(&call.action.as_str()) { first } else { then };
        // Pages of one list differ in their token alone, wherever it stands.
        let list: Vec<&str> = call.body.split('&').filter(|parameter| !parameter.starts_with("NextToken=")).collect();
        *stage.entry((&call.service, &call.action, list)).or_default() += 1;
    }
    let longest = |stage: &BTreeMap<_, u32>| stage.values().copied().max().unwrap_or_default();
    lists.values().map(|stages| stages.iter().map(longest).sum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EACH: Duration = Duration::from_millis(50);

    /// What the proxy writes down, where only these matter.
    fn call(account: &str, action: &str, body: &str) -> Call {
        let mut call = Call::example(action);
        (call.account, call.body) = (account.to_owned(), body.to_owned());
        call
    }

    /// An account in which two pages of groups come beside the rules, and two lists after them.
    fn account(account: &str) -> Vec<Call> {
        let actions = [
            ("DescribeSecurityGroups", "MaxResults=5"),
            ("DescribeSecurityGroups", "NextToken=x&MaxResults=5"),
            ("DescribeSecurityGroupRules", "MaxResults=5"),
            ("DescribeDBInstances", ""),
            ("ListFunctions", ""),
        ];
        actions.iter().map(|(action, body)| call(account, action, body)).collect()
    }

    #[test]
    fn pages_wait_for_one_another_and_what_is_asked_then_for_all() {
        assert_eq!(chains(&account("1")), [3]);
        assert_eq!(calls_alone(&account("1"), EACH, 32), EACH * 3);
        let role = [call("", "GetCallerIdentity", ""), call("", "AssumeRole", "1"), call("", "AssumeRole", "2")];
        assert_eq!(calls_alone(&[&role[..], &account("1")].concat(), EACH, 32), EACH * 5);
    }

    #[test]
    fn accounts_share_what_is_read_at_once() {
        let five: Vec<Call> = (0..5).flat_map(|number| account(&number.to_string())).collect();
        assert_eq!(calls_alone(&five, EACH, 5), EACH * 3);
        assert_eq!(calls_alone(&five, EACH, 2), EACH * 15 / 2);
    }

    #[test]
    fn calls_are_under_way_until_they_are_answered() {
        let at = |at: u64, took: u64| {
            let mut call = call("1", "DescribeVpcs", "");
            (call.at, call.took) = (Duration::from_millis(at), Duration::from_millis(took));
            call
        };
        assert_eq!(under_way(&[at(0, 50), at(50, 50), at(60, 50), at(60, 10)]), 3);
        assert_eq!(under_way(&[at(0, 50), at(50, 50)]), 1);
        assert_eq!(under_way(&[]), 0);
    }
}
