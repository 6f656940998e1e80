//! What is said of lines that are wrong: all of it at once, each with its place.

use crate::rules::parse;
use crate::rules::tests::said;

#[test]
fn peers_that_cannot_be() {
    insta::assert_snapshot!(said(
        "1.2.3.4\n\
         1.2.3.4:80^tcp\n\
         1.2.3.4/33:80^tcp\n\
         2001:db8::/32:443^tcp\n\
         2001:db8::1\n\
         [2001:db8::1]:443\n\
         [10.0.0.0/8]:443\n\
         [2001:db8::/32:443\n\
         300.1.1.1/8:80\n\
         web:80\n\
         sg-:80\n\
         12345/sg-0a:80\n\
         10.0.0.0/8,,sg-0a:80\n\
         :80\n"
    ));
}

#[test]
fn ports_and_protocols_that_cannot_be() {
    insta::assert_snapshot!(said(
        "10.0.0.0/8:70000\n\
         10.0.0.0/8:443-80\n\
         10.0.0.0/8:80-\n\
         10.0.0.0/8:+80\n\
         10.0.0.0/8:\n\
         10.0.0.0/8:80,\n\
         10.0.0.0/8:*,80\n\
         10.0.0.0/8:80^tpc\n\
         10.0.0.0/8:80^\n\
         10.0.0.0/8:80^256\n\
         10.0.0.0/8:80^all\n\
         10.0.0.0/8:80^-1\n\
         10.0.0.0/8:80^esp\n\
         10.0.0.0/8:3/4^tcp\n\
         10.0.0.0/8:300^icmp\n\
         10.0.0.0/8:8/300^icmp\n\
         [::/0]:8^icmpv6\n\
         10.0.0.0/8:80^tcp^udp\n"
    ));
}

#[test]
fn egress_that_says_nothing_or_two_things() {
    insta::assert_snapshot!(said("egress\negress none\nEgress None\negress 10.0.0.0/8:80\ningress 10.0.0.0/8:80\n"));
}

#[test]
fn every_error_of_every_file_at_once() {
    let errors = parse([
        ("a.pysec", "10.0.0.0/33:80,70000^tpc\n10.0.0.0/8:80\n".as_bytes()),
        ("b.pysec", b"\xff\n".as_slice()),
        ("c.rules", "  x:1\n".as_bytes()),
    ])
    .unwrap_err();
    let places: Vec<String> = errors.iter().filter_map(|(place, _)| place).collect();
    assert_eq!(places, ["a.pysec:1:1", "a.pysec:1:16", "a.pysec:1:22", "b.pysec:1:1", "c.rules:1:3"]);
}
