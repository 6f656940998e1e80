//! Rules files: a group's rules as lines of text that people write and review.
//!
//! ```text
//! 52.35.22.100/32:80-443^tcp          # the form that pysec-aws had
//! 52.35.16.0/21:80,443,8000-8100^tcp  # several ranges
//! [2001:db8::/32]:443^tcp             # IPv6 in brackets
//! sg-0123456789abcdef0:5432^tcp       # a group; 111122223333/sg-… in another account
//! pl-0123456789abcdef0:443^tcp        # a prefix list
//! 10.0.0.0/8:8/0^icmp                 # type and code; 8/* any code; * everything
//! egress 0.0.0.0/0:443^tcp            # without egress lines AWS's default egress stays
//! egress none                         # nothing may leave
//! ```
//!
//! The grammar stands in `docs/rules-format.md`. What is wrong with any of several files is told at once.

mod format;
mod line;
mod peer;
mod services;
mod write;

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use portcullis_core::model::{Direction, Peer, Rule};
use portcullis_core::net::{AnyCidr, Cidr, RuleServices};
use portcullis_core::remediation::{fit_description, fits_description};

pub use self::format::format;
pub use self::write::{line_of, write};
use crate::diagnostics::{Diagnostic, Diagnostics, Source, Span, quoted};
use line::{Body, Line};

/// How many rules files may hold together: more than any group can, with room for mistakes.
pub const MAX_RULES: usize = 1_000_000;

/// What the files say of traffic that leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Egress {
    /// Nothing: AWS's default egress, everything to everywhere, stays.
    #[default]
    Default,
    /// `egress none`: nothing may leave.
    Nothing,
    /// What the egress lines say.
    Rules,
}

/// The rules of one or several files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet {
    /// In the order of files and lines, each once. [`Rule::line`] is the line of its file.
    pub rules: Vec<Rule>,
    /// What is said of traffic that leaves; [`Egress::Rules`] when and only when `rules` holds an egress rule.
    pub egress: Egress,
    /// For each rule the index of its file in `files`.
    origins: Vec<u32>,
    files: Vec<Arc<Source>>,
}

/// What was read of files, and what deserves a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// The rules.
    pub set: RuleSet,
    /// Warnings.
    pub warnings: Diagnostics,
}

impl RuleSet {
    /// Rules that come from no file. Egress is what the rules say: none of them means [`Egress::Nothing`], and AWS's
    /// default egress alone means [`Egress::Default`].
    pub fn of(rules: impl IntoIterator<Item = Rule>) -> Self {
        let (egress, mut rules): (Vec<Rule>, Vec<Rule>) =
            rules.into_iter().partition(|rule| rule.direction == Direction::Egress);
        let said = if egress.iter().all(lets_nothing_out) {
            Egress::Nothing
        } else if egress.iter().all(Rule::is_default_egress)
            && egress.iter().any(|rule| matches!(rule.peer, Peer::V4(_)))
        {
            Egress::Default
        } else {
            rules.extend(egress);
            Egress::Rules
        };
        Self::saying(rules, said)
    }

    /// Rules of no file, with what is said of egress beside them.
    pub(crate) fn saying(rules: Vec<Rule>, egress: Egress) -> Self {
        Self { rules, egress, origins: Vec::new(), files: Vec::new() }
    }

    /// The rules of one direction.
    pub fn of_direction(&self, direction: Direction) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.direction == direction)
    }

    /// The egress rule that a group holds beside those that are written: AWS's default where the files say nothing of
    /// egress, and the rule that lets nothing out where they say `egress none`.
    pub fn implied_egress(&self) -> Option<Rule> {
        match self.egress {
            Egress::Default => {
                Cidr::new(0, 0).map(|block| Rule::new(Direction::Egress, RuleServices::All, Peer::V4(block)))
            }
            Egress::Nothing => Some(nothing_out()),
            Egress::Rules => None,
        }
    }

    /// The rules as a group would hold them, with the implied egress.
    pub fn as_held(&self) -> Vec<Rule> {
        self.rules.iter().cloned().chain(self.implied_egress()).collect()
    }

    /// The file that a rule stands in, by the rule's index.
    pub fn file_of(&self, rule: usize) -> Option<&str> {
        let file = usize::try_from(*self.origins.get(rule)?).ok()?;
        self.files.get(file).map(|file| file.name.as_str())
    }
}

