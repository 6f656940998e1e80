//! A table for people.

use std::borrow::Cow;
use std::io;
use std::num::NonZeroUsize;

use super::push_address;
use crate::digest::Digest;
use crate::field::Field;
use crate::key::Value;

/// What makes values readable.
pub struct Naming<'a> {
    /// Takes out of a text what could act on a terminal.
    pub clean: &'a dyn Fn(&str) -> Cow<'_, str>,
    /// What an address or an id is known as.
    pub name: &'a dyn Fn(&Field, &Value<'_>) -> Option<String>,
}

/// Writes a line of headings, a rule and the rows up to `top`, as seed reports of flow digests have always looked.
///
/// # Errors
/// Where `out` fails.
pub fn table(
    digest: &Digest,
    top: Option<NonZeroUsize>,
    naming: &Naming<'_>,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let fields = digest.rows.fields();
    let mut lines: Vec<Vec<String>> = Vec::new();
    let top = top.map_or(usize::MAX, NonZeroUsize::get);
    digest.rows.each(|row| {
        if lines.len() == top {
            return Ok(());
        }
        let values = fields.iter().zip(row.values()).map(|(field, value)| cell(field, &value, naming));
        lines.push(std::iter::once(row.totals.flows.to_string()).chain(values).collect());
        Ok(())
    })?;
    let is_number = |index: usize| {
        index == 0 || matches!(fields.get(index - 1).map(Field::kind), Some(crate::field::Kind::Number { .. }))
    };
    let heads: Vec<&str> = std::iter::once("Hits").chain(fields.iter().map(heading)).collect();
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(index, head)| {
            let widest = lines.iter().filter_map(|line| line.get(index)).map(|cell| cell.chars().count()).max();
            // The rule reaches two columns beyond a heading that is wider than what stands below it.
            widest.unwrap_or_default().max(head.chars().count() + 2)
        })
        .collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).enumerate().map(|(index, (cell, width))| {
            if is_number(index) { format!("{cell:>width$}") } else { format!("{cell:width$}") }
        });
        let text = padded.collect::<Vec<_>>().join("  ");
        writeln!(out, "{}", text.trim_end())
    };
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    line(&mut heads.iter().copied())?;
    line(&mut rules.iter().map(String::as_str))?;
    lines.iter().try_for_each(|cells| line(&mut cells.iter().map(String::as_str)))
}

/// What stands above a field's values.
fn heading(field: &Field) -> &str {
    match field.name() {
        "srcaddr" => "From",
        "dstaddr" => "To",
        "action" => "ACCEPT/REJECT",
        "srcport" => "From port",
        "dstport" => "To port",
        "protocol" => "Protocol",
        other => other,
    }
}

fn cell(field: &Field, value: &Value<'_>, naming: &Naming<'_>) -> String {
    let text = match value {
        Value::Absent => "-".to_owned(),
        Value::Number(number) if field.name() == "protocol" => protocol(*number),
        Value::Number(number) => number.to_string(),
        Value::Address(address) => {
            let mut text = Vec::new();
            push_address(&mut text, *address);
            String::from_utf8_lossy(&text).into_owned()
        }
        Value::Text(text) => (naming.clean)(&String::from_utf8_lossy(text)).into_owned(),
    };
    match (naming.name)(field, value) {
        Some(name) => format!("{text} ({})", (naming.clean)(&name)),
        None => text,
    }
}

/// The protocols that nearly all traffic is, by name.
fn protocol(number: u64) -> String {
    match number {
        1 => "icmp".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        58 => "icmpv6".to_owned(),
        other => other.to_string(),
    }
}
