//! Columns of values that have elements or fields.
//!
//! Each is a column of columns: how long values are and which are null here, what they consist of in the columns below. Types
//! nest no deeper than the protocol lets them.

use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, FixedSizeListArray, ListArray, MapArray, StructArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};
use arrow_schema::{FieldRef, Fields};
use chorus_protocol::value::{Elements, MapEntries, VectorElements, take_field};
use chorus_protocol::{CqlType, ValueErrorReason};

use super::builders::{Builder, Padding, Refusal, append, builder};
use super::schema_of::{element_field, entries_field, entry_fields, fields_of, struct_fields};

/// A column below another one.
type Below<'c> = Box<dyn Builder + 'c>;

/// Where each value ends among the elements of all.
struct Ends {
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Ends {
    fn new() -> Self {
        Self { offsets: vec![0], nulls: NullBufferBuilder::new(0) }
    }

    /// A value of so many elements.
    fn append_value(&mut self, elements: usize) {
        // Elements take four bytes each of a page that has fewer than 2^31.
        let end = self.last() + elements as i32;
        self.offsets.push(end);
        self.nulls.append_non_null();
    }

    fn append_null(&mut self) {
        self.offsets.push(self.last());
        self.nulls.append_null();
    }

    fn last(&self) -> i32 {
        self.offsets.last().copied().unwrap_or(0)
    }

    fn offsets(&mut self) -> OffsetBuffer<i32> {
        OffsetBuffer::new(std::mem::take(&mut self.offsets).into())
    }
}

/// Lists and sets.
pub(super) struct Lists<'c> {
    typ: &'c CqlType,
    ends: Ends,
    elements: Below<'c>,
}

impl<'c> Lists<'c> {
    pub(super) fn new(element: &'c CqlType) -> Self {
        Self { typ: element, ends: Ends::new(), elements: builder(element, 0) }
    }
}

impl Builder for Lists<'_> {
    fn append_value(&mut self, cell: &[u8], padding: &mut Padding) -> Result<(), Refusal> {
        let mut count = 0;
        for element in Elements::new(Some(cell))? {
            append(&mut *self.elements, self.typ, element?, padding)?;
            count += 1;
        }
        self.ends.append_value(count);
        Ok(())
    }

    fn append_null(&mut self) {
        self.ends.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        let (offsets, nulls) = (self.ends.offsets(), self.ends.nulls.finish());
        let lists = ListArray::try_new(element_field(self.typ), offsets, self.elements.finish(), nulls);
        Arc::new(lists.expect("there are as many elements as the ends say"))
    }
}

pub(super) struct Maps<'c> {
    types: (&'c CqlType, &'c CqlType),
    ends: Ends,
    keys: Below<'c>,
    values: Below<'c>,
}

impl<'c> Maps<'c> {
    pub(super) fn new(key: &'c CqlType, value: &'c CqlType) -> Self {
        Self { types: (key, value), ends: Ends::new(), keys: builder(key, 0), values: builder(value, 0) }
    }
}

impl Builder for Maps<'_> {
    fn append_value(&mut self, cell: &[u8], padding: &mut Padding) -> Result<(), Refusal> {
        let mut count = 0;
        for entry in MapEntries::new(Some(cell))? {
            let (key, value) = entry?;
            match key {
                Some(key) if !key.is_empty() || self.types.0.zero_length_is_value() => {
                    self.keys.append_value(key, padding)?;
                }
                _ => return Err(ValueErrorReason::UnexpectedNull { rust: "the key of an Arrow map" }.into()),
            }
            append(&mut *self.values, self.types.1, value, padding)?;
            count += 1;
        }
        self.ends.append_value(count);
        Ok(())
    }

    fn append_null(&mut self) {
        self.ends.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        let (key, value) = self.types;
        let columns = vec![self.keys.finish(), self.values.finish()];
        let entries = StructArray::try_new(entry_fields(key, value), columns, None);
        let entries = entries.expect("there are as many keys as values");
        let (offsets, nulls) = (self.ends.offsets(), self.ends.nulls.finish());
        let maps = MapArray::try_new(entries_field(key, value), offsets, entries, nulls, false);
        Arc::new(maps.expect("there are as many entries as the ends say"))
    }
}

