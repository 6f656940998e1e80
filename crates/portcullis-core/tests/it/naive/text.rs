//! Worlds and controls from the lines that fixtures are written in.

use super::*;

pub(crate) fn protocol(text: &str) -> u16 {
    match text {
        "icmp" => 1,
        "tcp" => 6,
        "udp" => 17,
        "icmpv6" => 58,
        number => number.parse().unwrap(),
    }
}

fn peer(text: &str) -> Peer {
    match text.trim() {
        text if text.starts_with("pl-") => Peer::List(text.to_owned()),
        text if text.contains("sg-") => Peer::Group(text.to_owned()),
        text => Peer::Spans(cidr(text).unwrap_or_else(|| panic!("`{text}` is no block"))),
    }
}

fn ports(protocol: u16, text: &str) -> (u32, u32) {
    if text == "all" {
        return (0, 65535);
    }
    if protocol == 1 || protocol == 58 {
        let (kind, code) = text.split_once('/').unwrap_or((text, "*"));
        let kind = kind.parse::<u32>().unwrap() * 256;
        return if code == "*" { (kind, kind + 255) } else { [kind + code.parse::<u32>().unwrap(); 2].into() };
    }
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    (low.parse().unwrap(), high.parse().unwrap())
}

pub(crate) fn world(text: &str) -> World {
    let mut world = World::default();
    world.names.insert("sg-1".to_owned(), "1".to_owned());
    for line in text.lines().map(|line| line.split('#').next().unwrap().trim()).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "vpc" => world.vpc = cidrs(&words[1..].join(" ")),
            "list" if words[2] == "=" => {
                let list = List { spans: cidrs(&words[3..].join(" ")), read: true };
                world.lists.insert(words[1].to_owned(), list);
            }
            "list" => {
                let mut spans = everybody();
                match words.get(3) {
                    Some(&"ipv4") => spans[1].clear(),
                    Some(&"ipv6") => spans[0].clear(),
                    _ => {}
                }
                world.lists.insert(words[1].to_owned(), List { spans, read: false });
            }
            "group" => _ = world.names.insert(words[1].to_owned(), words[3].to_owned()),
            "tag" => {}
            direction => {
                let at = words.iter().position(|word| matches!(*word, "from" | "to")).unwrap();
                let (protocols, ports) = match words[1] {
                    "all" | "-1" => ((0, 255), (0, 65535)),
                    name => (
                        [protocol(name); 2].into(),
                        ports(protocol(name), words.get(2).filter(|_| at > 2).unwrap_or(&"all")),
                    ),
                };
                let ingress = direction == "ingress";
                let peers = words[at + 1..].join(" ");
                world.rules.extend(peers.split(',').map(|text| Rule { ingress, protocols, ports, peer: peer(text) }));
            }
        }
    }
    world
}

pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for part in text.split('+') {
        let (name, list) = part.split_once(':').unwrap_or((part, ""));
        if name == "all" {
            blocks.push(((0, 255), (0, 65535)));
        } else if let Some((low, high)) = name.split_once('-') {
            blocks.push(((low.parse().unwrap(), high.parse().unwrap()), (0, 65535)));
        } else if list.is_empty() {
            blocks.push(([protocol(name); 2].into(), (0, 65535)));
        } else {
            for piece in list.split(',') {
                let (low, high) = piece.split_once('-').unwrap_or((piece, piece));
                let of = |text: &str| {
                    if matches!(name, "icmp" | "icmpv6") {
                        ports(protocol(name), text)
                    } else {
                        [text.parse().unwrap(); 2].into()
                    }
                };
                blocks.push(([protocol(name); 2].into(), (of(low).0, of(high).1)));
            }
        }
    }
    blocks
}

fn peer_list(text: &str) -> Vec<Peer> {
    text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(peer).collect()
}

pub(crate) fn control(text: &str) -> Control {
    let words: Vec<&str> = text.splitn(6, ' ').collect();
    let test = |text: &str| match text.trim() {
        "internet" => Test::Internet([true, true]),
        "ipv4" => Test::Internet([true, false]),
        "ipv6" => Test::Internet([false, true]),
        "wide" => Test::Wide,
        "any" => Test::Any,
        text => match text.strip_prefix("outside ") {
            Some(allowed) => Test::Outside(peer_list(allowed)),
            None => Test::Overlap(peer_list(text)),
        },
    };
    Control {
        id: words[0].to_owned(),
        ingress: words[2] == "ingress",
        services: blocks(words[3]),
        matching: words[4].to_owned(),
        tests: words[5].split('|').map(test).collect(),
        allowed: Vec::new(),
    }
}

/// `tcp:22 anyone`, `tcp:22 named web` or `tcp:22 10.0.0.0/8, pl-a`.
pub(crate) fn allowed(text: &str) -> (Vec<Block>, Allowed) {
    let (services, who) = text.split_once(' ').unwrap();
    let who = match who.strip_prefix("named ") {
        Some(start) => Allowed::Named(start.to_owned()),
        None if who == "anyone" => Allowed::Anyone,
        None => Allowed::Only(peer_list(who)),
    };
    (blocks(services), who)
}
