//! Names, tags and descriptions are written by whoever owns a group. Here they lose what could act on a reader: escape
//! sequences, control characters, text that turns the reading direction or hides itself, formulas, markup.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter};

/// Whether a character acts on a terminal or a reader instead of being read.
///
/// Control characters (C0, DEL, C1), line and paragraph separators, marks and overrides of the reading direction (Unicode
/// Standard Annex 9), characters without width that hide or split words, variation selectors, and tag characters.
pub const fn is_active(character: char) -> bool {
    matches!(character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a text is of printable ASCII alone, as nearly all are: told without looking at single characters.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// The text with every active character spelled out: `\n`, `\x1b`, `\u202e`. Safe on one line of a terminal.
pub fn neutral(text: &str) -> Cow<'_, str> {
    if is_plain(text) || !text.contains(is_active) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            _ if is_active(character) => spell(character, &mut safe),
            _ => safe.push(character),
        }
    }
    Cow::Owned(safe)
}

fn spell(character: char, into: &mut String) {
    let number = u32::from(character);
    // Writing to a string cannot fail.
    let _ = match number {
        0..=0xff => write!(into, "\\x{number:02x}"),
        0x100..=0xffff => write!(into, "\\u{number:04x}"),
        _ => write!(into, "\\U{number:08x}"),
    };
}

/// The text as a spreadsheet's cell: neutral, and behind a `'` where a spreadsheet would take it for a formula.
///
/// Spreadsheets evaluate a cell that begins with `=`, `+`, `-` or `@`, some also behind blanks, tabs or line ends, and some
/// take the full-width forms too (OWASP, "CSV Injection").
pub fn cell(text: &str) -> Cow<'_, str> {
    let first = text.trim_start().chars().next();
    let formula = matches!(first, Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠'));
    if formula || text.starts_with(['\t', '\r', '\n']) {
        return Cow::Owned(format!("'{}", neutral(text)));
    }
    neutral(text)
}

/// Untrusted text as Markdown code that also holds in a table's cell: shown as it is, whatever it contains.
///
/// Only text without any special character becomes a code span; a backslash before a `|` within a span is read differently
/// by different parsers, so the rest is spelled with character references.
pub fn markdown_code(text: &str) -> String {
    let safe = neutral(text);
    if safe.is_empty() {
        return String::new();
    }
    let plain = |c: char| {
        c.is_alphanumeric() || matches!(c, '.' | ',' | ':' | '/' | '-' | '_' | '=' | '(' | ')' | '+' | '#' | ' ')
    };
    if safe.chars().all(plain) && safe.trim() == safe {
        return format!("`{safe}`");
    }
    let mut code = String::from("<code>");
    for character in safe.chars() {
        if character.is_alphanumeric() || matches!(character, ' ' | '.' | '-') {
            code.push(character);
        } else {
            let _ = write!(code, "&#{};", u32::from(character));
        }
    }
    code.push_str("</code>");
    code
}

/// Prose as Markdown: no markup, no HTML, no cell border, no mention of a person or issue, no link. What stands between two
/// backticks becomes code.
pub fn markdown_text(text: &str) -> String {
    let safe = neutral(text);
    let parts: Vec<&str> = safe.split('`').collect();
    // An even number of parts means that the last backtick has no partner.
    let paired = if parts.len().is_multiple_of(2) { parts.len() - 1 } else { parts.len() };
    let mut prose = String::with_capacity(safe.len() + 8);
    for (place, part) in parts.iter().enumerate() {
        match (place % 2 == 1, place < paired) {
            (true, true) => prose.push_str(&markdown_code(part)),
            (true, false) => {
                prose.push_str("&#96;");
                escape_prose(part, &mut prose);
            }
            (false, _) => escape_prose(part, &mut prose),
        }
    }
    prose
}

fn escape_prose(text: &str, prose: &mut String) {
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        match character {
            '@' | '#' => {
                // An empty comment behind the sign keeps it from being read as a mention.
                let _ = write!(prose, "&#{};<!-- -->", u32::from(character));
            }
            // `://` and `www.` would become links by themselves.
            '/' if before == ':' && characters.peek() == Some(&'/') => prose.push_str("<!-- -->/"),
            '.' if ends_with_www(prose) => prose.push_str("<!-- -->."),
            '\\' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '$' => {
                let _ = write!(prose, "&#{};", u32::from(character));
            }
            _ => prose.push(character),
        }
        before = character;
    }
}

