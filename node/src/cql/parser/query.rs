//! SELECT.

use super::super::ast::{Order, Select};
use super::super::error::CqlError;
use super::super::lexer::Token;
use super::Parser;

impl Parser<'_> {
    pub(super) fn select(&mut self) -> Result<Select, CqlError> {
        self.expect_keyword("select")?;
        let json = self.accept_modifier("json")?;
        let distinct = self.accept_modifier("distinct")?;
        let selectors = if self.accept_symbol("*")? {
            None
        } else {
            let mut selectors = vec![self.aliased_selector()?];
            while self.accept_symbol(",")? {
                selectors.push(self.aliased_selector()?);
            }
            Some(selectors)
        };
        self.expect_keyword("from")?;
        let mut select = Select {
            table: self.table_name()?,
            json,
            distinct,
            selectors,
            filter: Vec::new(),
            group_by: Vec::new(),
            order_by: Vec::new(),
            per_partition_limit: None,
            limit: None,
            allow_filtering: false,
        };
        if self.accept_keyword("where")? {
            select.filter = self.where_clause()?;
        }
        if self.accept_keyword("group")? {
            self.expect_keyword("by")?;
            select.group_by.push(self.identifier()?);
            while self.accept_symbol(",")? {
                select.group_by.push(self.identifier()?);
            }
        }
        if self.accept_keyword("order")? {
            self.expect_keyword("by")?;
            select.order_by.push(self.ordering()?);
            while self.accept_symbol(",")? {
                select.order_by.push(self.ordering()?);
            }
        }
        if self.accept_keyword("per")? {
            self.expect_keyword("partition")?;
            self.expect_keyword("limit")?;
            select.per_partition_limit = Some(self.term()?);
        }
        if self.accept_keyword("limit")? {
            select.limit = Some(self.term()?);
        }
        if self.accept_keyword("allow")? {
            self.expect_keyword("filtering")?;
            select.allow_filtering = true;
        }
        if self.accept_keyword("bypass")? {
            self.expect_keyword("cache")?;
            self.scylla_only = Some("BYPASS CACHE");
        }
        if self.accept_keyword("using")? {
            self.expect_keyword("timeout")?;
            self.timeout()?;
        }
        Ok(select)
    }

    /// JSON and DISTINCT are ordinary identifiers too: they modify only when something to select follows.
    fn accept_modifier(&mut self, word: &str) -> Result<bool, CqlError> {
        if !self.is_keyword(word) {
            return Ok(false);
        }
        let is_column = match self.lookahead(1)? {
            Token::Symbol(symbol) => !matches!(symbol, "*" | "(" | "?" | ":" | "-"),
            Token::Word(next) => next.eq_ignore_ascii_case("from") || next.eq_ignore_ascii_case("as"),
            _ => false,
        };
        if !is_column {
            self.advance()?;
        }
        Ok(!is_column)
    }

    pub(super) fn ordering(&mut self) -> Result<(String, Order), CqlError> {
        let column = self.identifier()?;
        if self.is_keyword("ann") {
            return Err(CqlError::unsupported("ORDER BY … ANN OF"));
        }
        if self.accept_keyword("desc")? {
            return Ok((column, Order::Descending));
        }
        self.accept_keyword("asc")?;
        Ok((column, Order::Ascending))
    }
}
