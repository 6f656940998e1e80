//! What a fleet of security groups looks like: accounts, VPCs, roles, and the rules that each role has.
//!
//! The proportions are guesses at a tidy organisation: most peers are private or referenced groups, web ports are
//! open to the world where a load balancer stands, and few administration ports are.

mod roles;

use std::collections::HashSet;

use super::rng::{Rng, splitmix};
use super::wire::{Group, Peer, Permission, Tag};
use roles::{ROLES, Role, ingress};

const GROUPS_PER_VPC: u64 = 20;
const VPCS_PER_REGION: u64 = 3;
const REGIONS: &[&str] = &["us-east-1", "us-west-2", "eu-central-1", "ap-southeast-2"];
const TEAMS: &[&str] = &["payments", "identity", "search", "platform", "data", "mobile", "growth", "internal-tools"];
const ENVIRONMENTS: &[&str] = &["production", "production", "staging", "development"];

/// Which inventory is wanted.
pub(super) struct Fleet {
    pub(super) seed: u64,
    pub(super) groups: u64,
    /// Ingress rules of every group, instead of what its role would have.
    pub(super) rules: Option<u32>,
}

/// One rule as people think of it; the wire groups them by protocol and ports.
struct Rule {
    protocol: &'static str,
    /// None where the protocol is everything.
    ports: Option<(i32, i32)>,
    peer: Peer,
}

/// Where a group stands, and what follows from it.
struct Place<'a> {
    fleet: &'a Fleet,
    index: u64,
    vpc: u64,
    account: String,
    region: &'static str,
    rng: Rng,
}

impl Fleet {
    /// The group of this number. The first of every VPC is its default group.
    pub(super) fn group(&self, index: u64) -> Group {
        let vpc = index / GROUPS_PER_VPC;
        let region = vpc / VPCS_PER_REGION;
        let mut place = Place {
            fleet: self,
            index,
            vpc,
            account: account(self.seed, region / REGIONS.len() as u64),
            region: usize::try_from(region)
                .ok()
                .and_then(|r| REGIONS.get(r % REGIONS.len()))
                .copied()
                .unwrap_or_default(),
            rng: Rng::new(self.seed, index),
        };
        place.group()
    }
}

impl Place<'_> {
    fn group(&mut self) -> Group {
        let role = if self.index.is_multiple_of(GROUPS_PER_VPC) { Role::Default } else { self.rng.pick(ROLES) };
        let team = self.rng.pick(TEAMS);
        let environment = self.rng.pick(ENVIRONMENTS);
        let group_id = self.group_id(self.index);
        let rules = match self.fleet.rules {
            Some(rules) => roles::partners(self, rules),
            None => ingress(self, role),
        };
        Group {
            ip_permissions_egress: permissions(self.egress(role)),
            tags: self.tags(role, team, environment),
            vpc_id: format!("vpc-{}", self.hex("vpc", self.vpc)),
            security_group_arn: format!("arn:aws:ec2:{}:{}:security-group/{group_id}", self.region, self.account),
            owner_id: self.account.clone(),
            group_name: self.name(role, team, environment),
            description: self.description(role, team),
            ip_permissions: permissions(rules),
            group_id,
        }
    }

    fn name(&self, role: Role, team: &str, environment: &str) -> String {
        match role {
            Role::Default => "default".to_owned(),
            Role::Wizard => format!("launch-wizard-{}", self.index % 40 + 1),
            _ => format!("{team}-{environment}-{}-{}", role.word(), self.index % GROUPS_PER_VPC),
        }
    }

    fn description(&mut self, role: Role, team: &str) -> String {
        match role {
            Role::Default => "default VPC security group".to_owned(),
            Role::Wizard => {
                format!(
                    "launch-wizard-{} created 2024-03-{:02}T09:41:07.123Z",
                    self.index % 40 + 1,
                    self.index % 28 + 1
                )
            }
            _ if self.rng.percent(50) => "Managed by Terraform".to_owned(),
            _ => format!("{} of the {team} team", role.word()),
        }
    }

    fn tags(&mut self, role: Role, team: &str, environment: &str) -> Vec<Tag> {
        if matches!(role, Role::Default | Role::Wizard) {
            return Vec::new();
        }
        let mut tags = vec![
            Tag { key: "Name", value: self.name(role, team, environment) },
            Tag { key: "Environment", value: environment.to_owned() },
            Tag { key: "Owner", value: format!("{team}@example.com") },
        ];
        if self.rng.percent(60) {
            let repository = format!("git@example.com:{team}/infrastructure.git//modules/{}", role.word());
            tags.push(Tag { key: "terraform:module", value: repository });
        }
        if self.rng.percent(2) {
            tags.push(Tag { key: "Équipe", value: "Réseau \"cœur\"\tLyon".to_owned() });
        }
        tags
    }

    fn egress(&mut self, role: Role) -> Vec<Rule> {
        let all = |peer| Rule { protocol: "-1", ports: None, peer };
        if role == Role::Default || self.rng.percent(75) {
            let mut rules = vec![all(v4("0.0.0.0/0"))];
            if self.rng.percent(20) {
                rules.push(all(v6("::/0")));
            }
            return rules;
        }
        vec![
            tcp(443, v4("0.0.0.0/0")),
            tcp(5432, v4(self.vpc_cidr())),
            tcp(443, Peer { prefix_list_id: Some("pl-63a5400a".to_owned()), ..Peer::default() }),
        ]
    }

    fn vpc_cidr(&self) -> String {
        format!("10.{}.0.0/16", self.vpc % 200)
    }

    /// Another group of the same VPC; rarely one that is gone.
    fn neighbour(&mut self) -> Peer {
        let first = self.vpc * GROUPS_PER_VPC;
        let last = (first + GROUPS_PER_VPC).min(self.fleet.groups) - 1;
        let index = if self.rng.percent(1) { u64::MAX - self.index } else { self.rng.between(first, last) };
        self.reference(index)
    }

    fn itself(&self) -> Peer {
        self.reference(self.index)
    }

    fn reference(&self, index: u64) -> Peer {
        Peer { user_id: Some(self.account.clone()), group_id: Some(self.group_id(index)), ..Peer::default() }
    }

    /// One public address, of a partner or an office, usually with a word on whose it is.
    fn office(&mut self) -> Peer {
        let first = self.rng.pick(&[13_u8, 52, 81, 93, 151, 185, 193, 212]);
        let address = format!("{first}.{}.{}.{}/32", self.rng.byte(), self.rng.byte(), self.rng.byte());
        let description = self.rng.percent(70).then(|| {
            let place = self.rng.pick(&["Berlin office", "Lisbon office", "VPN exit", "Partner gateway", "Build farm"]);
            format!("{place} {}", self.rng.between(1, 9))
        });
        Peer { description, ..v4(address) }
    }

    fn group_id(&self, index: u64) -> String {
        format!("sg-{}", self.hex("sg", index))
    }

    /// 17 digits as AWS gives them, the same for the same number.
    fn hex(&self, kind: &str, number: u64) -> String {
        let kind = kind.bytes().fold(0, |hash, byte| splitmix(hash ^ u64::from(byte)));
        format!("0{:016x}", splitmix(splitmix(self.fleet.seed ^ kind).wrapping_add(number)))
    }
}

