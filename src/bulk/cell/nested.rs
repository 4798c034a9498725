//! Collections, tuples, user-defined types and vectors, written as CQL literals or as JSON.
//!
//! Both notations are read by one small reader: `[..]`, `{..}` and `(..)` around elements separated by commas,
//! `'..'` with doubled quotes, `".."` with JSON escapes, bare words otherwise. What the brackets mean is decided
//! by the type of the column, so a set may be written `{1, 2}` or `[1, 2]`, and a tuple `(1, 'a')` or `[1, "a"]`.

use std::borrow::Cow;
use std::cell::Cell;

use chorus_protocol::value::NestedWriter;
use chorus_protocol::{CqlType, ToCql, UdtType, ValueError, ValueErrorReason, ValueWriter};

use super::{CellReason, EpochUnit, write_native};

/// Brackets inside brackets. Deeper ones are refused, so that reading needs only a small stack.
const DEPTH_LIMIT: usize = 64;

pub(super) fn write(
    typ: &CqlType,
    cell: &[u8],
    epoch: EpochUnit,
    out: ValueWriter<'_>,
) -> Result<(), CellReason> {
    let mut reader = Reader { bytes: cell, at: 0 };
    let node = reader.value(0)?;
    reader.blanks();
    if reader.at != cell.len() {
        return Err(CellReason::Unbalanced(reader.at));
    }
    let reason = Cell::new(None);
    let value = Typed { node: &node, epoch, reason: &reason };
    value.to_cql(typ, out).map_err(|_| reason.get().unwrap_or(CellReason::TooLarge))
}

/// A value as it is written, before its type gives it a meaning.
#[derive(Debug)]
enum Node<'a> {
    Null,
    Scalar(Cow<'a, [u8]>),
    Sequence(Vec<Node<'a>>),
    Pairs(Vec<(Node<'a>, Node<'a>)>),
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn unbalanced<T>(&self) -> Result<T, CellReason> {
        Err(CellReason::Unbalanced(self.at))
    }

    fn value(&mut self, depth: usize) -> Result<Node<'a>, CellReason> {
        self.blanks();
        if depth > DEPTH_LIMIT {
            return self.unbalanced();
        }
        match self.peek() {
            Some(b'[') => self.sequence(b']', depth),
            Some(b'(') => self.sequence(b')', depth),
            Some(b'{') => self.braces(depth),
            Some(b'\'') => self.single_quoted(),
            Some(b'"') => self.double_quoted(),
            _ => self.word(b":,]})"),
        }
    }

    fn sequence(&mut self, close: u8, depth: usize) -> Result<Node<'a>, CellReason> {
        self.at += 1;
        let mut elements = Vec::new();
        if self.closes(close) {
            return Ok(Node::Sequence(elements));
        }
        loop {
            elements.push(self.element(depth + 1)?);
            if !self.goes_on(close)? {
                return Ok(Node::Sequence(elements));
            }
        }
    }

    /// A set, or pairs when a colon follows the first element. `{}` is either.
    fn braces(&mut self, depth: usize) -> Result<Node<'a>, CellReason> {
        self.at += 1;
        if self.closes(b'}') {
            return Ok(Node::Sequence(Vec::new()));
        }
        let first = self.value(depth + 1)?;
        self.blanks();
        if self.peek() != Some(b':') {
            let mut elements = vec![first];
            while self.goes_on(b'}')? {
                elements.push(self.element(depth + 1)?);
            }
            return Ok(Node::Sequence(elements));
        }
        self.at += 1;
        let mut pairs = vec![(first, self.element(depth + 1)?)];
        while self.goes_on(b'}')? {
            let key = self.value(depth + 1)?;
            self.blanks();
            if self.peek() != Some(b':') {
                return self.unbalanced();
            }
            self.at += 1;
            pairs.push((key, self.element(depth + 1)?));
        }
        Ok(Node::Pairs(pairs))
    }

    /// A value that is not a key: a bare word in it may hold colons, as a timestamp does.
    fn element(&mut self, depth: usize) -> Result<Node<'a>, CellReason> {
        self.blanks();
        match self.peek() {
            Some(b'[' | b'(' | b'{' | b'\'' | b'"') => self.value(depth),
            _ => self.word(b",]})"),
        }
    }

    fn closes(&mut self, close: u8) -> bool {
        self.blanks();
        let closes = self.peek() == Some(close);
        self.at += usize::from(closes);
        closes
    }

    /// After an element: true at a comma, false at the closing bracket.
    fn goes_on(&mut self, close: u8) -> Result<bool, CellReason> {
        self.blanks();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => self.unbalanced(),
        }
    }

    fn word(&mut self, ends: &[u8]) -> Result<Node<'a>, CellReason> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| ends.contains(byte)).unwrap_or(rest.len());
        let word = rest[..length].trim_ascii();
        if word.is_empty() {
            return self.unbalanced();
        }
        self.at += length;
        Ok(if word.eq_ignore_ascii_case(b"null") { Node::Null } else { Node::Scalar(Cow::Borrowed(word)) })
    }

    fn single_quoted(&mut self) -> Result<Node<'a>, CellReason> {
        let opened = self.at;
        self.at += 1;
        let start = self.at;
        let mut doubled = false;
        while let Some(byte) = self.peek() {
            self.at += 1;
            if byte != b'\'' {
                continue;
            }
            if self.peek() == Some(b'\'') {
                self.at += 1;
                doubled = true;
                continue;
            }
            let inner = &self.bytes[start..self.at - 1];
            return Ok(Node::Scalar(if doubled { Cow::Owned(halve(inner)) } else { Cow::Borrowed(inner) }));
        }
        Err(CellReason::Unbalanced(opened))
    }

    fn double_quoted(&mut self) -> Result<Node<'a>, CellReason> {
        let opened = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'"' => {
                    // The whole of JSON's escapes, surrogates included, is serde_json's.
                    let text: String = serde_json::from_slice(&self.bytes[opened..self.at])
                        .map_err(|_| CellReason::Unbalanced(opened))?;
                    return Ok(Node::Scalar(Cow::Owned(text.into_bytes())));
                }
                _ => {}
            }
        }
        Err(CellReason::Unbalanced(opened))
    }
}

