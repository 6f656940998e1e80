#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod errors;
mod meaning;
mod seed;
mod strict;

use super::Policy;

/// The errors of a policy that has some.
fn errors_of(name: &str, text: &str) -> String {
    match Policy::parse(name, text.as_bytes()) {
        Ok(_) => "no error".to_owned(),
        Err(errors) => errors.to_string(),
    }
}

/// A policy in YAML whose prohibited inbound rules are the given lines.
fn with_rule(rule: &str) -> String {
    let lines: String = rule.lines().map(|line| format!("        {}\n", line.trim_start())).collect();
    format!("version: 1\ncompliance_policies:\n  prohibited_rules:\n    inbound:\n      -\n{lines}")
}
