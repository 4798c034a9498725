//! How one collection became another, in the terms of CQL.
//!
//! Works on encoded cells in their one form (see `cells.rs`): elements are equal when their bytes are.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use chorus_protocol::CqlType;
use chorus_protocol::value::{Elements, MapEntries};

use super::cells::{count, put};

/// What to do with a collection that is stored element by element.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// Write it anew.
    Rewrite,
    /// Sets and maps: add, put in, take out, each the cell of a collection.
    Parts { added: Option<Arc<[u8]>>, removed: Option<Arc<[u8]>> },
    /// Lists: put in front and behind.
    Around { before: Option<Arc<[u8]>>, after: Option<Arc<[u8]>> },
}

/// The way from one to the other, both of which have elements, and are not the same.
pub(super) fn difference(typ: &CqlType, before: &[u8], now: &[u8]) -> Difference {
    let parts = match typ {
        CqlType::List(inner) if is_sent_as_compared(inner) => of_lists(before, now),
        CqlType::Set(inner) if is_sent_as_compared(inner) => of_sets(before, now),
        CqlType::Map(types) if is_sent_as_compared(&types.0) && is_sent_as_compared(&types.1) => {
            of_maps(before, now)
        }
        _ => None,
    };
    parts.unwrap_or(Difference::Rewrite)
}

/// Whether the cell of an element is the same here and in a request. The fields of a user-defined type may be in another order in the database
/// than in the model, and sets and maps within others were put in an order that is not the server's.
fn is_sent_as_compared(typ: &CqlType) -> bool {
    match typ {
        CqlType::Native(_) | CqlType::Custom(_) => true,
        CqlType::List(inner) | CqlType::Vector(inner, _) => is_sent_as_compared(inner),
        CqlType::Tuple(types) => types.iter().all(is_sent_as_compared),
        CqlType::Udt(_) | CqlType::Set(_) | CqlType::Map(_) => false,
    }
}

type Element<'a> = Option<&'a [u8]>;

fn elements(cell: &[u8]) -> Option<Vec<Element<'_>>> {
    Elements::new(Some(cell)).ok()?.collect::<Result<_, _>>().ok()
}

/// The cell of a list or set; `None` without elements.
fn cell_of<'a>(elements: impl ExactSizeIterator<Item = Element<'a>>) -> Option<Arc<[u8]>> {
    if elements.len() == 0 {
        return None;
    }
    let mut out = count(elements.len());
    elements.for_each(|element| put(element, &mut out));
    Some(out.into())
}

fn of_sets(before: &[u8], now: &[u8]) -> Option<Difference> {
    let (before, now) = (elements(before)?, elements(now)?);
    let without = |these: &[Element<'_>], those: &[Element<'_>]| {
        let those: BTreeSet<_> = those.iter().collect();
        let rest: Vec<_> = these.iter().filter(|element| !those.contains(element)).copied().collect();
        cell_of(rest.into_iter())
    };
    Some(Difference::Parts { added: without(&now, &before), removed: without(&before, &now) })
}

