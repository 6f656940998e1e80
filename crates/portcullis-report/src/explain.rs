//! Why, in words: a group's traffic, rules and findings, or what a control is.

mod group;

use std::io;

use crate::controls::ControlDoc;
use crate::terminal::{BOLD, DIM, Label, PLAIN, Screen, Terminal, severity_style};

pub use group::render as render_group;

/// Where labels stand, and how much further the texts beside them.
const INDENT: usize = 2;
const COLUMN: usize = 12;

/// Writes what a control is.
///
/// # Errors
/// Where `out` fails.
pub fn render_control(control: &ControlDoc, terminal: Terminal, out: &mut impl io::Write) -> io::Result<()> {
    let mut screen = Screen::new(terminal, out);
    screen.text(0, BOLD, &control.id)?;
    let severity = Label { text: control.severity.as_str(), style: severity_style(control.severity) };
    screen.labelled(INDENT, severity, COLUMN, PLAIN, &control.title)?;
    let traffic = control.traffic.clone().unwrap_or_default();
    let parts = [
        ("what", one_line(&control.description)),
        ("judges", traffic),
        ("why", one_line(&control.reason)),
        ("fix", one_line(&control.remediation)),
        ("packs", control.packs.join(", ")),
    ];
    for (name, text) in parts.iter().filter(|(_, text)| !text.is_empty()) {
        screen.labelled(INDENT, Label { text: name, style: DIM }, COLUMN, PLAIN, text)?;
    }
    for (number, item) in control.frameworks.iter().enumerate() {
        let name = if number == 0 { "frameworks" } else { "" };
        screen.labelled(INDENT, Label { text: name, style: DIM }, COLUMN, PLAIN, item)?;
    }
    Ok(())
}

/// Prose of a policy file, whose line ends mean nothing.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
