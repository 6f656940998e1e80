//! A group in words: what its rules admit together, what each of them adds, and each finding with its arithmetic.

use std::collections::HashSet;
use std::io;

use portcullis_core::controls::redundant_rules;
use portcullis_core::evaluate::boxes;
use portcullis_core::finding::Status;
use portcullis_core::model::{Direction, SecurityGroup};
use portcullis_core::net::{Family, special};
use portcullis_core::policy::{ControlKind, PeerTest};

use super::{COLUMN, INDENT};
use crate::report::{Entry, Report};
use crate::table::{exemption_words, headline};
use crate::terminal::{BOLD, DIM, Label, PLAIN, Screen, Terminal, YELLOW, severity_style, status_style};
use crate::traffic::{by_peers, union, words};
use crate::words::{addresses, family_name, heading, peers_words, rule_line, services_words, share_words};

/// How many blocks, names or ranges of one line are named one by one.
const MOST_NAMES: usize = 8;
/// What each rule adds is worked out for so many rules at most: it compares each with all the others.
const MOST_RULES: usize = 250;

/// Writes why the group is judged as it is. `index` is its place in the inventory; all its findings are told, those within
/// broader ones too, whatever [`Report::statuses`] says of passes.
///
/// # Errors
/// Where `out` fails.
pub fn render(report: &Report<'_>, index: usize, terminal: Terminal, out: &mut impl io::Write) -> io::Result<()> {
    let Some(group) = report.inventory.groups.get(index) else { return Ok(()) };
    let mut screen = Screen::new(terminal, out);
    screen.text(0, BOLD, &heading(group))?;
    if !group.description.is_empty() {
        screen.text(INDENT, DIM, &format!("\"{}\"", group.description))?;
    }
    if let Some(reason) = &group.unreadable {
        screen.text(INDENT, YELLOW, &format!("cannot be judged: {reason}"))?;
    }
    for direction in Direction::ALL {
        admitted(report, group, direction, &mut screen)?;
    }
    rules(report, group, &mut screen)?;
    findings(report, index, &mut screen)
}

/// What the rules of one direction admit together.
fn admitted<W: io::Write>(
    report: &Report<'_>,
    group: &SecurityGroup,
    direction: Direction,
    screen: &mut Screen<'_, W>,
) -> io::Result<()> {
    let boxes = boxes(group, direction, report.inventory);
    let title = match direction {
        Direction::Ingress => "What it lets in, all rules together",
        Direction::Egress => "What it lets out, all rules together",
    };
    screen.blank()?;
    screen.text(0, BOLD, title)?;
    let traffic = union(boxes.iter());
    if traffic.is_empty() {
        return screen.text(INDENT, PLAIN, "nothing");
    }
    for (services, peers) in by_peers(&traffic) {
        let (services, peers) = (services_words(&services, MOST_NAMES), peers_words(peers, MOST_NAMES));
        screen.text(INDENT, PLAIN, &format!("{services} {} {peers}", direction.preposition()))?;
    }
    Ok(())
}

/// Each rule with what it alone admits.
fn rules<W: io::Write>(report: &Report<'_>, group: &SecurityGroup, screen: &mut Screen<'_, W>) -> io::Result<()> {
    if group.rules.is_empty() {
        return Ok(());
    }
    let redundant: HashSet<usize> = redundant_rules(group, report.inventory).into_iter().collect();
    screen.blank()?;
    screen.text(0, BOLD, &format!("Rules ({}, {} redundant)", group.rules.len(), redundant.len()))?;
    for direction in Direction::ALL {
        // Redundant rules can all go, so what a rule adds is measured against the others that stay.
        let boxes = boxes(group, direction, report.inventory);
        let kept: Vec<_> = boxes.iter().filter(|(index, _)| !redundant.contains(index)).collect();
        for own in &boxes {
            let Some(rule) = group.rules.get(own.0) else { continue };
            screen.text(INDENT, PLAIN, &rule_line(rule, report.inventory))?;
            let note = if redundant.contains(&own.0) {
                "redundant: the others admit all of it".to_owned()
            } else if kept.len() > MOST_RULES {
                continue;
            } else {
                let others = kept.iter().copied().filter(|other| other.0 != own.0);
                let overlapping = others.filter(|other| other.1.0.intersection(own.1.0).is_some());
                let all = union(std::iter::once(own));
                let alone = all.difference(&union(overlapping));
                match words(&alone, direction, MOST_NAMES) {
                    nothing if nothing.is_empty() => "adds nothing to the others".to_owned(),
                    _ if alone == all => "adds all of it".to_owned(),
                    part => format!("adds {part}"),
                }
            };
            screen.text(INDENT + 2, DIM, &note)?;
        }
    }
    Ok(())
}

