#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::policy::assemble::{Request, assemble};

/// The ids that are promised, in the order of the promise.
const PROMISED: &str = "internet-all-traffic internet-ssh internet-rdp internet-winrm internet-vnc internet-telnet \
    internet-ftp internet-tftp internet-smtp internet-pop3 internet-imap internet-rpc internet-smb internet-ldap \
    internet-kerberos internet-dns internet-snmp internet-nfs internet-rsync internet-mysql internet-postgresql \
    internet-mssql internet-oracle internet-mongodb internet-redis internet-memcached internet-cassandra \
    internet-elasticsearch internet-kafka internet-docker internet-kubernetes internet-etcd internet-high-risk-port \
    internet-unauthorized-port internet-http internet-icmp internet-other-protocol wide-public-source \
    internet-egress-all default-group-not-closed default-group-in-use unused-group stale-reference redundant-rule \
    duplicate-group launch-wizard-group too-many-rules missing-group-description missing-rule-description \
    missing-required-tag";

/// What the default pack leaves out.
const NOT_RECOMMENDED: [&str; 9] = [
    "internet-unauthorized-port",
    "internet-high-risk-port",
    "internet-http",
    "internet-icmp",
    "internet-egress-all",
    "duplicate-group",
    "missing-group-description",
    "missing-rule-description",
    "missing-required-tag",
];

fn promised() -> BTreeSet<&'static str> {
    PROMISED.split_whitespace().collect()
}

#[test]
fn what_ships_is_right() {
    assert!(faults().is_empty(), "{}", faults());
}

#[test]
fn every_promised_control_ships_once_and_no_other() {
    let ids: Vec<&str> = controls().iter().map(|control| control.id).collect();
    assert_eq!(ids.len(), promised().len());
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), promised());
}

#[test]
fn every_file_of_the_folders_is_embedded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    for (folder, embedded) in [("controls", CONTROLS), ("packs", PACKS)] {
        let files = std::fs::read_dir(root.join(folder)).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let names: BTreeSet<String> = names.map(|name| name.trim_end_matches(".yaml").to_owned()).collect();
        assert_eq!(names, embedded.iter().map(|(name, _)| (*name).to_owned()).collect(), "{folder}");
    }
}

#[test]
fn every_pack_resolves_alone_and_all_together() {
    for name in packs() {
        let request = Request { packs: vec![name.to_owned()], ..Request::default() };
        let set = assemble(&request).map_err(|errors| errors.to_string()).unwrap().set;
        assert!(!set.controls.is_empty(), "{name}");
        let is_framework = !matches!(name, "recommended" | "all");
        assert_eq!(set.frameworks.len(), usize::from(is_framework), "{name}");
        // A framework's items are decided by the controls of its pack, all of them.
        let own: BTreeSet<&str> = set.controls.iter().map(|control| control.id.as_str()).collect();
        let items = set.frameworks.iter().flat_map(|framework| &framework.items);
        let named: BTreeSet<&str> = items.flat_map(|item| item.controls.iter().map(|id| id.as_str())).collect();
        assert!(!is_framework || own == named, "{name}: {:?}", own.symmetric_difference(&named).collect::<Vec<_>>());
    }
    let request = Request { packs: packs().map(str::to_owned).collect(), ..Request::default() };
    assert_eq!(assemble(&request).unwrap().set.controls.len(), promised().len());
}

#[test]
fn the_default_pack_is_calm_and_the_last_is_whole() {
    let of = |name: &str| -> BTreeSet<&'static str> {
        let pack = pack(name).unwrap();
        pack.document.controls.iter().filter_map(|id| control(&id.0)).map(|control| control.id).collect()
    };
    assert_eq!(of("all"), promised());
    let left_out: BTreeSet<_> = promised().difference(&of(DEFAULT_PACK)).copied().collect();
    assert_eq!(left_out, NOT_RECOMMENDED.into());
}

#[test]
fn every_traffic_control_is_documented() {
    for shipped in controls().iter().filter(|control| control.theme != HYGIENE) {
        let text = shipped.text();
        for (what, words) in [
            ("title", &text.title),
            ("description", &text.description),
            ("reason", &text.reason),
            ("fix", &text.remediation),
        ] {
            assert!(!words.is_empty(), "{} has no {what}", shipped.id);
        }
        assert!(shipped.control(&Arc::default()).rule_id.is_none());
    }
}

