//! Values as written in CQL: literals, markers, collections, function calls.

use super::super::ast::{FunctionName, Literal, Term};
use super::super::error::CqlError;
use super::super::keyword::is_reserved;
use super::super::lexer::Token;
use super::Parser;

impl<'a> Parser<'a> {
    pub(super) fn term(&mut self) -> Result<Term, CqlError> {
        self.nested(Self::term_here)
    }

    fn term_here(&mut self) -> Result<Term, CqlError> {
        if let Some(marker) = self.accept_marker()? {
            return Ok(Term::Bind(marker));
        }
        if let Some(literal) = self.accept_literal()? {
            return Ok(Term::Literal(literal));
        }
        match self.token {
            Token::Symbol("[") => {
                self.advance()?;
                if self.accept_symbol("]")? {
                    return Ok(Term::List(Vec::new()));
                }
                self.comma_separated("]", Self::term).map(Term::List)
            }
            Token::Symbol("{") => {
                self.advance()?;
                self.braces()
            }
            Token::Symbol("(") => {
                if let Some(typ) = self.speculate(Self::type_hint) {
                    return Ok(Term::Hint(typ, Box::new(self.term()?)));
                }
                self.advance()?;
                self.comma_separated(")", Self::term).map(Term::Tuple)
            }
            Token::Word(_) | Token::Quoted(_) => {
                let function = self.function_name()?;
                self.expect_symbol("(")?;
                if self.accept_symbol(")")? {
                    return Ok(Term::Call { function, arguments: Vec::new() });
                }
                Ok(Term::Call { function, arguments: self.comma_separated(")", Self::term)? })
            }
            _ => Err(self.unexpected()),
        }
    }

    /// `?` or `:name`, as its position among the markers.
    pub(super) fn accept_marker(&mut self) -> Result<Option<usize>, CqlError> {
        let name = match self.token {
            Token::Symbol("?") => {
                self.advance()?;
                None
            }
            Token::Symbol(":") => {
                self.advance()?;
                // A marker's name may be any word, reserved or not.
                match self.token {
                    Token::Word(word) => {
                        let name = word.to_ascii_lowercase();
                        self.advance()?;
                        Some(name)
                    }
                    _ => Some(self.identifier()?),
                }
            }
            _ => return Ok(None),
        };
        self.markers.push(name);
        if self.markers.len() > usize::from(u16::MAX) {
            return Err(CqlError::invalid("Too many markers(?). markers count must be less than 65536"));
        }
        Ok(Some(self.markers.len() - 1))
    }

    /// A constant, if there is one here.
    pub(super) fn accept_literal(&mut self) -> Result<Option<Literal>, CqlError> {
        let literal = match self.token {
            Token::String(inner) => Literal::String(inner.replace("''", "'")),
            Token::DollarString(inner) => Literal::String(inner.to_owned()),
            Token::Integer(digits) => Literal::Integer(digits.to_owned()),
            Token::Float(digits) => Literal::Float(digits.to_owned()),
            Token::Blob(digits) => Literal::Blob(digits.to_owned()),
            Token::Uuid(text) => Literal::Uuid(text.to_owned()),
            Token::Duration(text) => Literal::Duration(text.to_owned()),
            Token::Word(word) => {
                let called = matches!(self.lookahead(1), Ok(Token::Symbol("(" | ".")));
                match constant_word(word) {
                    Some(literal) if !called => literal,
                    _ => return Ok(None),
                }
            }
            Token::Symbol("-") => {
                let literal = match self.lookahead(1)? {
                    Token::Integer(digits) => Literal::Integer(format!("-{digits}")),
                    Token::Float(digits) => Literal::Float(format!("-{digits}")),
                    Token::Duration(text) => Literal::Duration(format!("-{text}")),
                    Token::Word(word) => match constant_word(word) {
                        Some(Literal::Float(name)) => Literal::Float(format!("-{name}")),
                        Some(Literal::Duration(text)) => Literal::Duration(format!("-{text}")),
                        _ => return Err(self.unexpected()),
                    },
                    _ => return Err(self.unexpected()),
                };
                self.advance()?;
                literal
            }
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some(literal))
    }

