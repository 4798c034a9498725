//! Types by the names of the server's Java classes.

use std::sync::Arc;

use crate::error::DecodeError;
use crate::types::{CqlType, MAX_TYPE_DEPTH, NativeType, UdtType};

const PACKAGE: &str = "org.apache.cassandra.db.marshal.";

impl CqlType {
    /// Parses a class name such as `org.apache.cassandra.db.marshal.ListType(Int32Type)`; the package is optional.
    ///
    /// A class this crate does not know gives [`CqlType::Custom`] with the whole text, never an error; so does
    /// anything that is no well-formed class name. Only nesting beyond [`MAX_TYPE_DEPTH`] is refused.
    pub fn from_class_name(text: &str) -> Result<CqlType, DecodeError> {
        Self::from_class_name_within(text, MAX_TYPE_DEPTH)
    }

    pub(crate) fn from_class_name_within(text: &str, depth: usize) -> Result<CqlType, DecodeError> {
        let mut parser = Parser { text, offset: 0 };
        match parser.class(depth) {
            Ok(typ) if parser.skip_spaces().is_empty() => Ok(typ),
            Err(error @ DecodeError::TypeTooDeep { .. }) => Err(error),
            _ => Ok(CqlType::custom(text)),
        }
    }

    /// The class name, with packages, as servers write it.
    pub fn to_class_name(&self) -> String {
        let mut text = String::new();
        self.write_class_name(&mut text);
        text
    }

    fn write_class_name(&self, out: &mut String) {
        if let Self::Custom(class) = self {
            out.push_str(class);
            return;
        }
        out.push_str(PACKAGE);
        match self {
            Self::Native(native) => out.push_str(native.class_name()),
            Self::List(element) => write_parameters(out, "ListType", [&**element]),
            Self::Set(element) => write_parameters(out, "SetType", [&**element]),
            Self::Map(pair) => write_parameters(out, "MapType", [&pair.0, &pair.1]),
            Self::Tuple(fields) => write_parameters(out, "TupleType", fields.iter()),
            Self::Vector(element, dimension) => {
                out.push_str("VectorType(");
                element.write_class_name(out);
                out.push_str(&format!(", {dimension})"));
            }
            Self::Udt(udt) => {
                out.push_str("UserType(");
                out.push_str(&udt.keyspace);
                out.push(',');
                write_hex(out, &udt.name);
                for (name, typ) in &udt.fields {
                    out.push(',');
                    write_hex(out, name);
                    out.push(':');
                    typ.write_class_name(out);
                }
                out.push(')');
            }
            Self::Custom(_) => {}
        }
    }
}

fn write_parameters<'a>(out: &mut String, class: &str, types: impl IntoIterator<Item = &'a CqlType>) {
    out.push_str(class);
    for (index, typ) in types.into_iter().enumerate() {
        out.push(if index == 0 { '(' } else { ',' });
        typ.write_class_name(out);
    }
    if out.ends_with(class) {
        out.push('(');
    }
    out.push(')');
}

fn write_hex(out: &mut String, name: &str) {
    for byte in name.bytes() {
        out.push(char::from_digit(u32::from(byte >> 4), 16).expect("a nibble is a hex digit"));
        out.push(char::from_digit(u32::from(byte & 15), 16).expect("a nibble is a hex digit"));
    }
}

fn read_hex(text: &str) -> Option<Arc<str>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect();
    String::from_utf8(bytes?).ok().map(Arc::from)
}

