//! INSERT, UPDATE, DELETE and BATCH.

use chorus_protocol::request::BatchKind;

use super::super::ast::{
    Assignment, Batch, Condition, Delete, DeleteTarget, Insert, InsertSource, Statement, Update, Using,
};
use super::super::error::CqlError;
use super::super::keyword::is_reserved;
use super::super::lexer::Token;
use super::Parser;

impl Parser<'_> {
    pub(super) fn insert(&mut self) -> Result<Insert, CqlError> {
        self.expect_keyword("insert")?;
        self.expect_keyword("into")?;
        let table = self.table_name()?;
        let source = if self.accept_keyword("json")? {
            let value = self.term()?;
            let mut default_unset = false;
            if self.accept_keyword("default")? {
                default_unset = self.accept_keyword("unset")?;
                if !default_unset {
                    self.expect_keyword("null")?;
                }
            }
            InsertSource::Json { value, default_unset }
        } else {
            let columns = self.identifiers_in_parentheses()?;
            self.expect_keyword("values")?;
            self.expect_symbol("(")?;
            InsertSource::Values { columns, values: self.comma_separated(")", Self::term)? }
        };
        let if_not_exists = self.accept_if_not_exists()?;
        Ok(Insert { table, source, if_not_exists, using: self.using()? })
    }

    pub(super) fn update(&mut self) -> Result<Update, CqlError> {
        self.expect_keyword("update")?;
        let table = self.table_name()?;
        let using = self.using()?;
        self.expect_keyword("set")?;
        let mut assignments = vec![self.assignment()?];
        while self.accept_symbol(",")? {
            assignments.push(self.assignment()?);
        }
        self.expect_keyword("where")?;
        let filter = self.where_clause()?;
        Ok(Update { table, using, assignments, filter, condition: self.condition()? })
    }

    fn assignment(&mut self) -> Result<Assignment, CqlError> {
        let column = self.identifier()?;
        if self.accept_symbol("[")? {
            let key = self.term()?;
            self.expect_symbol("]")?;
            self.expect_symbol("=")?;
            return Ok(Assignment::Element { column, key, value: self.term()? });
        }
        if self.accept_symbol(".")? {
            let field = self.identifier()?;
            self.expect_symbol("=")?;
            return Ok(Assignment::Field { column, field, value: self.term()? });
        }
        if self.accept_symbol("+")? {
            self.expect_symbol("=")?;
            return Ok(Assignment::Add { column, value: self.term()? });
        }
        if self.accept_symbol("-")? {
            self.expect_symbol("=")?;
            return Ok(Assignment::Subtract { column, value: self.term()? });
        }
        self.expect_symbol("=")?;
        if self.column_ahead() && matches!(self.lookahead(1)?, Token::Symbol("+" | "-")) {
            self.same_column(&column)?;
            let add = self.is_symbol("+");
            self.advance()?;
            let value = self.term()?;
            return Ok(if add {
                Assignment::Add { column, value }
            } else {
                Assignment::Subtract { column, value }
            });
        }
        let value = self.term()?;
        if self.is_symbol("+") && matches!(self.lookahead(1)?, Token::Word(_) | Token::Quoted(_)) {
            self.advance()?;
            self.same_column(&column)?;
            return Ok(Assignment::Prepend { column, value });
        }
        Ok(Assignment::Set { column, value })
    }

    fn column_ahead(&self) -> bool {
        match self.token {
            Token::Word(word) => !is_reserved(word),
            Token::Quoted(_) => true,
            _ => false,
        }
    }

    fn same_column(&mut self, column: &str) -> Result<(), CqlError> {
        if self.identifier()? == column {
            return Ok(());
        }
        Err(CqlError::syntax(
            "Only expressions of the form X = X + <value> or X = X - <value> are supported.",
        ))
    }

    pub(super) fn delete(&mut self) -> Result<Delete, CqlError> {
        self.expect_keyword("delete")?;
        let mut targets = Vec::new();
        if !self.is_keyword("from") {
            targets.push(self.delete_target()?);
            while self.accept_symbol(",")? {
                targets.push(self.delete_target()?);
            }
        }
        self.expect_keyword("from")?;
        let table = self.table_name()?;
        let using = self.using()?;
        if using.ttl.is_some() {
            return Err(CqlError::syntax("TTL has no meaning in a DELETE"));
        }
        self.expect_keyword("where")?;
        let filter = self.where_clause()?;
        Ok(Delete { table, using, targets, filter, condition: self.condition()? })
    }

    fn delete_target(&mut self) -> Result<DeleteTarget, CqlError> {
        let column = self.identifier()?;
        if self.accept_symbol("[")? {
            let key = self.term()?;
            self.expect_symbol("]")?;
            return Ok(DeleteTarget::Element { column, key });
        }
        if self.accept_symbol(".")? {
            return Ok(DeleteTarget::Field { column, field: self.identifier()? });
        }
        Ok(DeleteTarget::Column(column))
    }

    pub(super) fn batch(&mut self) -> Result<Batch, CqlError> {
        self.expect_keyword("begin")?;
        if self.is_keyword("transaction") {
            return Err(CqlError::unsupported("BEGIN TRANSACTION"));
        }
        let kind = if self.accept_keyword("unlogged")? {
            BatchKind::Unlogged
        } else if self.accept_keyword("counter")? {
            BatchKind::Counter
        } else {
            BatchKind::Logged
        };
        self.expect_keyword("batch")?;
        let using = self.using()?;
        if using.ttl.is_some() {
            return Err(CqlError::invalid("Global TTL on the BATCH statement is not supported."));
        }
        let mut statements = Vec::new();
        while !self.accept_keyword("apply")? {
            let statement = if self.is_keyword("insert") {
                Statement::Insert(self.insert()?)
            } else if self.is_keyword("update") {
                Statement::Update(self.update()?)
            } else if self.is_keyword("delete") {
                Statement::Delete(self.delete()?)
            } else {
                return Err(self.unexpected());
            };
            statements.push(statement);
            while self.accept_symbol(";")? {}
        }
        self.expect_keyword("batch")?;
        check_batch_using(&using, &statements)?;
        Ok(Batch { kind, using, statements })
    }
}

/// A batch has its timestamp either as a whole or per statement.
fn check_batch_using(using: &Using, statements: &[Statement]) -> Result<(), CqlError> {
    let mut per_statement = false;
    let mut conditional = false;
    for statement in statements {
        let (using, condition) = match statement {
            Statement::Insert(insert) => (&insert.using, insert.if_not_exists),
            Statement::Update(update) => (&update.using, update.condition != Condition::None),
            Statement::Delete(delete) => (&delete.using, delete.condition != Condition::None),
            _ => continue,
        };
        per_statement |= using.timestamp.is_some();
        conditional |= condition;
    }
    if using.timestamp.is_some() && conditional {
        return Err(CqlError::invalid("Cannot provide custom timestamp for conditional BATCH"));
    }
    if using.timestamp.is_some() && per_statement {
        return Err(CqlError::invalid("Timestamp must be set either on BATCH or individual statements"));
    }
    Ok(())
}