/// The rule that lets nothing out: everything to the one address that no packet leaves for.
///
/// A security group of CloudFormation without egress rules gets AWS's default egress, so that something must stand there.
/// Source: AWS CloudFormation User Guide, `AWS::EC2::SecurityGroup`, "Remove default rule".
pub fn nothing_out() -> Rule {
    const LOOPBACK: u32 = 0x7f00_0001;
    let peer = Cidr::new(LOOPBACK, 32).map_or_else(|| Peer::PrefixList("".into()), Peer::V4);
    Rule::new(Direction::Egress, RuleServices::All, peer)
}

/// Whether an egress rule reaches loopback addresses alone, for which no packet leaves.
pub fn lets_nothing_out(rule: &Rule) -> bool {
    rule.direction == Direction::Egress
        && rule.peer.cidr().is_some_and(|block| match block {
            AnyCidr::V4(block) => block.prefix() >= 8 && block.address() >> 24 == 127,
            AnyCidr::V6(block) => block.prefix() == 128 && block.address() == 1,
        })
}

/// Reads files, each given by the name that the user knows it by and its bytes.
///
/// # Errors
///
/// Everything that is wrong with any of them, with warnings among it.
pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Read, Diagnostics> {
    let mut reader = Reader::default();
    for (name, bytes) in files {
        reader.file(name, bytes);
    }
    reader.finish()
}

/// What makes a rule of a file itself.
type Identity = (Direction, RuleServices, Peer);

/// A place of a rule or of `egress none`: file and line.
type Place = (u32, u32);

#[derive(Default)]
struct Reader {
    set: RuleSet,
    /// What makes a rule itself, and where it stands first.
    known: HashMap<Identity, Place, foldhash::fast::RandomState>,
    egress_none: Option<(u32, Span)>,
    messages: Diagnostics,
    is_wrong: bool,
}

impl Reader {
    fn file(&mut self, name: &str, bytes: &[u8]) {
        let source = match Source::new(name, bytes) {
            Ok(source) => Arc::new(source),
            Err(errors) => {
                self.is_wrong = true;
                self.messages.extend(errors);
                return;
            }
        };
        let file = u32::try_from(self.set.files.len()).unwrap_or(u32::MAX);
        self.set.files.push(Arc::clone(&source));
        // Most lines are one rule. A file of nothing but line ends would ask for too much.
        const MOST: usize = 1_024;
        let lines = source.text().bytes().filter(|byte| *byte == b'\n').take(MOST).count() + 1;
        self.known.reserve(lines);
        self.set.rules.reserve(lines);
        self.set.origins.reserve(lines);
        let mut messages = Vec::new();
        for (number, text) in (1u32..).zip(source.text().split('\n')) {
            let mut parser = line::Parser::new(&source, &mut messages);
            let Some(line) = parser.line(text) else { continue };
            self.line(&source, (file, number), line, &mut messages);
            if self.set.rules.len() > MAX_RULES {
                messages.push(Diagnostic::error(
                    span_of(&source, text),
                    format!("more than {MAX_RULES} rules are not read"),
                ));
                break;
            }
        }
        self.is_wrong |= messages.iter().any(|message| message.level == crate::diagnostics::Level::Error);
        if !messages.is_empty() {
            self.messages.extend(Diagnostics::of(&source, messages));
        }
    }

