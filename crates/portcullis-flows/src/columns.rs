//! Which field stands in which column: a header line, a format string, or version 2's fourteen.

use crate::field::{Field, is_known};

/// Columns of text records, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<Field>);

/// Why a text names no columns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// No name at all.
    #[error("no field is named: AWS's own format string is expected, such as `${{srcaddr}} ${{dstaddr}} ${{action}}`")]
    Empty,
    /// A word that can be no name of a field.
    #[error(
        "`{0}` is no name of a field: AWS's own format string is expected, such as `${{srcaddr}} ${{dstaddr}} ${{action}}`"
    )]
    NoName(String),
    /// A name that stands twice, so that its values would be ambiguous.
    #[error("the field `{0}` is named twice")]
    Twice(String),
}

impl Default for Columns {
    /// Version 2's, which AWS writes where nobody chose a format.
    fn default() -> Self {
        Self(Field::version_2().collect())
    }
}

impl Columns {
    /// Reads AWS's format string (`${version} ${account-id}`, as `LogFormat` has it) or bare names.
    ///
    /// # Errors
    /// Where there is no name, one that can be none, or one twice.
    pub fn parse(text: &str) -> Result<Self, ColumnsError> {
        let words = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
        let mut fields: Vec<Field> = Vec::new();
        for word in words {
            let name = word.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).unwrap_or(word);
            if !is_name_like(name.as_bytes()) {
                return Err(ColumnsError::NoName(word.to_owned()));
            }
            let field = Field::named(name);
            if fields.contains(&field) {
                return Err(ColumnsError::Twice(field.name().to_owned()));
            }
            fields.push(field);
        }
        if fields.is_empty() { Err(ColumnsError::Empty) } else { Ok(Self(fields)) }
    }

    /// The columns that a header line sets; `None` of a line that is no header.
    ///
    /// A header is made of names alone, at least half of which AWS documents. No record is: none lacks a number, a `-` or
    /// an address in all of its fields, save one of a format of one or two words, which are no fields' names.
    pub(crate) fn of_header(line: &[u8]) -> Option<Self> {
        if !may_be_header(line) {
            return None;
        }
        let tokens = || line.split(|byte| *byte <= b' ').filter(|token| !token.is_empty());
        let (mut all, mut known) = (0_usize, 0_usize);
        for token in tokens() {
            if !is_name_like(token) {
                return None;
            }
            all += 1;
            known += usize::from(is_known(token));
        }
        if known == 0 || known * 2 < all {
            return None;
        }
        let name = |token| std::str::from_utf8(token).map(Field::named);
        tokens().map(name).collect::<Result<_, _>>().map(Self).ok()
    }

    /// The columns, first to last.
    pub fn fields(&self) -> &[Field] {
        &self.0
    }

    /// Where the field of this name stands.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|field| field.name() == name)
    }
}

/// A cheap look that nearly every record fails: names begin with a small letter.
pub(crate) fn may_be_header(line: &[u8]) -> bool {
    line.first().is_some_and(u8::is_ascii_lowercase)
}

/// Small letters and digits with `-` or `_` between them, a letter first.
fn is_name_like(token: &[u8]) -> bool {
    let inner = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    may_be_header(token) && token.len() <= 64 && token.iter().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(columns: &Columns) -> Vec<&str> {
        columns.fields().iter().map(Field::name).collect()
    }

    #[test]
    fn format_strings_and_bare_names_are_read_alike() {
        for text in [
            "${srcaddr} ${flow-direction}",
            "srcaddr flow-direction",
            "srcaddr,flow_direction",
            " ${srcaddr}  flow_direction ",
        ] {
            assert_eq!(Columns::parse(text).as_ref().map(names), Ok(vec!["srcaddr", "flow-direction"]), "{text}");
        }
        assert_eq!(Columns::parse(" "), Err(ColumnsError::Empty));
        assert_eq!(Columns::parse("srcaddr ${dst"), Err(ColumnsError::NoName("${dst".to_owned())));
        assert_eq!(Columns::parse("start start"), Err(ColumnsError::Twice("start".to_owned())));
    }

    #[test]
    fn a_header_is_made_of_names() {
        let header = |line: &str| Columns::of_header(line.as_bytes()).map(|columns| columns.fields().len());
        assert_eq!(header("version account-id interface-id"), Some(3));
        assert_eq!(header("srcaddr"), Some(1));
        assert_eq!(header("a-new-field srcaddr dstaddr\r"), Some(3));
        for record in
            ["2 123456789012 eni-0a", "eni-0a 10.0.0.1", "eni-abc ingress", "Version srcaddr", "", "a b srcaddr"]
        {
            assert_eq!(header(record), None, "{record}");
        }
    }
}
