//! Lists of accounts in JSON or YAML: a policy's `accounts_config`, by itself or in its policy, or bare ids.

use std::sync::Arc;

use portcullis_core::policy::EnforcementLevel;

use super::document::accounts::AccountConfig;
use super::node::{Node, Value};
use super::read::Read as _;
use super::value::AccountId;
use super::{is_json, json, yaml};
use crate::diagnostics::{Diagnostic, Diagnostics, Source};

/// An account of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedAccount {
    /// Twelve digits.
    pub id: String,
    /// The role to assume there, where the list tells it.
    pub role: Option<String>,
    /// The Regions to read; empty where the list does not tell them.
    pub regions: Vec<String>,
    /// What is done there, where the list tells it.
    pub level: Option<EnforcementLevel>,
}

/// Reads the accounts of a file that holds `accounts_config`, or `{"accounts": ["111122223333"]}`, or a list of ids.
/// `None` for any other text, such as one id a line.
///
/// # Errors
///
/// Everything that is wrong with it, each with its place.
pub fn listed_accounts(name: &str, bytes: &[u8]) -> Result<Option<Vec<ListedAccount>>, Diagnostics> {
    let source = Arc::new(Source::new(name, bytes)?);
    if !is_structured(&source) {
        return Ok(None);
    }
    let mut errors = Vec::new();
    let parse = if is_json(&source) { json::parse } else { yaml::parse };
    let accounts = match parse(source.text(), &mut errors) {
        Ok(root) => accounts(&root, &mut errors),
        Err(error) => {
            errors.push(error);
            None
        }
    };
    match accounts {
        Some(accounts) if errors.is_empty() => Ok(Some(accounts)),
        _ => Err(Diagnostics::of(&source, errors)),
    }
}

/// Whether a text is meant as JSON or YAML rather than as one id a line.
fn is_structured(source: &Source) -> bool {
    let name = source.name.to_ascii_lowercase();
    let lines = || source.text().lines().map(str::trim_end);
    [".json", ".yaml", ".yml"].iter().any(|end| name.ends_with(end))
        || source.text().trim_start().starts_with(['{', '['])
        || lines().any(|line| line.starts_with("accounts_config:") || line == "accounts:")
}

fn accounts(root: &Node, errors: &mut Vec<Diagnostic>) -> Option<Vec<ListedAccount>> {
    let entry = |wanted: &str| match &root.value {
        Value::Object(entries) => entries.iter().find(|(key, _)| key.text == wanted).map(|(_, node)| node),
        _ => None,
    };
    if let Some(configs) = entry("accounts_config") {
        let configs: Vec<AccountConfig> = Vec::read(configs, errors)?;
        return Some(configs.into_iter().map(listed).collect());
    }
    let list = entry("accounts").or(matches!(root.value, Value::List(_)).then_some(root));
    let Some(list) = list else {
        let message = "no accounts stand here: `accounts_config`, `accounts` or a list of ids is expected";
        errors.push(Diagnostic::error(root.span, message));
        return None;
    };
    let ids: Vec<AccountId> = Vec::read(list, errors)?;
    Some(ids.into_iter().map(|id| ListedAccount { id: id.0.to_string(), ..ListedAccount::default() }).collect())
}

fn listed(config: AccountConfig) -> ListedAccount {
    ListedAccount {
        id: config.account_id.value.0.to_string(),
        role: config.cross_account_role_name.map(|role| role.0.into()),
        regions: config.regions.into_iter().map(|region| region.0.into()).collect(),
        level: Some(config.enforcement_level.value),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found = listed_accounts("accounts", text.as_bytes()).unwrap().unwrap();
        let found: Vec<String> = found
            .iter()
            .map(|account| format!("{} {:?} {:?} {:?}", account.id, account.role, account.regions, account.level))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn accounts_of_configurations_and_of_bare_lists() {
        check(
            r#"{"accounts": ["111122223333", 444455556666]}"#,
            &["111122223333 None [] None", "444455556666 None [] None"],
        );
        check(r#"["111122223333"]"#, &["111122223333 None [] None"]);
        check("# ours\naccounts:\n  - '000022223333'\n", &["000022223333 None [] None"]);
        check(
            "accounts_config:\n  - account_id: '111122223333'\n    enforcement_level: disabled\n    regions: [eu-west-1]\n    \
             cross_account_role_name: Audit\n",
            &[r#"111122223333 Some("Audit") ["eu-west-1"] Some(Disabled)"#],
        );
    }

    #[test]
    fn a_plain_list_is_for_another_reader() {
        assert_eq!(listed_accounts("accounts.txt", b"# ours\n111122223333\n").unwrap(), None);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let check = |text: &str, expected: &str| {
            let told = listed_accounts("a.json", text.as_bytes()).unwrap_err().to_string();
            assert!(told.contains(expected), "{told}");
        };
        check(r#"{"accounts": ["1111"]}"#, "`1111` is no account id: twelve digits are expected");
        check(r#"{"people": []}"#, "no accounts stand here");
        check(r#"{"accounts_config": [{"account_id": "111122223333"}]}"#, "enforcement_level");
    }
}
