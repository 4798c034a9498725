//! CREATE, ALTER and DROP.

use super::super::ast::{
    AlterKeyspace, AlterTable, AlterType, ColumnDefinition, CreateIndex, CreateKeyspace, CreateTable,
    CreateType, IndexPart, OptionValue, Statement, TableChange, TypeChange,
};
use super::super::error::CqlError;
use super::super::lexer::Token;
use super::Parser;

/// What can be created, altered and dropped in Cassandra, but not here.
const UNSUPPORTED: [(&str, &str); 9] = [
    ("materialized", "materialized views"),
    ("function", "user-defined functions"),
    ("aggregate", "user-defined aggregates"),
    ("trigger", "triggers"),
    ("role", "role statements"),
    ("user", "user statements"),
    ("or", "user-defined functions and aggregates"),
    ("identity", "identities"),
    ("generated", "generated role names"),
];

impl Parser<'_> {
    pub(super) fn create(&mut self) -> Result<Statement, CqlError> {
        self.expect_keyword("create")?;
        if self.accept_keyword("keyspace")? || self.accept_keyword("schema")? {
            let if_not_exists = self.accept_if_not_exists()?;
            let name = self.identifier()?;
            self.expect_keyword("with")?;
            let options = self.properties()?;
            return Ok(Statement::CreateKeyspace(CreateKeyspace { name, if_not_exists, options }));
        }
        if self.accept_keyword("table")? || self.accept_keyword("columnfamily")? {
            return self.create_table().map(Statement::CreateTable);
        }
        if self.accept_keyword("type")? {
            let if_not_exists = self.accept_if_not_exists()?;
            let name = self.table_name()?;
            self.expect_symbol("(")?;
            let fields =
                self.comma_separated(")", |parser| Ok((parser.identifier()?, parser.type_name()?)))?;
            return Ok(Statement::CreateType(CreateType { name, if_not_exists, fields }));
        }
        let custom = self.accept_keyword("custom")?;
        if self.accept_keyword("index")? {
            return self.create_index(custom).map(Statement::CreateIndex);
        }
        Err(self.unsupported_object())
    }

    fn unsupported_object(&self) -> CqlError {
        match UNSUPPORTED.iter().find(|(word, _)| self.is_keyword(word)) {
            Some((_, what)) => CqlError::unsupported(what),
            None => self.unexpected(),
        }
    }

    fn create_table(&mut self) -> Result<CreateTable, CqlError> {
        let if_not_exists = self.accept_if_not_exists()?;
        let mut table = CreateTable {
            name: self.table_name()?,
            if_not_exists,
            columns: Vec::new(),
            partition_key: Vec::new(),
            clustering: Vec::new(),
            clustering_order: Vec::new(),
            options: Vec::new(),
            id: None,
        };
        if self.is_keyword("like") {
            return Err(CqlError::unsupported("CREATE TABLE … LIKE"));
        }
        self.expect_symbol("(")?;
        let mut has_key = false;
        loop {
            let is_key_clause = self.is_keyword("primary")
                && matches!(self.lookahead(1)?, Token::Word(word) if word.eq_ignore_ascii_case("key"));
            if is_key_clause {
                self.advance()?;
                self.advance()?;
                if has_key {
                    return Err(CqlError::invalid("Multiple PRIMARY KEYs specified (exactly one required)"));
                }
                has_key = true;
                self.primary_key(&mut table)?;
            } else {
                let column = self.column_definition()?;
                if self.accept_keyword("primary")? {
                    self.expect_keyword("key")?;
                    if has_key {
                        return Err(CqlError::invalid(
                            "Multiple PRIMARY KEYs specified (exactly one required)",
                        ));
                    }
                    has_key = true;
                    table.partition_key.push(column.name.clone());
                }
                table.columns.push(column);
            }
            if !self.accept_symbol(",")? || self.is_symbol(")") {
                break;
            }
        }
        self.expect_symbol(")")?;
        if self.accept_keyword("with")? {
            self.table_property(&mut table)?;
            while self.accept_keyword("and")? {
                self.table_property(&mut table)?;
            }
        }
        Ok(table)
    }

    /// `((a, b), c, d)` or `(a, c, d)`
    fn primary_key(&mut self, table: &mut CreateTable) -> Result<(), CqlError> {
        self.expect_symbol("(")?;
        if self.is_symbol("(") {
            table.partition_key = self.identifiers_in_parentheses()?;
        } else {
            table.partition_key.push(self.identifier()?);
        }
        while self.accept_symbol(",")? {
            table.clustering.push(self.identifier()?);
        }
        self.expect_symbol(")")
    }

    fn table_property(&mut self, table: &mut CreateTable) -> Result<(), CqlError> {
        if self.is_keyword("compact") && matches!(self.lookahead(1)?, Token::Word(_)) {
            return Err(CqlError::invalid(
                "COMPACT STORAGE tables are not allowed starting with version 4.0",
            ));
        }
        if self.is_keyword("clustering") && matches!(self.lookahead(1)?, Token::Word(_)) {
            self.advance()?;
            self.expect_keyword("order")?;
            self.expect_keyword("by")?;
            self.expect_symbol("(")?;
            table.clustering_order = self.comma_separated(")", Self::ordering)?;
            return Ok(());
        }
        if self.is_keyword("id") && matches!(self.lookahead(1)?, Token::Symbol("=")) {
            let mut options = Vec::new();
            self.property(&mut options)?;
            if let Some((_, OptionValue::Text(id))) = options.pop() {
                table.id = Some(id);
            }
            return Ok(());
        }
        self.property(&mut table.options)
    }

    fn column_definition(&mut self) -> Result<ColumnDefinition, CqlError> {
        let name = self.identifier()?;
        let typ = self.type_name()?;
        let is_static = self.accept_keyword("static")?;
        if self.is_keyword("masked") {
            return Err(CqlError::unsupported("dynamic data masking (MASKED WITH)"));
        }
        Ok(ColumnDefinition { name, typ, is_static })
    }

    fn create_index(&mut self, custom: bool) -> Result<CreateIndex, CqlError> {
        let if_not_exists = self.accept_if_not_exists()?;
        let name = if self.is_keyword("on") { None } else { Some(self.identifier()?) };
        self.expect_keyword("on")?;
        let table = self.table_name()?;
        self.expect_symbol("(")?;
        let targets = self.comma_separated(")", Self::index_target)?;
        let mut class = None;
        if self.accept_keyword("using")? {
            let Token::String(text) = self.token else {
                return Err(self.unexpected());
            };
            class = Some(text.replace("''", "'"));
            self.advance()?;
        }
        let options = if self.accept_keyword("with")? { self.properties()? } else { Vec::new() };
        if custom && class.is_none() {
            return Err(CqlError::invalid("CUSTOM index requires specifying the index class"));
        }
        Ok(CreateIndex { name, if_not_exists, table, targets, class, options })
    }

    fn index_target(&mut self) -> Result<(String, IndexPart), CqlError> {
        let called = matches!(self.lookahead(1)?, Token::Symbol("("));
        let part = match self.token {
            Token::Word(word) if called => match word.to_ascii_lowercase().as_str() {
                "keys" => IndexPart::Keys,
                "values" => IndexPart::Values,
                "entries" => IndexPart::Entries,
                "full" => IndexPart::Full,
                _ => return Err(self.unexpected()),
            },
            _ => return Ok((self.identifier()?, IndexPart::Simple)),
        };
        self.advance()?;
        self.expect_symbol("(")?;
        let column = self.identifier()?;
        self.expect_symbol(")")?;
        Ok((column, part))
    }

    pub(super) fn alter(&mut self) -> Result<Statement, CqlError> {
        self.expect_keyword("alter")?;
        if self.accept_keyword("keyspace")? || self.accept_keyword("schema")? {
            let if_exists = self.accept_if_exists()?;
            let name = self.identifier()?;
            self.expect_keyword("with")?;
            let options = self.properties()?;
            return Ok(Statement::AlterKeyspace(AlterKeyspace { name, if_exists, options }));
        }
        if self.accept_keyword("table")? || self.accept_keyword("columnfamily")? {
            let if_exists = self.accept_if_exists()?;
            let name = self.table_name()?;
            return Ok(Statement::AlterTable(AlterTable { name, if_exists, change: self.table_change()? }));
        }
        if self.accept_keyword("type")? {
            let if_exists = self.accept_if_exists()?;
            let name = self.table_name()?;
            return Ok(Statement::AlterType(AlterType { name, if_exists, change: self.type_change()? }));
        }
        Err(self.unsupported_object())
    }

    fn table_change(&mut self) -> Result<TableChange, CqlError> {
        if self.accept_keyword("add")? {
            let if_not_exists = self.accept_if_not_exists()?;
            let columns = if self.accept_symbol("(")? {
                self.comma_separated(")", Self::column_definition)?
            } else {
                let mut columns = vec![self.column_definition()?];
                while self.accept_symbol(",")? {
                    columns.push(self.column_definition()?);
                }
                columns
            };
            return Ok(TableChange::Add { columns, if_not_exists });
        }
        if self.accept_keyword("drop")? {
            if self.is_keyword("compact") {
                return Err(CqlError::unsupported("DROP COMPACT STORAGE"));
            }
            let if_exists = self.accept_if_exists()?;
            let columns = if self.is_symbol("(") {
                self.identifiers_in_parentheses()?
            } else {
                let mut columns = vec![self.identifier()?];
                while self.accept_symbol(",")? {
                    columns.push(self.identifier()?);
                }
                columns
            };
            if self.is_keyword("using") {
                return Err(CqlError::unsupported("USING TIMESTAMP in ALTER TABLE … DROP"));
            }
            return Ok(TableChange::Drop { columns, if_exists });
        }
        if self.accept_keyword("rename")? {
            let if_exists = self.accept_if_exists()?;
            return Ok(TableChange::Rename { pairs: self.renames()?, if_exists });
        }
        if self.accept_keyword("with")? {
            return self.properties().map(TableChange::With);
        }
        if self.is_keyword("alter") {
            return Err(CqlError::invalid("Altering column types is no longer supported"));
        }
        Err(self.unexpected())
    }

    fn type_change(&mut self) -> Result<TypeChange, CqlError> {
        if self.accept_keyword("add")? {
            let if_not_exists = self.accept_if_not_exists()?;
            return Ok(TypeChange::Add { field: self.identifier()?, typ: self.type_name()?, if_not_exists });
        }
        if self.accept_keyword("rename")? {
            let if_exists = self.accept_if_exists()?;
            return Ok(TypeChange::Rename { pairs: self.renames()?, if_exists });
        }
        if self.is_keyword("alter") {
            return Err(CqlError::invalid("Altering field types is no longer supported"));
        }
        Err(self.unexpected())
    }

    /// `a TO b AND c TO d`
    fn renames(&mut self) -> Result<Vec<(String, String)>, CqlError> {
        let mut pairs = Vec::new();
        loop {
            let from = self.identifier()?;
            self.expect_keyword("to")?;
            pairs.push((from, self.identifier()?));
            if !self.accept_keyword("and")? {
                return Ok(pairs);
            }
        }
    }

    pub(super) fn drop_statement(&mut self) -> Result<Statement, CqlError> {
        self.expect_keyword("drop")?;
        if self.accept_keyword("keyspace")? || self.accept_keyword("schema")? {
            let if_exists = self.accept_if_exists()?;
            return Ok(Statement::DropKeyspace { name: self.identifier()?, if_exists });
        }
        if self.accept_keyword("table")? || self.accept_keyword("columnfamily")? {
            let if_exists = self.accept_if_exists()?;
            return Ok(Statement::DropTable { name: self.table_name()?, if_exists });
        }
        if self.accept_keyword("type")? {
            let if_exists = self.accept_if_exists()?;
            return Ok(Statement::DropType { name: self.table_name()?, if_exists });
        }
        if self.accept_keyword("index")? {
            let if_exists = self.accept_if_exists()?;
            return Ok(Statement::DropIndex { name: self.table_name()?, if_exists });
        }
        Err(self.unsupported_object())
    }
}
