//! A fleet of groups as values. The shape is that of `cargo xtask generate`: mostly private peers and referenced groups, web
//! ports open to the world where a load balancer stands, few administration ports.

use compact_str::{CompactString, format_compact};
use portcullis_core::model::{
    Direction, GroupKey, GroupReference, Inventory, NetworkInterface, Peer, Rule, SecurityGroup, Tag, Tags,
};
use portcullis_core::net::{Cidr, Protocol, RuleServices};

const GROUPS_PER_VPC: usize = 20;
const VPCS_PER_REGION: usize = 3;
const REGIONS: [&str; 4] = ["us-east-1", "us-west-2", "eu-central-1", "ap-southeast-2"];
const ANYWHERE: Peer4 = (0, 0);

/// Address and prefix length.
type Peer4 = (u32, u8);

/// The inventory of so many groups, the same each time.
pub(crate) fn inventory(groups: usize) -> Inventory {
    let mut made: Vec<SecurityGroup> = (0..groups).map(|index| Place::new(index).group()).collect();
    made.sort_by(|a, b| a.key.cmp(&b.key));
    // Nine of ten are in use.
    let used = made.iter().enumerate().filter(|(index, _)| index % 10 != 0);
    let interfaces = used.map(|(index, group)| NetworkInterface {
        id: format_compact!("eni-{index:017x}"),
        group_ids: vec![group.key.group_id.clone()],
        vpc_id: group.vpc_id.clone(),
        owner_id: group.key.account_id.clone(),
        ..NetworkInterface::default()
    });
    Inventory { interfaces: Some(interfaces.collect()), groups: made, ..Inventory::default() }
}

struct Place {
    index: usize,
    vpc: usize,
    account: CompactString,
    state: u64,
}

impl Place {
    fn new(index: usize) -> Self {
        let vpc = index / GROUPS_PER_VPC;
        let account = vpc / VPCS_PER_REGION / REGIONS.len();
        Self { index, vpc, account: format_compact!("{:012}", 111_122_223_333 + account), state: mix(index as u64) | 1 }
    }

    fn group(&mut self) -> SecurityGroup {
        let role = if self.index.is_multiple_of(GROUPS_PER_VPC) { 0 } else { 1 + self.below(22) };
        let mut rules = self.ingress(role);
        self.egress(role, &mut rules);
        let region = REGIONS.get(self.vpc / VPCS_PER_REGION % REGIONS.len()).copied().unwrap_or_default();
        let name = match role {
            0 => CompactString::const_new("default"),
            1 => format_compact!("launch-wizard-{}", self.index % 40),
            _ => format_compact!("team-production-role{role}-{}", self.index % GROUPS_PER_VPC),
        };
        let tag = |key: &str, value: &str| Tag { key: key.into(), value: value.into() };
        let tags = match role {
            0 | 1 => Tags::new(),
            _ => [tag("Name", &name), tag("Environment", "production"), tag("Owner", "team@example.com")].into(),
        };
        SecurityGroup {
            key: GroupKey { account_id: self.account.clone(), region: region.into(), group_id: group_id(self.index) },
            name,
            description: "Managed by Terraform".into(),
            vpc_id: format_compact!("vpc-{:017x}", self.vpc),
            tags,
            rules,
            ..SecurityGroup::default()
        }
    }

    fn ingress(&mut self, role: usize) -> Vec<Rule> {
        match role {
            0 => vec![into(RuleServices::All, self.reference(self.index))],
            1 if self.percent(30) => vec![tcp(22, v4(ANYWHERE))],
            1 => vec![tcp(22, self.office())],
            2..=4 => self.load_balancer(),
            5..=7 => {
                let mut rules = self.of_neighbours(&[8080, 8443], 2);
                rules.push(tcp(22, v4((10 << 24, 8))));
                rules
            }
            8..=11 => {
                let mut rules = self.of_neighbours(&[3000, 8080, 9000, 50051], 4);
                self.private(&[8080, 8443], &mut rules);
                rules
            }
            12..=14 => self.database(),
            15 => self.of_neighbours(&[6379, 11211], 3),
            16 => self.bastion(),
            17 | 18 => self.node(),
            19 => vec![tcp(443, self.vpc_block())],
            20 | 21 => {
                let rules = 4 + self.below(11);
                partners(rules, self.next())
            }
            _ => {
                let mut rules = Vec::new();
                self.private(&[9090, 9093, 9100], &mut rules);
                rules.push(into(RuleServices::whole(Protocol::ICMP), v4((10 << 24, 8))));
                rules.push(into(RuleServices::Ports(Protocol::UDP, 161, 162), self.vpc_block()));
                rules
            }
        }
    }

    fn egress(&mut self, role: usize, rules: &mut Vec<Rule>) {
        let out = |services, peer| Rule::new(Direction::Egress, services, peer);
        let port = |port| RuleServices::Ports(Protocol::TCP, port, port);
        if role == 0 || self.percent(75) {
            rules.push(out(RuleServices::All, v4(ANYWHERE)));
            if self.percent(20) {
                rules.extend(v6(0, 0).map(|peer| out(RuleServices::All, peer)));
            }
            return;
        }
        rules.push(out(port(443), v4(ANYWHERE)));
        rules.push(out(port(5432), self.vpc_block()));
        rules.push(out(port(443), Peer::PrefixList("pl-63a5400a".into())));
    }