    /// `keyspace.name` or `name`, with an opening parenthesis ahead.
    pub(super) fn function_name(&mut self) -> Result<FunctionName, CqlError> {
        // "token" is reserved and yet a function.
        let first = match self.token {
            Token::Word(word) if word.eq_ignore_ascii_case("token") => {
                self.advance()?;
                "token".to_owned()
            }
            _ => self.identifier()?,
        };
        if !self.accept_symbol(".")? {
            return Ok(FunctionName { keyspace: None, name: first });
        }
        if self.accept_keyword("token")? {
            return Ok(FunctionName { keyspace: Some(first), name: "token".to_owned() });
        }
        Ok(FunctionName { keyspace: Some(first), name: self.identifier()? })
    }

    /// A set, map or user type value; the opening brace is behind.
    fn braces(&mut self) -> Result<Term, CqlError> {
        if self.accept_symbol("}")? {
            return Ok(Term::Set(Vec::new()));
        }
        let names_field = match self.token {
            Token::Word(word) => constant_word(word).is_none() && !is_reserved(word),
            Token::Quoted(_) => true,
            _ => false,
        };
        if names_field && matches!(self.lookahead(1)?, Token::Symbol(":")) {
            let fields = self.comma_separated("}", |parser| {
                let name = parser.identifier()?;
                parser.expect_symbol(":")?;
                Ok((name, parser.term()?))
            })?;
            return Ok(Term::Udt(fields));
        }
        let first = self.term()?;
        if !self.is_symbol(":") {
            let mut items = vec![first];
            while self.accept_symbol(",")? {
                items.push(self.term()?);
            }
            self.expect_symbol("}")?;
            return Ok(Term::Set(items));
        }
        self.advance()?;
        let mut entries = vec![(first, self.term()?)];
        while self.accept_symbol(",")? {
            let key = self.term()?;
            self.expect_symbol(":")?;
            entries.push((key, self.term()?));
        }
        self.expect_symbol("}")?;
        Ok(Term::Map(entries))
    }

    /// `(type)` with a term after it, which makes it a hint and not a tuple.
    fn type_hint(&mut self) -> Option<super::super::ast::TypeName> {
        if !self.accept_symbol("(").ok()? {
            return None;
        }
        let typ = self.type_name().ok()?;
        if !self.accept_symbol(")").ok()? {
            return None;
        }
        let begins_term = match self.token {
            Token::Symbol(symbol) => matches!(symbol, "?" | ":" | "[" | "{" | "(" | "-"),
            Token::Word(word) => {
                constant_word(word).is_some() || matches!(self.lookahead(1), Ok(Token::Symbol("(" | ".")))
            }
            Token::Quoted(_) | Token::End => false,
            _ => true,
        };
        begins_term.then_some(typ)
    }
}

/// The words that are values.
fn constant_word(word: &str) -> Option<Literal> {
    if word.eq_ignore_ascii_case("null") {
        return Some(Literal::Null);
    }
    if word.eq_ignore_ascii_case("true") {
        return Some(Literal::Boolean(true));
    }
    if word.eq_ignore_ascii_case("false") {
        return Some(Literal::Boolean(false));
    }
    if word.eq_ignore_ascii_case("nan") {
        return Some(Literal::Float("NaN".to_owned()));
    }
    if word.eq_ignore_ascii_case("infinity") {
        return Some(Literal::Float("Infinity".to_owned()));
    }
    // ISO 8601 durations look like words.
    let mut characters = word.bytes();
    let iso = characters.next().is_some_and(|byte| byte.eq_ignore_ascii_case(&b'p'))
        && characters.next().is_some_and(|byte| byte.is_ascii_digit() || byte.eq_ignore_ascii_case(&b't'))
        && word.len() > 2
        && word[2..].bytes().all(|byte| byte.is_ascii_digit() || b"yYmMwWdDtThHsS".contains(&byte))
        && !word.ends_with(|c: char| c.is_ascii_digit());
    iso.then(|| Literal::Duration(word.to_owned()))
}
