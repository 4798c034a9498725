//! The parts of collections, tuples, user types and vectors.

use chorus_protocol::CqlType;

/// Reads an `[int]` length and that many bytes; a negative length is null. `None` when there are too few bytes.
pub(crate) fn read_cell<'a>(input: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (length, rest) = input.split_first_chunk::<4>()?;
    let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
        *input = rest;
        return Some(None);
    };
    let (cell, rest) = rest.split_at_checked(length)?;
    *input = rest;
    Some(Some(cell))
}

/// Writes an `[int]` length and the bytes, or -1 for null.
pub(crate) fn write_cell(out: &mut Vec<u8>, cell: Option<&[u8]>) {
    match cell {
        // A value never has more bytes than a frame, whose length is an int too.
        Some(bytes) => {
            out.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
            out.extend_from_slice(bytes);
        }
        None => out.extend_from_slice(&(-1i32).to_be_bytes()),
    }
}

/// The elements of a list or set. Stops silently where the bytes stop making sense: they were validated on their way in.
pub(crate) fn elements(bytes: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let (count, mut rest) = match bytes.split_first_chunk::<4>() {
        Some((count, rest)) => (i32::from_be_bytes(*count), rest),
        None => (0, bytes),
    };
    (0..count).map_while(move |_| read_cell(&mut rest))
}

/// The keys and values of a map.
pub(crate) fn pairs(bytes: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    let (count, mut rest) = match bytes.split_first_chunk::<4>() {
        Some((count, rest)) => (i32::from_be_bytes(*count), rest),
        None => (0, bytes),
    };
    (0..count).map_while(move |_| Some((read_cell(&mut rest)??, read_cell(&mut rest)?)))
}

/// The fields of a tuple or user type; those that are missing at the end are null.
pub(crate) fn fields(mut bytes: &[u8], count: usize) -> impl Iterator<Item = Option<&[u8]>> {
    (0..count).map(move |_| read_cell(&mut bytes).flatten())
}

/// Reads an unsigned vint; `None` when there are too few bytes.
pub(crate) fn vint_length(input: &mut &[u8]) -> Option<u64> {
    let (&first, rest) = input.split_first()?;
    let extra = first.leading_ones() as usize;
    let (tail, rest) = rest.split_at_checked(extra)?;
    let head = if extra >= 7 { 0 } else { u64::from(first) & ((1 << (7 - extra)) - 1) };
    *input = rest;
    Some(tail.iter().fold(head, |value, &byte| value << 8 | u64::from(byte)))
}

pub(super) fn write_vint(out: &mut Vec<u8>, value: u64) {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    let extra = if bits > 56 { 8 } else { (bits - 1) / 7 };
    let bytes = value.to_be_bytes();
    if extra == 8 {
        out.push(0xFF);
        out.extend_from_slice(&bytes);
        return;
    }
    let start = out.len();
    out.extend_from_slice(&bytes[7 - extra..]);
    out[start] |= !(0xFFu16 >> extra) as u8;
}

/// The elements of a vector, or `None` when the bytes are not a vector of that type.
pub(crate) fn vector_elements<'a>(
    element: &CqlType,
    dimension: u16,
    mut bytes: &'a [u8],
) -> Option<Vec<&'a [u8]>> {
    let mut items = Vec::with_capacity(usize::from(dimension).min(bytes.len()));
    for _ in 0..dimension {
        let length = match element.fixed_vector_element_size() {
            Some(size) => size,
            None => usize::try_from(vint_length(&mut bytes)?).ok()?,
        };
        let (item, rest) = bytes.split_at_checked(length)?;
        items.push(item);
        bytes = rest;
    }
    bytes.is_empty().then_some(items)
}

/// Puts collections, tuples and vectors together.
#[derive(Debug, Default)]
pub(crate) struct CollectionWriter {
    bytes: Vec<u8>,
    count: i32,
}

impl CollectionWriter {
    /// A list, set or map: begins with a count.
    pub(crate) fn counted() -> Self {
        Self { bytes: vec![0; 4], count: 0 }
    }

    pub(crate) fn element(&mut self, bytes: Option<&[u8]>) {
        self.count += 1;
        write_cell(&mut self.bytes, bytes);
    }

    pub(crate) fn pair(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.count += 1;
        write_cell(&mut self.bytes, Some(key));
        write_cell(&mut self.bytes, value);
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes[..4].copy_from_slice(&self.count.to_be_bytes());
        self.bytes
    }

    /// A vector's bytes from those of its elements.
    pub(crate) fn vector<'a>(element: &CqlType, items: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut out = Vec::new();
        for item in items {
            if element.fixed_vector_element_size().is_none() {
                write_vint(&mut out, item.len() as u64);
            }
            out.extend_from_slice(item);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collections_come_apart_as_they_were_put_together() {
        let mut list = CollectionWriter::counted();
        list.element(Some(b"a"));
        list.element(None);
        let list = list.finish();
        assert_eq!(list, [0, 0, 0, 2, 0, 0, 0, 1, b'a', 255, 255, 255, 255]);
        assert_eq!(elements(&list).collect::<Vec<_>>(), [Some(&b"a"[..]), None]);
        let mut map = CollectionWriter::counted();
        map.pair(b"k", Some(b"v"));
        assert_eq!(pairs(&map.finish()).collect::<Vec<_>>(), [(&b"k"[..], Some(&b"v"[..]))]);
        assert_eq!(fields(&[0, 0, 0, 1, 7], 2).collect::<Vec<_>>(), [Some(&[7][..]), None]);
    }

    #[test]
    fn unsigned_vints_have_their_documented_bytes() {
        for (value, bytes) in [
            (0u64, &[0x00][..]),
            (127, &[0x7f]),
            (128, &[0x80, 0x80]),
            (16_383, &[0xbf, 0xff]),
            (16_384, &[0xc0, 0x40, 0x00]),
            (256_000, &[0xc3, 0xe8, 0x00]),
            (1 << 35, &[0xf8, 0x08, 0, 0, 0, 0]),
            ((1 << 56) - 1, &[0xfe, 255, 255, 255, 255, 255, 255, 255]),
            (1 << 56, &[0xff, 1, 0, 0, 0, 0, 0, 0, 0]),
            (u64::MAX, &[0xff; 9]),
        ] {
            let mut out = Vec::new();
            write_vint(&mut out, value);
            assert_eq!(out, bytes, "{value}");
            assert_eq!(vint_length(&mut &out[..]), Some(value));
        }
        assert_eq!(vint_length(&mut &[0xff, 1][..]), None);
    }

    #[test]
    fn vectors_prefix_only_what_has_no_fixed_size() {
        let items: [&[u8]; 2] = [&[0, 1], &[255, 255]];
        let bytes = CollectionWriter::vector(&CqlType::Smallint, items.into_iter());
        assert_eq!(bytes, [2, 0, 1, 2, 255, 255]);
        assert_eq!(vector_elements(&CqlType::Smallint, 2, &bytes).as_deref(), Some(&items[..]));
        assert_eq!(vector_elements(&CqlType::Float, 2, &[0; 7]), None);
        assert_eq!(vector_elements(&CqlType::Float, 1, &[0; 8]), None);
    }
}
