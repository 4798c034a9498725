//! Routing keys, from the values of a partition key.

use crate::token::{Murmur3Hasher, Token, murmur3_token};
use crate::value::BoundValue;
use crate::wire::Reader;

/// Why there is no routing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoutingKeyError {
    /// A part of a composite key is longer than its length prefix can say.
    #[error("a partition key component has {0} bytes, at most 65535 can be part of a composite key")]
    ComponentTooLong(usize),
    /// The values are not what they should be: too few or malformed.
    #[error("the values do not contain partition key component {0}")]
    MissingComponent(u16),
}

/// Appends the routing key of several components, in partition-key order. A single one is its own key.
pub fn composite_key(parts: &[&[u8]], out: &mut Vec<u8>) -> Result<(), RoutingKeyError> {
    if let [part] = parts {
        out.extend_from_slice(part);
        return Ok(());
    }
    for part in parts {
        out.extend_from_slice(&component_length(part)?);
        out.extend_from_slice(part);
        out.push(0);
    }
    Ok(())
}

#[inline]
fn component_length(part: &[u8]) -> Result<[u8; 2], RoutingKeyError> {
    match u16::try_from(part.len()) {
        Ok(length) => Ok(length.to_be_bytes()),
        Err(_) => Err(RoutingKeyError::ComponentTooLong(part.len())),
    }
}

/// The Murmur3 token of a row of encoded `[value]`s whose partition key is at `pk_indexes`, in partition-key order.
///
/// Walks the bytes that will be sent anyway and allocates nothing. `None` when there are no indexes or a component is
/// null or unset: then nobody knows where the request belongs, and the server will say what is wrong with it.
#[inline]
pub fn token_of_values(values: &[u8], pk_indexes: &[u16]) -> Result<Option<Token>, RoutingKeyError> {
    if let [index] = *pk_indexes {
        // Most keys have one component, and most of those are bound first: no state to carry, no pieces to collect.
        return Ok(component(&mut Reader::new(values), index, usize::from(index))?.map(murmur3_token));
    }
    let mut hasher = Murmur3Hasher::new();
    let complete = for_each_component(values, pk_indexes, |piece| hasher.update(piece))?;
    Ok(complete.then(|| hasher.finish()))
}

/// Whether [`token_of_values`] would give a token, without computing it; the errors are the same.
#[inline(always)]
pub fn has_token(values: &[u8], pk_indexes: &[u16]) -> Result<bool, RoutingKeyError> {
    if let [index] = *pk_indexes {
        return Ok(component(&mut Reader::new(values), index, usize::from(index))?.is_some());
    }
    for_each_component(values, pk_indexes, |_| {})
}

/// Appends the routing key of a row of encoded `[value]`s; false, and `out` as it was, where [`token_of_values`]
/// would be `None`.
pub fn routing_key(values: &[u8], pk_indexes: &[u16], out: &mut Vec<u8>) -> Result<bool, RoutingKeyError> {
    let start = out.len();
    let complete = for_each_component(values, pk_indexes, |piece| out.extend_from_slice(piece));
    if complete != Ok(true) {
        out.truncate(start);
    }
    complete
}

#[inline(always)]
fn for_each_component(
    values: &[u8],
    pk_indexes: &[u16],
    mut piece: impl FnMut(&[u8]),
) -> Result<bool, RoutingKeyError> {
    let single = pk_indexes.len() == 1;
    // Markers usually stand in partition-key order, so one pass is enough; otherwise start over.
    let (mut reader, mut position) = (Reader::new(values), 0usize);
    for &index in pk_indexes {
        if usize::from(index) < position {
            (reader, position) = (Reader::new(values), 0);
        }
        let skipped = usize::from(index) - position;
        let Some(component) = component(&mut reader, index, skipped)? else { return Ok(false) };
        position += skipped + 1;
        if single {
            piece(component);
        } else {
            piece(&component_length(component)?);
            piece(component);
            piece(&[0]);
        }
    }
    Ok(!pk_indexes.is_empty())
}

/// The bytes of component `index` after `skipped` other values; `None` when it is null or unset.
#[inline]
fn component<'v>(
    reader: &mut Reader<'v>,
    index: u16,
    skipped: usize,
) -> Result<Option<&'v [u8]>, RoutingKeyError> {
    let mut next = || reader.value("value").map_err(|_| RoutingKeyError::MissingComponent(index));
    for _ in 0..skipped {
        next()?;
    }
    Ok(match next()? {
        BoundValue::Bytes(component) => Some(component),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: [u8; 19] = [0, 0, 0, 3, b'a', b'b', b'c', 0, 0, 0, 4, 0, 0, 0, 1, 255, 255, 255, 255];

    #[test]
    fn composite_keys_are_prefixed_and_terminated() {
        let mut key = Vec::new();
        composite_key(&[&[0, 0, 0, 1], b"abc"], &mut key).unwrap();
        assert_eq!(key, [0, 4, 0, 0, 0, 1, 0, 0, 3, 0x61, 0x62, 0x63, 0]);
        assert_eq!(murmur3_token(&key), Token(8771735466527499816));
        key.clear();
        composite_key(&[&[0, 0, 0, 1], b""], &mut key).unwrap();
        assert_eq!(key, [0, 4, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(murmur3_token(&key), Token(-6115126023624040605));
        key.clear();
        composite_key(&[b"alone"], &mut key).unwrap();
        assert_eq!(key, b"alone");
    }

    #[test]
    fn components_are_taken_in_key_order_not_in_marker_order() {
        assert_eq!(token_of_values(&ROW, &[1, 0]), Ok(Some(Token(8771735466527499816))));
        let mut key = Vec::new();
        assert_eq!(routing_key(&ROW, &[1, 0], &mut key), Ok(true));
        assert_eq!(murmur3_token(&key), Token(8771735466527499816));
        assert_eq!(token_of_values(&ROW, &[1]), Ok(Some(murmur3_token(&[0, 0, 0, 1]))));
    }

    #[test]
    fn a_null_component_or_none_at_all_gives_no_token() {
        assert_eq!(token_of_values(&ROW, &[2]), Ok(None));
        assert_eq!(token_of_values(&ROW, &[0, 2]), Ok(None));
        assert_eq!(token_of_values(&ROW, &[]), Ok(None));
        for indexes in [&[2][..], &[0, 2], &[], &[0], &[1, 0], &[3]] {
            let token = token_of_values(&ROW, indexes);
            assert_eq!(has_token(&ROW, indexes), token.map(|token| token.is_some()));
        }
        let mut key = vec![1];
        assert_eq!(routing_key(&ROW, &[0, 2], &mut key), Ok(false));
        assert_eq!(key, [1]);
    }

    #[test]
    fn missing_and_oversized_components_are_errors() {
        assert_eq!(token_of_values(&ROW, &[3]), Err(RoutingKeyError::MissingComponent(3)));
        assert_eq!(token_of_values(&ROW[..5], &[0]), Err(RoutingKeyError::MissingComponent(0)));
        assert_eq!(token_of_values(&[], &[u16::MAX]), Err(RoutingKeyError::MissingComponent(u16::MAX)));
        let long = vec![0; 65536];
        let error = composite_key(&[&long, b"a"], &mut Vec::new());
        assert_eq!(error, Err(RoutingKeyError::ComponentTooLong(65536)));
        assert!(composite_key(&[&long[1..], b"a"], &mut Vec::new()).is_ok());
        assert!(composite_key(&[&long], &mut Vec::new()).is_ok());
    }
}
