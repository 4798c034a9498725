//! Descriptions of columns: of a result and of bind markers.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use crate::error::{DecodeError, EncodeError};
use crate::types::{ColumnSpec, CqlType, decode_type, encode_type};
use crate::version::ProtocolVersion;
use crate::wire::{Reader, put_bytes, put_int, put_int_count, put_short, put_short_bytes, put_string};

/// Bits of the metadata flags.
pub mod metadata_flags {
    /// One keyspace and table for all columns.
    pub const GLOBAL_TABLE: u32 = 0x01;
    /// There are more pages.
    pub const HAS_MORE_PAGES: u32 = 0x02;
    /// No columns follow: the client has them.
    pub const NO_METADATA: u32 = 0x04;
    /// The metadata changed; its new id follows.
    pub const METADATA_CHANGED: u32 = 0x08;
}

/// The columns of a result, and where it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowsMetadata {
    /// As received, see [`metadata_flags`]. When encoding, known flags follow from the other fields.
    pub flags: u32,
    /// Where the next page begins; `None` after the last.
    pub paging_state: Option<Bytes>,
    /// The id to send from now on: the columns are not what the client thought. Comes only with the columns.
    pub new_metadata_id: Option<Bytes>,
    /// `None` when they were left out because the client has them.
    pub columns: Option<Arc<[ColumnSpec]>>,
    /// How many columns each row has, also when they were left out.
    pub column_count: usize,
}

/// The bind markers of a prepared statement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BindMetadata {
    /// As received. A connection's [`FrameShape`](crate::FrameShape) knows which bits mark a conditional statement.
    pub flags: u32,
    /// One for each marker.
    pub columns: Arc<[ColumnSpec]>,
    /// Which markers make up the partition key, in its order. Empty when not all of it is bound, and always in v3.
    pub pk_indexes: Vec<u16>,
}

impl RowsMetadata {
    /// Of these columns, on one page.
    pub fn new(columns: impl Into<Arc<[ColumnSpec]>>) -> Self {
        let columns = columns.into();
        Self { column_count: columns.len(), columns: Some(columns), ..Self::default() }
    }

    pub(crate) fn decode(
        reader: &mut Reader<'_>,
        body: &Bytes,
        known: Option<&KnownColumns>,
    ) -> Result<Self, DecodeError> {
        let flags = reader.int("metadata flags")? as u32;
        let column_count = reader.count("column count")?;
        let paging_state = if flags & metadata_flags::HAS_MORE_PAGES != 0 {
            reader.bytes("paging state")?.map(|state| body.slice_ref(state))
        } else {
            None
        };
        // "If No_metadata is set, the metadata is only composed of flags, column count and optionally the paging
        // state": not even of a new id.
        if flags & metadata_flags::NO_METADATA != 0 {
            return Ok(Self { flags, paging_state, new_metadata_id: None, columns: None, column_count });
        }
        let new_metadata_id = if flags & metadata_flags::METADATA_CHANGED != 0 {
            Some(body.slice_ref(reader.short_bytes("new metadata id")?))
        } else {
            None
        };
        let columns = match known.and_then(|known| known.recognise(reader, flags, column_count)) {
            Some(columns) => columns,
            None => decode_columns(reader, flags, column_count)?,
        };
        Ok(Self { flags, paging_state, new_metadata_id, columns: Some(columns), column_count })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        const KNOWN: u32 = 0x0f;
        let columns = self.columns.as_deref();
        let mut flags = self.flags & !KNOWN;
        if self.paging_state.is_some() {
            flags |= metadata_flags::HAS_MORE_PAGES;
        }
        let new_id = self.new_metadata_id.as_ref().filter(|_| columns.is_some());
        if new_id.is_some() {
            flags |= metadata_flags::METADATA_CHANGED;
        }
        match columns {
            None => flags |= metadata_flags::NO_METADATA,
            Some(columns) if one_table(columns) => flags |= metadata_flags::GLOBAL_TABLE,
            Some(_) => {}
        }
        put_int(out, flags as i32);
        put_int_count(out, columns.map_or(self.column_count, <[_]>::len), "columns")?;
        if let Some(state) = &self.paging_state {
            put_bytes(out, Some(state), "paging state")?;
        }
        if let Some(id) = new_id {
            put_short_bytes(out, id, "new metadata id")?;
        }
        columns.map_or(Ok(()), |columns| encode_columns(columns, out))
    }
}

