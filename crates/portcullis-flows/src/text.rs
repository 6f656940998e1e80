//! Text inputs: blocks of whole lines, cut one after the other and parsed side by side.

use std::io::{self, Read};
use std::sync::Arc;

use memchr::{memchr, memchr_iter, memrchr};

use crate::columns::{Columns, may_be_header};
use crate::line::MOST_COLUMNS;

/// How much is cut off at once: it stays in the cache of the core that parses it.
const BLOCK: usize = 1 << 18;

/// What is kept of a line that is longer than a block.
pub(crate) const LONGEST_LINE: usize = 1 << 16;

/// A text as it is read.
pub(crate) struct Stream {
    input: Box<dyn Read + Send>,
    /// What was read behind the last whole line.
    rest: Vec<u8>,
    columns: Arc<Columns>,
    blocks: u64,
    ended: bool,
}

/// What there is to know of a block of lines beside its bytes.
pub(crate) struct Block {
    /// Its number among the input's, from 0 on.
    pub(crate) number: u64,
    /// What its first line's columns are, unless that line sets others.
    pub(crate) columns: Arc<Columns>,
}

impl Stream {
    pub(crate) fn new(input: Box<dyn Read + Send>, columns: Arc<Columns>) -> Self {
        Self { input, rest: Vec::new(), columns, blocks: 0, ended: false }
    }

    /// Fills the buffer with the next lines; `None` where there are none. An error comes with the lines before it, which
    /// are as good as any; half a line before an error is dropped, since nobody knows how it went on.
    pub(crate) fn next(&mut self, buffer: &mut Vec<u8>) -> (Option<Block>, io::Result<()>) {
        if self.ended {
            return (None, Ok(()));
        }
        buffer.clear();
        buffer.append(&mut self.rest);
        let result = self.fill(buffer);
        if result.is_err() {
            self.ended = true;
            buffer.truncate(memrchr(b'\n', buffer).map_or(0, |last| last + 1));
        }
        if buffer.is_empty() {
            return (None, result);
        }
        let block = Block { number: self.blocks, columns: Arc::clone(&self.columns) };
        self.blocks += 1;
        if let Some(columns) = last_header(buffer) {
            self.columns = Arc::new(columns);
        }
        (Some(block), result)
    }

    /// Reads a block and leaves in the buffer what ends with a line's end, or with the input's.
    fn fill(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        while !self.ended {
            self.read(buffer, BLOCK)?;
            if self.ended {
                break;
            }
            if let Some(last) = memrchr(b'\n', buffer) {
                self.rest = buffer.split_off(last + 1);
                break;
            }
            self.skip_line(buffer)?;
        }
        Ok(())
    }

    /// Reads until the buffer holds so much or the input ends.
    fn read(&mut self, buffer: &mut Vec<u8>, until: usize) -> io::Result<()> {
        let wanted = until.saturating_sub(buffer.len());
        let read = self.input.by_ref().take(wanted as u64).read_to_end(buffer)?;
        self.ended = read < wanted;
        Ok(())
    }

    /// Keeps the beginning of a line that fills the buffer, spoilt so that it is no record, and drops the rest of it.
    fn skip_line(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.truncate(LONGEST_LINE);
        buffer.extend_from_slice(&b" .".repeat(MOST_COLUMNS + 1));
        buffer.push(b'\n');
        let mut piece = Vec::new();
        while !self.ended {
            piece.clear();
            self.read(&mut piece, BLOCK)?;
            if let Some(end) = memchr(b'\n', &piece) {
                buffer.extend_from_slice(piece.get(end + 1..).unwrap_or_default());
                break;
            }
        }
        Ok(())
    }
}

/// The columns that the last header line of a block sets.
fn last_header(block: &[u8]) -> Option<Columns> {
    // No record of most formats begins with a small letter. This looks at all bytes alike, which compiles to a few
    // instructions for many of them; lines are looked at one by one only where there is a chance.
    let behind = block.iter().zip(block.iter().skip(1));
    let chance = behind.fold(0, |chance, (end, begin)| {
        chance | (u8::from(*end == b'\n') & u8::from(*begin >= b'a') & u8::from(*begin <= b'z'))
    });
    if chance == 0 {
        let first = block.get(..memchr(b'\n', block).unwrap_or(block.len()))?;
        return Columns::of_header(first);
    }
    let ends = memchr_iter(b'\n', block).chain((block.last() != Some(&b'\n')).then_some(block.len()));
    let mut start = 0;
    let lines = ends.filter_map(|end| {
        let line = block.get(start..end);
        start = end + 1;
        line
    });
    lines.filter(|line| may_be_header(line)).filter_map(Columns::of_header).last()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    /// All blocks' texts, and how the stream ended.
    fn blocks(input: impl Read + Send + 'static) -> (Vec<(Vec<u8>, usize)>, io::Result<()>) {
        let mut stream = Stream::new(Box::new(input), Arc::new(Columns::default()));
        let (mut all, mut buffer) = (Vec::new(), Vec::new());
        loop {
            let (block, result) = stream.next(&mut buffer);
            let Some(block) = block else { return (all, result) };
            assert_eq!(block.number, all.len() as u64);
            all.push((buffer.clone(), block.columns.fields().len()));
            if result.is_err() {
                return (all, result);
            }
        }
    }

    #[test]
    fn blocks_hold_whole_lines_and_lose_nothing() {
        let text: Vec<u8> = (0..60_000).flat_map(|line| format!("line {line}\n").into_bytes()).collect();
        let (blocks, result) = blocks(io::Cursor::new(text.clone()));
        result.unwrap();
        assert!(blocks.len() > 2);
        assert!(blocks.iter().all(|(block, _)| block.ends_with(b"\n")));
        assert_eq!(blocks.into_iter().flat_map(|(block, _)| block).collect::<Vec<_>>(), text);
    }

    #[test]
    fn a_header_sets_the_columns_of_later_blocks() {
        let mut text = b"1 2 3\n".repeat(50_000);
        text.extend_from_slice(b"srcaddr dstaddr\n");
        text.extend(b"1 2 3\n".repeat(100_000));
        let (blocks, _) = blocks(io::Cursor::new(text));
        let columns: Vec<_> = blocks.iter().map(|(_, columns)| *columns).collect();
        assert_eq!(columns, [14, 14, 2, 2]);
    }

    #[test]
    fn a_line_longer_than_a_block_is_cut() {
        let text = [b"first\n".to_vec(), b"x".repeat(3_000_000), b"\nlast".to_vec()].concat();
        let (blocks, _) = blocks(io::Cursor::new(text));
        let text: Vec<u8> = blocks.into_iter().flat_map(|(block, _)| block).collect();
        assert!(text.len() < 2 * LONGEST_LINE);
        assert_eq!(text.split(|byte| *byte == b'\n').count(), 3);
        assert!(text.starts_with(b"first\n") && text.ends_with(b"\nlast"));
    }

    #[test]
    fn half_a_line_before_an_error_is_dropped() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        }
        let (blocks, result) = blocks(io::Cursor::new(b"one\ntwo\nthr".to_vec()).chain(Fails));
        assert!(result.is_err());
        let [(text, _)] = blocks.as_slice() else { panic!("{blocks:?}") };
        assert_eq!(text, b"one\ntwo\n");
    }
}
