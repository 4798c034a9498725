//! The WITH clause.

use super::super::ast::{Literal, OptionValue, Options};
use super::super::error::CqlError;
use super::super::lexer::Token;
use super::Parser;

impl Parser<'_> {
    /// `name = value`; the name is behind when `named` is given.
    pub(super) fn property(&mut self, options: &mut Options) -> Result<(), CqlError> {
        let name = self.identifier()?;
        self.expect_symbol("=")?;
        let value =
            if self.is_symbol("{") { self.property_map()? } else { OptionValue::Text(self.property_text()?) };
        if options.iter().any(|(existing, _)| *existing == name) {
            return Err(CqlError::syntax(format!("Multiple definitions for property '{name}'")));
        }
        options.push((name, value));
        Ok(())
    }

    /// `a = 1 AND b = 2`; WITH is behind.
    pub(super) fn properties(&mut self) -> Result<Options, CqlError> {
        let mut options = Vec::new();
        self.property(&mut options)?;
        while self.accept_keyword("and")? {
            self.property(&mut options)?;
        }
        Ok(options)
    }

    fn property_map(&mut self) -> Result<OptionValue, CqlError> {
        self.expect_symbol("{")?;
        if self.accept_symbol("}")? {
            return Ok(OptionValue::Map(Vec::new()));
        }
        let entries = self.comma_separated("}", |parser| {
            let key = parser.property_text()?;
            parser.expect_symbol(":")?;
            Ok((key, parser.property_text()?))
        })?;
        Ok(OptionValue::Map(entries))
    }

    fn property_text(&mut self) -> Result<String, CqlError> {
        match self.accept_literal()? {
            Some(
                Literal::Integer(text)
                | Literal::Float(text)
                | Literal::String(text)
                | Literal::Uuid(text)
                | Literal::Duration(text),
            ) => Ok(text),
            Some(Literal::Boolean(value)) => Ok(value.to_string()),
            Some(Literal::Blob(digits)) => Ok(format!("0x{digits}")),
            Some(Literal::Null) => Err(self.unexpected()),
            None => match self.token {
                Token::Word(_) | Token::Quoted(_) => self.identifier(),
                _ => Err(self.unexpected()),
            },
        }
    }
}
