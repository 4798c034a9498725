//! Cells of system tables, in the encoding of the wire.

use std::net::IpAddr;

use bytes::Bytes;
use uuid::Uuid;

/// The bytes of a cell, `None` for null.
pub(crate) type Cell = Option<Bytes>;

pub(crate) fn text(value: impl AsRef<str>) -> Cell {
    Some(Bytes::copy_from_slice(value.as_ref().as_bytes()))
}

pub(crate) fn blob(value: &[u8]) -> Cell {
    Some(Bytes::copy_from_slice(value))
}

pub(crate) fn int(value: i32) -> Cell {
    blob(&value.to_be_bytes())
}

pub(crate) fn bigint(value: i64) -> Cell {
    blob(&value.to_be_bytes())
}

pub(crate) fn double(value: f64) -> Cell {
    blob(&value.to_be_bytes())
}

pub(crate) fn boolean(value: bool) -> Cell {
    blob(&[u8::from(value)])
}

pub(crate) fn uuid(value: Uuid) -> Cell {
    blob(value.as_bytes())
}

pub(crate) fn inet(value: IpAddr) -> Cell {
    match value {
        IpAddr::V4(address) => blob(&address.octets()),
        IpAddr::V6(address) => blob(&address.octets()),
    }
}

/// A list, or a set whose elements are given in order.
pub(crate) fn texts<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> Cell {
    elements(values.into_iter().map(text))
}

/// A map, its keys given in order.
pub(crate) fn text_map<K: AsRef<str>, V: AsRef<str>>(entries: impl IntoIterator<Item = (K, V)>) -> Cell {
    let mut encoded = vec![0; 4];
    let mut count = 0u32;
    for (key, value) in entries {
        put(&mut encoded, key.as_ref().as_bytes());
        put(&mut encoded, value.as_ref().as_bytes());
        count += 1;
    }
    encoded[..4].copy_from_slice(&count.to_be_bytes());
    Some(encoded.into())
}

/// A map from text to lists of text, its keys given in order.
pub(crate) fn text_lists<K: AsRef<str>, L: IntoIterator<Item: AsRef<str>>>(
    entries: impl IntoIterator<Item = (K, L)>,
) -> Cell {
    let mut encoded = vec![0; 4];
    let mut count = 0u32;
    for (key, list) in entries {
        put(&mut encoded, key.as_ref().as_bytes());
        put(&mut encoded, &texts(list).unwrap_or_default());
        count += 1;
    }
    encoded[..4].copy_from_slice(&count.to_be_bytes());
    Some(encoded.into())
}

fn elements(cells: impl Iterator<Item = Cell>) -> Cell {
    let mut encoded = vec![0; 4];
    let mut count = 0u32;
    for cell in cells.flatten() {
        put(&mut encoded, &cell);
        count += 1;
    }
    encoded[..4].copy_from_slice(&count.to_be_bytes());
    Some(encoded.into())
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collections_count_what_they_hold() {
        assert_eq!(texts(["a", "bc"]).unwrap(), &b"\0\0\0\x02\0\0\0\x01a\0\0\0\x02bc"[..]);
        assert_eq!(texts(Vec::<String>::new()).unwrap(), &b"\0\0\0\0"[..]);
        assert_eq!(text_map([("k", "v")]).unwrap(), &b"\0\0\0\x01\0\0\0\x01k\0\0\0\x01v"[..]);
    }

    #[test]
    fn an_address_is_four_or_sixteen_bytes() {
        assert_eq!(inet("127.0.0.2".parse().unwrap()).unwrap(), &[127, 0, 0, 2][..]);
        assert_eq!(inet("::1".parse().unwrap()).unwrap().len(), 16);
    }
}