fn halve(quoted: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter();
    while let Some(&byte) = bytes.next() {
        out.push(byte);
        if byte == b'\'' {
            bytes.next();
        }
    }
    out
}

/// A node to be written as whatever type it is asked for. The reason of a failure is left beside it, because the
/// writer's own error has no room for it.
struct Typed<'a> {
    node: &'a Node<'a>,
    epoch: EpochUnit,
    reason: &'a Cell<Option<CellReason>>,
}

impl Typed<'_> {
    fn fail<T>(&self, reason: CellReason) -> Result<T, ValueError> {
        self.reason.set(Some(reason));
        Err(ValueErrorReason::NullElement { what: "a cell" }.into())
    }

    fn of<'b>(&'b self, node: &'b Node<'b>) -> Typed<'b> {
        Typed { node, epoch: self.epoch, reason: self.reason }
    }

    fn sequence(&self, expected: &'static str) -> Result<&[Node<'_>], ValueError> {
        match self.node {
            Node::Sequence(elements) => Ok(elements),
            _ => self.fail(CellReason::Expected(expected)),
        }
    }

    fn element(&self, out: &mut NestedWriter<'_>, node: &Node<'_>, typ: &CqlType) -> Result<(), ValueError> {
        match node {
            Node::Null => self.fail(CellReason::NullElement),
            _ => out.element(&self.of(node), typ),
        }
    }

    fn field(&self, out: &mut NestedWriter<'_>, node: &Node<'_>, typ: &CqlType) -> Result<(), ValueError> {
        match node {
            Node::Null => {
                out.null();
                Ok(())
            }
            _ => out.element(&self.of(node), typ),
        }
    }

    fn count(&self, expected: usize, found: usize) -> Result<(), ValueError> {
        if expected == found { Ok(()) } else { self.fail(CellReason::ElementCount { expected, found }) }
    }

    fn udt(&self, udt: &UdtType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        let pairs: &[(Node<'_>, Node<'_>)] = match self.node {
            Node::Pairs(pairs) => pairs,
            Node::Sequence(elements) if elements.is_empty() => &[],
            _ => return self.fail(CellReason::Expected("fields, as in {name: value}")),
        };
        let names: Vec<&[u8]> = pairs
            .iter()
            .map(|(name, _)| match name {
                Node::Scalar(name) => &name[..],
                _ => &[],
            })
            .collect();
        for (index, name) in names.iter().enumerate() {
            let known = udt.fields.iter().any(|(field, _)| field.as_bytes() == *name);
            if !known || names[..index].contains(name) {
                return self.fail(CellReason::UnknownField);
            }
        }
        out.nested(|out| {
            for (field, typ) in &udt.fields {
                match names.iter().position(|name| *name == field.as_bytes()) {
                    Some(index) => self.field(out, &pairs[index].1, typ)?,
                    None => out.null(),
                }
            }
            Ok(())
        })
    }
}

