//! A page of rows.

use bytes::Bytes;

use crate::error::{DecodeError, EncodeError, ValueError, ValueErrorReason};
use crate::response::{KnownColumns, RowsMetadata};
use crate::row::{FromRow, RowsIter};
use crate::types::ColumnSpec;
use crate::wire::{Reader, put_bytes, put_int, put_int_count};

/// `[int]` kind 2 of a RESULT: rows.
const ROWS: [u8; 4] = [0, 0, 0, 2];

/// A page of rows, still in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowsBody {
    /// Columns, and where the result goes on.
    pub metadata: RowsMetadata,
    /// How many rows; never more than `content` has room for.
    pub row_count: u32,
    /// The cells, row by row.
    pub content: Bytes,
}

impl RowsBody {
    /// The body of a RESULT of rows, when `known` are the columns it probably has; `None` when it is a RESULT of another
    /// kind. `body` begins behind whatever the envelope has in front.
    ///
    /// # Errors
    /// As [`Response::decode`](crate::response::Response::decode).
    pub fn decode_result(body: &Bytes, known: Option<&KnownColumns>) -> Result<Option<Self>, DecodeError> {
        match body.split_first_chunk() {
            Some((&ROWS, rest)) => Self::decode(&mut Reader::new(rest), body, known).map(Some),
            _ => Ok(None),
        }
    }

    pub(crate) fn decode(
        reader: &mut Reader<'_>,
        body: &Bytes,
        known: Option<&KnownColumns>,
    ) -> Result<Self, DecodeError> {
        let metadata = RowsMetadata::decode(reader, body, known)?;
        let announced = reader.int("row count")?;
        let impossible = DecodeError::InvalidLength { what: "row count", length: i64::from(announced) };
        let row_count = u32::try_from(announced).map_err(|_| impossible.clone())?;
        // Every cell takes four bytes at least. Checked here, so that nobody loops or reserves for rows that are not
        // there.
        let smallest = u64::from(row_count).saturating_mul(metadata.column_count as u64 * 4);
        let room = reader.rest().len() as u64;
        if smallest > room || (metadata.column_count == 0 && row_count > 0) {
            return Err(impossible);
        }
        Ok(Self { metadata, row_count, content: body.slice_ref(reader.rest()) })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.metadata.encode(out)?;
        put_int_count(out, self.row_count as usize, "rows")?;
        out.extend_from_slice(&self.content);
        Ok(())
    }

    /// The rows as `T`; checks once that it fits.
    ///
    /// # Errors
    /// When it does not, or when the columns were left out: then use [`rows_as`](Self::rows_as).
    pub fn rows<'f, T: FromRow<'f>>(&'f self) -> Result<RowsIter<'f, T>, ValueError> {
        let columns = self.metadata.columns.as_deref();
        self.rows_as(columns.ok_or_else(|| {
            let expected = self.metadata.column_count;
            ValueError::new(ValueErrorReason::ColumnCount { expected, found: 0 })
        })?)
    }

    /// The rows as `T`, of columns known from elsewhere.
    ///
    /// # Errors
    /// When `T` does not fit, or the number of columns is not this page's.
    pub fn rows_as<'f, T: FromRow<'f>>(
        &'f self,
        columns: &'f [ColumnSpec],
    ) -> Result<RowsIter<'f, T>, ValueError> {
        if columns.len() != self.metadata.column_count {
            let expected = self.metadata.column_count;
            return Err(ValueErrorReason::ColumnCount { expected, found: columns.len() }.into());
        }
        RowsIter::new(columns, &self.content, self.row_count as usize)
    }
}

/// Appends the body of a RESULT of rows from cells, for servers: `None` is null. Rows must have as many cells as
/// there are columns.
pub fn encode_rows<'c, R>(
    metadata: &RowsMetadata,
    rows: impl ExactSizeIterator<Item = R>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError>
