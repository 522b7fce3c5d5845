//! A walk over JSON text that checks grammar and depth and builds nothing.
//!
//! Every packet passes here once, and what it holds is cut out of its text at the places found. The grammar is that of
//! RFC 8259. As in `serde_json`, half a surrogate pair and a number beyond a double are left to whoever decodes the
//! value they stand in.

/// Why a text is not the JSON that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Invalid {
    Grammar,
    Depth,
}

/// The one value of a text, without the space around it. It may nest `depth_max` deep.
pub(crate) fn value(text: &str, depth_max: usize) -> Result<&str, Invalid> {
    let mut scan = Scan::new(text);
    let value = scan.value(depth_max)?;
    scan.end()?;
    Ok(value)
}

/// Gives each element of the one array of a text, which may nest `depth_max` deep with it.
pub(crate) fn elements<'a>(
    text: &'a str,
    depth_max: usize,
    mut take: impl FnMut(&'a str),
) -> Result<(), Invalid> {
    listed(text, (b'[', b']'), |scan| {
        take(scan.value(depth_max.saturating_sub(1))?);
        Ok(())
    })
}

/// Gives each member of the one object of a text, which may nest `depth_max` deep with it: the key as it stands between
/// its quotes, the value, and where the value begins.
pub(crate) fn members<'a>(
    text: &'a str,
    depth_max: usize,
    mut take: impl FnMut(&'a str, &'a str, usize),
) -> Result<(), Invalid> {
    listed(text, (b'{', b'}'), |scan| scan.member(depth_max, &mut take))
}

/// The same for an object whose beginning was walked over before, up to the value at `at` of the member `key`.
pub(crate) fn members_from<'a>(
    text: &'a str,
    (key, at): (&'a str, usize),
    depth_max: usize,
    mut take: impl FnMut(&'a str, &'a str, usize),
) -> Result<(), Invalid> {
    let mut scan = Scan { text, at };
    scan.member_value(key, depth_max, &mut take)?;
    scan.rest_of_list(b'}', |scan| scan.member(depth_max, &mut take))
}

/// Walks over a text that is one pair of brackets, and over what stands between them with commas in between.
fn listed<'a>(
    text: &'a str,
    (open, close): (u8, u8),
    mut next: impl FnMut(&mut Scan<'a>) -> Result<(), Invalid>,
) -> Result<(), Invalid> {
    let mut scan = Scan::new(text);
    scan.expect(open)?;
    if scan.skip(close) {
        return scan.end();
    }
    next(&mut scan)?;
    scan.rest_of_list(close, next)
}

