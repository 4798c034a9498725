//! CQL text to tokens, one at a time and without copying.
//!
//! The lexer holds nothing but a position, so looking ahead is lexing from a copy of it, and a text of ten megabytes
//! costs no memory beyond itself.

use super::error::CqlError;

/// One word of CQL, borrowing from the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// An unquoted identifier or a keyword, in the case it was written.
    Word(&'a str),
    /// What stands between double quotes, inner quotes still doubled.
    Quoted(&'a str),
    /// What stands between single quotes, inner quotes still doubled.
    String(&'a str),
    /// What stands between two `$$`.
    DollarString(&'a str),
    /// Digits.
    Integer(&'a str),
    /// Digits with a fraction or an exponent.
    Float(&'a str),
    /// Hexadecimal digits after `0x`.
    Blob(&'a str),
    /// The 36 characters of a UUID.
    Uuid(&'a str),
    /// A duration such as `1h30m`.
    Duration(&'a str),
    /// An operator or a separator.
    Symbol(&'static str),
    /// The text is over.
    End,
}

/// Longest first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 24] = [
    "..", "<=", ">=", "!=", "=", "<", ">", "(", ")", "[", "]", "{", "}", ",", ";", ".", ":", "?", "+", "-",
    "*", "/", "%", "@",
];

/// A position in a CQL text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    /// `line:column` of a byte position, lines from 1 and columns from 0 as Cassandra counts them.
    pub(crate) fn place(&self, position: usize) -> String {
        let before = &self.text.as_bytes()[..position.min(self.text.len())];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count();
        format!("line {line}:{column}")
    }

    /// Skips white space and comments, then reads one token and says where it began.
    pub(crate) fn next(&mut self) -> Result<(Token<'a>, usize), CqlError> {
        self.skip_blank()?;
        let start = self.position;
        let rest = &self.text[start..];
        let Some(first) = rest.bytes().next() else {
            return Ok((Token::End, start));
        };
        let token = match first {
            b'\'' => Token::String(self.delimited('\'', start)?),
            b'"' => Token::Quoted(self.delimited('"', start)?),
            b'$' if rest.starts_with("$$") => {
                let inner = &rest[2..];
                let length = inner.find("$$").ok_or_else(|| self.unterminated("string", start))?;
                self.position = start + length + 4;
                Token::DollarString(&inner[..length])
            }
            b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' if is_uuid(rest) => {
                self.position = start + 36;
                Token::Uuid(&rest[..36])
            }
            b'0'..=b'9' => self.number(start)?,
            byte if byte.is_ascii_alphabetic() => {
                let length = rest.bytes().take_while(|&b| b.is_ascii_alphanumeric() || b == b'_').count();
                self.position = start + length;
                Token::Word(&rest[..length])
            }
            _ => {
                let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)).ok_or_else(|| {
                    let character = rest.chars().next().unwrap_or_default();
                    CqlError::syntax(format!(
                        "{} no viable alternative at character '{character}'",
                        self.place(start)
                    ))
                })?;
                self.position = start + symbol.len();
                Token::Symbol(symbol)
            }
        };
        Ok((token, start))
    }

    fn skip_blank(&mut self) -> Result<(), CqlError> {
        let bytes = self.text.as_bytes();
        loop {
            let rest = &bytes[self.position..];
            match rest {
                [b' ' | b'\t' | b'\r' | b'\n', ..] => self.position += 1,
                [b'-', b'-', ..] | [b'/', b'/', ..] => {
                    self.position += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
                }
                [b'/', b'*', ..] => {
                    let start = self.position;
                    let end = self.text[start + 2..]
                        .find("*/")
                        .ok_or_else(|| self.unterminated("comment", start))?;
                    self.position = start + 2 + end + 2;
                }
                _ => return Ok(()),
            }
        }
    }

    /// What stands between two quotes; a doubled quote is part of it.
    fn delimited(&mut self, quote: char, start: usize) -> Result<&'a str, CqlError> {
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        loop {
            let rest = bytes.get(end..).unwrap_or_default();
            let Some(offset) = rest.iter().position(|&byte| byte == quote as u8) else {
                return Err(self.unterminated(if quote == '"' { "identifier" } else { "string" }, start));
            };
            end += offset;
            if bytes.get(end + 1) == Some(&(quote as u8)) {
                end += 2;
                continue;
            }
            self.position = end + 1;
            return Ok(&self.text[start + 1..end]);
        }
    }

    fn number(&mut self, start: usize) -> Result<Token<'a>, CqlError> {
        let bytes = self.text.as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if bytes[start] == b'0' && matches!(bytes.get(start + 1), Some(b'x' | b'X')) {
            let length = bytes[start + 2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            self.position = start + 2 + length;
            return Ok(Token::Blob(&self.text[start + 2..self.position]));
        }
        let mut end = start + digits(start);
        let mut float = false;
        // "1..2" is a range, not a float and a dot.
        if bytes.get(end) == Some(&b'.') && bytes.get(end + 1) != Some(&b'.') {
            float = true;
            end += 1 + digits(end + 1);
        }
        if let Some(b'e' | b'E') = bytes.get(end) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits((end + 1 + sign).min(bytes.len()));
            if exponent > 0 {
                float = true;
                end += 1 + sign + exponent;
            }
        }
        if float {
            self.position = end;
            return Ok(Token::Float(&self.text[start..end]));
        }
        // Digits run into letters: a duration. The micro sign is the one unit outside ASCII.
        let tail = &self.text[end..];
        if tail.starts_with(|c: char| c.is_ascii_alphabetic() || c == 'µ') {
            let length = tail.find(|c: char| !(c.is_ascii_alphanumeric() || c == 'µ')).unwrap_or(tail.len());
            self.position = end + length;
            return Ok(Token::Duration(&self.text[start..self.position]));
        }
        self.position = end;
        Ok(Token::Integer(&self.text[start..end]))
    }

    fn unterminated(&self, what: &str, start: usize) -> CqlError {
        CqlError::syntax(format!("{} unterminated {what}", self.place(start)))
    }
}

fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 36
        && bytes[..36].iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
        && !bytes.get(36).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Token<'_>> {
        let mut lexer = Lexer::new(text);
        let mut tokens = Vec::new();
        loop {
            match lexer.next().expect("the text is lexable").0 {
                Token::End => return tokens,
                token => tokens.push(token),
            }
        }
    }

    #[test]
    fn words_strings_and_symbols_are_told_apart() {
        assert_eq!(
            all("SELECT \"A\"\"b\", 'it''s' FROM t;-- end"),
            [
                Token::Word("SELECT"),
                Token::Quoted("A\"\"b"),
                Token::Symbol(","),
                Token::String("it''s"),
                Token::Word("FROM"),
                Token::Word("t"),
                Token::Symbol(";"),
            ]
        );
    }

    #[test]
    fn numbers_durations_blobs_and_uuids_are_told_apart() {
        assert_eq!(
            all("1 1.5 1e9 1. 0xCAFE 1h30m 5us af5943a3-ea3c-11e1-ab63-c42c032279f0 1..2"),
            [
                Token::Integer("1"),
                Token::Float("1.5"),
                Token::Float("1e9"),
                Token::Float("1."),
                Token::Blob("CAFE"),
                Token::Duration("1h30m"),
                Token::Duration("5us"),
                Token::Uuid("af5943a3-ea3c-11e1-ab63-c42c032279f0"),
                Token::Integer("1"),
                Token::Symbol(".."),
                Token::Integer("2"),
            ]
        );
    }

    #[test]
    fn comments_are_blank_and_unterminated_ones_are_errors() {
        assert_eq!(all("a /* b */ // c\n d"), [Token::Word("a"), Token::Word("d")]);
        for text in ["/* x", "'x", "\"x", "$$x"] {
            let error = Lexer::new(text).next().expect_err("unterminated");
            assert!(error.message.contains("unterminated"), "{error}");
        }
    }

    #[test]
    fn a_character_outside_the_language_is_an_error_with_its_place() {
        let mut lexer = Lexer::new("a\n  \u{0} b");
        lexer.next().expect("a word");
        assert!(lexer.next().expect_err("NUL").message.starts_with("line 2:2 "));
    }
}
