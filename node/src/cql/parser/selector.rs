//! What stands between SELECT and FROM.

use super::super::ast::{Selector, Term};
use super::super::error::CqlError;
use super::super::lexer::Token;
use super::Parser;

impl Parser<'_> {
    /// A selector and its alias.
    pub(super) fn aliased_selector(&mut self) -> Result<(Selector, Option<String>), CqlError> {
        let selector = self.selector()?;
        let alias = if self.accept_keyword("as")? { Some(self.identifier()?) } else { None };
        Ok((selector, alias))
    }

    fn selector(&mut self) -> Result<Selector, CqlError> {
        self.nested(|parser| {
            let base = parser.plain_selector()?;
            parser.selector_suffixes(base)
        })
    }

    fn plain_selector(&mut self) -> Result<Selector, CqlError> {
        if let Some(marker) = self.accept_marker()? {
            return Ok(Selector::Term(Term::Bind(marker)));
        }
        if let Some(literal) = self.accept_literal()? {
            return Ok(Selector::Term(Term::Literal(literal)));
        }
        if self.is_symbol("(") || self.is_symbol("[") || self.is_symbol("{") {
            return self.term().map(Selector::Term);
        }
        let called = matches!(self.lookahead(1)?, Token::Symbol("("));
        if called && let Token::Word(word) = self.token {
            match word.to_ascii_lowercase().as_str() {
                "count" if self.counts_rows()? => {
                    for _ in 0..4 {
                        self.advance()?;
                    }
                    return Ok(Selector::CountRows);
                }
                "writetime" | "maxwritetime" => {
                    let max = word.len() > "writetime".len();
                    let (column, element) = self.column_in_parentheses()?;
                    return Ok(Selector::WriteTime { column, element, max });
                }
                "ttl" => {
                    let (column, element) = self.column_in_parentheses()?;
                    return Ok(Selector::Ttl { column, element });
                }
                "cast" => {
                    self.advance()?;
                    self.advance()?;
                    let inner = self.selector()?;
                    self.expect_keyword("as")?;
                    let typ = self.type_name()?;
                    self.expect_symbol(")")?;
                    return Ok(Selector::Cast(Box::new(inner), typ));
                }
                _ => {}
            }
        }
        let qualified_call = matches!(self.lookahead(1)?, Token::Symbol("."))
            && matches!(self.lookahead(3), Ok(Token::Symbol("(")));
        if called || qualified_call {
            let function = self.function_name()?;
            self.expect_symbol("(")?;
            let arguments = if self.accept_symbol(")")? {
                Vec::new()
            } else {
                self.comma_separated(")", Self::selector)?
            };
            return Ok(Selector::Call { function, arguments });
        }
        self.identifier().map(Selector::Column)
    }

    /// Whether `count(*)` or `count(1)` is ahead.
    fn counts_rows(&self) -> Result<bool, CqlError> {
        let counted = self.lookahead(2)?;
        Ok(matches!(counted, Token::Symbol("*") | Token::Integer("1"))
            && matches!(self.lookahead(3), Ok(Token::Symbol(")"))))
    }

    /// `f(column)` or `f(column[key])`, without the `f`.
    fn column_in_parentheses(&mut self) -> Result<(String, Option<Term>), CqlError> {
        self.advance()?;
        self.expect_symbol("(")?;
        let column = self.identifier()?;
        let element = if self.accept_symbol("[")? {
            let key = self.term()?;
            self.expect_symbol("]")?;
            Some(key)
        } else {
            None
        };
        if self.is_symbol(".") {
            return Err(CqlError::unsupported("writetime and ttl of a single field"));
        }
        self.expect_symbol(")")?;
        Ok((column, element))
    }

    /// `.field`, `[key]` and `[from..to]`, any number of them.
    fn selector_suffixes(&mut self, mut base: Selector) -> Result<Selector, CqlError> {
        for _ in 0..super::MAX_DEPTH {
            if self.accept_symbol(".")? {
                base = Selector::Field(Box::new(base), self.identifier()?);
            } else if self.accept_symbol("[")? {
                let from = if self.is_symbol("..") { None } else { Some(self.term()?) };
                base = match (from, self.accept_symbol("..")?) {
                    (Some(key), false) => Selector::Element(Box::new(base), key),
                    (from, _) => {
                        let to = if self.is_symbol("]") { None } else { Some(self.term()?) };
                        Selector::Slice(Box::new(base), from, to)
                    }
                };
                self.expect_symbol("]")?;
            } else {
                return Ok(base);
            }
        }
        Err(self.unexpected())
    }
}