/// What stands between the quotes of a string, where it stands there as it is meant: without an escape.
pub(crate) fn plain_string(value: &str) -> Option<&str> {
    let inside = value.strip_prefix('"')?.strip_suffix('"')?;
    (!inside.contains('\\')).then_some(inside)
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Walks over one value and the space before it.
    fn value(&mut self, depth_max: usize) -> Result<&'a str, Invalid> {
        self.space();
        let start = self.at;
        let mut open = Open::default();
        loop {
            self.space();
            match self.next()? {
                b'"' => self.string()?,
                bracket @ (b'{' | b'[') => {
                    let is_object = bracket == b'{';
                    open.enter(is_object, depth_max)?;
                    if !self.skip(if is_object { b'}' } else { b']' }) {
                        if is_object {
                            self.key()?;
                        }
                        continue;
                    }
                    open.leave();
                }
                b'-' => {
                    let first = self.next()?;
                    self.number(first)?;
                }
                first @ b'0'..=b'9' => self.number(first)?,
                b't' => self.literal("rue")?,
                b'f' => self.literal("alse")?,
                b'n' => self.literal("ull")?,
                _ => return Err(Invalid::Grammar),
            }
            if self.after_value(&mut open)? {
                return Ok(&self.text[start..self.at]);
            }
        }
    }

    /// Closes what ends here; gives whether that was the last. If not, the next value begins.
    fn after_value(&mut self, open: &mut Open) -> Result<bool, Invalid> {
        while open.depth > 0 {
            self.space();
            match (self.next()?, open.is_object()) {
                (b',', is_object) => {
                    if is_object {
                        self.key()?;
                    }
                    return Ok(false);
                }
                (b'}', true) | (b']', false) => open.leave(),
                _ => return Err(Invalid::Grammar),
            }
        }
        Ok(true)
    }

    /// A member's key with its colon; gives what stands between the quotes.
    fn key(&mut self) -> Result<&'a str, Invalid> {
        self.expect(b'"')?;
        let start = self.at;
        self.string()?;
        let key = &self.text[start..self.at - 1];
        self.expect(b':')?;
        Ok(key)
    }

    /// A member of an object that may nest `depth_max` deep.
    fn member(
        &mut self,
        depth_max: usize,
        take: &mut impl FnMut(&'a str, &'a str, usize),
    ) -> Result<(), Invalid> {
        let key = self.key()?;
        self.member_value(key, depth_max, take)
    }

    fn member_value(
        &mut self,
        key: &'a str,
        depth_max: usize,
        take: &mut impl FnMut(&'a str, &'a str, usize),
    ) -> Result<(), Invalid> {
        let value = self.value(depth_max.saturating_sub(1))?;
        take(key, value, self.at - value.len());
        Ok(())
    }

    /// What comes after one element of a list, to its end and that of the text.
    fn rest_of_list(
        &mut self,
        close: u8,
        mut next: impl FnMut(&mut Self) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        while !self.skip(close) {
            self.expect(b',')?;
            next(self)?;
        }
        self.end()
    }

    /// The rest of a string whose first quote was read.
    fn string(&mut self) -> Result<(), Invalid> {
        loop {
            self.plain();
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => self.escape()?,
                // A control character.
                _ => return Err(Invalid::Grammar),
            }
        }
    }

    /// Goes to the next byte of a string that means something: a quote, a backslash or a control character. Eight bytes
    /// at a time, as payloads are mostly strings.
    fn plain(&mut self) {
        const ONES: u64 = u64::from_ne_bytes([1; 8]);
        const HIGH: u64 = ONES << 7;
        let bytes = self.text.as_bytes();
        while let Some(chunk) = bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*chunk);
            // A borrow can only mark bytes after one that is truly marked, and the first is what counts.
            let zero = |word: u64| word.wrapping_sub(ONES) & !word;
            let quote = zero(word ^ (ONES * u64::from(b'"')));
            let backslash = zero(word ^ (ONES * u64::from(b'\\')));
            let control = word.wrapping_sub(ONES * 0x20) & !word;
            let marked = (quote | backslash | control) & HIGH;
            if marked != 0 {
                self.at += (marked.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
        while bytes.get(self.at).is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)) {
            self.at += 1;
        }
    }

    fn escape(&mut self) -> Result<(), Invalid> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => {
                let digits = self.text.as_bytes().get(self.at..self.at + 4).ok_or(Invalid::Grammar)?;
                self.at += 4;
                if digits.iter().all(u8::is_ascii_hexdigit) { Ok(()) } else { Err(Invalid::Grammar) }
            }
            _ => Err(Invalid::Grammar),
        }
    }

    /// The rest of a number whose first digit was read.
    fn number(&mut self, first: u8) -> Result<(), Invalid> {
        match first {
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            _ => return Err(Invalid::Grammar),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn some_digits(&mut self) -> Result<(), Invalid> {
        let before = self.at;
        self.digits();
        if self.at > before { Ok(()) } else { Err(Invalid::Grammar) }
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn literal(&mut self, rest: &str) -> Result<(), Invalid> {
        if !self.text.as_bytes()[self.at..].starts_with(rest.as_bytes()) {
            return Err(Invalid::Grammar);
        }
        self.at += rest.len();
        Ok(())
    }

    /// Skips space and then that byte, if it stands there.
    fn skip(&mut self, byte: u8) -> bool {
        self.space();
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, byte: u8) -> Result<(), Invalid> {
        if self.skip(byte) { Ok(()) } else { Err(Invalid::Grammar) }
    }

    fn end(&mut self) -> Result<(), Invalid> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(Invalid::Grammar) }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, Invalid> {
        let byte = self.peek().ok_or(Invalid::Grammar)?;
        self.at += 1;
        Ok(byte)
    }
}

/// The brackets that are open, one bit for each, the innermost lowest: whether it is an object's.
#[derive(Default)]
struct Open {
    objects: u128,
    depth: usize,
}

impl Open {
    fn enter(&mut self, is_object: bool, depth_max: usize) -> Result<(), Invalid> {
        if self.depth >= depth_max.min(DEPTH_BITS) {
            return Err(Invalid::Depth);
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(is_object);
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
    }

    fn is_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

/// How deep [`Open`] can count; deeper than any limit there is.
const DEPTH_BITS: usize = u128::BITS as usize;

#[cfg(test)]
mod tests {
    use serde_json::{Value, value::RawValue};

    use super::*;
    use crate::limits::ENVELOPE_DEPTH_MAX;

    /// Texts that are JSON and texts that are nearly so, with every place at which a reader can be wrong.
    const SEEDS: &[&str] = &[
        r#"["test:tick:v1",{"job":"7","index":-1,"pad":"a longer text than eight bytes"},{"offset":12,"tag":"00ff"}]"#,
        r#"{"a":[1,2.5,-0,1e9,1E-2,{"b":{}},[],[[]]],"":null,"c\"d":true,"é\u00e9":false}"#,
        r#" [ "\b\f\n\r\t\/\\\"\u12aF" , { } , "x" ] "#,
        "0",
        "-12.5e+3",
        r#""\ud800""#,
        "1e999",
        "null",
    ];

    fn agrees(text: &str) {
        let theirs = serde_json::from_str::<&RawValue>(text).ok().map(RawValue::get);
        assert_eq!(value(text, ENVELOPE_DEPTH_MAX).ok(), theirs, "{text:?}");
        let mut items = Vec::new();
        let ours = elements(text, ENVELOPE_DEPTH_MAX, |item| items.push(item)).is_ok();
        let theirs = serde_json::from_str::<Vec<&RawValue>>(text).ok();
        let theirs: Option<Vec<&str>> = theirs.map(|items| items.into_iter().map(RawValue::get).collect());
        assert_eq!(ours.then_some(items), theirs, "{text:?}");
        let ours =
            members(text, ENVELOPE_DEPTH_MAX, |_, value, at| assert!(text[at..].starts_with(value))).is_ok();
        let is_object = text.trim_start_matches([' ', '\n', '\r', '\t']).starts_with('{');
        let theirs = is_object && serde_json::from_str::<&RawValue>(text).is_ok();
        assert_eq!(ours, theirs, "{text:?}");
    }

    #[test]
    fn it_takes_and_refuses_what_serde_json_does() {
        let odd = "\"\\{}[],:0-.eEu+tn \n\t\u{1}é";
        for seed in SEEDS {
            agrees(seed);
            for (at, seen) in seed.char_indices() {
                agrees(&seed[..at]);
                agrees(&seed[at..]);
                let rest = &seed[at + seen.len_utf8()..];
                agrees(&format!("{}{rest}", &seed[..at]));
                for other in odd.chars() {
                    agrees(&format!("{}{other}{rest}", &seed[..at]));
                    agrees(&format!("{}{other}{}", &seed[..at], &seed[at..]));
                }
            }
        }
    }

    #[test]
    fn a_string_ends_at_its_quote_wherever_that_is() {
        for length in 0..40 {
            for special in ["\"", "\\\"", "\u{7f}", "ÿ", "\u{1f}", "\\u0000"] {
                let text = format!("[\"{}{special}{}\"]", "x".repeat(length), "y".repeat(9));
                agrees(&text);
            }
        }
    }

    #[test]
    fn depth_is_counted_with_the_outermost() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(value(&nested(3), 3).is_ok());
        assert_eq!(value(&nested(4), 3), Err(Invalid::Depth));
        assert!(elements(&nested(3), 3, |_| ()).is_ok());
        assert_eq!(elements(&nested(4), 3, |_| ()), Err(Invalid::Depth));
        assert_eq!(members(r#"{"a":{"b":{}}}"#, 2, |_, _, _| ()), Err(Invalid::Depth));
        assert_eq!(value(&nested(200), usize::MAX), Err(Invalid::Depth));
        assert_eq!(value(&"[".repeat(1_000_000), 64), Err(Invalid::Depth));
    }

    #[test]
    fn members_come_with_their_keys() {
        let mut seen = Vec::new();
        let text = r#" { "a" : 1 , "b\n" : { "c" : [ ] } } "#;
        members(text, 8, |key, value, _| seen.push((key, value))).unwrap();
        assert_eq!(seen, [("a", "1"), (r"b\n", r#"{ "c" : [ ] }"#)]);
        assert!(serde_json::from_str::<Value>(text).is_ok());
    }

    #[test]
    fn a_plain_string_is_one_without_escapes() {
        assert_eq!(plain_string(r#""a b""#), Some("a b"));
        assert_eq!(plain_string(r#""""#), Some(""));
        for text in [r#""a\n""#, "1", "\"", "", r#"{"a":"b"}"#] {
            assert_eq!(plain_string(text), None, "{text}");
        }
    }
}
