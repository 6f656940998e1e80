//! A pull reader of JSON that knows where each value stands.
//!
//! `serde_json` tells the place of a syntax fault, but not of a value, and it ends at the first fault. Here every
//! rule needs its line, and a file's faults are told all at once, so the text is read by hand, straight into the
//! model. Escapes are left to `serde_json`, and a property test holds both to the same language.

use std::borrow::Cow;
use std::mem;

/// How deep values may nest, the same as in `serde_json`.
pub(super) const MAX_DEPTH: u32 = 128;

/// What is said of values that nest deeper.
pub(super) const TOO_DEEP: &str = "values nest more than 128 deep here";

/// How many faults of one element are kept; the rest is counted.
const MAX_FAULTS: usize = 20;

/// What is wrong, and at which byte of the element's text.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) message: String,
}

/// `Err` is a fault after which the rest of the element cannot be understood.
pub(super) type Parsed<T> = Result<T, Fault>;

/// A value that an object should hold at most once.
#[derive(Debug)]
pub(super) struct Field<T> {
    pub(super) seen: bool,
    pub(super) at: usize,
    pub(super) value: Option<T>,
}

impl<T> Default for Field<T> {
    fn default() -> Self {
        Self { seen: false, at: 0, value: None }
    }
}

/// Reads one element's text from front to back.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    key_at: usize,
    /// AWS Config writes `groupId` where EC2 writes `GroupId`: with this on, keys are given as EC2 writes them.
    pub(super) camel_case: bool,
    /// Faults after which reading went on.
    pub(super) faults: Vec<Fault>,
    /// How many more there were.
    pub(super) more_faults: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, key_at: 0, camel_case: false, faults: Vec::new(), more_faults: 0 }
    }

    /// Where it stands.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes back to where it stood.
    pub(super) fn rewind(&mut self, at: usize) {
        self.at = at;
    }

    /// Notes a fault and goes on.
    pub(super) fn fault(&mut self, at: usize, message: impl Into<String>) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(Fault { at, message: message.into() });
        } else {
            self.more_faults += 1;
        }
    }

    /// The next byte that is no white space, 0 at the end.
    #[inline]
    pub(super) fn peek(&mut self) -> u8 {
        match self.text.as_bytes().get(self.at) {
            Some(byte) if *byte > b' ' => *byte,
            _ => self.peek_beyond(),
        }
    }

    fn peek_beyond(&mut self) -> u8 {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let blanks = blanks(rest);
        self.at += blanks;
        rest.get(blanks).copied().unwrap_or(0)
    }

    /// Where the next value begins.
    pub(super) fn here(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// A fault here: what was expected, and what stands here instead.
    fn unexpected(&mut self, expected: &str) -> Fault {
        self.peek();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let message = match rest.chars().next() {
            None => format!("the text ends in the middle: {expected} is expected, so it seems cut off"),
            Some(c) if c.is_ascii_alphanumeric() => {
                let word: String = rest.chars().take_while(char::is_ascii_alphanumeric).take(20).collect();
                format!("`{word}` is not JSON here: {expected} is expected")
            }
            Some(c) => format!("`{c}` is not JSON here: {expected} is expected"),
        };
        Fault { at: self.at, message }
    }

    /// Notes that a value is of the wrong type, and leaves it behind.
    pub(super) fn wrong_type(&mut self, name: &str, expected: &str) -> Parsed<()> {
        let first = self.peek();
        let at = self.at;
        self.skip()?;
        let found = match first {
            b'{' => "an object".to_owned(),
            b'[' => "a list".to_owned(),
            b'"' => format!("the string {}", self.text.get(at..self.at).unwrap_or_default().replace('"', "`")),
            _ => format!("`{}`", self.text.get(at..self.at).unwrap_or_default()),
        };
        self.fault(at, format!("{} must be {expected}, found {found}", named(name)));
        Ok(())
    }

    /// Whether a `null` stands here; it is left behind.
    pub(super) fn null(&mut self) -> Parsed<bool> {
        Ok(self.peek() == b'n' && self.literal()? == "null")
    }

    /// A string, `None` for `null` or for a wrong type, which is noted.
    pub(super) fn text(&mut self, name: &str) -> Parsed<Option<Cow<'a, str>>> {
        match self.peek() {
            b'"' => self.string().map(Some),
            _ if self.null()? => Ok(None),
            _ => self.wrong_type(name, "a string").map(|()| None),
        }
    }

    /// A whole number, `None` for `null` or for a wrong type, which is noted.
    pub(super) fn integer(&mut self, name: &str) -> Parsed<Option<i64>> {
        match self.peek() {
            b'-' | b'0'..=b'9' => {
                let at = self.at;
                let number = self.number()?;
                let integer = number.parse::<i64>().ok();
                if integer.is_none() {
                    self.fault(at, format!("{} must be a whole number, found `{number}`", named(name)));
                }
                Ok(integer)
            }
            _ if self.null()? => Ok(None),
            _ => self.wrong_type(name, "a whole number").map(|()| None),
        }
    }

    /// `true` or `false`, `None` for `null` or for a wrong type, which is noted.
    pub(super) fn boolean(&mut self, name: &str) -> Parsed<Option<bool>> {
        match self.peek() {
            b't' | b'f' => Ok(Some(self.literal()? == "true")),
            _ if self.null()? => Ok(None),
            _ => self.wrong_type(name, "`true` or `false`").map(|()| None),
        }
    }

    /// An object: `field` is called at the value of each key and says whether it took it; what it does not take is left
    /// behind. `false` for anything else, which is noted.
    pub(super) fn object(
        &mut self,
        name: &str,
        mut field: impl FnMut(&mut Self, &str) -> Parsed<bool>,
    ) -> Parsed<bool> {
        if self.peek() != b'{' {
            return self.wrong_type(name, "an object").map(|()| false);
        }
        self.at += 1;
        if self.peek() == b'}' {
            self.at += 1;
            return Ok(true);
        }
        loop {
            let key = self.key()?;
            if !field(self, &key)? {
                self.skip()?;
            }
            match self.peek() {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(true);
                }
                _ => return Err(self.unexpected("`,` or `}`")),
            }
        }
    }

    /// A list: `each` is called at each entry. `null` is an empty list; anything else is noted.
    pub(super) fn list(&mut self, name: &str, mut each: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<Option<()>> {
        if self.peek() != b'[' {
            return if self.null()? { Ok(Some(())) } else { self.wrong_type(name, "a list").map(|()| None) };
        }
        self.at += 1;
        if self.peek() == b']' {
            self.at += 1;
            return Ok(Some(()));
        }
        loop {
            each(self)?;
            match self.peek() {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(Some(()));
                }
                _ => return Err(self.unexpected("`,` or `]`")),
            }
        }
    }

    /// Reads the value of the key just met into `field`; a key that stands twice is noted.
    pub(super) fn fill<T>(
        &mut self,
        field: &mut Field<T>,
        key: &str,
        read: impl FnOnce(&mut Self, &str) -> Parsed<Option<T>>,
    ) -> Parsed<bool> {
        if self.again(&mut field.seen, key) {
            return Ok(false);
        }
        field.at = self.here();
        field.value = read(self, key)?;
        Ok(true)
    }

    /// Whether the key just met was `seen` before, which is noted; it is now.
    pub(super) fn again(&mut self, seen: &mut bool, key: &str) -> bool {
        let again = mem::replace(seen, true);
        if again {
            self.fault(
                self.key_at,
                format!("the key `{key}` stands twice in one object: only one of them can be meant"),
            );
        }
        again
    }

    /// Leaves one value of any kind behind, however deep it nests.
    pub(super) fn skip(&mut self) -> Parsed<()> {
        // One bit for each open bracket: 1 for an object, the innermost lowest.
        let (mut depth, mut objects) = (0u32, 0u128);
        loop {
            let first = self.peek();
            match first {
                b'{' | b'[' => {
                    if depth == MAX_DEPTH {
                        return Err(Fault { at: self.at, message: TOO_DEEP.to_owned() });
                    }
                    self.at += 1;
                    if self.peek() == first + 2 {
                        self.at += 1;
                    } else {
                        depth += 1;
                        objects = objects << 1 | u128::from(first == b'{');
                        if first == b'{' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                b'"' => self.string_span().map(drop)?,
                b'-' | b'0'..=b'9' => self.number().map(drop)?,
                _ => self.literal().map(drop)?,
            }
            while depth > 0 {
                let in_object = objects & 1 == 1;
                match self.peek() {
                    b',' => {
                        self.at += 1;
                        if in_object {
                            self.key()?;
                        }
                        break;
                    }
                    b'}' if in_object => self.at += 1,
                    b']' if !in_object => self.at += 1,
                    _ => return Err(self.unexpected(if in_object { "`,` or `}`" } else { "`,` or `]`" })),
                }
                depth -= 1;
                objects >>= 1;
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// One value of any kind, as written.
    pub(super) fn raw(&mut self) -> Parsed<&'a str> {
        let at = self.here();
        self.skip()?;
        Ok(self.text.get(at..self.at).unwrap_or_default())
    }

    /// Notes anything but white space from here to the end.
    pub(super) fn end(&mut self) -> Parsed<()> {
        if self.peek() == 0 && self.at >= self.text.len() { Ok(()) } else { Err(self.unexpected("the end")) }
    }

    /// A key and its colon.
    fn key(&mut self) -> Parsed<Cow<'a, str>> {
        if self.peek() != b'"' {
            return Err(self.unexpected("a key in double quotes"));
        }
        self.key_at = self.at;
        let key = self.string()?;
        if self.peek() != b':' {
            return Err(self.unexpected("`:`"));
        }
        self.at += 1;
        match key.as_bytes().first() {
            Some(first) if self.camel_case && first.is_ascii_lowercase() => {
                let mut capital = key.into_owned();
                if let Some(first) = capital.get_mut(..1) {
                    first.make_ascii_uppercase();
                }
                Ok(Cow::Owned(capital))
            }
            _ => Ok(key),
        }
    }

    /// The string that begins here.
    fn string(&mut self) -> Parsed<Cow<'a, str>> {
        let at = self.at;
        let (inside, escaped) = self.string_span()?;
        if !escaped {
            return Ok(Cow::Borrowed(inside));
        }
        let quoted = self.text.get(at..self.at).unwrap_or_default();
        let unescaped = serde_json::from_str(quoted).map(Cow::Owned);
        unescaped.map_err(|_| Fault { at, message: "a string holds half of a surrogate pair".to_owned() })
    }

    /// What stands between the quotes of the string that begins here, and whether it holds escapes.
    fn string_span(&mut self) -> Parsed<(&'a str, bool)> {
        let (start, bytes) = (self.at + 1, self.text.as_bytes());
        let (mut end, mut escaped) = (start, false);
        loop {
            end = string_stop(bytes, end);
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    end += escape_length(bytes.get(end + 1..).unwrap_or_default()).ok_or_else(|| {
                        let message = "a string holds an escape that JSON does not know".to_owned();
                        Fault { at: end, message }
                    })?;
                }
                Some(_) => {
                    let message = "a string holds a raw control character or line break: write it as an escape";
                    return Err(Fault { at: end, message: message.to_owned() });
                }
                None => {
                    let message = "the text ends in the middle of a string, so it seems cut off";
                    return Err(Fault { at: self.at, message: message.to_owned() });
                }
            }
        }
        self.at = end + 1;
        Ok((self.text.get(start..end).unwrap_or_default(), escaped))
    }

    /// The number that begins here, as written.
    fn number(&mut self) -> Parsed<&'a str> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.bytes().take_while(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).count();
        let number = rest.get(..length).unwrap_or_default();
        if !is_number(number) {
            return Err(Fault { at: self.at, message: format!("`{number}` is no number of JSON") });
        }
        self.at += length;
        Ok(number)
    }

    /// `true`, `false` or `null`, whichever begins here.
    fn literal(&mut self) -> Parsed<&'static str> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let word = rest.get(..length).unwrap_or_default();
        match ["true", "false", "null"].into_iter().find(|literal| *literal == word) {
            Some(literal) => {
                self.at += length;
                Ok(literal)
            }
            None => Err(self.unexpected("a value")),
        }
    }
}

