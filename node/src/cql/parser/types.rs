//! Types as written in CQL.

use super::super::ast::TypeName;
use super::super::error::CqlError;
use super::super::lexer::Token;
use super::Parser;

impl Parser<'_> {
    pub(super) fn type_name(&mut self) -> Result<TypeName, CqlError> {
        self.nested(Self::type_name_here)
    }

    fn type_name_here(&mut self) -> Result<TypeName, CqlError> {
        if let Token::String(class) = self.token {
            let class = class.replace("''", "'");
            self.advance()?;
            return Ok(TypeName::Custom(class));
        }
        let quoted = matches!(self.token, Token::Quoted(_));
        // "set" is reserved and yet a type.
        let name = if self.accept_keyword("set")? { "set".to_owned() } else { self.identifier()? };
        if self.accept_symbol(".")? {
            return Ok(TypeName::Named { keyspace: Some(name), name: self.identifier()? });
        }
        if quoted || !self.is_symbol("<") {
            return Ok(TypeName::Named { keyspace: None, name });
        }
        self.advance()?;
        let parameterised = match name.as_str() {
            "list" => TypeName::List(Box::new(self.type_name()?)),
            "set" => TypeName::Set(Box::new(self.type_name()?)),
            "frozen" => TypeName::Frozen(Box::new(self.type_name()?)),
            "map" => {
                let key = self.type_name()?;
                self.expect_symbol(",")?;
                TypeName::Map(Box::new(key), Box::new(self.type_name()?))
            }
            "tuple" => return self.comma_separated(">", Self::type_name).map(TypeName::Tuple),
            "vector" => {
                let element = self.type_name()?;
                self.expect_symbol(",")?;
                let Token::Integer(digits) = self.token else {
                    return Err(self.unexpected());
                };
                let dimension = digits.parse().map_err(|_| {
                    CqlError::invalid(format!("vectors may only have positive dimensions; given {digits}"))
                })?;
                self.advance()?;
                TypeName::Vector(Box::new(element), dimension)
            }
            _ => return Err(CqlError::syntax(format!("{} is not a type with parameters", name))),
        };
        self.expect_symbol(">")?;
        Ok(parameterised)
    }
}