/// A list that has the former one in it was added to in front or behind; any other is written anew, because elements have no names by which
/// one could be told from another.
fn of_lists(before: &[u8], now: &[u8]) -> Option<Difference> {
    let (before, now) = (elements(before)?, elements(now)?);
    if before.is_empty() {
        return None;
    }
    let start = now.windows(before.len()).position(|part| part == before)?;
    let (front, behind) = (&now[..start], &now[start + before.len()..]);
    let cell = |elements: &[Element<'_>]| cell_of(elements.iter().copied());
    Some(Difference::Around { before: cell(front), after: cell(behind) })
}

fn of_maps(before: &[u8], now: &[u8]) -> Option<Difference> {
    let entries =
        |cell| -> Option<BTreeMap<_, _>> { MapEntries::new(Some(cell)).ok()?.collect::<Result<_, _>>().ok() };
    let (before, now) = (entries(before)?, entries(now)?);
    let put_in: Vec<_> = now.iter().filter(|(key, value)| before.get(*key) != Some(*value)).collect();
    let removed: Vec<_> = before.keys().filter(|key| !now.contains_key(*key)).copied().collect();
    let added = (!put_in.is_empty()).then(|| {
        let mut out = count(put_in.len());
        for (key, value) in put_in {
            put(*key, &mut out);
            put(*value, &mut out);
        }
        Arc::from(out)
    });
    Some(Difference::Parts { added, removed: cell_of(removed.into_iter()) })
}

#[cfg(test)]
mod tests {
    use chorus_protocol::ToCql;

    use super::super::cells::encoded;
    use super::*;

    fn cell(value: &(dyn ToCql + Send + Sync), typ: &CqlType) -> Arc<[u8]> {
        encoded(value, typ).expect("fits").expect("not null").into()
    }

    fn between<T: ToCql + Send + Sync>(typ: &CqlType, before: T, now: T) -> Difference {
        difference(typ, &cell(&before, typ), &cell(&now, typ))
    }

    #[test]
    fn sets_are_added_to_and_taken_from() {
        let typ = CqlType::set(CqlType::Int);
        let set = |elements: &[i32]| (!elements.is_empty()).then(|| cell(&elements.to_vec(), &typ));
        for (before, now, added, removed) in [
            (vec![1, 2], vec![1, 2, 3], &[3][..], &[][..]),
            (vec![1, 2], vec![2], &[], &[1]),
            (vec![1, 2], vec![2, 3, 4], &[3, 4], &[1]),
            (vec![1, 2], vec![3], &[3], &[1, 2]),
        ] {
            let expected = Difference::Parts { added: set(added), removed: set(removed) };
            assert_eq!(between(&typ, before, now), expected);
        }
    }

    #[test]
    fn lists_are_added_to_at_their_ends_or_written_anew() {
        let typ = CqlType::list(CqlType::Int);
        let list = |elements: &[i32]| (!elements.is_empty()).then(|| cell(&elements.to_vec(), &typ));
        for (before, now, front, behind) in [
            (vec![1, 2], vec![1, 2, 3], &[][..], &[3][..]),
            (vec![1, 2], vec![0, 1, 2], &[0], &[]),
            (vec![1, 2], vec![9, 0, 1, 2, 3, 4], &[9, 0], &[3, 4]),
            (vec![1], vec![1, 1], &[], &[1]),
        ] {
            let expected = Difference::Around { before: list(front), after: list(behind) };
            assert_eq!(between(&typ, before, now), expected);
        }
        for (before, now) in
            [(vec![1, 2], vec![1]), (vec![1, 2], vec![2, 1]), (vec![1, 2], vec![1, 3, 2]), (vec![], vec![1])]
        {
            assert_eq!(between(&typ, before, now), Difference::Rewrite);
        }
    }

    #[test]
    fn maps_are_put_into_and_taken_from_key_by_key() {
        let typ = CqlType::map(CqlType::Text, CqlType::Int);
        let map = |entries: &[(&str, i32)]| {
            entries.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
        };
        let of = |before, now| between::<BTreeMap<String, i32>>(&typ, map(before), map(now));
        let put = |entries: &[(&str, i32)]| Some(cell(&map(entries) as &BTreeMap<String, i32>, &typ));
        let keys = |keys: &[&str]| Some(cell(&keys.to_vec(), &CqlType::set(CqlType::Text)));
        assert_eq!(
            of(&[("a", 1), ("b", 2), ("c", 3)], &[("a", 1), ("b", 5), ("d", 4)]),
            Difference::Parts { added: put(&[("b", 5), ("d", 4)]), removed: keys(&["c"]) }
        );
        assert_eq!(
            of(&[("a", 1), ("b", 2)], &[("a", 1)]),
            Difference::Parts { added: None, removed: keys(&["b"]) }
        );
        assert_eq!(
            of(&[("a", 1)], &[("a", 2)]),
            Difference::Parts { added: put(&[("a", 2)]), removed: None }
        );
    }

    #[test]
    fn collections_whose_elements_are_sent_otherwise_than_compared_are_written_anew() {
        let person = CqlType::udt("", "person", [("name", CqlType::Text)]);
        for typ in [
            CqlType::set(CqlType::set(CqlType::Int)),
            CqlType::map(CqlType::Int, CqlType::map(CqlType::Int, CqlType::Int)),
            CqlType::set(person.clone()),
            CqlType::list(CqlType::tuple([CqlType::Int, person.clone()])),
            CqlType::map(CqlType::Int, CqlType::list(person)),
        ] {
            assert_eq!(difference(&typ, &count(0), &count(1)), Difference::Rewrite);
        }
    }
}
