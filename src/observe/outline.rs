//! A statement without its values: its text, what it does, and to which table.
//!
//! Text that a program puts together may have values in it, and those are nobody's business: every literal becomes a question
//! mark, comments go. Nothing here needs the text to be right; what is not understood is left out.

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The text without literals and comments, in one line.
    pub(crate) text: Box<str>,
    /// `SELECT`, `INSERT`, `CREATE TABLE` and the like; empty when it is none of those known.
    pub(crate) operation: Box<str>,
    /// As it is spelled in the schema.
    pub(crate) keyspace: Option<Box<str>>,
    pub(crate) table: Option<Box<str>>,
}

/// More of a text is not looked at, bytes.
const MOST_TEXT: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'t> {
    /// A keyword, or a name without quotes.
    Word(&'t str),
    /// A name in double quotes, which belong to it.
    Quoted(&'t str),
    Literal,
    /// A bind marker with a name, its colon included.
    Marker(&'t str),
    Symbol(char),
}

impl Outline {
    pub(crate) fn of(cql: &str) -> Self {
        let cut = (0..=cql.len().min(MOST_TEXT)).rev().find(|at| cql.is_char_boundary(*at)).unwrap_or(0);
        let (text, tokens) = read(&cql[..cut], cut < cql.len());
        let (operation, name) = subject(&tokens);
        let (keyspace, table) = name.unwrap_or_default();
        Self { text: text.into(), operation: operation.into(), keyspace, table }
    }

    /// The operation and its table: what statements are told apart by where there is little room.
    pub(crate) fn summary(&self) -> String {
        let mut summary = String::from(&*self.operation);
        if let Some(table) = &self.table {
            if !summary.is_empty() {
                summary.push(' ');
            }
            if let Some(keyspace) = &self.keyspace {
                summary.push_str(keyspace);
                summary.push('.');
            }
            summary.push_str(table);
        }
        summary
    }
}

/// The text without literals, and its tokens.
fn read(cql: &str, is_cut: bool) -> (String, Vec<Token<'_>>) {
    let (mut text, mut tokens) = (String::with_capacity(cql.len()), Vec::new());
    let mut rest = cql;
    loop {
        let (behind, blank) = skip_blank(rest);
        rest = behind;
        if rest.is_empty() {
            break;
        }
        let (token, length) = token(rest, tokens.last());
        if blank && !text.is_empty() {
            text.push(' ');
        }
        match token {
            Token::Word(word) | Token::Quoted(word) | Token::Marker(word) => text.push_str(word),
            Token::Literal => text.push('?'),
            Token::Symbol(symbol) => text.push(symbol),
        }
        tokens.push(token);
        rest = &rest[length..];
    }
    if is_cut {
        text.push('…');
    }
    (text, tokens)
}

/// What follows blanks and comments, and whether there were any.
pub(crate) fn skip_blank(text: &str) -> (&str, bool) {
    let mut rest = text;
    loop {
        let end = if rest.starts_with("--") || rest.starts_with("//") {
            rest.find('\n')
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|at| at + 1)
        } else if rest.starts_with(char::is_whitespace) {
            rest.chars().next().map(|blank| blank.len_utf8() - 1)
        } else {
            return (rest, rest.len() < text.len());
        };
        rest = end.map_or("", |end| &rest[end + 1..]);
    }
}

/// The token that a text without leading blanks begins with, and its length.
fn token<'t>(text: &'t str, before: Option<&Token<'_>>) -> (Token<'t>, usize) {
    let bytes = text.as_bytes();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let word_from = |start: usize| start + bytes[start..].iter().take_while(|byte| is_word(byte)).count();
    match bytes[0] {
        b'\'' => (Token::Literal, quoted(text, b'\'')),
        b'"' => {
            let end = quoted(text, b'"');
            (Token::Quoted(&text[..end]), end)
        }
        b'$' if text.starts_with("$$") => {
            (Token::Literal, text[2..].find("$$").map_or(text.len(), |at| at + 4))
        }
        b':' if bytes.get(1).is_some_and(|byte| byte.is_ascii_alphabetic()) => {
            let end = word_from(1);
            (Token::Marker(&text[..end]), end)
        }
        // A sign, and not what takes one number from another.
        b'-' if bytes.get(1).is_some_and(u8::is_ascii_digit) && !ends_value(before) => {
            (Token::Literal, 1 + number(&text[1..]))
        }
        _ if is_uuid(bytes) => (Token::Literal, 36),
        byte if byte.is_ascii_digit() => (Token::Literal, number(text)),
        byte if is_word(&byte) => {
            let word = &text[..word_from(0)];
            let is_value =
                ["true", "false", "nan", "infinity"].iter().any(|name| name.eq_ignore_ascii_case(word))
                    || is_iso_duration(word);
            (if is_value { Token::Literal } else { Token::Word(word) }, word.len())
        }
        _ => {
            let symbol = text.chars().next().unwrap_or_default();
            (Token::Symbol(symbol), symbol.len_utf8())
        }
    }
}