fn tcp(port: i32, peer: Peer) -> Rule {
    Rule { protocol: "tcp", ports: Some((port, port)), peer }
}

fn v4(cidr: impl Into<String>) -> Peer {
    Peer { cidr_ip: Some(cidr.into()), ..Peer::default() }
}

fn v6(cidr: impl Into<String>) -> Peer {
    Peer { cidr_ipv6: Some(cidr.into()), ..Peer::default() }
}

fn account(seed: u64, number: u64) -> String {
    format!("{:012}", splitmix(splitmix(seed ^ 0xacc0).wrapping_add(number)) % 1_000_000_000_000)
}

/// Groups rules as AWS does: one permission for each protocol and port range, each peer once in it.
fn permissions(rules: Vec<Rule>) -> Vec<Permission> {
    let mut permissions: Vec<Permission> = Vec::new();
    let mut seen = HashSet::new();
    for Rule { protocol, ports, peer } in rules {
        let (from_port, to_port) = ports.unzip();
        let name = [&peer.cidr_ip, &peer.cidr_ipv6, &peer.group_id, &peer.prefix_list_id].into_iter().flatten().next();
        if !seen.insert((protocol, ports, name.cloned())) {
            continue;
        }
        let same = |p: &Permission| (p.ip_protocol, p.from_port, p.to_port) == (protocol, from_port, to_port);
        let at = permissions.iter().position(same).unwrap_or_else(|| {
            permissions.push(Permission {
                ip_protocol: protocol,
                from_port,
                to_port,
                user_id_group_pairs: Vec::new(),
                ip_ranges: Vec::new(),
                ipv6_ranges: Vec::new(),
                prefix_list_ids: Vec::new(),
            });
            permissions.len() - 1
        });
        if let Some(permission) = permissions.get_mut(at) {
            permission.list(&peer).push(peer);
        }
    }
    permissions
}

impl Permission {
    fn list(&mut self, peer: &Peer) -> &mut Vec<Peer> {
        if peer.cidr_ip.is_some() {
            &mut self.ip_ranges
        } else if peer.cidr_ipv6.is_some() {
            &mut self.ipv6_ranges
        } else if peer.group_id.is_some() {
            &mut self.user_id_group_pairs
        } else {
            &mut self.prefix_list_ids
        }
    }
}