/// `[int]` kind 2 of a RESULT: rows.
const ROWS: u32 = 2;

/// Where the rows of a page are; see [`KnownColumns::find_rows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownRows {
    /// How many there are, by the server's count; never more than there is room for.
    pub count: u32,
    /// Where in the body the first one begins.
    pub content_at: usize,
}

/// Columns together with the bytes a server describes them by.
///
/// Below v5 every page repeats the description of its columns. One that is byte for byte what came before means the same, and
/// comparing costs a small part of decoding and no allocation.
#[derive(Debug, Clone, Default)]
pub struct KnownColumns {
    columns: Arc<[ColumnSpec]>,
    /// Empty when they cannot be written, or there are none: then nothing is recognised.
    bytes: Box<[u8]>,
    one_table: bool,
}

impl KnownColumns {
    /// Writes the columns as servers do.
    pub fn new(columns: Arc<[ColumnSpec]>) -> Self {
        let mut bytes = Vec::new();
        if encode_columns(&columns, &mut bytes).is_err() {
            bytes.clear();
        }
        Self { bytes: bytes.into(), one_table: one_table(&columns), columns }
    }

    /// The columns.
    pub fn columns(&self) -> &Arc<[ColumnSpec]> {
        &self.columns
    }

    /// Finds the rows in the body of a RESULT that is a page of these columns and nothing else: the only one or the last, and
    /// described by the same bytes, or not described where `omitted` says that the server may leave that out. `None` for every
    /// other body, wrong ones included: those are for [`Response::decode`](super::Response::decode).
    #[inline]
    pub fn find_rows(&self, body: &[u8], omitted: bool) -> Option<KnownRows> {
        /// Of the kind, the flags and the number of columns.
        const HEAD: usize = 12;
        let number = |at: usize| body.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        if number(0)? != ROWS || number(8)? as usize != self.columns.len() || self.columns.is_empty() {
            return None;
        }
        let at = match number(4)? {
            metadata_flags::NO_METADATA if omitted => HEAD,
            flags @ (0 | metadata_flags::GLOBAL_TABLE) => {
                let same = !self.bytes.is_empty()
                    && (flags == metadata_flags::GLOBAL_TABLE) == self.one_table
                    && body[HEAD..].starts_with(&self.bytes);
                same.then_some(HEAD + self.bytes.len())?
            }
            _ => return None,
        };
        let (count, content_at) = (number(at)?, at + 4);
        // Every cell takes four bytes at least.
        let smallest = u64::from(count).saturating_mul(self.columns.len() as u64 * 4);
        (count <= i32::MAX as u32 && smallest <= (body.len() - content_at) as u64)
            .then_some(KnownRows { count, content_at })
    }

    /// Steps over the description when it is this one.
    #[inline]
    fn recognise(&self, reader: &mut Reader<'_>, flags: u32, count: usize) -> Option<Arc<[ColumnSpec]>> {
        let global = flags & metadata_flags::GLOBAL_TABLE != 0;
        let same = count == self.columns.len()
            && global == self.one_table
            && !self.bytes.is_empty()
            && reader.rest().starts_with(&self.bytes);
        if !same {
            return None;
        }
        reader.take(self.bytes.len(), "columns").ok()?;
        Some(Arc::clone(&self.columns))
    }
}

impl BindMetadata {
    pub(crate) fn decode(reader: &mut Reader<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let flags = reader.int("bind metadata flags")? as u32;
        let column_count = reader.count("marker count")?;
        let mut pk_indexes = Vec::new();
        if version.has_partition_key_indexes() {
            let count = reader.count("partition key indexes")?;
            pk_indexes.reserve(reader.capacity(count, 2));
            for _ in 0..count {
                pk_indexes.push(reader.short("partition key index")?);
            }
        }
        let columns = if flags & metadata_flags::NO_METADATA == 0 {
            decode_columns(reader, flags, column_count)?
        } else {
            [].into()
        };
        if let Some(index) = pk_indexes.iter().find(|index| usize::from(**index) >= columns.len()) {
            let length = i64::from(*index);
            return Err(DecodeError::InvalidLength { what: "partition key index", length });
        }
        Ok(Self { flags, columns, pk_indexes })
    }

