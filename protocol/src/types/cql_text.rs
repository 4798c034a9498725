//! Types as CQL text, as `system_schema` has them.

use std::sync::Arc;

use crate::types::{CqlType, MAX_TYPE_DEPTH, NativeType, UdtType};

/// Why a type's CQL text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypeTextError {
    /// Not the text of a type.
    #[error("malformed type at byte {offset} of {text:?}")]
    Malformed {
        /// Where it stopped making sense.
        offset: usize,
        /// The whole text.
        text: String,
    },
    /// A name that is neither a CQL type nor a known user type.
    #[error("unknown type {0:?}")]
    UnknownType(String),
    /// It nests deeper than [`MAX_TYPE_DEPTH`].
    #[error("type nests deeper than {max} levels")]
    TooDeep {
        /// The limit.
        max: usize,
    },
}

impl CqlType {
    /// Parses CQL text such as `frozen<map<text, list<int>>>`.
    ///
    /// `frozen` is accepted anywhere and left out of the result. `user_type` finds a user type of the current
    /// keyspace by its (unquoted) name. A quoted string is a Java class name.
    pub fn parse_cql(
        text: &str,
        user_type: &dyn Fn(&str) -> Option<Arc<UdtType>>,
    ) -> Result<CqlType, TypeTextError> {
        let mut parser = Parser { text, offset: 0, user_type };
        let typ = parser.typ(MAX_TYPE_DEPTH)?;
        if parser.skip_spaces().is_empty() { Ok(typ) } else { Err(parser.malformed()) }
    }
}

struct Parser<'a> {
    text: &'a str,
    offset: usize,
    user_type: &'a dyn Fn(&str) -> Option<Arc<UdtType>>,
}