/// A key as errors name it: in backticks, unless it is already words.
fn named(name: &str) -> Cow<'_, str> {
    if name.contains(' ') { Cow::Borrowed(name) } else { Cow::Owned(format!("`{name}`")) }
}

/// The length of an escape with its backslash, after which `rest` comes.
fn escape_length(rest: &[u8]) -> Option<usize> {
    match rest.first() {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Some(2),
        Some(b'u') => rest.get(1..5).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit)).map(|_| 6),
        // Where the text ends, the string's own end is what is missing.
        None => Some(1),
        Some(_) => None,
    }
}

fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text.starts_with('0')) {
        return false;
    }
    let mut rest = text.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = fraction.get(length..).unwrap_or_default();
    }
    let Some(exponent) = rest.strip_prefix(['e', 'E']) else { return rest.is_empty() };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    !exponent.is_empty() && digits(exponent) == exponent.len()
}

/// How many bytes of white space `bytes` begins with. What follows a line break is mostly a run of spaces, so those are
/// taken eight at a time.
pub(super) fn blanks(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match bytes.get(at) {
            Some(b'\n') => {
                at += 1;
                while bytes.get(at..).and_then(<[u8]>::first_chunk) == Some(b"        ") {
                    at += 8;
                }
            }
            Some(b' ' | b'\r' | b'\t') => at += 1,
            _ => return at,
        }
    }
}

/// The first quote, backslash or control character at or after `at`, or the end: eight bytes at a time, by the usual
/// trick that a byte below `n` borrows from its highest bit when `n` is taken from it.
pub(super) fn string_stop(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*chunk);
        let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        let stops = (below(word, 0x20) | quote | backslash) & (ONES << 7);
        if stops != 0 {
            // The lowest mark is exact; only those above it may be borrowed.
            return at + (stops.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f)) {
        at += 1;
    }
    at.min(bytes.len())
}