    fn line(&mut self, source: &Source, place: Place, line: Line<'_>, messages: &mut Vec<Diagnostic>) {
        let entry = match line.body {
            Body::Nothing => return,
            Body::EgressNone(part) => {
                let span = span_of(source, part);
                match self.egress_none {
                    Some((file, first)) => messages.push(Diagnostic::warning(
                        span,
                        format!("`egress none` is written twice: it stands at {} already", self.place_of(file, first)),
                    )),
                    None => self.egress_none = Some((place.0, span)),
                }
                return;
            }
            Body::Entry(entry) => entry,
        };
        let description = line.comment.map(|comment| fitted(source, comment, messages)).unwrap_or_default();
        for peer in &entry.peers {
            for services in &entry.services {
                let first = match self.known.entry((entry.direction, *services, peer.clone())) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(place);
                        None
                    }
                    Entry::Occupied(known) => Some(*known.get()),
                };
                let rule = Rule::new(entry.direction, *services, peer.clone());
                if let Some(first) = first {
                    let (first, shown) = (self.name_of(first), write::line_of(&rule));
                    messages.push(Diagnostic::warning(
                        span_of(source, entry.text),
                        format!("{} is written twice: it stands at {first} already, and counts once", quoted(&shown)),
                    ));
                    continue;
                }
                self.set.rules.push(Rule { description: description.as_ref().into(), line: place.1, ..rule });
                self.set.origins.push(place.0);
            }
        }
    }

    fn finish(mut self) -> Result<Read, Diagnostics> {
        let first_egress = self.set.rules.iter().position(|rule| rule.direction == Direction::Egress);
        self.set.egress = match (first_egress, self.egress_none) {
            (Some(rule), Some((file, span))) => {
                let at = self.set.origins.get(rule).copied().unwrap_or_default();
                let at = self.name_of((at, self.set.rules.get(rule).map_or(0, |rule| rule.line)));
                if let Some(source) = self.source(file).cloned() {
                    let error = Diagnostic::error(span, format!("`egress none` contradicts the egress rule at {at}"));
                    let error = error.help("take one of them away");
                    self.messages.extend(Diagnostics::of(&source, vec![error]));
                }
                self.is_wrong = true;
                Egress::Rules
            }
            (Some(_), None) => Egress::Rules,
            (None, Some(_)) => Egress::Nothing,
            (None, None) => Egress::Default,
        };
        if self.is_wrong { Err(self.messages) } else { Ok(Read { set: self.set, warnings: self.messages }) }
    }

    fn source(&self, file: u32) -> Option<&Arc<Source>> {
        self.set.files.get(usize::try_from(file).ok()?)
    }

    fn name_of(&self, (file, line): Place) -> String {
        let name = self.source(file).map(|source| source.name.as_str()).unwrap_or_default();
        format!("{name}:{line}")
    }

    fn place_of(&self, file: u32, span: Span) -> String {
        self.source(file).map(|source| source.place(span)).unwrap_or_default()
    }
}

/// A comment as AWS takes it for a description, with a warning where that is not what was written.
fn fitted<'a>(source: &Source, comment: &'a str, messages: &mut Vec<Diagnostic>) -> Cow<'a, str> {
    // Nearly every comment fits as it stands.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" ._-:/()#,@[]+=&;{}!$*".contains(&byte);
    if comment.len() <= 255 && comment.bytes().all(plain) {
        return Cow::Borrowed(comment);
    }
    let fitted = fit_description(comment);
    if fitted != comment {
        let mut why = Vec::new();
        if comment.chars().count() > 255 {
            why.push("no more than 255 characters".to_owned());
        }
        why.extend(left_out(comment).map(|strange| format!("no {strange}")));
        let warning = format!("AWS takes {} in a description: this one becomes {}", why.join(" and "), quoted(&fitted));
        let help = "letters of the English alphabet, digits, spaces and `._-:/()#,@[]+=&;{}!$*` stay as they are";
        messages.push(Diagnostic::warning(span_of(source, comment), warning).help(help));
    }
    Cow::Owned(fitted)
}

/// The characters of a comment that AWS does not take, each once and in backticks; only the first ones of many.
fn left_out(comment: &str) -> Option<String> {
    const NAMED: usize = 8;
    let mut strange: Vec<char> = Vec::new();
    for character in comment.chars().filter(|character| !fits_description(*character)) {
        if !strange.contains(&character) {
            strange.push(character);
        }
        if strange.len() > NAMED {
            break;
        }
    }
    let more = if strange.len() > NAMED { " and others" } else { "" };
    let named: Vec<String> = strange.iter().take(NAMED).map(|character| format!("`{character}`")).collect();
    let all = match named.as_slice() {
        [rest @ .., last] if !rest.is_empty() && more.is_empty() => format!("{} or {last}", rest.join(", ")),
        named => named.join(", "),
    };
    (!all.is_empty()).then(|| format!("{all}{more}"))
}

/// The place of a part of the source's own text.
fn span_of(source: &Source, part: &str) -> Span {
    let start = (part.as_ptr() as usize).saturating_sub(source.text().as_ptr() as usize);
    Span::new(start, start + part.len())
}

#[cfg(test)]
mod tests;
