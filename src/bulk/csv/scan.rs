//! Finds where a record ends, without taking it apart.
//!
//! The splitter (csv-core) accepts anything: a quote that is never closed swallows the rest of the file, and text
//! after a closing quote joins the field. A loader must not write such rows, so the end of every record is found
//! here first, strictly, and only whole records are handed on. The scan keeps its place between blocks, so a
//! record is looked at once however its bytes arrive.

use memchr::{memchr, memchr2, memchr3};

/// Where the scan of one record stands.
///
/// ```text
///            quote at field start            quote
///  Unquoted ---------------------> Quoted -----------> AfterQuote
///     ^  |                            ^                    |  |
///     |  +-- line end: Complete       +---- quote ---------+  +-- line end: Complete
///     +------------------ delimiter ----------------------+       other: Broken, until its first line ends
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Unquoted,
    Quoted,
    AfterQuote,
    /// Text followed a closing quote; all that is still wanted is the end of the record's first line.
    Broken,
}

/// What the scan found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// The record is `bytes[..end]`; `quoted` says whether a field is quoted.
    Complete { end: usize, quoted: bool },
    /// The record goes on after these bytes.
    Incomplete,
    /// A character other than a delimiter follows the closing quote; `quote` is where that field's quote opened, and
    /// `same_line` whether both are on the record's first line, which is among the bytes whole.
    TextAfterQuote { quote: usize, same_line: bool },
}

#[derive(Clone, Debug, Default)]
pub(super) struct RecordScan {
    state: State,
    /// The next byte to look at, relative to the record's start.
    position: usize,
    /// Where the latest quoted field opened.
    opened: usize,
    quoted: bool,
}

impl RecordScan {
    /// Goes on with `bytes`, which start where the record starts and hold at least what was seen before.
    pub(super) fn advance(&mut self, bytes: &[u8], delimiter: u8, quote: u8) -> Scan {
        loop {
            match self.state {
                State::Unquoted => {
                    let Some(found) = memchr3(quote, b'\n', b'\r', &bytes[self.position..]) else {
                        self.position = bytes.len();
                        return Scan::Incomplete;
                    };
                    let at = self.position + found;
                    if bytes[at] != quote {
                        self.position = at;
                        return Scan::Complete { end: at, quoted: self.quoted };
                    }
                    self.position = at + 1;
                    // A quote inside an unquoted field is an ordinary character (`5" pipe`).
                    if at == 0 || bytes[at - 1] == delimiter {
                        self.opened = at;
                        self.quoted = true;
                        self.state = State::Quoted;
                    }
                }
                State::Quoted => {
                    let Some(found) = memchr(quote, &bytes[self.position..]) else {
                        self.position = bytes.len();
                        return Scan::Incomplete;
                    };
                    self.position += found + 1;
                    self.state = State::AfterQuote;
                }
                State::AfterQuote => match bytes.get(self.position) {
                    None => return Scan::Incomplete,
                    Some(&byte) if byte == quote => {
                        self.position += 1;
                        self.state = State::Quoted;
                    }
                    Some(&byte) if byte == delimiter => {
                        self.position += 1;
                        self.state = State::Unquoted;
                    }
                    Some(b'\n' | b'\r') => return Scan::Complete { end: self.position, quoted: true },
                    Some(_) => {
                        self.state = State::Broken;
                        if memchr2(b'\n', b'\r', &bytes[..self.position]).is_some() {
                            return Scan::TextAfterQuote { quote: self.opened, same_line: false };
                        }
                    }
                },
                State::Broken => {
                    let line_end = memchr2(b'\n', b'\r', &bytes[self.position..]);
                    self.position = line_end.map_or(bytes.len(), |found| self.position + found);
                    return match line_end {
                        Some(_) => Scan::TextAfterQuote { quote: self.opened, same_line: true },
                        None => Scan::Incomplete,
                    };
                }
            }
        }
    }

    /// Where the quote that is still open was opened.
    pub(super) fn open_quote(&self) -> Option<usize> {
        (self.state == State::Quoted).then_some(self.opened)
    }

    /// Where the quoted field opened that text follows.
    pub(super) fn broken_quote(&self) -> Option<usize> {
        (self.state == State::Broken).then_some(self.opened)
    }

    pub(super) fn quoted(&self) -> bool {
        self.quoted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8]) -> Scan {
        RecordScan::default().advance(bytes, b',', b'"')
    }

    #[test]
    fn line_ends_inside_quotes_do_not_end_the_record() {
        assert_eq!(scan(b"a,b\nc"), Scan::Complete { end: 3, quoted: false });
        assert_eq!(scan(b"a,\"x\ny\"\r\n"), Scan::Complete { end: 7, quoted: true });
        assert_eq!(scan(b"\"\"\"\n\",b\n"), Scan::Complete { end: 7, quoted: true });
    }

    #[test]
    fn a_quote_inside_a_plain_field_is_text() {
        assert_eq!(scan(b"5\" pipe,x\n"), Scan::Complete { end: 9, quoted: false });
    }

    #[test]
    fn text_after_a_closing_quote_names_the_opening_one() {
        assert_eq!(scan(b"a,\"b\"c,d\n"), Scan::TextAfterQuote { quote: 2, same_line: true });
        assert_eq!(scan(b"a,\"b\nc\"d\n"), Scan::TextAfterQuote { quote: 2, same_line: false });
        assert_eq!(scan(b"a,\"b\"c,d"), Scan::Incomplete);
    }

    #[test]
    fn byte_by_byte_gives_the_same_answer() {
        let input = b"a,\"x\"\"\n\",5\" \n";
        let mut scan = RecordScan::default();
        for end in 0..input.len() - 1 {
            assert_eq!(scan.advance(&input[..end], b',', b'"'), Scan::Incomplete, "after {end}");
        }
        assert_eq!(scan.advance(input, b',', b'"'), Scan::Complete { end: 12, quoted: true });
    }

    #[test]
    fn an_open_quote_is_remembered_where_it_opened() {
        let mut scan = RecordScan::default();
        assert_eq!(scan.advance(b"a,\"b\nc,d\n", b',', b'"'), Scan::Incomplete);
        assert_eq!(scan.open_quote(), Some(2));
    }
}
