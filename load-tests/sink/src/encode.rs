//! The few CQL notations that answers are made of.

/// A column type, as far as the system tables need them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Text,
    Bigint,
    Blob,
    Boolean,
    Double,
    Int,
    Timestamp,
    Uuid,
    Inet,
    ListOfText,
    SetOfText,
    MapOfText,
    MapOfBlob,
}

impl Type {
    /// What the schema tables call it; for columns of our own tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Type::Bigint => "bigint",
            Type::Blob => "blob",
            Type::Double => "double",
            Type::Timestamp => "timestamp",
            _ => "text",
        }
    }

    /// Appends the `[option]` of this type.
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        const TEXT: u16 = 0x0D;
        let codes: &[u16] = match self {
            Type::Text => &[TEXT],
            Type::Bigint => &[0x02],
            Type::Blob => &[0x03],
            Type::Boolean => &[0x04],
            Type::Double => &[0x07],
            Type::Int => &[0x09],
            Type::Timestamp => &[0x0B],
            Type::Uuid => &[0x0C],
            Type::Inet => &[0x10],
            Type::ListOfText => &[0x20, TEXT],
            Type::SetOfText => &[0x22, TEXT],
            Type::MapOfText => &[0x21, TEXT, TEXT],
            Type::MapOfBlob => &[0x21, TEXT, 0x03],
        };
        codes.iter().for_each(|code| short(*code, out));
    }
}

pub(crate) fn short(value: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn int(value: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// A `[string]`: two bytes of length.
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    short(text.len() as u16, out);
    out.extend_from_slice(text.as_bytes());
}

/// A `[bytes]`: four bytes of length, -1 for null.
pub(crate) fn cell(value: Option<&[u8]>, out: &mut Vec<u8>) {
    match value {
        None => int(-1, out),
        Some(bytes) => {
            int(bytes.len() as i32, out);
            out.extend_from_slice(bytes);
        }
    }
}

/// The value of a list, a set or, with keys and values in turn, a map.
pub(crate) fn collection<'a>(entries: usize, items: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut out = Vec::new();
    int(entries as i32, &mut out);
    items.for_each(|item| cell(Some(item.as_bytes()), &mut out));
    out
}
