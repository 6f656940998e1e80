//! Fixture texts of `policy test`: cases to judge and compare, or refused with places.

use portcullis_formats::policy::fixture;

use crate::judging::{everything, judge};
use crate::policy::refused;

/// Words of the language.
pub(crate) const WORDS: &[&str] = &[
    "\n\n## a case\n",
    "sg-a ingress tcp 22 from 0.0.0.0/1, 128.0.0.0/1  # internet-ssh high\n",
    "sg-a egress all to anywhere\n",
    " ingress icmp 3/4 from ",
    " egress udp 0-65535 to ",
    "group sg-a tag Environment=production\n",
    "group sg-a account 444455556666\n",
    "prefix-list pl-1 = 0.0.0.0/0, ::/0\n",
    "prefix-list pl-2 =\n",
    "pl-1",
    "444455556666/sg-b",
    ", internet-rdp unknown, stale-reference exempt",
    "\"a # description\"",
    "# ",
    "-1",
    "65536",
    "\r\n",
    "\u{feff}",
    "\u{e9}",
    "\u{1b}[31m",
];

/// Reads the bytes as a fixture and judges its cases by every control that ships.
pub fn fixture(data: &[u8]) {
    const NAME: &str = "input.txt";
    match fixture::parse(NAME, data) {
        Err(errors) => refused(NAME, &errors),
        Ok(cases) => {
            for case in &cases {
                let evaluation = judge(&case.inventory, everything());
                let mismatches = fixture::check(case, &evaluation, everything());
                let shown = case.diagnostics(&mismatches);
                assert_eq!(shown.len(), mismatches.len(), "a mismatch is not shown");
                drop(shown.render(false, 80));
            }
        }
    }
}
