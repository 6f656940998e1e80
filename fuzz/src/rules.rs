//! Rules files: read, written, formatted and made a template, or refused with places.

use portcullis_core::model::{Inventory, Rule};
use portcullis_formats::cloudformation::{GroupSettings, Template, split};
use portcullis_formats::rules::{RuleSet, format, parse, write};

use crate::policy::refused;

/// Words of the language.
pub(crate) const WORDS: &[&str] = &[
    "52.35.22.100/32:80-443^tcp\n",
    "52.35.16.0/21:80,443,8000-8100^tcp # several\n",
    "[2001:db8::/32]:443^udp\n",
    "111122223333/sg-0a:5432\n",
    "pl-0b:*^all\n",
    "egress ",
    "egress none\n",
    "10.0.0.0/8",
    ":8/*^icmp",
    ":3-4^icmp",
    ":0-65535^-1",
    "^ESP",
    "[::/0]",
    ",",
    "*",
    "\\",
    "# ",
    "70000",
    "\r\n",
    "\u{feff}",
    "\u{e9}",
    "\u{1b}[31m",
];

/// Reads the bytes as a rules file. What is read can be written and formatted, and means the same afterwards.
pub fn rules(data: &[u8]) {
    const NAME: &str = "rules.pysec";
    let read = match parse([(NAME, data)]) {
        Err(errors) => {
            refused(NAME, &errors);
            return;
        }
        Ok(read) => read,
    };
    drop(read.warnings.render(false, 80));
    let bare = |set: &RuleSet| -> Vec<Rule> { set.rules.iter().map(|rule| Rule { line: 0, ..rule.clone() }).collect() };
    let sorted = |set: &RuleSet| {
        let mut rules = bare(set);
        rules.sort();
        rules
    };
    let again = |text: &str| parse([(NAME, text.as_bytes())]).map(|read| read.set).unwrap_or_default();

    let written = again(&write(&read.set));
    assert_eq!(
        (sorted(&written), written.egress),
        (sorted(&read.set), read.set.egress),
        "writing changed what is said"
    );
    let formatted = format(NAME, data).unwrap_or_default();
    let after = again(&formatted);
    assert_eq!((bare(&after), after.egress), (bare(&read.set), read.set.egress), "formatting changed what is said");
    assert_eq!(
        format(NAME, formatted.as_bytes()).unwrap_or_default(),
        formatted,
        "formatting twice is not formatting once"
    );

    let settings =
        GroupSettings { group_name: "web".to_owned(), vpc_id: "vpc-1".to_owned(), ..GroupSettings::default() };
    let template = Template::of_parts(&settings, &split(&read.set, &Inventory::default()));
    drop(template.to_yaml());
    let back = Template::from_json(&template.to_compact_json()).map(|template| template.rules());
    assert!(matches!(back, Ok(Ok(_))), "the template tells no rules");
}
