//! Walking through the elements of a cell, each length checked against what is left.

use crate::error::{ValueError, ValueErrorReason};
use crate::types::CqlType;
use crate::value::vint;

/// A `[bytes]` inside a cell.
#[inline]
pub(crate) fn take_cell<'f>(rest: &mut &'f [u8], what: &'static str) -> Result<Option<&'f [u8]>, ValueError> {
    let Some((length, after)) = rest.split_first_chunk::<4>() else {
        return Err(ValueErrorReason::Truncated { what }.into());
    };
    let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
        *rest = after;
        return Ok(None);
    };
    let Some((cell, after)) = after.split_at_checked(length) else {
        return Err(ValueErrorReason::Truncated { what }.into());
    };
    *rest = after;
    Ok(Some(cell))
}

/// Reads an element count and checks that `smallest` bytes for each have arrived.
fn take_count(rest: &mut &[u8], smallest: usize, what: &'static str) -> Result<usize, ValueError> {
    let Some((count, after)) = rest.split_first_chunk::<4>() else {
        return Err(ValueErrorReason::Truncated { what }.into());
    };
    let announced = i32::from_be_bytes(*count);
    match usize::try_from(announced) {
        Ok(count) if count <= after.len() / smallest => {
            *rest = after;
            Ok(count)
        }
        _ => Err(ValueErrorReason::InvalidCount { what, count: i64::from(announced) }.into()),
    }
}

/// The elements of a list or set cell; `None` is a null element. Its length is exact, and bounded by the cell.
#[derive(Debug, Clone)]
pub struct Elements<'f> {
    rest: &'f [u8],
    left: usize,
}

impl<'f> Elements<'f> {
    /// Reads the count. A null cell, and the legacy empty one, is a collection without elements: CQL does not
    /// tell them apart.
    ///
    /// # Errors
    /// When the cell cannot hold as many elements as it announces.
    pub fn new(cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let mut rest = cell.unwrap_or_default();
        let left = if rest.is_empty() { 0 } else { take_count(&mut rest, 4, "a collection")? };
        Ok(Self { rest, left })
    }
}

impl<'f> Iterator for Elements<'f> {
    type Item = Result<Option<&'f [u8]>, ValueError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let element = take_cell(&mut self.rest, "a collection element");
        if element.is_err() {
            self.left = 0;
        }
        Some(element)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}

impl Elements<'_> {
    /// Elements still to come.
    pub fn remaining(&self) -> usize {
        self.left
    }
}

/// The entries of a map cell, in the order they came. Its length is bounded by the cell.
#[derive(Debug, Clone)]
pub struct MapEntries<'f> {
    rest: &'f [u8],
    left: usize,
}

/// A key and a value, either of which may be null.
pub(crate) type MapEntry<'f> = (Option<&'f [u8]>, Option<&'f [u8]>);

impl<'f> MapEntries<'f> {
    /// Reads the count; as [`Elements::new`].
    ///
    /// # Errors
    /// When the cell cannot hold as many entries as it announces.
    pub fn new(cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let mut rest = cell.unwrap_or_default();
        let left = if rest.is_empty() { 0 } else { take_count(&mut rest, 8, "a map")? };
        Ok(Self { rest, left })
    }

    /// Entries still to come.
    pub fn remaining(&self) -> usize {
        self.left
    }
}

impl<'f> Iterator for MapEntries<'f> {
    type Item = Result<MapEntry<'f>, ValueError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let mut entry =
            || Ok((take_cell(&mut self.rest, "a map key")?, take_cell(&mut self.rest, "a map value")?));
        let entry = entry();
        if entry.is_err() {
            self.left = 0;
        }
        Some(entry)
    }
}

/// The elements of a vector cell.
#[derive(Debug, Clone)]
pub struct VectorElements<'f> {
    rest: &'f [u8],
    left: usize,
    fixed: Option<usize>,
}

impl<'f> VectorElements<'f> {
    /// A vector of `dimension` elements of type `element`.
    ///
    /// # Errors
    /// When the cell is too short or too long for fixed-size elements, or too short for others.
    pub fn new(element: &CqlType, dimension: u16, cell: &'f [u8]) -> Result<Self, ValueError> {
        let left = usize::from(dimension);
        let fixed = element.fixed_vector_element_size();
        match fixed {
            Some(size) => {
                let expected = size.saturating_mul(left);
                if cell.len() != expected {
                    return Err(wrong_size(expected, cell.len()));
                }
            }
            // Each length takes a byte at least.
            None if cell.len() < left => return Err(wrong_size(left, cell.len())),
            None => {}
        }
        Ok(Self { rest: cell, left, fixed })
    }

    /// Elements still to come.
    pub fn remaining(&self) -> usize {
        self.left
    }
}

#[cold]
fn wrong_size(expected: usize, found: usize) -> ValueError {
    ValueErrorReason::WrongSize { what: "vector", expected, found }.into()
}

impl<'f> Iterator for VectorElements<'f> {
    type Item = Result<&'f [u8], ValueError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let length = match self.fixed {
            Some(size) => Some(size),
            None => vint::take_unsigned(&mut self.rest).and_then(|length| usize::try_from(length).ok()),
        };
        let Some((element, rest)) = length.and_then(|length| self.rest.split_at_checked(length)) else {
            self.left = 0;
            return Some(Err(ValueErrorReason::Truncated { what: "a vector element" }.into()));
        };
        self.rest = rest;
        if self.left == 0 && !rest.is_empty() {
            return Some(Err(ValueErrorReason::TrailingBytes { what: "a vector", count: rest.len() }.into()));
        }
        Some(Ok(element))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announced_counts_are_bounded_by_the_cell() {
        assert!(Elements::new(Some(&[0x7f, 255, 255, 255])).is_err());
        assert!(Elements::new(Some(&[255, 255, 255, 255])).is_err());
        assert!(Elements::new(Some(&[0, 0])).is_err());
        assert!(MapEntries::new(Some(&[0, 0, 0, 1, 0, 0, 0, 0])).is_err());
        assert_eq!(Elements::new(None).unwrap().remaining(), 0);
        assert_eq!(Elements::new(Some(&[])).unwrap().remaining(), 0);
    }

    #[test]
    fn iteration_ends_at_the_first_error() {
        let mut elements = Elements::new(Some(&[0, 0, 0, 2, 0, 0, 0, 9, 0, 0, 0, 0])).unwrap();
        assert!(elements.next().unwrap().is_err());
        assert!(elements.next().is_none());
    }

    #[test]
    fn vectors_are_exactly_as_long_as_declared() {
        assert!(VectorElements::new(&CqlType::Float, 3, &[0; 12]).is_ok());
        assert!(VectorElements::new(&CqlType::Float, 3, &[0; 11]).is_err());
        assert!(VectorElements::new(&CqlType::Float, 3, &[0; 13]).is_err());
        let text = VectorElements::new(&CqlType::Text, 2, b"\x03abc\x02de").unwrap();
        assert_eq!(text.collect::<Result<Vec<_>, _>>(), Ok(vec![&b"abc"[..], b"de"]));
        let mut trailing = VectorElements::new(&CqlType::Text, 1, b"\x01ab").unwrap();
        assert!(trailing.next().unwrap().is_err());
        let mut short = VectorElements::new(&CqlType::Text, 1, b"\x05ab").unwrap();
        assert!(short.next().unwrap().is_err());
        let huge = [0xff; 9];
        assert!(VectorElements::new(&CqlType::Text, 1, &huge).unwrap().next().unwrap().is_err());
    }
}
