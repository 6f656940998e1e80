//! What lines mean.

use crate::rules::tests::{meaning, read, said};
use crate::rules::{Egress, format, parse};

fn check(line: &str, expected: &[&str]) {
    assert_eq!(meaning(line), expected, "{line}");
}

#[test]
fn each_form_of_the_grammar() {
    check("52.35.22.100/32:80-443^tcp", &["ingress tcp 80-443 from 52.35.22.100/32"]);
    check(
        "52.35.16.0/21:80,443,8000-8100^tcp",
        &[
            "ingress tcp 80 from 52.35.16.0/21",
            "ingress tcp 443 from 52.35.16.0/21",
            "ingress tcp 8000-8100 from 52.35.16.0/21",
        ],
    );
    check("[2001:db8::/32]:443^tcp", &["ingress tcp 443 from 2001:db8::/32"]);
    check("sg-0123456789abcdef0:5432^tcp", &["ingress tcp 5432 from sg-0123456789abcdef0"]);
    check("111122223333/sg-0a:5432^tcp", &["ingress tcp 5432 from 111122223333/sg-0a"]);
    check("pl-0123456789abcdef0:443^tcp", &["ingress tcp 443 from pl-0123456789abcdef0"]);
    check("10.0.0.0/8:*^icmp", &["ingress icmp all types from 10.0.0.0/8"]);
    check("10.0.0.0/8:8/0^icmp", &["ingress icmp 8/0 from 10.0.0.0/8"]);
    check("10.0.0.0/8:8/*^icmp", &["ingress icmp 8/* from 10.0.0.0/8"]);
    check("10.0.0.0/8:3/4,8/*^icmp", &["ingress icmp 3/4 from 10.0.0.0/8", "ingress icmp 8/* from 10.0.0.0/8"]);
    check("[::/0]:128/0^ipv6-icmp", &["ingress icmpv6 128/0 from ::/0"]);
    check("10.0.0.0/8:*^all", &["ingress all traffic from 10.0.0.0/8"]);
    check("10.0.0.0/8:*^-1", &["ingress all traffic from 10.0.0.0/8"]);
    check("10.0.0.0/8:*", &["ingress tcp all ports from 10.0.0.0/8"]);
    check("egress 0.0.0.0/0:443^tcp", &["egress tcp 443 to 0.0.0.0/0"]);
    check(
        "10.0.0.0/8,[fd00::/8],sg-0a,pl-0b:22",
        &[
            "ingress tcp 22 from 10.0.0.0/8",
            "ingress tcp 22 from fd00::/8",
            "ingress tcp 22 from sg-0a",
            "ingress tcp 22 from pl-0b",
        ],
    );
}

#[test]
fn no_caret_means_tcp_and_protocols_are_names_or_numbers_in_either_case() {
    check("10.0.0.0/8:22", &["ingress tcp 22 from 10.0.0.0/8"]);
    check("10.0.0.0/8:53^UDP", &["ingress udp 53 from 10.0.0.0/8"]);
    check("10.0.0.0/8:53^17", &["ingress udp 53 from 10.0.0.0/8"]);
    check("10.0.0.0/8:*^ESP", &["ingress protocol 50 from 10.0.0.0/8"]);
    check("10.0.0.0/8:*^50", &["ingress protocol 50 from 10.0.0.0/8"]);
    check("10.0.0.0/8:*^ALL", &["ingress all traffic from 10.0.0.0/8"]);
}

#[test]
fn spaces_tabs_and_either_case_of_words_are_nothing() {
    check(
        "  10.0.0.0/8 , 192.168.0.0/16 : 80 , 443 - 444 ^ Tcp\t# both",
        &[
            "ingress tcp 80 from 10.0.0.0/8",
            "ingress tcp 443-444 from 10.0.0.0/8",
            "ingress tcp 80 from 192.168.0.0/16",
            "ingress tcp 443-444 from 192.168.0.0/16",
        ],
    );
    check("EGRESS\t10.0.0.0/8:80", &["egress tcp 80 to 10.0.0.0/8"]);
    check("\r\n# a remark\r\n\r\n10.0.0.0/8:80\r\n", &["ingress tcp 80 from 10.0.0.0/8"]);
    check("\u{feff}10.0.0.0/8:80", &["ingress tcp 80 from 10.0.0.0/8"]);
    check("## File:   rules.pysec\n## Syntax: <ip-address>/<cidr>:<portFrom>-<portTo>^<protocol>\n", &[]);
}

