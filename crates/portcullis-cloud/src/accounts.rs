//! Which accounts: from a file, or from the organisation.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::api::{AccountInfo, Cloud};
use crate::pace::{Deadline, Dice, Lane, OPENING, Stop};

/// How many lines of a file are complained of one by one.
const MOST_FAULTS: usize = 20;

/// The accounts that a file lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Their ids, in the file's order, each once.
    pub accounts: Vec<String>,
    /// What a person may want to know of the file.
    pub remarks: Vec<String>,
}

/// Reads a list of accounts: one id of twelve digits a line; `#` begins a comment; blank lines do not count.
///
/// # Errors
///
/// Every line that is no account id, by `name` and line, one a line; or that there is none.
pub fn accounts_from_file(name: &str, text: &str) -> Result<Listed, String> {
    let (mut listed, mut lines, mut faults) = (Listed::default(), BTreeMap::new(), Vec::new());
    // An editor of Windows begins a file with a byte order mark.
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let id = line.split('#').next().unwrap_or_default().trim();
        if id.is_empty() {
            continue;
        }
        if let Some(wrong) = fault(id) {
            faults.push(format!("{name}:{number}: {wrong}"));
        } else if let Some(first) = lines.get(id) {
            listed.remarks.push(format!("{name}:{number}: account {id} stands on line {first} already"));
        } else {
            lines.insert(id.to_owned(), number);
            listed.accounts.push(id.to_owned());
        }
    }
    if faults.is_empty() && listed.accounts.is_empty() {
        faults.push(format!("{name}: no account stands there: write one id of twelve digits a line"));
    }
    let more = faults.len().saturating_sub(MOST_FAULTS);
    if more > 0 {
        faults.truncate(MOST_FAULTS);
        faults.push(format!("{name}: {more} more lines are no account ids"));
    }
    if faults.is_empty() { Ok(listed) } else { Err(faults.join("\n")) }
}

/// What is wrong with an account id.
fn fault(id: &str) -> Option<String> {
    let shown: String = id.chars().take(40).flat_map(|c| if c.is_control() { '?' } else { c }.to_lowercase()).collect();
    let digits = id.bytes().all(|byte| byte.is_ascii_digit());
    match (digits, id.len()) {
        (true, 12) => None,
        (true, length) if length < 12 => Some(format!(
            "`{shown}` has {length} digits: an account id has twelve (a spreadsheet may have dropped zeros in front)"
        )),
        _ => Some(format!("`{shown}` is no account id: twelve digits are expected, one id a line")),
    }
}

/// The active accounts of the organisation: all of them, or those below these organisational units (ids of units or of
/// the root, `ou-…` or `r-…`), at any depth. By id, each once.
///
/// # Errors
///
/// The call that failed, or that `budget` is over.
pub async fn accounts_of_organization(
    cloud: &dyn Cloud,
    units: &[String],
    budget: Duration,
    seed: u64,
) -> Result<Vec<AccountInfo>, Stop> {
    let lane = Lane {
        pace: Arc::default(),
        credentials: Arc::default(),
        deadline: Deadline::after(budget),
        dice: Arc::new(Dice::new(seed)),
        counts: Arc::default(),
    };
    let organization = lane.call(OPENING, || cloud.organization()).await?;
    let mut accounts = Vec::new();
    if units.is_empty() {
        let (all, end) = lane.pages("organizations:ListAccounts", |next| organization.accounts(next)).await;
        end?;
        accounts = all;
    }
    let (mut waiting, mut seen): (VecDeque<String>, BTreeSet<String>) =
        (units.iter().cloned().collect(), BTreeSet::new());
    while let Some(unit) = waiting.pop_front() {
        // A unit may be named beside one that holds it.
        if !seen.insert(unit.clone()) {
            continue;
        }
        let ((direct, end), (below, other)) = tokio::join!(
            lane.pages("organizations:ListAccountsForParent", |next| organization.accounts_of(&unit, next)),
            lane.pages("organizations:ListOrganizationalUnitsForParent", |next| organization.units_of(&unit, next)),
        );
        end.and(other)?;
        accounts.extend(direct);
        waiting.extend(below);
    }
    accounts.retain(|account| account.status == "ACTIVE");
    accounts.sort_by(|a, b| a.id.cmp(&b.id));
    accounts.dedup_by(|a, b| a.id == b.id);
    Ok(accounts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, accounts: &[&str], remarks: &[&str]) {
        let listed = Listed {
            accounts: accounts.iter().map(|id| (*id).to_owned()).collect(),
            remarks: remarks.iter().map(|text| (*text).to_owned()).collect(),
        };
        assert_eq!(accounts_from_file("accounts.txt", text), Ok(listed), "{text:?}");
    }

    fn check_fault(text: &str, expected: &str) {
        assert_eq!(accounts_from_file("accounts.txt", text), Err(expected.to_owned()), "{text:?}");
    }

    #[test]
    fn one_id_a_line_with_comments() {
        check("111122223333\n444455556666", &["111122223333", "444455556666"], &[]);
        check(
            "\u{feff}# ours\r\n  444455556666  # the shop\r\n\r\n000022223333\r\n",
            &["444455556666", "000022223333"],
            &[],
        );
        check(
            "111122223333\n444455556666\n111122223333 # again",
            &["111122223333", "444455556666"],
            &["accounts.txt:3: account 111122223333 stands on line 1 already"],
        );
    }

    #[test]
    fn what_is_no_account_is_named_with_its_line() {
        check_fault(
            "111122223333\n22223333\nshop, 111122223333\n1111222233334",
            "accounts.txt:2: `22223333` has 8 digits: an account id has twelve (a spreadsheet may have dropped zeros in front)\n\
             accounts.txt:3: `shop, 111122223333` is no account id: twelve digits are expected, one id a line\n\
             accounts.txt:4: `1111222233334` is no account id: twelve digits are expected, one id a line",
        );
        check_fault("# none\n", "accounts.txt: no account stands there: write one id of twelve digits a line");
        check_fault("\u{1b}[2J", "accounts.txt:1: `?[2j` is no account id: twelve digits are expected, one id a line");
        let many = "x\n".repeat(25);
        assert!(
            accounts_from_file("a", &many).is_err_and(|text| text.ends_with("\na: 5 more lines are no account ids"))
        );
    }
}
