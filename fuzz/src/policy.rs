//! Policy files, as JSON and as YAML: valid and ready to judge by, or refused with places.

use std::sync::LazyLock;

use portcullis_core::model::Inventory;
use portcullis_formats::diagnostics::Diagnostics;
use portcullis_formats::policy::assemble::{Request, assemble};
use portcullis_formats::policy::{Policy, fixture};

use crate::judging::{judge, now};

/// Keys and values of the format.
pub(crate) const WORDS: &[&str] = &[
    "\"compliance_policies\": {",
    "compliance_policies:\n  prohibited_rules:\n    inbound:\n      - ",
    "rule_id: X\n",
    "\"port_range\": \"0-65535\",",
    "port_ranges: [22, \"80-443\"]\n",
    "services: [\"icmp:!3/4\", \"tcp:1-\"]\n",
    "source: [internet, wide, sg-1, pl-1, 10.0.0.0/8]\n",
    "source_type: security_group\n",
    "source_pattern: \"(a|b)*{1000}\"\n",
    "match: all\n",
    "except_authorized_ports: true\n",
    "environments: [production]\n",
    "internet_threshold: {ipv4: \"/0\", ipv6: \"/128\"}\n",
    "expiry_date: 2026-02-30\n",
    "exempted_rules: all\n",
    "account_111122223333:\n",
    "controls: [internet-ssh]\n",
    "severity: critical\n",
    "protocol: \"-1\"\n",
    "&a [*a, *a]\n",
    "<<: *a\n",
    "? : \n",
    "!!binary |\n",
    "---\n",
    "[[[[[[[[",
    "{\"a\":{\"a\":",
    "1e999",
    ".nan",
    "70000",
    "\u{feff}",
    "\r\n",
    "\\ud800",
    "\u{1b}[31m",
];

/// A few groups of all kinds, to judge by whatever was read.
static GROUPS: LazyLock<Vec<Inventory>> = LazyLock::new(|| {
    let cases = fixture::parse("groups.txt", include_bytes!("policy/groups.txt"));
    assert!(cases.is_ok(), "the fixed groups are valid");
    cases.unwrap_or_default().into_iter().map(|case| case.inventory).collect()
});

/// Reads the bytes as a policy of either language, and judges some groups by it.
pub fn policy(data: &[u8]) {
    for name in ["input.json", "input.yaml"] {
        match Policy::parse(name, data) {
            Err(errors) => refused(name, &errors),
            Ok(_) => by_policy(name, data),
        }
    }
}

fn by_policy(name: &str, data: &[u8]) {
    let request = Request { policies: vec![(name.to_owned(), data.to_vec())], ..Request::default() };
    match assemble(&request) {
        Err(errors) => refused(name, &errors),
        Ok(assembled) => {
            drop(assembled.notes(now()).render(false, 80));
            for inventory in GROUPS.iter() {
                judge(inventory, &assembled.set);
            }
        }
    }
}

/// Each error names its place, and the text of all of them shows it.
pub(crate) fn refused(name: &str, errors: &Diagnostics) {
    assert!(!errors.is_empty(), "refused without an error");
    for colour in [false, true] {
        let text = errors.render(colour, 80);
        assert!(text.contains(name), "no place in: {text}");
    }
    for (place, error) in errors.iter() {
        assert!(!error.message.is_empty(), "an error without a word");
        assert!(place.is_some_and(|place| place.starts_with(name)), "no place: {}", error.message);
    }
}