impl Parser<'_> {
    fn typ(&mut self, depth: usize) -> Result<CqlType, TypeTextError> {
        let Some(inner) = depth.checked_sub(1) else {
            return Err(TypeTextError::TooDeep { max: MAX_TYPE_DEPTH });
        };
        if let Some(quote @ ('\'' | '"')) = self.skip_spaces().chars().next() {
            return self.quoted_type(quote, depth);
        }
        let name = self.word()?.to_ascii_lowercase();
        if !self.accept('<') {
            return self.bare_type(&name, depth);
        }
        // One function for each: a level of nesting then takes the stack of its own kind only.
        let typ = match name.as_str() {
            "frozen" => self.typ(inner),
            "list" => self.typ(inner).map(CqlType::list),
            "set" => self.typ(inner).map(CqlType::set),
            "map" => self.map(inner),
            "tuple" => self.tuple(inner),
            "vector" => self.vector(inner),
            _ => Err(TypeTextError::UnknownType(name)),
        };
        typ.and_then(|typ| self.expect('>').map(|()| typ))
    }

    fn quoted_type(&mut self, quote: char, depth: usize) -> Result<CqlType, TypeTextError> {
        let name = self.quoted(quote)?;
        if quote == '"' {
            return self.user_type_named(&name, depth);
        }
        CqlType::from_class_name_within(&name, depth)
            .map_err(|_| TypeTextError::TooDeep { max: MAX_TYPE_DEPTH })
    }

    fn bare_type(&self, name: &str, depth: usize) -> Result<CqlType, TypeTextError> {
        match NativeType::from_name(name) {
            Some(native) => Ok(CqlType::Native(native)),
            // Servers call the type of the empty value so.
            None if name == "empty" => Ok(CqlType::custom("org.apache.cassandra.db.marshal.EmptyType")),
            None => self.user_type_named(name, depth),
        }
    }

    fn map(&mut self, depth: usize) -> Result<CqlType, TypeTextError> {
        let key = self.typ(depth)?;
        self.expect(',')?;
        Ok(CqlType::map(key, self.typ(depth)?))
    }

    fn tuple(&mut self, depth: usize) -> Result<CqlType, TypeTextError> {
        let mut fields = vec![self.typ(depth)?];
        while self.accept(',') {
            fields.push(self.typ(depth)?);
        }
        Ok(CqlType::Tuple(fields.into()))
    }

    fn vector(&mut self, depth: usize) -> Result<CqlType, TypeTextError> {
        let element = self.typ(depth)?;
        self.expect(',')?;
        let dimension = self.word()?.parse::<u16>().ok().filter(|dimension| *dimension > 0);
        Ok(CqlType::vector(element, dimension.ok_or_else(|| self.malformed())?))
    }

    fn user_type_named(&self, name: &str, depth: usize) -> Result<CqlType, TypeTextError> {
        match (self.user_type)(name).map(CqlType::Udt) {
            // A chain of user types must not get around the limit on nesting.
            Some(udt) if udt.depth() > depth => Err(TypeTextError::TooDeep { max: MAX_TYPE_DEPTH }),
            Some(udt) => Ok(udt),
            None => Err(TypeTextError::UnknownType(name.to_owned())),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, TypeTextError> {
        let mut rest = self.text[self.offset + 1..].char_indices().peekable();
        let mut name = String::new();
        while let Some((index, character)) = rest.next() {
            if character == quote && rest.next_if(|(_, next)| *next == quote).is_none() {
                self.offset += index + 2;
                return Ok(name);
            }
            name.push(character);
        }
        Err(self.malformed())
    }

    fn word(&mut self) -> Result<&str, TypeTextError> {
        let rest = self.skip_spaces();
        let length = rest
            .find(|character: char| !character.is_ascii_alphanumeric() && character != '_')
            .unwrap_or(rest.len());
        if length == 0 {
            return Err(self.malformed());
        }
        let start = self.offset;
        self.offset += length;
        Ok(&self.text[start..self.offset])
    }

    fn accept(&mut self, character: char) -> bool {
        let accepted = self.skip_spaces().starts_with(character);
        self.offset += usize::from(accepted);
        accepted
    }

    fn expect(&mut self, character: char) -> Result<(), TypeTextError> {
        if self.accept(character) { Ok(()) } else { Err(self.malformed()) }
    }

    fn skip_spaces(&mut self) -> &str {
        let rest = self.text[self.offset..].trim_start();
        self.offset = self.text.len() - rest.len();
        &self.text[self.offset..]
    }

    fn malformed(&self) -> TypeTextError {
        TypeTextError::Malformed { offset: self.offset, text: self.text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<CqlType, TypeTextError> {
        CqlType::parse_cql(text, &|name| match udt(name) {
            CqlType::Udt(udt) if ["address", "My \"Type"].contains(&name) => Some(udt),
            _ => None,
        })
    }

    fn udt(name: &str) -> CqlType {
        CqlType::udt("ks", name, [("zip", CqlType::Int)])
    }

    #[test]
    fn schema_strings_become_types() {
        assert_eq!(parse("INT"), Ok(CqlType::Int));
        assert_eq!(parse("varchar"), Ok(CqlType::Text));
        assert_eq!(
            parse("frozen<map<text, frozen<list<int>>>>"),
            Ok(CqlType::map(CqlType::Text, CqlType::list(CqlType::Int)))
        );
        assert_eq!(
            parse(" tuple< int ,set<address> > "),
            Ok(CqlType::tuple([CqlType::Int, CqlType::set(udt("address"))]))
        );
        assert_eq!(parse("list<\"My \"\"Type\">"), Ok(CqlType::list(udt("My \"Type"))));
        assert_eq!(parse("vector<float, 1536>"), Ok(CqlType::vector(CqlType::Float, 1536)));
        assert_eq!(parse("'org.apache.cassandra.db.marshal.PointType'").unwrap().depth(), 1);
    }

    #[test]
    fn what_a_type_prints_is_what_it_parses_from() {
        for text in
            ["map<text, tuple<int, vector<smallint, 2>>>", "set<\"My \"\"Type\">", "'a.B(c)'", "duration"]
        {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        for text in
            ["", "list<", "list<int", "list<int>>", "map<int>", "vector<int, 0>", "\"open", "li st<int>", "<"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("nothing"), Err(TypeTextError::UnknownType("nothing".into())));
        let deep = format!("{}int{}", "list<".repeat(100_000), ">".repeat(100_000));
        assert_eq!(parse(&deep), Err(TypeTextError::TooDeep { max: MAX_TYPE_DEPTH }));
    }
}
