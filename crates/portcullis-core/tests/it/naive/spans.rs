//! Addresses as lists of spans, and the few that matter.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Both, Span};

pub(crate) fn sorted(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut out: Vec<Span> = Vec::new();
    for (low, high) in spans {
        match out.last_mut() {
            Some(last) if last.1 == u128::MAX || low <= last.1 + 1 => last.1 = last.1.max(high),
            _ => out.push((low, high)),
        }
    }
    out
}

pub(crate) fn both(a: &[Span], b: &[Span]) -> Vec<Span> {
    let mut out = Vec::new();
    for x in a {
        for y in b {
            if x.0.max(y.0) <= x.1.min(y.1) {
                out.push((x.0.max(y.0), x.1.min(y.1)));
            }
        }
    }
    sorted(out)
}

pub(crate) fn less(a: &[Span], b: &[Span]) -> Vec<Span> {
    let mut left: Vec<Span> = a.to_vec();
    for (low, high) in b {
        left = left
            .into_iter()
            .flat_map(|(from, to)| {
                let before = (from < *low).then(|| (from, to.min(low.wrapping_sub(1))));
                let after = (to > *high).then(|| (from.max(high.wrapping_add(1)), to));
                [before, after]
            })
            .flatten()
            .collect();
    }
    sorted(left)
}

pub(crate) fn size(spans: &[Span]) -> u128 {
    sorted(spans.to_vec()).iter().fold(0, |sum: u128, (low, high)| sum.saturating_add((high - low).saturating_add(1)))
}

pub(crate) fn union(a: &Both, b: &Both) -> Both {
    [0, 1].map(|f| sorted([a[f].clone(), b[f].clone()].concat()))
}

pub(crate) fn minus(a: &Both, b: &Both) -> Both {
    [0, 1].map(|f| less(&a[f], &b[f]))
}

pub(crate) fn meet(a: &Both, b: &Both) -> Both {
    [0, 1].map(|f| both(&a[f], &b[f]))
}

pub(crate) fn nobody(spans: &Both) -> bool {
    spans[0].is_empty() && spans[1].is_empty()
}

pub(crate) fn everybody() -> Both {
    [vec![(0, u32::MAX.into())], vec![(0, u128::MAX)]]
}

pub(crate) fn cidr(text: &str) -> Option<Both> {
    let (address, length) = text.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    let span = |bits: u128, width: u32| {
        let host = if width == length { 0 } else { u128::MAX >> (128 - (width - length)) };
        vec![(bits & !host, bits | host)]
    };
    if let Ok(address) = address.parse::<Ipv4Addr>() {
        return Some([span(u32::from(address).into(), 32), vec![]]);
    }
    Some([vec![], span(address.parse::<Ipv6Addr>().ok()?.into(), 128)])
}

pub(crate) fn cidrs(text: &str) -> Both {
    text.split_whitespace().fold(Both::default(), |all, one| union(&all, &cidr(one.trim_end_matches(',')).unwrap()))
}

/// The internet, from the rows of IANA's registries that say that a block is not globally reachable.
pub(crate) fn internet() -> Both {
    let v4 = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
              192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4";
    let v6 = "2001::/23 2001:db8::/32 3fff::/20";
    let but =
        "192.0.0.9/32 192.0.0.10/32 2001::/32 2001:1::1/128 2001:1::2/128 2001:1::3/128 2001:3::/32 2001:4:112::/48
               2001:20::/28 2001:30::/28";
    let all = union(&cidrs("0.0.0.0/0"), &cidrs("2000::/3"));
    union(&minus(&minus(&all, &cidrs(v4)), &cidrs(v6)), &cidrs(but))
}

pub(crate) fn private() -> Both {
    cidrs("10.0.0.0/8 100.64.0.0/10 172.16.0.0/12 192.168.0.0/16 fc00::/7")
}

pub(crate) fn loopback() -> Both {
    cidrs("127.0.0.0/8 ::1/128")
}