/// Services, match and severity of every traffic control, to be compared with what is promised.
#[test]
fn traffic_controls_judge_what_is_promised() {
    let lines = controls().iter().filter_map(|shipped| {
        let ShippedKind::Traffic(rule) = &shipped.kind else { return None };
        let services = portcullis_core::net::service::describe_services(&rule.rule.services);
        let services: Vec<_> = services.iter().map(|(protocol, ports)| format!("{protocol} {ports}")).collect();
        let matching = format!("{:?}", rule.rule.matching).to_lowercase();
        let authorized = if rule.except_authorized_ports { " but authorised" } else { "" };
        let services = services.join(", ");
        Some(format!(
            "{} {} {} {matching}: {services}{authorized}",
            shipped.id,
            shipped.severity(),
            rule.rule.direction
        ))
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @"
    internet-all-traffic critical ingress everything: -1 all
    internet-high-risk-port critical ingress any: tcp 20-23, tcp 25, tcp 110, tcp 135, tcp 143, tcp 445, tcp 1433-1434, tcp 3000, tcp 3306, tcp 3389, tcp 4333, tcp 5000, tcp 5432, tcp 5500, tcp 5601, tcp 8080, tcp 8088, tcp 8888, tcp 9200, tcp 9300
    internet-unauthorized-port high ingress any: tcp 0-65535, udp 0-65535 but authorised
    internet-other-protocol medium ingress any: 0 all, 2-5 all, 7-16 all, 18-57 all, 59-255 all
    wide-public-source medium ingress any: tcp 0-65535, udp 0-65535 but authorised
    internet-ssh high ingress any: tcp 22
    internet-rdp high ingress any: tcp 3389, udp 3389
    internet-winrm high ingress any: tcp 5985-5986
    internet-vnc high ingress any: tcp 5900-5903
    internet-telnet high ingress any: tcp 23
    internet-rpc high ingress any: tcp 135
    internet-snmp high ingress any: udp 161
    internet-ftp high ingress any: tcp 20-21
    internet-tftp high ingress any: udp 69
    internet-smb high ingress any: tcp 139, tcp 445, udp 137-138
    internet-nfs high ingress any: tcp 2049, udp 2049
    internet-rsync high ingress any: tcp 873
    internet-smtp medium ingress any: tcp 25
    internet-pop3 medium ingress any: tcp 110
    internet-imap medium ingress any: tcp 143
    internet-ldap high ingress any: tcp 389, tcp 636, udp 389
    internet-kerberos medium ingress any: tcp 88, tcp 464, tcp 749-750, udp 88, udp 464
    internet-dns medium ingress any: tcp 53, udp 53
    internet-mysql high ingress any: tcp 3306
    internet-postgresql high ingress any: tcp 5432
    internet-mssql high ingress any: tcp 1433-1434, udp 1434
    internet-oracle high ingress any: tcp 1521, tcp 2483-2484
    internet-mongodb high ingress any: tcp 27017-27019
    internet-redis high ingress any: tcp 6379
    internet-memcached high ingress any: tcp 11211, udp 11211
    internet-cassandra high ingress any: tcp 7000-7001, tcp 7199, tcp 9042, tcp 9160
    internet-elasticsearch high ingress any: tcp 5601, tcp 9200, tcp 9300
    internet-kafka high ingress any: tcp 9092
    internet-docker high ingress any: tcp 2375-2376
    internet-kubernetes high ingress any: tcp 6443, tcp 10250, tcp 10255
    internet-etcd high ingress any: tcp 2379-2380
    internet-http low ingress any: tcp 80
    internet-icmp low ingress any: icmp 0/0-3/3, icmp 3/5-255/255, icmpv6 0, icmpv6 5-255
    internet-egress-all low egress everything: -1 all
    ");
}

#[test]
fn references_come_from_the_packs() {
    let ssh = control("internet-ssh").unwrap();
    let cis = ssh.frameworks.iter().find(|reference| reference.label == "CIS 5.0 5.3").unwrap();
    assert_eq!(cis.families, [portcullis_core::net::Family::Ipv4]);
    let labels: Vec<&str> = ssh.frameworks.iter().map(|reference| reference.label.as_str()).collect();
    assert_eq!(labels.iter().collect::<BTreeSet<_>>().len(), labels.len(), "a reference stands twice");
    assert!(pack_text("soc2").unwrap().contains("framework:"));
    assert!(PACKS[0].0 == DEFAULT_PACK);
}
