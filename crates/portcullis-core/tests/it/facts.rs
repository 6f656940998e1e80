//! What other tools get wrong, and the smallest inputs around every threshold: the full list of findings of each.

use crate::fixture::{policy, shipped, verdicts, world};

/// All findings of the controls that ship on a group with these rules, and what stands around it.
fn check(text: &str, expected: &[&str]) {
    let mut expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
    expected.sort();
    assert_eq!(verdicts(&world(text), &policy(shipped())), expected, "{text}");
}

/// The ids of the controls that ship which these words of their line pick, each with the families behind it.
fn picked(pick: impl Fn(&str, &str) -> bool, families: &str) -> Vec<String> {
    let lines = crate::fixture::SHIPPED.lines().map(str::trim).filter(|line| line.contains(" ingress "));
    let words = lines.map(|line| line.split(' ').collect::<Vec<_>>());
    words.filter(|words| pick(words[0], words[3])).map(|words| format!("{} {families}", words[0])).collect()
}

fn check_picked(text: &str, pick: impl Fn(&str, &str) -> bool, families: &str) {
    let expected = picked(pick, families);
    check(text, &expected.iter().map(String::as_str).collect::<Vec<_>>());
}

const SSH: [&str; 3] = ["internet-high-risk-port ipv4", "internet-ssh ipv4", "internet-unauthorized-port ipv4"];
const SSH_6: [&str; 3] = ["internet-high-risk-port ipv6", "internet-ssh ipv6", "internet-unauthorized-port ipv6"];

#[test]
fn two_halves_are_the_internet() {
    check("ingress tcp 22 from 0.0.0.0/1, 128.0.0.0/1", &SSH);
    check("list pl-two = 0.0.0.0/1, 128.0.0.0/1\ningress tcp 22 from pl-two", &SSH);
    check(
        "ingress tcp 22 from 0.0.0.0/1\ningress tcp 22-23 from 128.0.0.0/1",
        &[&SSH[..], &["internet-telnet ipv4"]].concat(),
    );
}

#[test]
fn ipv6_by_any_name_is_the_internet() {
    check("ingress tcp 22 from 2000::/3", &SSH_6);
    check("ingress tcp 22 from 0::/0", &SSH_6);
    check("ingress tcp 22 from ::/1", &SSH_6);
    check("ingress tcp 22 from 4000::/2", &[]); // nothing there is allocated
}

#[test]
fn all_protocols_are_every_port() {
    let on_everything = |id: &str, _: &str| id != "wide-public-source";
    check_picked("ingress all from 0.0.0.0/0", on_everything, "ipv4");
    check_picked("ingress all from ::/0", on_everything, "ipv6");
    check_picked("ingress all from 0.0.0.0/0, ::/0", on_everything, "ipv4+ipv6");
}

#[test]
fn all_ports_are_all_ports_however_they_are_written() {
    let on_tcp = |id: &str, services: &str| {
        id != "wide-public-source" && (services.contains("tcp") || id == "internet-all-traffic")
    };
    check_picked("ingress tcp 0-32767 from 0.0.0.0/0\ningress tcp 32768-65535 from 0.0.0.0/0", on_tcp, "ipv4");
    check_picked("ingress tcp 1-65535 from 0.0.0.0/0", on_tcp, "ipv4");
    check_picked("ingress tcp 0-65535 from 0.0.0.0/0", on_tcp, "ipv4");
    check_picked("ingress tcp all from 0.0.0.0/1, 128.0.0.0/1", on_tcp, "ipv4");
    let on_most = |id: &str, services: &str| on_tcp(id, services) && id != "internet-all-traffic";
    check_picked("ingress tcp 2-65535 from 0.0.0.0/0", on_most, "ipv4");
    check_picked("ingress tcp 0-65534 from 0.0.0.0/0", on_most, "ipv4");
    let on_udp = |id: &str, services: &str| {
        id != "wide-public-source" && (services.contains("udp") || id == "internet-all-traffic")
    };
    check_picked("ingress udp all from 0.0.0.0/0", on_udp, "ipv4");
}