fn ends_with_www(prose: &str) -> bool {
    let start = prose.len().checked_sub(3);
    start.and_then(|start| prose.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

/// Text of a SARIF message: neutral, with brackets and braces, which mean links and placeholders there, escaped
/// (SARIF 2.1.0, sections 3.11.5 and 3.11.6).
pub fn sarif_text(text: &str) -> String {
    let safe = neutral(text);
    let mut message = String::with_capacity(safe.len());
    for character in safe.chars() {
        match character {
            '[' | ']' | '\\' => message.extend(['\\', character]),
            '{' | '}' => message.extend([character, character]),
            _ => message.push(character),
        }
    }
    message
}

/// JSON in which active characters that JSON itself lets through (DEL, C1, direction marks, …) are escapes: the values are
/// the same, but the text can be printed.
#[derive(Clone, Debug)]
pub struct Escaping<F>(F);

/// Indented, for documents.
pub fn pretty_json() -> Escaping<PrettyFormatter<'static>> {
    Escaping(PrettyFormatter::new())
}

/// On one line.
pub fn compact_json() -> Escaping<CompactFormatter> {
    Escaping(CompactFormatter)
}

macro_rules! delegate {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $name<W: ?Sized + io::Write>(&mut self, writer: &mut W $(, $argument: $type)*) -> io::Result<()> {
            self.0.$name(writer $(, $argument)*)
        }
    )*};
}

impl<F: Formatter> Formatter for Escaping<F> {
    delegate! {
        begin_array(); end_array(); begin_array_value(first: bool); end_array_value();
        begin_object(); end_object(); begin_object_key(first: bool); end_object_key();
        begin_object_value(); end_object_value(); write_char_escape(escape: CharEscape);
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if is_plain(fragment) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some(at) = rest.find(is_active) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            let mut characters = from.chars();
            if let Some(character) = characters.next() {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn active_characters_are_spelled_out() {
        let check = |input: &str, expected: &str| assert_eq!(neutral(input), expected);
        check("web-frontend ünïcödé 漢字", "web-frontend ünïcödé 漢字");
        check("\u{1b}[31mred\u{1b}[0m", "\\x1b[31mred\\x1b[0m");
        check("a\nb\r\tc\0", "a\\nb\\r\\tc\\x00");
        check("\u{9b}2J\u{7f}", "\\x9b2J\\x7f");
        check("\u{202e}gpj.exe\u{2066}", "\\u202egpj.exe\\u2066");
        check("ad\u{200b}min\u{feff}\u{e0041}", "ad\\u200bmin\\ufeff\\U000e0041");
    }

    #[test]
    fn a_formula_is_no_formula_behind_a_quote() {
        let check = |input: &str, expected: &str| assert_eq!(cell(input), expected);
        check("=HYPERLINK(\"http://evil\")", "'=HYPERLINK(\"http://evil\")");
        check("+1", "'+1");
        check("-1", "'-1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\t=1", "'\\t=1");
        check("\r=1", "'\\r=1");
        check("  =1", "'  =1");
        check("＝1", "'＝1");
        check("web=1", "web=1");
        check("", "");
    }

    #[test]
    fn markdown_cannot_be_broken_out_of() {
        let code = |input: &str, expected: &str| assert_eq!(markdown_code(input), expected);
        code("ingress tcp 22 from 0.0.0.0/0", "`ingress tcp 22 from 0.0.0.0/0`");
        code("a|b", "<code>a&#124;b</code>");
        code("`</code><img src=x>", "<code>&#96;&#60;&#47;code&#62;&#60;img src&#61;x&#62;</code>");
        code("a\nb", "<code>a&#92;nb</code>");
        let text = |input: &str, expected: &str| assert_eq!(markdown_text(input), expected);
        text("a | b", "a &#124; b");
        text("`sg|1` and ` alone", "<code>sg&#124;1</code> and &#96; alone");
        text("from ::/0", "from ::/0");
        text("<b>*x*</b> [l](u)", "&#60;b&#62;&#42;x&#42;&#60;/b&#62; &#91;l&#93;(u)");
        text("ask @ops about #7", "ask &#64;<!-- -->ops about &#35;<!-- -->7");
        text("https://evil.example", "https:<!-- -->//evil.example");
        text("www.evil.example", "www<!-- -->.evil.example");
    }

    #[test]
    fn sarif_messages_hold_no_links() {
        assert_eq!(sarif_text("[x](http://evil) {0}"), "\\[x\\](http://evil) {{0}}");
    }

    fn json(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, compact_json());
        serde::Serialize::serialize(text, &mut serializer).ok();
        String::from_utf8(bytes).unwrap_or_default()
    }

    proptest! {
        #[test]
        fn nothing_active_survives(text in "\\PC*|.*|[\\x00-\\x1f\u{7f}-\u{a0}\u{200b}-\u{206f}a|`<>=]*") {
            for safe in [&neutral(&text), &cell(&text), markdown_code(&text).as_str(), &markdown_text(&text), &sarif_text(&text)] {
                prop_assert!(!safe.contains(is_active), "{safe:?}");
            }
            for safe in [markdown_code(&text), markdown_text(&text)] {
                prop_assert!(!safe.contains('|'), "{safe:?}");
            }
            prop_assert!(!cell(&text).starts_with(['=', '+', '-', '@']));
        }

        #[test]
        fn json_means_the_same_and_can_be_printed(text in ".*|[\\x00-\\x1f\u{7f}-\u{a0}\u{200b}-\u{206f}\u{e0000}-\u{e0fff}\"\\\\]*") {
            let written = json(&text);
            prop_assert!(!written.contains(is_active), "{written:?}");
            prop_assert_eq!(serde_json::from_str::<String>(&written).ok(), Some(text));
        }
    }
}