    pub(crate) fn encode(&self, version: ProtocolVersion, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut flags = self.flags & !(metadata_flags::GLOBAL_TABLE | metadata_flags::NO_METADATA);
        if one_table(&self.columns) {
            flags |= metadata_flags::GLOBAL_TABLE;
        }
        put_int(out, flags as i32);
        put_int_count(out, self.columns.len(), "markers")?;
        if version.has_partition_key_indexes() {
            put_int_count(out, self.pk_indexes.len(), "partition key indexes")?;
            self.pk_indexes.iter().for_each(|index| put_short(out, *index));
        }
        encode_columns(&self.columns, out)
    }
}

fn one_table(columns: &[ColumnSpec]) -> bool {
    match columns {
        [] => false,
        [first, rest @ ..] => {
            rest.iter().all(|column| column.keyspace == first.keyspace && column.table == first.table)
        }
    }
}

fn decode_columns(
    reader: &mut Reader<'_>,
    flags: u32,
    count: usize,
) -> Result<Arc<[ColumnSpec]>, DecodeError> {
    let table_of = |reader: &mut Reader<'_>| -> Result<(Arc<str>, Arc<str>), DecodeError> {
        Ok((reader.string("keyspace")?.into(), reader.string("table")?.into()))
    };
    let global = if flags & metadata_flags::GLOBAL_TABLE != 0 { Some(table_of(reader)?) } else { None };
    // A name and a type take four bytes at least, a keyspace and a table four more: what cannot have come is not begun.
    let needed = count.saturating_mul(if global.is_some() { 4 } else { 8 });
    if needed > reader.rest().len() {
        return Err(DecodeError::Truncated { what: "columns", needed, left: reader.rest().len() });
    }
    let column = |reader: &mut Reader<'_>| -> Result<ColumnSpec, DecodeError> {
        let (keyspace, table) = match &global {
            Some(global) => global.clone(),
            None => table_of(reader)?,
        };
        let name = shared_name(reader.string("column name")?);
        Ok(ColumnSpec { keyspace, table, name, typ: decode_type(reader)? })
    };
    // Collected into the slice itself, whose length is known: columns are the most that a message can blow up, and twice as
    // much would be too much. After an error nothing is read any more, and what is there is thrown away.
    let mut failed = None;
    let columns: Arc<[ColumnSpec]> = (0..count)
        .map(|_| {
            let read = if failed.is_none() { column(reader) } else { Ok(nothing()) };
            read.unwrap_or_else(|error| {
                failed = Some(error);
                nothing()
            })
        })
        .collect();
    failed.map_or(Ok(columns), Err)
}

/// A column's name. Those of one letter are shared: what takes five bytes should not become a hundred.
fn shared_name(name: &str) -> Arc<str> {
    static LETTERS: LazyLock<[Arc<str>; 128]> =
        LazyLock::new(|| std::array::from_fn(|letter| String::from(letter as u8 as char).into()));
    match name.as_bytes() {
        // Any text of one byte is ASCII.
        [letter] => LETTERS.get(usize::from(*letter)).map_or_else(|| name.into(), Arc::clone),
        _ => name.into(),
    }
}

/// Stands where a column could not be read.
fn nothing() -> ColumnSpec {
    ColumnSpec { keyspace: Arc::default(), table: Arc::default(), name: Arc::default(), typ: CqlType::Blob }
}

fn encode_columns(columns: &[ColumnSpec], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let global = one_table(columns);
    for (index, column) in columns.iter().enumerate() {
        if index == 0 || !global {
            put_string(out, &column.keyspace, "keyspace")?;
            put_string(out, &column.table, "table")?;
        }
        put_string(out, &column.name, "column name")?;
        encode_type(&column.typ, out)?;
    }
    Ok(())
}