#[test]
fn families_are_not_pooled() {
    let evaluated = "ingress tcp 0-32767 from 0.0.0.0/0\ningress tcp 32768-65535 from ::/0";
    let findings = verdicts(&world(evaluated), &policy(shipped()));
    assert!(findings.contains(&"internet-unauthorized-port ipv4+ipv6".to_owned()));
    assert!(findings.contains(&"internet-ssh ipv4".to_owned()));
    assert!(!findings.iter().any(|finding| finding.starts_with("internet-all-traffic")), "{findings:?}");
    check(
        "ingress tcp 22 from 0.0.0.0/0, ::/0\ningress tcp 3306 from ::/0",
        &[
            "internet-high-risk-port ipv4+ipv6",
            "internet-mysql ipv6",
            "internet-ssh ipv4+ipv6",
            "internet-unauthorized-port ipv4+ipv6",
        ],
    );
    // Half the threshold of each family is not the threshold of either.
    check("ingress tcp 22 from 17.0.0.0/9, 2600::/17", &["wide-public-source ipv4+ipv6"]);
}

#[test]
fn udp_and_portless_protocols_count() {
    check("ingress udp 3389 from 0.0.0.0/0", &["internet-rdp ipv4", "internet-unauthorized-port ipv4"]);
    check("ingress udp 11211 from 0.0.0.0/0", &["internet-memcached ipv4", "internet-unauthorized-port ipv4"]);
    check("ingress udp 443 from 0.0.0.0/0", &["internet-unauthorized-port ipv4"]);
    check("ingress 47 from 0.0.0.0/0", &["internet-other-protocol ipv4"]);
    check("ingress 50 from ::/0", &["internet-other-protocol ipv6"]);
    check("ingress 0 from 0.0.0.0/0", &["internet-other-protocol ipv4"]);
    check("ingress 255 from 0.0.0.0/0", &["internet-other-protocol ipv4"]);
}

#[test]
fn web_ports_are_meant_to_be_public() {
    check("ingress tcp 443 from 10.0.0.0/8, 0.0.0.0/0", &[]);
    check("ingress tcp 80 from 0.0.0.0/0", &["internet-http ipv4"]);
    check("ingress tcp 443 from 104.16.0.0/13", &[]);
    check("ingress tcp 8443 from 104.16.0.0/13", &["wide-public-source ipv4"]);
}

