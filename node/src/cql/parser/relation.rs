//! WHERE clauses, IF clauses and USING clauses.

use super::super::ast::{
    ColumnCondition, Condition, ConditionPart, ConditionTest, InValues, Literal, Operator, Relation, Using,
};
use super::super::error::CqlError;
use super::super::lexer::Token;
use super::Parser;

impl Parser<'_> {
    pub(super) fn where_clause(&mut self) -> Result<Vec<Relation>, CqlError> {
        let mut relations = Vec::new();
        loop {
            self.nested(|parser| parser.relation(&mut relations))?;
            if self.is_keyword("or") {
                return Err(CqlError::unsupported("OR in a WHERE clause"));
            }
            if !self.accept_keyword("and")? {
                return Ok(relations);
            }
        }
    }

    fn relation(&mut self, relations: &mut Vec<Relation>) -> Result<(), CqlError> {
        if self.accept_keyword("token")? {
            let columns = self.identifiers_in_parentheses()?;
            let operator = self.operator()?;
            relations.push(Relation::Token { columns, operator, value: self.term()? });
            return Ok(());
        }
        if self.is_symbol("(") {
            let is_tuple = matches!(self.lookahead(1)?, Token::Word(_) | Token::Quoted(_))
                && matches!(self.lookahead(2)?, Token::Symbol("," | ")"));
            if is_tuple {
                relations.push(self.multi_column_relation()?);
                return Ok(());
            }
            self.advance()?;
            self.nested(|parser| parser.relation(relations))?;
            while self.accept_keyword("and")? {
                self.nested(|parser| parser.relation(relations))?;
            }
            return self.expect_symbol(")");
        }
        let column = self.identifier()?;
        if self.accept_symbol("[")? {
            let key = self.term()?;
            self.expect_symbol("]")?;
            let operator = self.operator()?;
            relations.push(Relation::Element { column, key, operator, value: self.term()? });
            return Ok(());
        }
        if self.accept_keyword("in")? {
            relations.push(Relation::In { column, values: self.in_values()? });
            return Ok(());
        }
        if self.accept_keyword("contains")? {
            let key = self.accept_keyword("key")?;
            let operator = if key { Operator::ContainsKey } else { Operator::Contains };
            relations.push(Relation::Single { column, operator, value: self.term()? });
            return Ok(());
        }
        self.refuse_operators()?;
        let operator = self.operator()?;
        relations.push(Relation::Single { column, operator, value: self.term()? });
        Ok(())
    }

    /// Operators that Cassandra has and the node has not.
    fn refuse_operators(&self) -> Result<(), CqlError> {
        for (word, what) in [
            ("like", "LIKE"),
            ("between", "BETWEEN"),
            ("is", "IS NOT NULL outside of materialized views"),
            ("not", "NOT in a WHERE clause"),
        ] {
            if self.is_keyword(word) {
                return Err(CqlError::unsupported(what));
            }
        }
        Ok(())
    }

    fn multi_column_relation(&mut self) -> Result<Relation, CqlError> {
        let columns = self.identifiers_in_parentheses()?;
        if self.accept_keyword("in")? {
            return Ok(Relation::MultiIn { columns, values: self.in_values()? });
        }
        self.refuse_operators()?;
        let operator = self.operator()?;
        Ok(Relation::Multi { columns, operator, value: self.term()? })
    }

    fn in_values(&mut self) -> Result<InValues, CqlError> {
        if let Some(marker) = self.accept_marker()? {
            return Ok(InValues::Marker(marker));
        }
        self.expect_symbol("(")?;
        if self.accept_symbol(")")? {
            return Ok(InValues::Terms(Vec::new()));
        }
        self.comma_separated(")", Self::term).map(InValues::Terms)
    }

    fn operator(&mut self) -> Result<Operator, CqlError> {
        let operator = match self.token {
            Token::Symbol("=") => Operator::Equal,
            Token::Symbol("!=") => Operator::NotEqual,
            Token::Symbol("<") => Operator::Less,
            Token::Symbol("<=") => Operator::LessOrEqual,
            Token::Symbol(">") => Operator::Greater,
            Token::Symbol(">=") => Operator::GreaterOrEqual,
            _ => return Err(self.unexpected()),
        };
        self.advance()?;
        Ok(operator)
    }

    /// `USING TTL n AND TIMESTAMP n`, if it is here.
    pub(super) fn using(&mut self) -> Result<Using, CqlError> {
        let mut using = Using::default();
        if !self.accept_keyword("using")? {
            return Ok(using);
        }
        loop {
            if using.timestamp.is_none() && self.accept_keyword("timestamp")? {
                using.timestamp = Some(self.term()?);
            } else if using.ttl.is_none() && self.accept_keyword("ttl")? {
                using.ttl = Some(self.term()?);
            } else if self.accept_keyword("timeout")? {
                self.timeout()?;
            } else {
                return Err(self.unexpected());
            }
            if !self.accept_keyword("and")? {
                return Ok(using);
            }
        }
    }

    /// The duration behind USING TIMEOUT. Nothing here ever takes that long.
    pub(super) fn timeout(&mut self) -> Result<(), CqlError> {
        self.scylla_only = Some("USING TIMEOUT");
        match self.accept_literal()? {
            Some(Literal::Duration(_)) => Ok(()),
            _ => Err(self.unexpected()),
        }
    }

    /// `IF EXISTS` or `IF a = 1 AND …`, if it is here.
    pub(super) fn condition(&mut self) -> Result<Condition, CqlError> {
        if !self.accept_keyword("if")? {
            return Ok(Condition::None);
        }
        let exists = self.is_keyword("exists")
            && matches!(self.lookahead(1)?, Token::End | Token::Symbol(";") | Token::Word(_));
        if exists {
            self.advance()?;
            return Ok(Condition::Exists);
        }
        let mut conditions = vec![self.column_condition()?];
        while self.accept_keyword("and")? {
            conditions.push(self.column_condition()?);
        }
        Ok(Condition::All(conditions))
    }

    fn column_condition(&mut self) -> Result<ColumnCondition, CqlError> {
        let column = self.identifier()?;
        let part = if self.accept_symbol("[")? {
            let key = self.term()?;
            self.expect_symbol("]")?;
            ConditionPart::Element(key)
        } else if self.accept_symbol(".")? {
            ConditionPart::Field(self.identifier()?)
        } else {
            ConditionPart::Whole
        };
        if self.accept_keyword("in")? {
            return Ok(ColumnCondition { column, part, test: ConditionTest::In(self.in_values()?) });
        }
        if self.accept_keyword("contains")? {
            let key = self.accept_keyword("key")?;
            let operator = if key { Operator::ContainsKey } else { Operator::Contains };
            return Ok(ColumnCondition {
                column,
                part,
                test: ConditionTest::Compare(operator, self.term()?),
            });
        }
        self.refuse_operators()?;
        let operator = self.operator()?;
        Ok(ColumnCondition { column, part, test: ConditionTest::Compare(operator, self.term()?) })
    }
}