impl ToCql for Typed<'_> {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        match typ {
            CqlType::Native(native) => match self.node {
                Node::Scalar(text) => {
                    write_native(*native, text, self.epoch, out).or_else(|reason| self.fail(reason))
                }
                _ => self.fail(CellReason::Expected("a single value")),
            },
            CqlType::List(element) | CqlType::Set(element) => {
                let elements = self.sequence("elements, as in [a, b] or {a, b}")?;
                out.nested(|out| {
                    out.count(elements.len())?;
                    elements.iter().try_for_each(|node| self.element(out, node, element))
                })
            }
            CqlType::Map(types) => {
                let pairs: &[(Node<'_>, Node<'_>)] = match self.node {
                    Node::Pairs(pairs) => pairs,
                    Node::Sequence(elements) if elements.is_empty() => &[],
                    _ => return self.fail(CellReason::Expected("pairs, as in {key: value}")),
                };
                out.nested(|out| {
                    out.count(pairs.len())?;
                    pairs.iter().try_for_each(|(key, value)| {
                        self.element(out, key, &types.0)?;
                        self.element(out, value, &types.1)
                    })
                })
            }
            CqlType::Tuple(types) => {
                let fields = self.sequence("fields, as in (a, b)")?;
                self.count(types.len(), fields.len())?;
                out.nested(|out| {
                    fields.iter().zip(types.iter()).try_for_each(|(node, typ)| self.field(out, node, typ))
                })
            }
            CqlType::Udt(udt) => self.udt(udt, out),
            CqlType::Vector(element, dimension) => {
                let elements = self.sequence("elements, as in [a, b]")?;
                self.count(usize::from(*dimension), elements.len())?;
                out.nested(|out| {
                    elements.iter().try_for_each(|node| match node {
                        Node::Null => self.fail(CellReason::NullElement),
                        _ => out.vector_element(&self.of(node), element),
                    })
                })
            }
            CqlType::Custom(_) => self.fail(CellReason::NoTextForm),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::bytes;
    use super::*;

    #[test]
    fn lists_and_sets_in_both_notations() {
        let list = CqlType::list(CqlType::Int);
        assert_eq!(bytes(&list, "[1, -1]").unwrap(), "00000002000000040000000100000004ffffffff");
        assert_eq!(bytes(&list, " [ ] ").unwrap(), "00000000");
        let set = CqlType::set(CqlType::Text);
        let hex = "000000020000000161000000026227";
        assert_eq!(bytes(&set, "{'a', 'b'''}").unwrap(), hex);
        assert_eq!(bytes(&set, r#"["a", "b\u0027"]"#).unwrap(), hex);
        assert_eq!(bytes(&set, "{}").unwrap(), "00000000");
        assert_eq!(bytes(&list, "[1, null]"), Err(CellReason::NullElement));
    }

    #[test]
    fn maps_in_both_notations() {
        let map = CqlType::map(CqlType::Text, CqlType::Int);
        let hex = "0000000100000001610000000400000001";
        assert_eq!(bytes(&map, "{'a': 1}").unwrap(), hex);
        assert_eq!(bytes(&map, r#"{"a":1}"#).unwrap(), hex);
        assert_eq!(bytes(&map, "{}").unwrap(), "00000000");
        assert!(bytes(&map, "{'a', 1}").is_err());
        assert_eq!(bytes(&map, "{'a': null}"), Err(CellReason::NullElement));
    }

    #[test]
    fn bare_timestamps_may_hold_colons_where_no_key_is_meant() {
        let list = CqlType::list(CqlType::Timestamp);
        let expected = bytes(&list, "['2013-01-01T06:00:00Z']").unwrap();
        assert_eq!(bytes(&list, "[2013-01-01T06:00:00Z]").unwrap(), expected);
        let map = CqlType::map(CqlType::Int, CqlType::Timestamp);
        assert!(bytes(&map, "{1: 2013-01-01T06:00:00Z}").is_ok());
    }

    #[test]
    fn tuples_have_nulls_and_exactly_their_fields() {
        let tuple = CqlType::tuple([CqlType::Int, CqlType::Text, CqlType::Boolean]);
        let hex = "00000004000000010000000161ffffffff";
        assert_eq!(bytes(&tuple, "(1, 'a', null)").unwrap(), hex);
        assert_eq!(bytes(&tuple, r#"[1, "a", null]"#).unwrap(), hex);
        assert_eq!(bytes(&tuple, "(1, 'a')"), Err(CellReason::ElementCount { expected: 3, found: 2 }));
    }

    #[test]
    fn user_types_are_written_in_definition_order() {
        let udt = CqlType::udt("ks", "point", [("x", CqlType::Int), ("y", CqlType::Int)]);
        assert_eq!(bytes(&udt, "{y: 2, x: 1}").unwrap(), "00000004000000010000000400000002");
        assert_eq!(bytes(&udt, r#"{"y": 2}"#).unwrap(), "ffffffff0000000400000002");
        assert_eq!(bytes(&udt, "{z: 2}"), Err(CellReason::UnknownField));
        assert_eq!(bytes(&udt, "{x: 2, x: 3}"), Err(CellReason::UnknownField));
    }

    #[test]
    fn vectors_have_exactly_their_dimension() {
        let floats = CqlType::vector(CqlType::Float, 3);
        assert_eq!(bytes(&floats, "[1, 2, 3]").unwrap(), "3f8000004000000040400000");
        assert_eq!(bytes(&floats, "[1, 2]"), Err(CellReason::ElementCount { expected: 3, found: 2 }));
        assert_eq!(bytes(&floats, "[1, null, 3]"), Err(CellReason::NullElement));
        let texts = CqlType::vector(CqlType::Text, 2);
        assert_eq!(bytes(&texts, "['abc', 'de']").unwrap(), "03616263026465");
        assert_eq!(bytes(&CqlType::vector(CqlType::Smallint, 2), "[1,-1]").unwrap(), "02000102ffff");
    }

    #[test]
    fn nested_values_nest() {
        let typ = CqlType::map(CqlType::Int, CqlType::list(CqlType::tuple([CqlType::Int])));
        assert_eq!(
            bytes(&typ, "{1: [(2), [3]]}").unwrap(),
            "0000000100000004000000010000001c00000002000000080000000400000002000000080000000400000003"
        );
    }

    #[test]
    fn broken_literals_are_refused_wherever_they_break() {
        let list = CqlType::list(CqlType::Text);
        for bad in
            ["", "[", "[1", "[1,", "[1,]", "[,1]", "[1}", "[1] x", "['a]", "[\"a]", "[\"\\q\"]", "a", "{1:2"]
        {
            assert!(bytes(&list, bad).is_err(), "{bad}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(bytes(&list, &deep), Err(CellReason::Unbalanced(65)));
    }

    #[test]
    fn an_element_that_does_not_fit_says_why() {
        let list = CqlType::list(CqlType::Int);
        assert_eq!(bytes(&list, "[1, x]"), Err(CellReason::Expected("a whole number")));
    }
}