#[test]
fn a_range_is_each_of_its_ports() {
    let expected = ["kerberos", "pop3", "rpc", "smb", "imap", "ldap", "http", "high-risk-port", "unauthorized-port"];
    let expected: Vec<String> = expected.iter().map(|id| format!("internet-{id} ipv4")).collect();
    check("ingress tcp 80-443 from 0.0.0.0/0", &expected.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn errors_that_the_network_needs_are_no_finding() {
    check("ingress icmp 3/4 from 0.0.0.0/0", &[]);
    check("ingress icmp 3/* from 0.0.0.0/0", &["internet-icmp ipv4"]);
    check("ingress icmp all from 0.0.0.0/0", &["internet-icmp ipv4"]);
    check("ingress icmp 8/0 from 0.0.0.0/1, 128.0.0.0/1", &["internet-icmp ipv4"]);
    check("ingress icmpv6 1/* from ::/0\ningress icmpv6 2/* from ::/0\ningress icmpv6 4/* from ::/0", &[]);
    check("ingress icmpv6 128/* from ::/0", &["internet-icmp ipv6"]);
    // Neither carries anything.
    check("ingress icmp all from ::/0\ningress icmpv6 all from 0.0.0.0/0", &[]);
}

#[test]
fn thresholds_are_exact() {
    let list = |content: &str| format!("list pl-many = {content}\ningress tcp 22 from pl-many");
    let many = |count: usize| (0..count).map(|n| format!("{}.{}.0.0/16", 60 + n / 256, n % 256)).collect::<Vec<_>>();
    check(&list(&many(300).join(", ")), &SSH);
    check(&list(&many(257).join(", ")), &SSH);
    check(&list(&many(256).join(", ")), &["wide-public-source ipv4"]);
    check(&many(300).iter().map(|block| format!("ingress tcp 22 from {block}\n")).collect::<String>(), &SSH);
    check("ingress tcp 22 from 8.0.0.0/8", &["wide-public-source ipv4"]);
    check("ingress tcp 22 from 8.0.0.0/8, 9.0.0.0/32", &SSH);
    check("ingress tcp 22 from 8.0.0.0/8, 10.0.0.0/8, 8.7.0.0/16", &["wide-public-source ipv4"]);
    check("ingress tcp 22 from 9.0.0.0/16", &[]);
    check("ingress tcp 22 from 9.0.0.0/16, 9.1.0.0/32", &["wide-public-source ipv4"]);
    check("ingress tcp 22 from 2600::/16", &["wide-public-source ipv6"]);
    check("ingress tcp 22 from 2600::/16, 2601::1/128", &SSH_6);
    check("ingress tcp 22 from 2600::/32", &[]);
    check("ingress tcp 22 from 2600::/32, 2601::1/128", &["wide-public-source ipv6"]);
}

#[test]
fn what_is_not_the_internet_is_not_counted() {
    check("ingress tcp 0 from 0.0.0.0/0\ningress udp 0 from ::/0", &[]);
    check(
        "ingress all from 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16",
        &[],
    );
    check(
        "ingress all from 224.0.0.0/4, 240.0.0.0/4, 203.0.113.0/24, 198.18.0.0/15, 0.0.0.0/8, fc00::/7, fe80::/10",
        &[],
    );
    check("ingress all from sg-1, 999999999999/sg-other", &[]);
    check("list pl-none =\ningress all from pl-none", &[]);
    check("egress all to 0.0.0.0/0", &["internet-egress-all ipv4"]);
    check("egress all to 0.0.0.0/0, ::/0", &["internet-egress-all ipv4+ipv6"]);
    check("egress tcp 443 to 0.0.0.0/0", &[]);
}

#[test]
fn a_vpc_is_not_public_to_its_groups() {
    check("vpc 10.0.0.0/16, 25.0.0.0/8, 26.0.0.0/8\ningress tcp 22 from 25.0.0.0/8, 26.0.0.0/8", &[]);
    check("vpc 10.0.0.0/16, 25.0.0.0/8\ningress tcp 22 from 25.0.0.0/8, 26.0.0.0/8", &["wide-public-source ipv4"]);
    check("vpc 10.0.0.0/16, 2600:8000::/17\ningress tcp 22 from 2600::/16, 2601::/16", &SSH_6);
    check("vpc 2601::/16\ningress tcp 22 from 2600::/16, 2601::/16", &["wide-public-source ipv6"]);
    check("vpc 2600::/11\ningress tcp 22 from 2600::/12", &[]);
}

#[test]
fn what_is_not_known_is_neither_passed_nor_failed() {
    let unknown: Vec<String> = SSH.iter().map(|line| line.replace(" ipv4", "? ipv4")).collect();
    let unknown: Vec<&str> = unknown.iter().map(String::as_str).collect();
    let both: Vec<String> = SSH.iter().map(|line| line.replace(" ipv4", "? ipv4+ipv6")).collect();
    let both: Vec<&str> = both.iter().map(String::as_str).collect();
    check("ingress tcp 22 from pl-nowhere", &both);
    check("list pl-u ?\ningress tcp 22 from pl-u", &both);
    check("list pl-u ? ipv4\ningress tcp 22 from pl-u", &unknown);
    // What is known decides where it can.
    check("list pl-u ? ipv4\ningress tcp 22 from pl-u, 0.0.0.0/0", &SSH);
    check("list pl-u ? ipv4\ningress tcp 443 from pl-u", &[]);
    check(
        "list pl-u ? ipv4\ningress tcp 22 from pl-u, 8.0.0.0/8",
        &[&unknown[..], &["wide-public-source ipv4"]].concat(),
    );
}