#[test]
fn the_file_of_the_first_seed_means_what_it_meant() {
    let text = "## File:   rules.pysec\n\n52.35.22.100/32:80-443^tcp\n52.35.22.101/32:443^udp\n52.35.23.0/21:80^tcp\n";
    check(
        text,
        &[
            "ingress tcp 80-443 from 52.35.22.100/32",
            "ingress udp 443 from 52.35.22.101/32",
            "ingress tcp 80 from 52.35.16.0/21",
        ],
    );
    insta::assert_snapshot!(said(text), @r"
    warning: `52.35.23.0/21` has host bits: it means `52.35.16.0/21`
     --> rules.pysec:5:1
      |
    5 | 52.35.23.0/21:80^tcp
      | ^^^^^^^^^^^^^
      |
      = help: `portcullis rules fmt` rewrites it
    ");
}

#[test]
fn old_forms_keep_their_meaning_with_a_warning() {
    check("10.0.0.0/8:3-4^icmp", &["ingress icmp 3/4 from 10.0.0.0/8"]);
    check("10.0.0.0/8:8^icmp", &["ingress icmp 8/8 from 10.0.0.0/8"]);
    check("10.0.0.0/8:0-65535^-1", &["ingress all traffic from 10.0.0.0/8"]);
    check(r"10.0.0.0\8:80", &["ingress tcp 80 from 10.0.0.0/8"]);
    insta::assert_snapshot!(said("10.0.0.0/8:3-4^icmp\n10.0.0.0/8:0-65535^-1\n10.0.0.0\\8:80\n"));
}

#[test]
fn a_comment_behind_a_rule_is_its_description_as_aws_takes_it() {
    let described = |text: &str| read(text).set.rules[0].description.to_string();
    assert_eq!(described("10.0.0.0/8:80 # the office, floor #3"), "the office, floor #3");
    assert_eq!(described("10.0.0.0/8:80"), "");
    assert_eq!(described("10.0.0.0/8:80#"), "");
    assert_eq!(described("10.0.0.0/8:80 # Büro \"Süd\""), "B-ro -S-d-");
    assert_eq!(described(&format!("10.0.0.0/8:80 # {}", "x".repeat(300))).len(), 255);
    assert!(read("10.0.0.0/8:80 # fine").warnings.is_empty());
    insta::assert_snapshot!(said("10.0.0.0/8:80 # Büro"), @r"
    warning: AWS takes no `ü` in a description: this one becomes `B-ro`
     --> rules.pysec:1:17
      |
    1 | 10.0.0.0/8:80 # Büro
      |                 ^^^^
      |
      = help: letters of the English alphabet, digits, spaces and `._-:/()#,@[]+=&;{}!$*` stay as they are
    ");
}

#[test]
fn a_warning_of_a_description_says_what_it_loses() {
    let said = |comment: &str| said(&format!("10.0.0.0/8:80 # {comment}\n")).lines().next().unwrap().to_owned();
    assert_eq!(
        said("Büro \"Süd\" ß"),
        "warning: AWS takes no `ü`, `\"` or `ß` in a description: this one becomes `B-ro -S-d- -`"
    );
    assert!(said("äöüßéèêàçñ").contains("takes no `ä`, `ö`, `ü`, `ß`, `é`, `è`, `ê`, `à` and others in"));
    let long = said(&"x".repeat(300));
    assert!(long.contains("takes no more than 255 characters in a description: this one becomes `xxx"), "{long}");
    let both = said(&"é".repeat(300));
    assert!(both.contains("takes no more than 255 characters and no `é` in a description"), "{both}");
}

#[test]
fn a_rule_written_twice_stands_once_across_files_too() {
    let read = parse([
        ("a.pysec", "10.0.0.0/8:80 # first\n10.0.0.0/8:80,81^tcp # second\n".as_bytes()),
        ("b.rules", "10.9.9.9/8:80^6\n".as_bytes()),
    ])
    .unwrap();
    let rules: Vec<String> = read.set.rules.iter().map(ToString::to_string).collect();
    assert_eq!(rules, ["ingress tcp 80 from 10.0.0.0/8", "ingress tcp 81 from 10.0.0.0/8"]);
    assert_eq!(&*read.set.rules[0].description, "first");
    assert_eq!((read.set.file_of(1), read.set.rules[1].line), (Some("a.pysec"), 2));
    insta::assert_snapshot!(read.warnings);
}

#[test]
fn egress_is_what_is_said_of_it() {
    assert_eq!(read("10.0.0.0/8:80").set.egress, Egress::Default);
    assert_eq!(read("egress none # nothing").set.egress, Egress::Nothing);
    assert_eq!(read("egress 10.0.0.0/8:80").set.egress, Egress::Rules);
    let held = |text: &str| read(text).set.as_held().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(held(""), ["egress all traffic to 0.0.0.0/0"]);
    assert_eq!(held("egress none"), ["egress all traffic to 127.0.0.1/32"]);
    assert_eq!(held("egress 10.0.0.0/8:80"), ["egress tcp 80 to 10.0.0.0/8"]);
}

#[test]
fn formatting_changes_the_form_alone() {
    let text = "\u{feff}#   my rules   \r\n\r\n52.35.23.0/21 : 80-443 ^ 6   #office\r\n[2001:DB8::1/32],10.0.0.0/8:0-65535\r\n\
                10.0.0.0/8:3-4^ICMP # pings\nEgress  NONE # closed\n10.0.0.0/8:0-65535^-1\n10.0.0.0/8:*^Esp\n\n\n";
    insta::assert_snapshot!(format("rules.pysec", text.as_bytes()).unwrap(), @r"
    #   my rules

    52.35.16.0/21:80-443^tcp  # office
    [2001:db8::/32],10.0.0.0/8:*^tcp
    10.0.0.0/8:3/4^icmp       # pings
    egress none               # closed
    10.0.0.0/8:*^all
    10.0.0.0/8:*^esp
    ");
}
