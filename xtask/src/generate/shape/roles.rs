//! The roles of security groups and the ingress rules of each.

use super::{Place, Rule, tcp, v4, v6};
use crate::generate::wire::Peer;

#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Role {
    #[default]
    Default,
    Wizard,
    LoadBalancer,
    Web,
    App,
    Database,
    Cache,
    Bastion,
    Node,
    Endpoint,
    Partner,
    Monitoring,
}

/// As often as they occur.
pub(super) const ROLES: &[Role] = &[
    Role::Wizard,
    Role::LoadBalancer,
    Role::LoadBalancer,
    Role::LoadBalancer,
    Role::Web,
    Role::Web,
    Role::Web,
    Role::App,
    Role::App,
    Role::App,
    Role::App,
    Role::Database,
    Role::Database,
    Role::Database,
    Role::Cache,
    Role::Bastion,
    Role::Node,
    Role::Node,
    Role::Endpoint,
    Role::Partner,
    Role::Partner,
    Role::Monitoring,
];

impl Role {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Wizard => "launch-wizard",
            Self::LoadBalancer => "load-balancer",
            Self::Web => "web",
            Self::App => "app",
            Self::Database => "database",
            Self::Cache => "cache",
            Self::Bastion => "bastion",
            Self::Node => "node",
            Self::Endpoint => "endpoint",
            Self::Partner => "partner",
            Self::Monitoring => "monitoring",
        }
    }
}

pub(super) fn ingress(place: &mut Place<'_>, role: Role) -> Vec<Rule> {
    match role {
        Role::Default => vec![Rule { protocol: "-1", ports: None, peer: place.itself() }],
        // What the console's wizard proposes.
        Role::Wizard => {
            let peer = if place.rng.percent(30) { v4("0.0.0.0/0") } else { place.office() };
            vec![tcp(22, peer)]
        }
        Role::LoadBalancer => load_balancer(place),
        Role::Web => {
            let mut rules = from_neighbours(place, &[8080, 8443], 2);
            rules.push(tcp(22, v4("10.0.0.0/8")));
            rules
        }
        Role::App => {
            let mut rules = from_neighbours(place, &[3000, 8080, 9000, 50051], 4);
            rules.extend(private(place, &[8080, 8443]));
            rules
        }
        Role::Database => {
            let port = place.rng.pick(&[5432, 5432, 3306, 1433, 27017]);
            let mut rules = from_neighbours(place, &[port], 4);
            rules.extend(private(place, &[port]));
            if place.rng.percent(15) {
                let office = place.office();
                rules.push(tcp(port, office));
            }
            if place.rng.percent(1) {
                rules.push(tcp(port, v4("0.0.0.0/0")));
            }
            rules
        }
        Role::Cache => from_neighbours(place, &[6379, 11211], 3),
        Role::Bastion => bastion(place),
        Role::Node => node(place),
        Role::Endpoint => vec![tcp(443, v4(place.vpc_cidr()))],
        Role::Partner => {
            let rules = place.rng.between(4, 14);
            partners(place, u32::try_from(rules).unwrap_or(4))
        }
        Role::Monitoring => {
            let mut rules = private(place, &[9090, 9093, 9100]);
            rules.push(Rule { protocol: "icmp", ports: Some((-1, -1)), peer: v4("10.0.0.0/8") });
            rules.push(Rule { protocol: "udp", ports: Some((161, 162)), peer: v4(place.vpc_cidr()) });
            rules
        }
    }
}

/// Exactly this many rules, each from one public address of its own: also what a group of 10,000 rules is made of.
pub(super) fn partners(place: &mut Place<'_>, rules: u32) -> Vec<Rule> {
    let first = place.rng.pick(&[13_u32, 52, 81, 93, 151, 185]);
    let start = (first << 24) + (u32::from(place.rng.byte()) << 16);
    let partner = |number: u32| {
        // Spread apart, so that no two addresses make a larger network.
        let address = std::net::Ipv4Addr::from(start.wrapping_add(number.wrapping_mul(37)));
        let description = number.is_multiple_of(2).then(|| format!("Partner {number}"));
        Peer { description, ..v4(format!("{address}/32")) }
    };
    let ports = [443, 8443, 5671, 22];
    (0..rules).zip(ports.into_iter().cycle()).map(|(number, port)| tcp(port, partner(number))).collect()
}

fn load_balancer(place: &mut Place<'_>) -> Vec<Rule> {
    if place.rng.percent(55) {
        return private(place, &[443]);
    }
    let described = |peer: Peer| Peer { description: Some("HTTPS from anywhere".to_owned()), ..peer };
    let mut rules = Vec::new();
    if place.rng.percent(20) {
        // AWS's own list of CloudFront's addresses, in place of the world.
        rules.push(tcp(443, Peer { prefix_list_id: Some("pl-3b927c52".to_owned()), ..Peer::default() }));
        return rules;
    }
    rules.push(tcp(443, described(v4("0.0.0.0/0"))));
    if place.rng.percent(50) {
        rules.push(tcp(443, described(v6("::/0"))));
    }
    if place.rng.percent(40) {
        rules.push(tcp(80, v4("0.0.0.0/0")));
    }
    rules
}

fn bastion(place: &mut Place<'_>) -> Vec<Rule> {
    let offices = place.rng.between(3, 9);
    let mut rules = Vec::new();
    for _ in 0..offices {
        let office = place.office();
        rules.push(tcp(22, office));
    }
    if place.rng.percent(8) {
        rules.push(tcp(22, v4("0.0.0.0/0")));
    }
    if place.rng.percent(10) {
        let site = place.rng.below(0xffff);
        rules.push(tcp(22, v6(format!("2a02:8070:{site:x}::/48"))));
    }
    rules
}

fn node(place: &mut Place<'_>) -> Vec<Rule> {
    let mut rules = vec![
        Rule { protocol: "-1", ports: None, peer: place.itself() },
        Rule { protocol: "udp", ports: Some((53, 53)), peer: v4(place.vpc_cidr()) },
        Rule { protocol: "tcp", ports: Some((30_000, 32_767)), peer: place.neighbour() },
        Rule { protocol: "tcp", ports: Some((1_025, 65_535)), peer: place.neighbour() },
    ];
    rules.extend(from_neighbours(place, &[443, 10250], 2));
    rules
}

/// One to `most` rules from groups of the same VPC.
fn from_neighbours(place: &mut Place<'_>, ports: &[i32], most: u64) -> Vec<Rule> {
    let rules = place.rng.between(1, most);
    let rule = |_| {
        let port = place.rng.pick(ports);
        let peer = place.neighbour();
        let description = place.rng.percent(40).then(|| format!("clients on {port}"));
        tcp(port, Peer { description, ..peer })
    };
    (0..rules).map(rule).collect()
}

/// Each port from the VPC and one or two other private networks.
fn private(place: &mut Place<'_>, ports: &[i32]) -> Vec<Rule> {
    let mut rules = Vec::new();
    for port in ports {
        rules.push(tcp(*port, v4(place.vpc_cidr())));
        if place.rng.percent(50) {
            let (high, low) = (place.rng.between(16, 31), place.rng.byte());
            rules.push(tcp(*port, v4(format!("172.{high}.{low}.0/24"))));
        }
    }
    rules
}