fn findings<W: io::Write>(report: &Report<'_>, index: usize, screen: &mut Screen<'_, W>) -> io::Result<()> {
    let of_group = report.evaluation.findings.iter().filter(|finding| finding.group == index);
    let entries: Vec<Entry<'_>> = of_group.filter_map(|finding| report.entry(finding)).collect();
    screen.blank()?;
    screen.text(0, BOLD, "Findings")?;
    let told: Vec<&Entry<'_>> = entries.iter().filter(|entry| entry.finding.status != Status::Pass).collect();
    if told.is_empty() {
        return screen.text(INDENT, PLAIN, "none");
    }
    for (place, entry) in told.into_iter().enumerate() {
        if place > 0 {
            screen.blank()?;
        }
        let finding = entry.finding;
        let label = match finding.status {
            Status::Fail => {
                Label { text: entry.control.severity.as_str(), style: severity_style(entry.control.severity) }
            }
            status => Label { text: status.as_str(), style: status_style(status) },
        };
        screen.labelled(INDENT, label, COLUMN, PLAIN, &headline(entry))?;
        let mut line = |name: &str, text: &str| {
            let label = Label { text: name, style: DIM };
            if text.is_empty() { Ok(()) } else { screen.labelled(INDENT, label, COLUMN, PLAIN, text) }
        };
        line("why", &finding.reason)?;
        for sum in arithmetic(report, entry) {
            line("measure", &sum)?;
        }
        for (place, rule) in entry.rules().iter().take(MOST_NAMES).enumerate() {
            line(if place == 0 { "rules" } else { "" }, &rule_line(rule, report.inventory))?;
        }
        if let Some(exemption) = entry.exemption {
            line("exempt", &exemption_words(exemption))?;
        }
        line("fix", &finding.remediation)?;
        line("frameworks", &finding.frameworks(entry.control).join(", "))?;
        if let Some(broader) = &finding.implied_by {
            let broader = entries.iter().find(|other| other.finding.id == *broader);
            line("within", broader.map_or("", |broader| broader.control.id.as_str()))?;
        }
        line("finding", &finding.id)?;
    }
    Ok(())
}

/// The public addresses that a finding's worst service admits in each family, beside the threshold that they exceed.
fn arithmetic(report: &Report<'_>, entry: &Entry<'_>) -> Vec<String> {
    let ControlKind::Traffic(rule) = &entry.control.kind else { return Vec::new() };
    let wide = rule.peers.contains(&PeerTest::Wide);
    if !wide && !rule.peers.iter().any(|test| matches!(test, PeerTest::Internet(_))) {
        return Vec::new();
    }
    // A VPC's own blocks are not the internet to its groups.
    let own = report.inventory.vpcs.get(&entry.group.vpc_id).map(|vpc| &vpc.addresses);
    let public = own.map_or_else(|| special::public().clone(), |own| special::public().difference(own));
    let settings = &entry.control.settings;
    let mut lines = Vec::new();
    for family in Family::ALL {
        let segments = entry.finding.traffic.segments().iter();
        let measured = segments.map(|segment| {
            let admitted = segment.peers.addresses.intersection(&public);
            let number = match family {
                Family::Ipv4 => admitted.v4.measure(),
                Family::Ipv6 => admitted.v6.measure(),
            };
            (number, segment.services)
        });
        let Some((most, services)) =
            measured.reduce(|a, b| if b.0 > a.0 { b } else { a }).filter(|(most, _)| *most > 0)
        else {
            continue;
        };
        let threshold = if wide { settings.wide(family) } else { settings.internet(family) };
        let (all, name) = match family {
            Family::Ipv4 => (public.v4.measure(), family_name(family)),
            Family::Ipv6 => (public.v6.measure(), family_name(family)),
        };
        let verdict = if most > threshold { "over" } else { "within" };
        #[expect(clippy::cast_precision_loss, reason = "a share is read to three digits")]
        let share = most as f64 / all as f64;
        lines.push(format!(
            "{}: {} public {name} addresses, {}; {verdict} the threshold of {}",
            services_words(&services.into(), 1),
            addresses(most),
            share_words(share, Some(family)),
            addresses(threshold)
        ));
    }
    lines
}