/// Whether something that has a value ends here, so that a minus behind it is an operator.
fn ends_value(before: Option<&Token<'_>>) -> bool {
    !matches!(
        before,
        None | Some(Token::Symbol(
            '(' | '[' | '{' | ',' | '=' | '<' | '>' | ':' | '+' | '-' | '*' | '/' | '%'
        ))
    )
}

/// The end of what begins with a quote, which doubled stands for itself.
fn quoted(text: &str, quote: u8) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match (bytes[at] == quote, bytes.get(at + 1)) {
            (true, Some(next)) if *next == quote => at += 2,
            (true, _) => return at + 1,
            (false, _) => at += 1,
        }
    }
    text.len()
}

/// The length of a number: with a point, an exponent, units, in hexadecimal.
fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let mut at = 0;
    while at < bytes.len() {
        let goes_on = match bytes[at] {
            b'.' => true,
            b'+' | b'-' => {
                !is_hexadecimal
                    && at > 0
                    && matches!(bytes[at - 1], b'e' | b'E')
                    && bytes.get(at + 1).is_some_and(u8::is_ascii_digit)
            }
            byte => byte.is_ascii_alphanumeric() || byte == b'_',
        };
        if !goes_on {
            break;
        }
        at += 1;
    }
    at
}

/// Whether bytes begin with a UUID: the number with letters that names look like.
fn is_uuid(bytes: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    bytes.len() >= 36
        && bytes[..36].iter().enumerate().all(fits)
        && !bytes.get(36).is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether a word is a duration as ISO 8601 writes it, such as `P3DT4H`.
fn is_iso_duration(word: &str) -> bool {
    let Some(rest) = word.strip_prefix(['P', 'p']) else { return false };
    rest.starts_with(|c: char| c.is_ascii_digit() || c == 'T' || c == 't')
        && rest.contains(|c: char| c.is_ascii_digit())
        && rest.chars().all(|c| c.is_ascii_digit() || "YMWDTHS".contains(c.to_ascii_uppercase()))
}

type Name = (Option<Box<str>>, Option<Box<str>>);

/// What the tokens do, and to which table.
fn subject(tokens: &[Token<'_>]) -> (String, Option<Name>) {
    let word = |at: usize| match tokens.get(at) {
        Some(Token::Word(word)) => word.to_ascii_uppercase(),
        _ => String::new(),
    };
    let behind = |keyword: &str| {
        let at = tokens
            .iter()
            .position(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(keyword)))?;
        name(&tokens[at + 1..])
    };
    let operation = word(0);
    match operation.as_str() {
        "SELECT" | "DELETE" => (operation, behind("FROM")),
        "INSERT" => (operation, behind("INTO")),
        "UPDATE" => (operation, name(&tokens[1..])),
        "TRUNCATE" => {
            let at = if matches!(word(1).as_str(), "TABLE" | "COLUMNFAMILY") { 2 } else { 1 };
            (operation, tokens.get(at..).and_then(name))
        }
        "CREATE" | "ALTER" | "DROP" => {
            let mut at = 1;
            while matches!(word(at).as_str(), "OR" | "REPLACE" | "CUSTOM") {
                at += 1;
            }
            let kind = word(at);
            at += 1;
            while matches!(word(at).as_str(), "IF" | "NOT" | "EXISTS") {
                at += 1;
            }
            let table = if kind == "TABLE" { tokens.get(at..).and_then(name) } else { None };
            match kind.as_str() {
                "KEYSPACE" | "TABLE" | "INDEX" | "TYPE" | "FUNCTION" | "AGGREGATE" | "TRIGGER" | "ROLE"
                | "USER" | "MATERIALIZED" => (format!("{operation} {kind}"), table),
                _ => (operation, None),
            }
        }
        "BEGIN" => ("BATCH".to_owned(), None),
        "USE" | "GRANT" | "REVOKE" | "LIST" | "DESCRIBE" | "DESC" => (operation, None),
        _ => (String::new(), None),
    }
}

/// The name of a table at the beginning of tokens.
fn name(tokens: &[Token<'_>]) -> Option<Name> {
    let identifier = |token: Option<&Token<'_>>| match token? {
        Token::Word(word) => Some(word.to_ascii_lowercase().into_boxed_str()),
        Token::Quoted(name) if name.len() >= 2 => {
            Some(name[1..name.len() - 1].replace("\"\"", "\"").into_boxed_str())
        }
        _ => None,
    };
    let first = identifier(tokens.first())?;
    match tokens.get(1) {
        Some(Token::Symbol('.')) => Some((Some(first), identifier(tokens.get(2)))),
        _ => Some((None, Some(first))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cql: &str) -> String {
        Outline::of(cql).text.into()
    }

    #[test]
    fn every_literal_becomes_a_question_mark() {
        for (cql, expected) in [
            ("SELECT a FROM t WHERE b = 'it''s' AND c = ?", "SELECT a FROM t WHERE b = ? AND c = ?"),
            ("INSERT INTO t (a) VALUES (-1.5e-3, 0xCAFE, 12)", "INSERT INTO t (a) VALUES (?, ?, ?)"),
            ("SELECT a-1, -2 FROM t", "SELECT a-?, ? FROM t"),
            ("WHERE id = f47ac10b-58cc-4372-a567-0e02b2c3d479", "WHERE id = ?"),
            ("WHERE d > 1h30m AND e < P3DT4H AND p3x = 1", "WHERE d > ? AND e < ? AND p3x = ?"),
            ("SET b = TRUE, c = $$ a 'body' $$, d = {'k': [1, 2]}", "SET b = ?, c = ?, d = {?: [?, ?]}"),
            ("WITH PASSWORD = 'secret' AND LOGIN = true", "WITH PASSWORD = ? AND LOGIN = ?"),
            ("WHERE \"Mixed 1\" = :name AND x = NULL", "WHERE \"Mixed 1\" = :name AND x = NULL"),
            ("SELECT 1 -- secret\n/* more\nsecrets */ FROM // x\n t", "SELECT ? FROM t"),
            ("SELECT 'never closed", "SELECT ?"),
            ("SELECT $$never closed", "SELECT ?"),
            ("SELECT /* never closed", "SELECT"),
            ("WHERE ä = 'ö' \u{a0}AND é=1", "WHERE ä = ? AND é=?"),
            ("", ""),
        ] {
            assert_eq!(text(cql), expected, "{cql}");
        }
    }

    #[test]
    fn operation_and_table_are_found() {
        for (cql, summary) in [
            ("select a, b from Shop.Orders where x = 1", "SELECT shop.orders"),
            ("/* why */ INSERT INTO \"Shop\".\"My\"\"Orders\" (a) VALUES (1)", "INSERT Shop.My\"Orders"),
            ("UPDATE orders SET a = 1", "UPDATE orders"),
            ("DELETE a FROM orders WHERE k = 1", "DELETE orders"),
            ("TRUNCATE TABLE ks.t", "TRUNCATE ks.t"),
            ("TRUNCATE t", "TRUNCATE t"),
            ("CREATE TABLE IF NOT EXISTS ks.t (k int PRIMARY KEY)", "CREATE TABLE ks.t"),
            ("CREATE OR REPLACE FUNCTION f () ..", "CREATE FUNCTION"),
            ("DROP KEYSPACE ks", "DROP KEYSPACE"),
            ("BEGIN UNLOGGED BATCH INSERT INTO t (a) VALUES (1); APPLY BATCH", "BATCH"),
            ("USE ks", "USE"),
            ("hunter2 is my password", ""),
            ("SELECT", "SELECT"),
            ("UPDATE", "UPDATE"),
            ("TRUNCATE", "TRUNCATE"),
            ("CREATE", "CREATE"),
            ("CREATE TABLE", "CREATE TABLE"),
            ("SELECT FROM .", "SELECT"),
            ("", ""),
        ] {
            assert_eq!(Outline::of(cql).summary(), summary, "{cql}");
        }
    }

    #[test]
    fn long_text_is_cut_where_a_character_ends() {
        let cql = format!("SELECT {} FROM t", "ä".repeat(MOST_TEXT));
        let outline = Outline::of(&cql);
        assert!(outline.text.len() <= MOST_TEXT + '…'.len_utf8() && outline.text.ends_with('…'));
        assert_eq!(outline.table, None);
        // A literal that is cut does not come to light.
        let cut = text(&format!("SELECT '{}'", "x".repeat(MOST_TEXT)));
        assert_eq!(cut, "SELECT ?…");
    }
}
