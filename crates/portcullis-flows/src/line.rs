//! Lines cut into tokens, eight bytes at a time.

/// More columns than any format has; a line of more is malformed, and how many it has is counted all the same.
pub(crate) const MOST_COLUMNS: usize = 128;

/// The tokens of one line.
#[derive(Debug)]
pub(crate) struct Tokens<'a> {
    block: &'a [u8],
    spans: &'a [(u32, u32); MOST_COLUMNS],
    /// How many there are.
    pub(crate) count: usize,
    line: (usize, usize),
}

impl<'a> Tokens<'a> {
    pub(crate) fn get(&self, column: usize) -> &'a [u8] {
        let (start, end) = self.span(column);
        self.block.get(start..end).unwrap_or_default()
    }

    /// Sixteen bytes from a token's first on, and its length; bytes behind it are what follows it in the block.
    pub(crate) fn sixteen(&self, column: usize) -> ([u8; 16], usize) {
        let (start, end) = self.span(column);
        let from = self.block.get(start..).unwrap_or_default();
        let bytes = match from.first_chunk() {
            Some(bytes) => *bytes,
            None => {
                let mut bytes = [0; 16];
                bytes.iter_mut().zip(from).for_each(|(to, byte)| *to = *byte);
                bytes
            }
        };
        (bytes, end - start)
    }

    fn span(&self, column: usize) -> (usize, usize) {
        // A column beyond the last was refused by its count before.
        let (start, end) = self.spans.get(column).copied().unwrap_or_default();
        (start as usize, end as usize)
    }

    /// The whole line, without its end.
    pub(crate) fn line(&self) -> &'a [u8] {
        self.block.get(self.line.0..self.line.1).unwrap_or_default()
    }
}

/// Where a block is being cut.
struct Cut {
    spans: [(u32, u32); MOST_COLUMNS],
    count: usize,
    /// Where the token begins that has not ended yet.
    start: usize,
    /// Where the line begins.
    line: usize,
}

/// Gives each line's tokens. Blanks and control characters part tokens; a carriage return before the line's end is one.
/// A block is smaller than 4 GB.
pub(crate) fn each_line(block: &[u8], mut visit: impl FnMut(&Tokens<'_>)) {
    let mut cut = Cut { spans: [(0, 0); MOST_COLUMNS], count: 0, start: 0, line: 0 };
    let (words, tail) = block.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let mut found = delimiters(word);
        while found != 0 {
            let bit = found.trailing_zeros() & !7;
            found &= found - 1;
            cut.token(index * 8 + bit as usize / 8);
            if word >> bit & 0xff == u64::from(b'\n') {
                cut.line(block, &mut visit);
            }
        }
    }
    for (index, byte) in tail.iter().enumerate().filter(|(_, byte)| **byte <= b' ') {
        cut.token(words.len() * 8 + index);
        if *byte == b'\n' {
            cut.line(block, &mut visit);
        }
    }
    if !block.is_empty() && block.last() != Some(&b'\n') {
        cut.token(block.len());
        cut.line(block, &mut visit);
    }
}

impl Cut {
    /// Ends a token, if there is one before this place.
    #[inline(always)]
    fn token(&mut self, at: usize) {
        if at > self.start {
            if let Some(span) = self.spans.get_mut(self.count) {
                #[expect(clippy::cast_possible_truncation, reason = "a block is smaller than 4 GB")]
                {
                    *span = (self.start as u32, at as u32);
                }
            }
            self.count += 1;
        }
        self.start = at + 1;
    }

    /// Ends a line whose last token was ended.
    #[inline]
    fn line(&mut self, block: &[u8], visit: &mut impl FnMut(&Tokens<'_>)) {
        visit(&Tokens { block, spans: &self.spans, count: self.count, line: (self.line, self.start - 1) });
        self.count = 0;
        self.line = self.start;
    }
}

/// The high bit of each byte that is a blank or a control character.
fn delimiters(word: u64) -> u64 {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // With its high bit set no byte borrows from the next; it loses that bit if it was below 0x21.
    !((word | HIGH) - 0x2121_2121_2121_2121) & !word & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &[u8]) -> Vec<(Vec<Vec<u8>>, Vec<u8>)> {
        let mut lines = Vec::new();
        each_line(text, |tokens| {
            lines.push(((0..tokens.count).map(|column| tokens.get(column).to_vec()).collect(), tokens.line().to_vec()));
        });
        lines
    }

    /// The same, a byte at a time.
    fn naively(text: &[u8]) -> Vec<(Vec<Vec<u8>>, Vec<u8>)> {
        let body = text.strip_suffix(b"\n").unwrap_or(text);
        if text.is_empty() {
            return Vec::new();
        }
        let tokens = |line: &[u8]| {
            line.split(|byte| *byte <= b' ').filter(|token| !token.is_empty()).map(<[u8]>::to_vec).collect()
        };
        body.split(|byte| *byte == b'\n').map(|line| (tokens(line), line.to_vec())).collect()
    }

    #[test]
    fn sixteen_bytes_are_there_even_at_the_end() {
        let mut seen = Vec::new();
        each_line(b"ab cd", |tokens| seen.extend((0..2).map(|column| tokens.sixteen(column))));
        assert_eq!(
            seen.iter().map(|(bytes, length)| (&bytes[..2], *length)).collect::<Vec<_>>(),
            [(&b"ab"[..], 2), (b"cd", 2)]
        );
    }

    proptest! {
        #[test]
        fn lines_are_cut_as_a_naive_reader_cuts_them(text in "[ab0-9 \t\r\n\u{e9}\u{1}\u{21}-]{0,80}") {
            prop_assert_eq!(lines(text.as_bytes()), naively(text.as_bytes()));
        }
    }
}