    fn load_balancer(&mut self) -> Vec<Rule> {
        let mut rules = Vec::new();
        if self.percent(55) {
            self.private(&[443], &mut rules);
        } else if self.percent(20) {
            rules.push(tcp(443, Peer::PrefixList("pl-3b927c52".into())));
        } else {
            rules.push(described(tcp(443, v4(ANYWHERE)), "HTTPS from anywhere"));
            if self.percent(50) {
                rules.extend(v6(0, 0).map(|peer| described(tcp(443, peer), "HTTPS from anywhere")));
            }
            if self.percent(40) {
                rules.push(tcp(80, v4(ANYWHERE)));
            }
        }
        rules
    }

    fn database(&mut self) -> Vec<Rule> {
        let port = self.pick(&[5432, 5432, 3306, 1433, 27017]);
        let mut rules = self.of_neighbours(&[port], 4);
        self.private(&[port], &mut rules);
        if self.percent(15) {
            rules.push(tcp(port, self.office()));
        }
        if self.percent(1) {
            rules.push(tcp(port, v4(ANYWHERE)));
        }
        rules
    }

    fn bastion(&mut self) -> Vec<Rule> {
        let offices = 3 + self.below(7);
        let mut rules: Vec<Rule> = (0..offices).map(|_| described(tcp(22, self.office()), "Berlin office")).collect();
        if self.percent(8) {
            rules.push(tcp(22, v4(ANYWHERE)));
        }
        if self.percent(10) {
            let site = u128::from(self.next() >> 48);
            rules.extend(v6((0x2a02_8070 << 96) | (site << 80), 48).map(|peer| tcp(22, peer)));
        }
        rules
    }

    fn node(&mut self) -> Vec<Rule> {
        let mut rules = vec![
            into(RuleServices::All, self.reference(self.index)),
            into(RuleServices::Ports(Protocol::UDP, 53, 53), self.vpc_block()),
            into(RuleServices::Ports(Protocol::TCP, 30_000, 32_767), self.neighbour()),
            into(RuleServices::Ports(Protocol::TCP, 1_025, 65_535), self.neighbour()),
        ];
        rules.extend(self.of_neighbours(&[443, 10250], 2));
        rules
    }

    fn of_neighbours(&mut self, ports: &[u16], most: usize) -> Vec<Rule> {
        let rules = 1 + self.below(most);
        (0..rules)
            .map(|_| {
                let rule = tcp(self.pick(ports), self.neighbour());
                if self.percent(40) { described(rule, "clients") } else { rule }
            })
            .collect()
    }

    fn private(&mut self, ports: &[u16], rules: &mut Vec<Rule>) {
        for port in ports {
            rules.push(tcp(*port, self.vpc_block()));
            if self.percent(50) {
                let (high, low) = (16 + self.next() % 16, self.next() % 256);
                rules.push(tcp(*port, v4(((172 << 24) | narrow(high) << 16 | narrow(low) << 8, 24))));
            }
        }
    }

    fn office(&mut self) -> Peer {
        let first = self.pick(&[13, 52, 81, 93, 151, 185, 193, 212]);
        v4(((u32::from(first) << 24) | (narrow(self.next()) & 0x00ff_ffff), 32))
    }

    fn vpc_block(&self) -> Peer {
        v4(((10 << 24) | (narrow((self.vpc % 200) as u64) << 16), 16))
    }

    /// Another group of the same VPC; rarely one that is gone.
    fn neighbour(&mut self) -> Peer {
        let other = self.vpc * GROUPS_PER_VPC + self.below(GROUPS_PER_VPC);
        if self.percent(1) { self.reference(usize::MAX - other) } else { self.reference(other) }
    }

    fn reference(&self, index: usize) -> Peer {
        let (account, id) = (self.account.clone(), group_id(index));
        Peer::Group(Box::new(GroupReference { account, id, ..GroupReference::default() }))
    }

    /// Xorshift64* (Vigna 2016).
    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).unwrap_or_default().checked_rem(bound).unwrap_or_default()
    }

    fn percent(&mut self, n: usize) -> bool {
        self.below(100) < n
    }

    fn pick(&mut self, list: &[u16]) -> u16 {
        let at = self.below(list.len());
        list.get(at).copied().unwrap_or_default()
    }
}

/// So many rules, each from one public address of its own, none of which touch.
pub(crate) fn partners(rules: usize, seed: u64) -> Vec<Rule> {
    let start = (52 << 24) + ((narrow(seed) & 0xff) << 16);
    let ports = [443, 8443, 5671, 22];
    let numbered = (0..).zip(ports.into_iter().cycle()).take(rules);
    numbered.map(|(number, port): (u32, u16)| tcp(port, v4((start + number * 37, 32)))).collect()
}

pub(crate) fn into(services: RuleServices, peer: Peer) -> Rule {
    Rule::new(Direction::Ingress, services, peer)
}

pub(crate) fn tcp(port: u16, peer: Peer) -> Rule {
    into(RuleServices::Ports(Protocol::TCP, port, port), peer)
}

/// The block that holds an address. A prefix length that is none means the one address.
pub(crate) fn v4((address, prefix): Peer4) -> Peer {
    Cidr::new(address, prefix).or_else(|| Cidr::new(address, 32)).map_or_else(|| Peer::PrefixList("".into()), Peer::V4)
}

pub(crate) fn v6(address: u128, prefix: u8) -> Option<Peer> {
    Cidr::new(address, prefix).map(|block| Peer::V6(Box::new(block)))
}

fn described(rule: Rule, description: &str) -> Rule {
    Rule { description: description.into(), ..rule }
}

fn group_id(index: usize) -> CompactString {
    format_compact!("sg-0{:016x}", mix(index as u64))
}

/// The low 32 bits.
fn narrow(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default()
}

/// Splitmix64: neighbouring numbers end up far apart.
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
