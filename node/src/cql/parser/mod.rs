//! A recursive-descent parser with one token in hand and copies of the lexer to look further.

mod options;
mod query;
mod relation;
mod schema;
mod selector;
mod term;
mod types;
mod write;

use super::ast::{Describe, Parsed, Statement, TableName};
use super::error::CqlError;
use super::keyword::is_reserved;
use super::lexer::{Lexer, Token};

/// Terms, types and selectors nested deeper than this are refused: the parser recurses on them.
const MAX_DEPTH: usize = 64;

/// Reads one statement, which a semicolon may end.
pub(crate) fn parse(text: &str) -> Result<Parsed, CqlError> {
    let mut parser = Parser::new(text)?;
    let statement = parser.statement()?;
    while parser.accept_symbol(";")? {}
    if parser.token != Token::End {
        return Err(parser.mismatch("EOF"));
    }
    Ok(Parsed { statement, markers: parser.markers, scylla_only: parser.scylla_only })
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The token in hand.
    token: Token<'a>,
    /// Where the token in hand begins.
    start: usize,
    /// Names of the bind markers met so far.
    markers: Vec<Option<String>>,
    /// What was met that only ScyllaDB understands.
    scylla_only: Option<&'static str>,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self, CqlError> {
        let mut lexer = Lexer::new(text);
        let (token, start) = lexer.next()?;
        Ok(Self { lexer, token, start, markers: Vec::new(), scylla_only: None, depth: 0 })
    }

    fn statement(&mut self) -> Result<Statement, CqlError> {
        let Token::Word(word) = self.token else {
            return Err(self.unexpected());
        };
        match word.to_ascii_lowercase().as_str() {
            "select" => self.select().map(Statement::Select),
            "insert" => self.insert().map(Statement::Insert),
            "update" => self.update().map(Statement::Update),
            "delete" => self.delete().map(Statement::Delete),
            "begin" => self.batch().map(Statement::Batch),
            "create" => self.create(),
            "alter" => self.alter(),
            "drop" => self.drop_statement(),
            "use" => {
                self.advance()?;
                self.identifier().map(Statement::Use)
            }
            "truncate" => {
                self.advance()?;
                let _ = self.accept_keyword("table")? || self.accept_keyword("columnfamily")?;
                self.table_name().map(Statement::Truncate)
            }
            "describe" | "desc" => self.describe().map(Statement::Describe),
            "grant" | "revoke" => Err(CqlError::unsupported("permissions (GRANT, REVOKE)")),
            "list" => Err(CqlError::unsupported("LIST of roles, users and permissions")),
            "add" => Err(CqlError::unsupported("ADD IDENTITY")),
            _ => Err(self.unexpected()),
        }
    }

    fn describe(&mut self) -> Result<Describe, CqlError> {
        self.advance()?;
        for (words, what) in [
            (&["cluster"][..], Describe::Cluster),
            (&["full", "schema"], Describe::Schema { full: true }),
            (&["schema"], Describe::Schema { full: false }),
            (&["keyspaces"], Describe::Keyspaces),
            (&["tables"], Describe::Tables),
            (&["types"], Describe::Types),
        ] {
            let ends = matches!(self.lookahead(words.len()), Ok(Token::End | Token::Symbol(";")));
            if self.is_keyword(words[0]) && ends {
                for word in words {
                    self.expect_keyword(word)?;
                }
                return Ok(what);
            }
        }
        for unsupported in ["functions", "aggregates", "function", "aggregate", "materialized"] {
            if self.is_keyword(unsupported) {
                return Err(CqlError::unsupported(format!("DESCRIBE {}", unsupported.to_uppercase())));
            }
        }
        if self.is_keyword("only") {
            return Err(CqlError::unsupported("DESCRIBE ONLY"));
        }
        let next_is_name = matches!(self.lookahead(1), Ok(Token::Word(_) | Token::Quoted(_)));
        if self.is_keyword("keyspace") {
            self.advance()?;
            let named = !matches!(self.token, Token::End | Token::Symbol(_));
            return Ok(Describe::Keyspace(if named { Some(self.identifier()?) } else { None }));
        }
        if next_is_name && (self.accept_keyword("table")? || self.accept_keyword("columnfamily")?) {
            return self.table_name().map(Describe::Table);
        }
        if next_is_name && self.accept_keyword("type")? {
            return self.table_name().map(Describe::Type);
        }
        if next_is_name && self.accept_keyword("index")? {
            return self.table_name().map(Describe::Index);
        }
        self.table_name().map(Describe::Any)
    }

    fn advance(&mut self) -> Result<(), CqlError> {
        (self.token, self.start) = self.lexer.next()?;
        Ok(())
    }

    /// The token `distance` places after the one in hand.
    fn lookahead(&self, distance: usize) -> Result<Token<'a>, CqlError> {
        let mut lexer = self.lexer;
        let mut token = self.token;
        for _ in 0..distance {
            token = lexer.next()?.0;
        }
        Ok(token)
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.token, Token::Symbol(found) if found == symbol)
    }

    fn accept_keyword(&mut self, keyword: &str) -> Result<bool, CqlError> {
        let found = self.is_keyword(keyword);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn accept_symbol(&mut self, symbol: &str) -> Result<bool, CqlError> {
        let found = self.is_symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect_keyword(&mut self, keyword: &str) -> Result<(), CqlError> {
        if self.accept_keyword(keyword)? {
            Ok(())
        } else {
            Err(self.mismatch(&format!("K_{}", keyword.to_uppercase())))
        }
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<(), CqlError> {
        if self.accept_symbol(symbol)? { Ok(()) } else { Err(self.mismatch(&format!("'{symbol}'"))) }
    }

    fn accept_if_not_exists(&mut self) -> Result<bool, CqlError> {
        if !self.accept_keyword("if")? {
            return Ok(false);
        }
        self.expect_keyword("not")?;
        self.expect_keyword("exists")?;
        Ok(true)
    }

    fn accept_if_exists(&mut self) -> Result<bool, CqlError> {
        if !self.accept_keyword("if")? {
            return Ok(false);
        }
        self.expect_keyword("exists")?;
        Ok(true)
    }

    /// A name: lower-cased unless it was quoted.
    fn identifier(&mut self) -> Result<String, CqlError> {
        let name = match self.token {
            Token::Word(word) if !is_reserved(word) => word.to_ascii_lowercase(),
            Token::Quoted(inner) if !inner.is_empty() => inner.replace("\"\"", "\""),
            _ => return Err(self.unexpected()),
        };
        self.advance()?;
        Ok(name)
    }

    fn table_name(&mut self) -> Result<TableName, CqlError> {
        let first = self.identifier()?;
        if self.accept_symbol(".")? {
            return Ok(TableName { keyspace: Some(first), name: self.identifier()? });
        }
        Ok(TableName { keyspace: None, name: first })
    }

    /// `(a, b, c)`
    fn identifiers_in_parentheses(&mut self) -> Result<Vec<String>, CqlError> {
        self.expect_symbol("(")?;
        self.comma_separated(")", Self::identifier)
    }

    /// One item or more, then the closing symbol.
    fn comma_separated<T>(
        &mut self,
        close: &str,
        mut item: impl FnMut(&mut Self) -> Result<T, CqlError>,
    ) -> Result<Vec<T>, CqlError> {
        let mut items = vec![item(self)?];
        while self.accept_symbol(",")? {
            items.push(item(self)?);
        }
        self.expect_symbol(close)?;
        Ok(items)
    }

    /// Runs `inner` one level deeper, refusing to go beyond [`MAX_DEPTH`].
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, CqlError>) -> Result<T, CqlError> {
        if self.depth == MAX_DEPTH {
            let place = self.lexer.place(self.start);
            return Err(CqlError::syntax(format!("{place} more than {MAX_DEPTH} levels of nesting")));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// Tries `attempt` and goes back to where it began when it yields nothing.
    fn speculate<T>(&mut self, attempt: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let saved = (self.lexer, self.token, self.start, self.markers.len(), self.depth);
        let result = attempt(self);
        if result.is_none() {
            (self.lexer, self.token, self.start) = (saved.0, saved.1, saved.2);
            self.markers.truncate(saved.3);
            self.depth = saved.4;
        }
        result
    }

    fn unexpected(&self) -> CqlError {
        self.arithmetic().unwrap_or_else(|| {
            CqlError::syntax(format!(
                "{} no viable alternative at input '{}'",
                self.lexer.place(self.start),
                self.shown()
            ))
        })
    }

    fn mismatch(&self, expected: &str) -> CqlError {
        self.arithmetic().unwrap_or_else(|| {
            CqlError::syntax(format!(
                "{} mismatched input '{}' expecting {expected}",
                self.lexer.place(self.start),
                self.shown()
            ))
        })
    }

    /// Where an operator stands that the grammar above has no place for, somebody wants to calculate.
    fn arithmetic(&self) -> Option<CqlError> {
        let Token::Symbol(symbol @ ("+" | "*" | "/" | "%")) = self.token else {
            return None;
        };
        Some(CqlError::unsupported(format!(
            "arithmetic in this place ('{symbol}', {})",
            self.lexer.place(self.start)
        )))
    }

    /// The token in hand for an error message, cut short.
    fn shown(&self) -> String {
        let text = match self.token {
            Token::End => return "<EOF>".to_owned(),
            Token::Symbol(symbol) => return symbol.to_owned(),
            Token::Word(text)
            | Token::Quoted(text)
            | Token::String(text)
            | Token::DollarString(text)
            | Token::Integer(text)
            | Token::Float(text)
            | Token::Blob(text)
            | Token::Uuid(text)
            | Token::Duration(text) => text,
        };
        text.chars().take(40).collect()
    }
}

#[cfg(test)]
mod tests;
