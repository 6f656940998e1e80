//! Mutations of seeds, the same for the same seeds: a failure of one run is a failure of the next.

use std::ops::Range;

/// Past this a mutated input is cut: small inputs reach as much code, and many more of them fit a second.
const MAX_LEN: usize = 8 * 1024;

/// Bytes at the edges of what the formats treat alike.
const EDGES: &[u8] = &[0x00, b'\n', b'"', b'-', b'/', b'0', b'9', b':', b'\\', b'{', b'}', 0x7f, 0x80, 0xff];

/// Numbers at the edges of ports, prefixes, protocols and integers.
const NUMBERS: &[&str] = &["-1", "0", "1", "6", "17", "22", "32", "33", "58", "128", "255", "65535", "65536", "1e999"];

/// An endless supply of inputs near the seeds.
pub(crate) struct Mutator<'a> {
    seeds: &'a [Vec<u8>],
    words: &'a [&'a str],
    state: u64,
}

impl<'a> Mutator<'a> {
    pub(crate) fn new(seeds: &'a [Vec<u8>], words: &'a [&'a str]) -> Self {
        Self { seeds, words, state: 0x9e37_79b9_7f4a_7c15 }
    }

    /// One seed with one to four changes.
    pub(crate) fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.seed().to_vec();
        for _ in 0..=self.below(4) {
            self.change(&mut input);
        }
        input.truncate(MAX_LEN);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        // As often as not a word gives way to a word: most other changes of a text end at its parser's first look.
        if self.below(2) == 0 {
            self.exchange(input);
            return;
        }
        let (from, to) = self.range(input.len());
        match self.below(8) {
            0 => flip(input, from, 1 << self.below(8)),
            1 => insert(input, from, &[self.edge()]),
            2 => insert(input, from, self.word().as_bytes()),
            3 => drop(input.drain(from..to)),
            4 => input.truncate(from),
            5 => {
                let copy = input.get(from..to).unwrap_or_default().to_vec();
                insert(input, from, &copy);
            }
            6 => {
                let other = self.seed();
                let (a, b) = self.range(other.len());
                insert(input, from, other.get(a..b).unwrap_or_default());
            }
            _ => {
                let edge = self.edge();
                if let Some(byte) = input.get_mut(from) {
                    *byte = edge;
                }
            }
        }
    }

    /// Puts a word of some seed, or a number, in the place of a word.
    fn exchange(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len());
        let place = token(input, at);
        let piece = if self.below(3) == 0 {
            let number = self.below(NUMBERS.len());
            NUMBERS.get(number).copied().unwrap_or_default().as_bytes()
        } else {
            let seed = self.seed();
            let at = self.below(seed.len());
            seed.get(token(seed, at)).unwrap_or_default()
        };
        drop(input.splice(place, piece.iter().copied()));
    }

    fn seed(&mut self) -> &'a [u8] {
        let at = self.below(self.seeds.len());
        self.seeds.get(at).map(Vec::as_slice).unwrap_or_default()
    }

    fn edge(&mut self) -> u8 {
        let at = self.below(EDGES.len());
        EDGES.get(at).copied().unwrap_or_default()
    }

    fn word(&mut self) -> &'a str {
        let at = self.below(self.words.len());
        self.words.get(at).copied().unwrap_or_default()
    }

    /// A part of `0..len`, short more often than long.
    fn range(&mut self, len: usize) -> (usize, usize) {
        let from = self.below(len + 1);
        let most = if self.below(4) == 0 { len - from } else { 16.min(len - from) };
        (from, from + self.below(most + 1))
    }

    /// A number below `bound`, or 0. Xorshift64*: small, good enough, and ours for good, so that inputs stay the same.
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let drawn = usize::try_from(self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap_or_default();
        drawn.checked_rem(bound).unwrap_or_default()
    }
}

/// The word around a place: letters, digits and what addresses, ids and dates are made of. Empty between words.
fn token(text: &[u8], at: usize) -> Range<usize> {
    let inside = |byte: &&u8| byte.is_ascii_alphanumeric() || b".:/-_".contains(byte);
    let before = text.get(..at).unwrap_or_default().iter().rev().take_while(inside).count();
    let behind = text.get(at..).unwrap_or_default().iter().take_while(inside).count();
    at - before..at + behind
}

fn flip(input: &mut [u8], at: usize, bits: u8) {
    if let Some(byte) = input.get_mut(at) {
        *byte ^= bits;
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    drop(input.splice(at..at, piece.iter().copied()));
}