struct Parser<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Parser<'a> {
    fn class(&mut self, depth: usize) -> Result<CqlType, DecodeError> {
        let Some(inner) = depth.checked_sub(1) else {
            return Err(DecodeError::TypeTooDeep { max: MAX_TYPE_DEPTH });
        };
        let start = self.offset;
        let name = self.word()?;
        let name = name.strip_prefix(PACKAGE).unwrap_or(name);
        if let Some(native) = NativeType::from_class_name(name) {
            return Ok(CqlType::Native(native));
        }
        // One function for each: a level of nesting then takes the stack of its own kind only.
        match name {
            "ListType" => self.one_parameter(inner).map(CqlType::list),
            "SetType" => self.one_parameter(inner).map(CqlType::set),
            "MapType" => self.map(inner),
            "TupleType" => self.tuple(inner),
            // How a value is sorted or stored does not change its bytes.
            "ReversedType" | "FrozenType" => self.one_parameter(inner),
            "UserType" => self.user_type(inner),
            "VectorType" => self.vector(inner),
            // Composites, geometry, and whatever else there may be: their bytes are not ours to read.
            _ => self.opaque(start, inner),
        }
    }

    fn map(&mut self, depth: usize) -> Result<CqlType, DecodeError> {
        self.expect(b'(')?;
        let key = self.class(depth)?;
        self.expect(b',')?;
        let value = self.class(depth)?;
        self.expect(b')')?;
        Ok(CqlType::map(key, value))
    }

    fn tuple(&mut self, depth: usize) -> Result<CqlType, DecodeError> {
        self.expect(b'(')?;
        let mut fields = Vec::new();
        while !self.accept(b')') {
            if !fields.is_empty() {
                self.expect(b',')?;
            }
            fields.push(self.class(depth)?);
        }
        Ok(CqlType::Tuple(fields.into()))
    }

    fn vector(&mut self, depth: usize) -> Result<CqlType, DecodeError> {
        self.expect(b'(')?;
        let element = self.class(depth)?;
        self.expect(b',')?;
        let dimension = self.word()?.parse::<u16>().ok().filter(|dimension| *dimension > 0);
        let dimension = dimension.ok_or_else(|| self.malformed())?;
        self.expect(b')')?;
        Ok(CqlType::vector(element, dimension))
    }

    fn opaque(&mut self, start: usize, depth: usize) -> Result<CqlType, DecodeError> {
        self.skip_parameters(depth)?;
        Ok(CqlType::custom(&self.text[start..self.offset]))
    }

    fn one_parameter(&mut self, depth: usize) -> Result<CqlType, DecodeError> {
        self.expect(b'(')?;
        let typ = self.class(depth)?;
        self.expect(b')')?;
        Ok(typ)
    }

    fn user_type(&mut self, depth: usize) -> Result<CqlType, DecodeError> {
        self.expect(b'(')?;
        let keyspace = self.word()?.into();
        self.expect(b',')?;
        let name = self.hex_word()?;
        let mut fields = Vec::new();
        while !self.accept(b')') {
            self.expect(b',')?;
            let field = self.hex_word()?;
            self.expect(b':')?;
            fields.push((field, self.class(depth)?));
        }
        Ok(CqlType::Udt(Arc::new(UdtType { keyspace, name, fields })))
    }

    /// Moves behind balanced parentheses, if there are any here.
    fn skip_parameters(&mut self, depth: usize) -> Result<(), DecodeError> {
        if !self.skip_spaces().starts_with('(') {
            return Ok(());
        }
        let mut open = 0usize;
        while let Some(byte) = self.text.as_bytes().get(self.offset) {
            self.offset += 1;
            match byte {
                b'(' => open += 1,
                b')' => open -= 1,
                _ => {}
            }
            if open > depth {
                return Err(DecodeError::TypeTooDeep { max: MAX_TYPE_DEPTH });
            }
            if open == 0 {
                return Ok(());
            }
        }
        Err(self.malformed())
    }

    fn hex_word(&mut self) -> Result<Arc<str>, DecodeError> {
        let word = self.word()?;
        read_hex(word).ok_or_else(|| self.malformed())
    }

    fn word(&mut self) -> Result<&'a str, DecodeError> {
        let rest = self.skip_spaces();
        let length = rest.find(['(', ')', ',', ':', '=', ' ']).unwrap_or(rest.len());
        if length == 0 {
            return Err(self.malformed());
        }
        self.offset += length;
        Ok(&rest[..length])
    }

    fn accept(&mut self, byte: u8) -> bool {
        let accepted = self.skip_spaces().as_bytes().first() == Some(&byte);
        self.offset += usize::from(accepted);
        accepted
    }

    fn expect(&mut self, byte: u8) -> Result<(), DecodeError> {
        if self.accept(byte) { Ok(()) } else { Err(self.malformed()) }
    }

    fn skip_spaces(&mut self) -> &'a str {
        let rest = self.text[self.offset..].trim_start_matches(' ');
        self.offset = self.text.len() - rest.len();
        rest
    }

    fn malformed(&self) -> DecodeError {
        DecodeError::MalformedType { offset: self.offset }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> CqlType {
        CqlType::from_class_name(text).unwrap()
    }

    #[test]
    fn the_package_is_optional_at_every_level() {
        assert_eq!(parse("org.apache.cassandra.db.marshal.Int32Type"), CqlType::Int);
        assert_eq!(
            parse("MapType(org.apache.cassandra.db.marshal.UTF8Type, LongType)"),
            CqlType::map(CqlType::Text, CqlType::Bigint)
        );
        assert_eq!(parse("ReversedType(DateType)"), CqlType::Timestamp);
        assert_eq!(parse("FrozenType(SetType(IntegerType))"), CqlType::set(CqlType::Varint));
        assert_eq!(parse("VectorType(FloatType , 3)"), CqlType::vector(CqlType::Float, 3));
        assert_eq!(parse("TupleType()"), CqlType::tuple([]));
    }

    #[test]
    fn names_inside_user_types_are_hexadecimal() {
        let text = "UserType(ks,61646472657373,63697479:UTF8Type,7a6970:Int32Type)";
        let typ = CqlType::udt("ks", "address", [("city", CqlType::Text), ("zip", CqlType::Int)]);
        assert_eq!(parse(text), typ);
        assert_eq!(parse(&typ.to_class_name()), typ);
    }

    #[test]
    fn class_names_come_back() {
        let types = [
            CqlType::tuple([CqlType::Int, CqlType::tuple([])]),
            CqlType::map(CqlType::Uuid, CqlType::list(CqlType::Inet)),
            CqlType::vector(CqlType::vector(CqlType::Smallint, 9), 65535),
            CqlType::custom("org.example.Odd(x=>Y,z)"),
        ];
        for typ in types.into_iter().chain(NativeType::ALL.map(CqlType::Native)) {
            assert_eq!(parse(&typ.to_class_name()), typ);
        }
    }

    #[test]
    fn unknown_and_malformed_names_stay_opaque() {
        for text in [
            "",
            "()",
            "PointType",
            "CompositeType(UTF8Type,Int32Type)",
            "DynamicCompositeType(a=>BytesType,b=>UTF8Type)",
            "ListType",
            "ListType(",
            "ListType(Int32Type",
            "MapType(Int32Type)",
            "UserType(ks,xyz)",
            "UserType(ks,6)",
            "UserType(ks,ff)",
            "VectorType(FloatType,0)",
            "VectorType(FloatType,65536)",
            "Int32Type)",
            "Odd((",
            "\u{e9}t\u{e9}(\u{1f600}",
        ] {
            assert_eq!(parse(text), CqlType::custom(text), "{text}");
        }
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let nested = |levels: usize, name: &str| {
            format!("{}Int32Type{}", format!("{name}(").repeat(levels), ")".repeat(levels))
        };
        assert!(CqlType::from_class_name(&nested(MAX_TYPE_DEPTH - 1, "ListType")).is_ok());
        for name in ["ListType", "FrozenType", "Unknown"] {
            let too_deep = Err(DecodeError::TypeTooDeep { max: MAX_TYPE_DEPTH });
            assert_eq!(CqlType::from_class_name(&nested(100_000, name)), too_deep);
        }
    }
}