/// Tuples and user-defined types.
pub(super) struct Structs<'c> {
    fields: Fields,
    columns: Vec<(&'c CqlType, Below<'c>)>,
    nulls: NullBufferBuilder,
    /// Of all fields together.
    places: usize,
}

impl<'c> Structs<'c> {
    pub(super) fn new(typ: &'c CqlType) -> Self {
        let types = fields_of(typ);
        let fields = struct_fields(types.iter().copied());
        let columns: Vec<_> = types.into_iter().map(|(_, typ)| (typ, builder(typ, 0))).collect();
        let places = columns.iter().fold(0_usize, |places, (_, column)| {
            places.saturating_add(1).saturating_add(column.places_of_null())
        });
        Self { fields, columns, nulls: NullBufferBuilder::new(0), places }
    }
}

impl Builder for Structs<'_> {
    fn append_value(&mut self, cell: &[u8], padding: &mut Padding) -> Result<(), Refusal> {
        let mut rest = cell;
        for (typ, column) in &mut self.columns {
            // A value that was written before the type had this field ends here.
            padding.take(usize::from(rest.is_empty()))?;
            append(&mut **column, typ, take_field(&mut rest)?, padding)?;
        }
        self.nulls.append_non_null();
        Ok(())
    }

    fn append_null(&mut self) {
        self.columns.iter_mut().for_each(|(_, column)| column.append_null());
        self.nulls.append_null();
    }

    fn places_of_null(&self) -> usize {
        self.places
    }

    fn finish(&mut self) -> ArrayRef {
        let columns = self.columns.iter_mut().map(|(_, column)| column.finish()).collect();
        let (length, nulls) = (self.nulls.len(), self.nulls.finish());
        let structs = StructArray::try_new_with_length(self.fields.clone(), columns, nulls, length);
        Arc::new(structs.expect("every column has a value for each struct"))
    }
}

pub(super) struct Vectors<'c> {
    typ: &'c CqlType,
    dimension: u16,
    nulls: NullBufferBuilder,
    elements: Below<'c>,
}

impl<'c> Vectors<'c> {
    pub(super) fn new(element: &'c CqlType, dimension: u16) -> Self {
        Self { typ: element, dimension, nulls: NullBufferBuilder::new(0), elements: builder(element, 0) }
    }

    fn field(&self) -> FieldRef {
        element_field(self.typ)
    }
}

impl Builder for Vectors<'_> {
    fn append_value(&mut self, cell: &[u8], padding: &mut Padding) -> Result<(), Refusal> {
        let mut count = 0;
        for element in VectorElements::new(self.typ, self.dimension, cell)? {
            append(&mut *self.elements, self.typ, Some(element?), padding)?;
            count += 1;
        }
        if count != usize::from(self.dimension) {
            let expected = usize::from(self.dimension);
            return Err(ValueErrorReason::WrongDimension { expected, found: count }.into());
        }
        self.nulls.append_non_null();
        Ok(())
    }

    fn append_null(&mut self) {
        (0..self.dimension).for_each(|_| self.elements.append_null());
        self.nulls.append_null();
    }

    fn places_of_null(&self) -> usize {
        self.elements.places_of_null().saturating_add(1).saturating_mul(usize::from(self.dimension))
    }

    fn finish(&mut self) -> ArrayRef {
        let elements = self.elements.finish();
        debug_assert_eq!(elements.len(), self.nulls.len() * usize::from(self.dimension));
        let (field, nulls) = (self.field(), self.nulls.finish());
        let vectors = FixedSizeListArray::try_new(field, i32::from(self.dimension), elements, nulls);
        Arc::new(vectors.expect("every vector has as many elements as its type says"))
    }
}