where
    R: IntoIterator<Item = Option<&'c [u8]>>,
{
    put_int(out, 2);
    metadata.encode(out)?;
    put_int_count(out, rows.len(), "rows")?;
    for row in rows {
        for cell in row {
            put_bytes(out, cell, "cell")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::response::{Response, ResultBody};
    use crate::types::CqlType;
    use crate::vectors::{V4, check_response, hex};

    fn column(table: &str, name: &str, typ: CqlType) -> ColumnSpec {
        ColumnSpec::new("k", table, name, typ)
    }

    fn decode(bytes: &str) -> Result<RowsBody, DecodeError> {
        match Response::decode(8, hex(bytes).into(), &V4)? {
            Response::Result(ResultBody::Rows(rows)) => Ok(rows),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rows_come_back_in_every_form_of_metadata() {
        let columns = [column("t", "a", CqlType::Int), column("t", "b", CqlType::Text)];
        let content = Bytes::from(hex("00000004 00000007 ffffffff"));
        let rows = |metadata| {
            Response::Result(ResultBody::Rows(RowsBody { metadata, row_count: 1, content: content.clone() }))
        };
        const ROW: &str = "00000001 00000004 00000007 ffffffff";
        let plain = RowsMetadata { flags: 1, ..RowsMetadata::new(columns.clone()) };
        let specs = "00016b 000174 000161 0009 000162 000d";
        check_response(&V4, &rows(plain.clone()), &format!("00000002 00000001 00000002 {specs} {ROW}"));

        let more = RowsMetadata {
            flags: 0x0b,
            paging_state: Some(Bytes::from_static(b"p")),
            new_metadata_id: Some(Bytes::from_static(b"m")),
            ..plain
        };
        let bytes = format!("00000002 0000000b 00000002 00000001 70 0001 6d {specs} {ROW}");
        check_response(&V4, &rows(more), &bytes);

        let skipped = RowsMetadata { flags: 4, column_count: 2, ..Default::default() };
        check_response(&V4, &rows(skipped), &format!("00000002 00000004 00000002 {ROW}"));

        let body = hex(&format!("00000002 0000000c 00000002 {ROW}"));
        let Response::Result(ResultBody::Rows(unchanged)) = Response::decode(8, body.into(), &V4).unwrap()
        else {
            panic!("not rows")
        };
        assert_eq!((unchanged.metadata.new_metadata_id, unchanged.content), (None, content.clone()));

        let tables = RowsMetadata::new([column("t", "a", CqlType::Int), column("u", "b", CqlType::Text)]);
        let specs = "00016b 000174 000161 0009 00016b 000175 000162 000d";
        check_response(&V4, &rows(tables), &format!("00000002 00000000 00000002 {specs} {ROW}"));
    }

    #[test]
    fn rows_become_values_with_columns_from_here_or_elsewhere() {
        let columns = [column("t", "a", CqlType::Int), column("t", "b", CqlType::Text)];
        let cells: [[Option<&[u8]>; 2]; 2] = [[Some(&[0, 0, 0, 7]), None], [Some(&[0, 0, 0, 8]), Some(b"x")]];
        let expected = [(7, None), (8, Some("x"))];

        let mut out = Vec::new();
        encode_rows(&RowsMetadata::new(columns.clone()), cells.into_iter(), &mut out).unwrap();
        let Response::Result(ResultBody::Rows(body)) = Response::decode(8, out.into(), &V4).unwrap() else {
            panic!("not rows")
        };
        let rows: Result<Vec<(i32, Option<&str>)>, _> = body.rows().unwrap().collect();
        assert_eq!(rows.unwrap(), expected);

        let mut out = Vec::new();
        let skipped = RowsMetadata { column_count: 2, ..Default::default() };
        encode_rows(&skipped, cells.into_iter(), &mut out).unwrap();
        let Response::Result(ResultBody::Rows(body)) = Response::decode(8, out.into(), &V4).unwrap() else {
            panic!("not rows")
        };
        assert!(body.rows::<(i32, Option<&str>)>().is_err());
        assert!(body.rows_as::<(i32,)>(&columns[..1]).is_err());
        let rows: Result<Vec<(i32, Option<&str>)>, _> = body.rows_as(&columns).unwrap().collect();
        assert_eq!(rows.unwrap(), expected);
    }

    #[test]
    fn columns_are_recognised_by_their_bytes_and_by_nothing_less() {
        let columns: Arc<[ColumnSpec]> =
            [column("t", "a", CqlType::Int), column("t", "b", CqlType::list(CqlType::Text))].into();
        let known = KnownColumns::new(Arc::clone(&columns));
        let specs = "00016b 000174 000161 0009 000162 0020 000d";
        let decode = |bytes: &str| {
            let body = Bytes::from(hex(bytes));
            let usual = RowsBody::decode_result(&body, None).unwrap().unwrap();
            let fast = RowsBody::decode_result(&body, Some(&known)).unwrap().unwrap();
            assert_eq!(fast, usual);
            Arc::ptr_eq(&fast.metadata.columns.unwrap(), &columns)
        };
        assert!(decode(&format!("00000002 00000001 00000002 {specs} 00000000")));
        // With a paging state and a new id in front.
        assert!(decode(&format!("00000002 0000000b 00000002 00000001 70 0001 6d {specs} 00000000")));
        // Another name, another type, another number, each column with its table.
        assert!(!decode("00000002 00000001 00000002 00016b 000174 000161 0009 000163 0020 000d 00000000"));
        assert!(!decode("00000002 00000001 00000002 00016b 000174 000161 0009 000162 0020 0009 00000000"));
        assert!(!decode("00000002 00000001 00000001 00016b 000174 000161 0009 00000000"));
        let each = "00016b 000174 000161 0009 00016b 000174 000162 0020 000d";
        assert!(!decode(&format!("00000002 00000000 00000002 {each} 00000000")));
        // One cut short is as wrong as it was.
        let cut = Bytes::from(hex("00000002 00000001 00000002 00016b 000174 000161 0009 000162 0020"));
        assert!(RowsBody::decode_result(&cut, Some(&known)).is_err());
        let void = Bytes::from(hex("00000001"));
        assert_eq!(RowsBody::decode_result(&void, Some(&known)), Ok(None));
    }

    #[test]
    fn rows_of_known_columns_are_found_where_decoding_finds_them_or_not_at_all() {
        let columns: Arc<[ColumnSpec]> =
            [column("t", "a", CqlType::Int), column("t", "b", CqlType::list(CqlType::Text))].into();
        let known = KnownColumns::new(Arc::clone(&columns));
        let specs = "00016b 000174 000161 0009 000162 0020 000d";
        let row = "00000004 00000007 ffffffff";
        let found = |bytes: &str, omitted| {
            let body = Bytes::from(hex(bytes));
            let found = known.find_rows(&body, omitted);
            if let Some(found) = found {
                let usual = RowsBody::decode_result(&body, None).unwrap().unwrap();
                assert_eq!((usual.row_count, &usual.content), (found.count, &body.slice(found.content_at..)));
                assert_eq!((usual.metadata.paging_state, usual.metadata.new_metadata_id), (None, None));
            }
            found.is_some()
        };
        assert!(found(&format!("00000002 00000001 00000002 {specs} 00000001 {row}"), false));
        assert!(found(&format!("00000002 00000001 00000002 {specs} 00000000"), false));
        assert!(found(&format!("00000002 00000004 00000002 00000001 {row}"), true));
        assert!(!found(&format!("00000002 00000004 00000002 00000001 {row}"), false), "not asked to");
        assert!(!found(&format!("00000002 00000004 00000003 00000001 {row}"), true), "another number");
        assert!(!found(&format!("00000002 00000003 00000002 00000001 70 {specs} 00000001 {row}"), true));
        assert!(!found(&format!("00000002 00000009 00000002 0001 6d {specs} 00000001 {row}"), true));
        assert!(!found(&format!("00000002 00000001 00000002 {specs} 00000002 {row}"), true), "too few bytes");
        assert!(!found(&format!("00000002 00000001 00000002 {specs} ffffffff {row}"), true));
        assert!(!found("00000001", true) && !found("", true));
        let whole = Bytes::from(hex(&format!("00000002 00000001 00000002 {specs} 00000001 {row}")));
        for length in 0..whole.len() {
            let cut = whole.slice(..length);
            let usual = RowsBody::decode_result(&cut, None).ok().flatten();
            let content_at = known.find_rows(&cut, true).map(|found| found.content_at);
            assert_eq!(
                content_at,
                usual.map(|usual| length - usual.content.len()),
                "cut after {length} bytes"
            );
        }
        assert_eq!(
            KnownColumns::default().find_rows(&hex("00000002 00000004 00000000 00000000"), true),
            None
        );
    }

    #[test]
    fn more_rows_than_bytes_are_refused() {
        let one_int = "00000002 00000001 00000001 00016b 000174 000161 0009";
        assert!(decode(&format!("{one_int} 00000001 00000000")).is_ok());
        for body in [
            format!("{one_int} 00000002 00000000"),
            format!("{one_int} 7fffffff"),
            format!("{one_int} ffffffff"),
            "00000002 00000004 00000000 7fffffff 00000000".to_owned(),
            "00000002 00000004 7fffffff 7fffffff 00000000".to_owned(),
            "00000002 00000001 7fffffff 00016b 000174 000161 0009".to_owned(),
            "00000002 00000004 ffffffff 00000000".to_owned(),
        ] {
            assert!(decode(&body).is_err(), "{body}");
        }
        assert_eq!(decode("00000002 00000004 00000000 00000000").unwrap().row_count, 0);
    }
}
