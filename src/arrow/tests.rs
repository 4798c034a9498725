use std::net::IpAddr;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_buffer::IntervalMonthDayNano;
use arrow_schema::{DataType, TimeUnit};
use chorus_protocol::response::{RowsBody, RowsMetadata};
use chorus_protocol::{
    ColumnSpec, CqlDate, CqlDecimal, CqlDuration, CqlTime, CqlTimestamp, CqlTimeuuid, CqlType, CqlValue,
    CqlVarint, IntoRow, MaybeEmpty, NativeType, ToCql, Uuid, encode_row,
};
use proptest::prelude::*;

use super::{CQL_TYPE, record_batch, schema_of};
use crate::error::{Error, ErrorKind};
use crate::result::RowSet;

/// A page of these rows.
fn page<R: IntoRow>(columns: &[ColumnSpec], rows: &[R]) -> RowSet {
    let mut content = Vec::new();
    for row in rows {
        encode_row(row, columns, &mut content).expect("the test's rows fit");
    }
    page_of_bytes(columns, rows.len() as u32, content)
}

fn page_of_bytes(columns: &[ColumnSpec], row_count: u32, content: Vec<u8>) -> RowSet {
    let metadata = RowsMetadata::new(columns.to_vec());
    RowSet::new(RowsBody { metadata, row_count, content: content.into() }, columns.into())
}

fn batch_of(rows: &RowSet) -> Result<RecordBatch, Error> {
    record_batch(schema_of(&rows.columns), rows)
}

/// The column that values of `typ` become, with a null before and behind them.
fn column<T: ToCql + Clone>(typ: CqlType, values: &[T]) -> ArrayRef {
    let columns = [ColumnSpec::new("ks", "t", "v", typ)];
    let mut rows = vec![(None,)];
    rows.extend(values.iter().map(|value| (Some(value.clone()),)));
    rows.push((None,));
    let batch = batch_of(&page(&columns, &rows)).expect("reads");
    assert_eq!((batch.num_rows(), batch.num_columns()), (values.len() + 2, 1));
    let array = Arc::clone(batch.column(0));
    assert_eq!(array.null_count(), 2);
    assert!(array.is_null(0) && array.is_null(values.len() + 1));
    array.slice(1, values.len())
}

fn texts(array: &dyn Array) -> Vec<Option<String>> {
    array.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

fn some<T: Into<String>>(all: impl IntoIterator<Item = T>) -> Vec<Option<String>> {
    all.into_iter().map(|text| Some(text.into())).collect()
}

#[test]
fn numbers_keep_their_size_and_their_least_and_greatest_values() {
    macro_rules! check {
        ($cql:ident, $arrow:ident, $values:expr) => {
            let array = column(CqlType::$cql, &$values);
            assert_eq!(array.as_primitive::<$arrow>().values().to_vec(), $values, stringify!($cql));
        };
    }
    check!(Tinyint, Int8Type, [i8::MIN, -1, 0, i8::MAX]);
    check!(Smallint, Int16Type, [i16::MIN, -1, 0, i16::MAX]);
    check!(Int, Int32Type, [i32::MIN, -1, 0, i32::MAX]);
    check!(Bigint, Int64Type, [i64::MIN, -1, 0, i64::MAX]);
    check!(Counter, Int64Type, [i64::MIN, -1, 0, i64::MAX]);
    check!(Float, Float32Type, [f32::MIN, -0.0, f32::INFINITY, f32::MIN_POSITIVE]);
    check!(Double, Float64Type, [f64::MIN, -0.0, f64::INFINITY, f64::MIN_POSITIVE]);
    let nan = column(CqlType::Double, &[f64::NAN]);
    assert!(nan.as_primitive::<Float64Type>().value(0).is_nan());
    let booleans = column(CqlType::Boolean, &[true, false]);
    assert_eq!(booleans.as_boolean().iter().collect::<Vec<_>>(), [Some(true), Some(false)]);
}

#[test]
fn times_keep_their_units() {
    let instants = [CqlTimestamp(i64::MIN), CqlTimestamp(-1), CqlTimestamp(1_700_000_000_123)];
    let array = column(CqlType::Timestamp, &instants);
    assert_eq!(array.data_type(), &DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())));
    let values = array.as_primitive::<TimestampMillisecondType>().values().to_vec();
    assert_eq!(values, instants.map(|instant| instant.0));

    let days = [CqlDate(0), CqlDate::EPOCH, CqlDate(CqlDate::EPOCH.0 - 1), CqlDate(u32::MAX)];
    let array = column(CqlType::Date, &days);
    assert_eq!(array.as_primitive::<Date32Type>().values().to_vec(), [i32::MIN, 0, -1, i32::MAX]);

    let array = column(CqlType::Time, &[CqlTime(0), CqlTime::MAX]);
    assert_eq!(array.as_primitive::<Time64NanosecondType>().values().to_vec(), [0, CqlTime::MAX.0]);

    let durations = [
        CqlDuration { months: 1, days: 2, nanoseconds: 3 },
        CqlDuration { months: i32::MIN, days: i32::MIN, nanoseconds: i64::MIN },
    ];
    let array = column(CqlType::Duration, &durations);
    let expected = durations.map(|value| IntervalMonthDayNano {
        months: value.months,
        days: value.days,
        nanoseconds: value.nanoseconds,
    });
    assert_eq!(array.as_primitive::<IntervalMonthDayNanoType>().values().to_vec(), expected);
}

#[test]
fn text_and_bytes_may_be_empty_without_being_null() {
    for typ in [CqlType::Text, CqlType::Ascii] {
        assert_eq!(texts(&column(typ, &["", "one", "two"])), some(["", "one", "two"]));
    }
    assert_eq!(texts(&column(CqlType::Text, &["lyre \u{1F3BC}"])), some(["lyre \u{1F3BC}"]));
    let blobs = column(CqlType::Blob, &[vec![], vec![0_u8, 255]]);
    assert_eq!(blobs.as_binary::<i32>().iter().collect::<Vec<_>>(), [Some(&[][..]), Some(&[0, 255])]);
}

#[test]
fn what_has_no_fixed_size_is_written_out() {
    let numbers = [0, -1, i128::MAX, i128::MIN];
    assert_eq!(texts(&column(CqlType::Varint, &numbers)), some(numbers.map(|number| number.to_string())));
    let decimals = [
        CqlDecimal { unscaled: CqlVarint::from(-1050), scale: 2 },
        CqlDecimal { unscaled: CqlVarint::from(1), scale: i32::MIN },
    ];
    assert_eq!(texts(&column(CqlType::Decimal, &decimals)), some(["-10.50", "1E+2147483648"]));
    let addresses: [IpAddr; 2] = ["127.0.0.1".parse().expect("one"), "::1".parse().expect("one")];
    assert_eq!(texts(&column(CqlType::Inet, &addresses)), some(["127.0.0.1", "::1"]));
}

#[test]
fn identifiers_are_their_bytes_and_say_what_they_are() {
    let timeuuid = CqlTimeuuid::min_at(1_700_000_000_000);
    let id = Uuid::from(timeuuid);
    for (typ, array) in [
        (CqlType::Uuid, column(CqlType::Uuid, &[id])),
        (CqlType::Timeuuid, column(CqlType::Timeuuid, &[timeuuid])),
    ] {
        assert_eq!(array.as_fixed_size_binary().value(0), id.as_bytes());
        let schema = schema_of(&[ColumnSpec::new("ks", "t", "id", typ.clone())]);
        assert_eq!(schema.field(0).metadata()["ARROW:extension:name"], "arrow.uuid");
        assert_eq!(schema.field(0).metadata()[CQL_TYPE], typ.to_string());
    }
    let custom = CqlType::custom("org.example.Thing");
    let value = CqlValue::Custom { class: "org.example.Thing".to_owned().into(), bytes: vec![1, 2] };
    assert_eq!(column(custom, &[value]).as_binary::<i32>().value(0), [1, 2]);
}

#[test]
fn every_native_type_has_a_column_and_its_empty_value_is_null() {
    for native in NativeType::ALL {
        let typ = CqlType::Native(native);
        let columns = [ColumnSpec::new("ks", "t", "v", typ.clone())];
        // An empty cell and a null.
        let batch = batch_of(&page_of_bytes(&columns, 2, vec![0, 0, 0, 0, 255, 255, 255, 255]));
        let batch = batch.unwrap_or_else(|error| panic!("{native:?}: {error}"));
        assert_eq!(batch.schema().field(0).data_type(), batch.column(0).data_type(), "{native:?}");
        assert_eq!(batch.column(0).is_null(0), !typ.zero_length_is_value(), "{native:?}");
        assert!(batch.column(0).is_null(1), "{native:?}");
    }
}

#[test]
fn collections_have_nulls_within_and_none_where_they_are_empty() {
    for typ in [CqlType::list(CqlType::Int), CqlType::set(CqlType::Int)] {
        let array = column(typ, &[vec![Some(1), None, Some(3)], vec![], vec![Some(4)]]);
        let lists = array.as_list::<i32>();
        let first = lists.value(0);
        assert_eq!(first.as_primitive::<Int32Type>().iter().collect::<Vec<_>>(), [Some(1), None, Some(3)]);
        assert_eq!((lists.value(1).len(), lists.is_null(1)), (0, false));
        assert_eq!(lists.value(2).as_primitive::<Int32Type>().values().to_vec(), [4]);
    }
    let typ = CqlType::map(CqlType::Text, CqlType::Bigint);
    let entries = |entries: &[(&str, Option<i64>)]| {
        CqlValue::Map(
            entries.iter().map(|(key, value)| (CqlValue::from(*key), value.map(CqlValue::from))).collect(),
        )
    };
    let array =
        column(typ, &[entries(&[("a", Some(1)), ("", None)]), entries(&[]), entries(&[("b", Some(2))])]);
    let maps = array.as_map();
    assert_eq!(texts(maps.value(0).column(0)), some(["a", ""]));
    let values = maps.value(0);
    assert_eq!(values.column(1).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(1), None]);
    assert_eq!((maps.value(1).len(), maps.value(2).len()), (0, 1));
}

#[test]
fn fields_of_tuples_are_numbered_and_those_of_user_types_named() {
    let typ = CqlType::tuple([CqlType::Int, CqlType::Text]);
    let array = column(typ, &[(Some(1), Some("one")), (Some(2), None), (None, None)]);
    let tuples = array.as_struct();
    assert_eq!(tuples.column_names(), ["0", "1"]);
    let ints = tuples.column(0).as_primitive::<Int32Type>().iter().collect::<Vec<_>>();
    assert_eq!(ints, [Some(1), Some(2), None]);
    assert_eq!(texts(tuples.column(1)), [Some("one".to_owned()), None, None]);
    assert_eq!(tuples.null_count(), 0, "a tuple of nulls is a tuple");

    let typ = CqlType::udt("ks", "address", [("street", CqlType::Text), ("zip", CqlType::Int)]);
    let columns = [ColumnSpec::new("ks", "t", "v", typ)];
    // Whole, written before there was a zip, null.
    let cells = b"\0\0\0\x0d\0\0\0\x01M\0\0\0\x04\0\0\0\x07\0\0\0\x05\0\0\0\x01N\xff\xff\xff\xff";
    let batch = batch_of(&page_of_bytes(&columns, 3, cells.to_vec())).expect("reads");
    let addresses = batch.column(0).as_struct();
    assert_eq!(addresses.column_names(), ["street", "zip"]);
    assert_eq!(texts(addresses.column(0)), [Some("M".to_owned()), Some("N".to_owned()), None]);
    let zips = addresses.column(1).as_primitive::<Int32Type>().iter().collect::<Vec<_>>();
    assert_eq!(zips, [Some(7), None, None]);
    assert!(!addresses.is_null(1) && addresses.is_null(2));

    let none = CqlType::udt("ks", "nothing", Vec::<(&str, CqlType)>::new());
    let columns = [ColumnSpec::new("ks", "t", "v", none)];
    let batch = batch_of(&page_of_bytes(&columns, 2, [255; 8].to_vec())).expect("reads");
    assert_eq!((batch.column(0).len(), batch.column(0).null_count()), (2, 2));
}

#[test]
fn vectors_are_lists_of_a_fixed_size_also_where_they_are_null() {
    let array = column(CqlType::vector(CqlType::Float, 3), &[[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let vectors = array.as_fixed_size_list();
    assert_eq!(vectors.value_length(), 3);
    assert_eq!(vectors.value(1).as_primitive::<Float32Type>().values().to_vec(), [4.0, 5.0, 6.0]);
    let array = column(CqlType::vector(CqlType::Text, 2), &[["a", "bc"]]);
    assert_eq!(texts(&array.as_fixed_size_list().value(0)), some(["a", "bc"]));
    let nested = CqlType::vector(CqlType::vector(CqlType::Int, 2), 2);
    let array = column(nested, &[[[1, 2], [3, 4]]]);
    let inner = array.as_fixed_size_list().value(0);
    assert_eq!(inner.as_fixed_size_list().value(1).as_primitive::<Int32Type>().values().to_vec(), [3, 4]);
}

#[test]
fn types_nest_in_each_other() {
    let point = CqlType::udt(
        "ks",
        "point",
        [
            ("at", CqlType::tuple([CqlType::Timestamp, CqlType::vector(CqlType::Double, 2)])),
            ("tags", CqlType::map(CqlType::Text, CqlType::set(CqlType::Int))),
        ],
    );
    let tags = |all: &[i32]| CqlValue::set(all.iter().map(|tag| CqlValue::from(*tag)));
    let value = |at: Option<i64>, tagged: &[i32]| CqlValue::Udt {
        of: chorus_protocol::value::UdtRef::new("ks", "point"),
        fields: vec![
            (
                "at".into(),
                at.map(|at| {
                    let place = CqlValue::Vector(vec![CqlValue::from(0.5), CqlValue::from(1.5)]);
                    CqlValue::Tuple(vec![Some(CqlTimestamp(at).into()), Some(place)])
                }),
            ),
            ("tags".into(), Some(CqlValue::map([("x".into(), tags(tagged))]))),
        ],
    };
    let array = column(
        CqlType::list(point),
        &[
            CqlValue::List(vec![Some(value(Some(9), &[1, 2])), None, Some(value(None, &[]))]),
            CqlValue::List(vec![]),
        ],
    );
    let points = array.as_list::<i32>().value(0);
    let points = points.as_struct();
    assert_eq!((points.len(), points.is_null(1)), (3, true));
    let at = points.column(0).as_struct();
    assert_eq!((at.is_null(0), at.is_null(1), at.is_null(2)), (false, true, true));
    let place = at.column(1).as_fixed_size_list().value(0);
    assert_eq!(place.as_primitive::<Float64Type>().values().to_vec(), [0.5, 1.5]);
    let tags = points.column(1).as_map();
    let tagged = tags.value(0);
    assert_eq!(
        tagged.column(1).as_list::<i32>().value(0).as_primitive::<Int32Type>().values().to_vec(),
        [1, 2]
    );
    assert!(tags.is_null(1) && tags.value(2).column(1).as_list::<i32>().value(0).is_empty());
}

#[test]
fn cells_that_are_no_values_name_their_column() {
    let columns =
        [ColumnSpec::new("ks", "t", "id", CqlType::Int), ColumnSpec::new("ks", "t", "name", CqlType::Text)];
    let rows = |cells: &[u8]| batch_of(&page_of_bytes(&columns, 1, cells.to_vec())).expect_err("no row");
    let short = rows(b"\0\0\0\x02\0\0\0\0\0\x01x");
    assert_eq!((short.kind(), short.column()), (ErrorKind::Rows, Some((0, "id"))));
    let no_text = rows(b"\0\0\0\x04\0\0\0\x01\0\0\0\x01\xff");
    assert_eq!((no_text.kind(), no_text.column()), (ErrorKind::Rows, Some((1, "name"))));
    let cut = rows(b"\0\0\0\x04\0\0\0\x01\0\0\0\x09x");
    assert_eq!((cut.kind(), cut.column()), (ErrorKind::Rows, Some((1, "name"))));

    let maps = [ColumnSpec::new("ks", "t", "m", CqlType::map(CqlType::Int, CqlType::Int))];
    let cell = b"\0\0\0\x0c\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xff";
    let error = batch_of(&page_of_bytes(&maps, 1, cell.to_vec())).expect_err("a key is never null");
    assert_eq!((error.kind(), error.column()), (ErrorKind::Rows, Some((0, "m"))));
    let long = [ColumnSpec::new("ks", "t", "n", CqlType::Varint)];
    let error = batch_of(&page(&long, &[(CqlVarint::from_signed_be_bytes(&[1; 9_000]),)]));
    assert_eq!(error.expect_err("too long").kind(), ErrorKind::Rows);
}

#[test]
fn nulls_of_a_page_take_no_more_room_than_there_may_be() {
    let wide = CqlType::vector(CqlType::vector(CqlType::Double, u16::MAX), u16::MAX);
    for typ in [wide.clone(), CqlType::tuple([wide.clone()]), CqlType::list(wide)] {
        let columns = [ColumnSpec::new("ks", "t", "v", typ.clone())];
        let is_list = matches!(typ, CqlType::List(_));
        // A null, or a list of one null.
        let cell: &[u8] = if is_list { b"\0\0\0\x08\0\0\0\x01\xff\xff\xff\xff" } else { &[255; 4] };
        let error = batch_of(&page_of_bytes(&columns, 1, cell.to_vec())).expect_err("four thousand millions");
        assert_eq!(error.kind(), ErrorKind::Result, "{error}");
    }
    // As many as embeddings have, in a page of the default size.
    let columns = [ColumnSpec::new("ks", "t", "v", CqlType::vector(CqlType::Float, 1536))];
    let batch = batch_of(&page_of_bytes(&columns, 5_000, vec![255; 4 * 5_000])).expect("reads");
    assert_eq!(batch.column(0).null_count(), 5_000);
}

#[test]
fn a_count_that_cannot_be_is_not_believed() {
    let columns = [ColumnSpec::new("ks", "t", "id", CqlType::Int)];
    let batch = batch_of(&page_of_bytes(&columns, u32::MAX, vec![255; 8])).expect("reads");
    assert_eq!(batch.num_rows(), 2);
    let batch = batch_of(&page_of_bytes(&[], u32::MAX, vec![255; 8])).expect("reads");
    assert_eq!((batch.num_rows(), batch.num_columns()), (0, 0));
}

#[test]
fn the_empty_value_within_a_collection_is_null_too() {
    let typ = CqlType::list(CqlType::Int);
    let array = column(typ, &[vec![MaybeEmpty::Value(1), MaybeEmpty::Empty]]);
    let ints = array.as_list::<i32>().value(0);
    assert_eq!(ints.as_primitive::<Int32Type>().iter().collect::<Vec<_>>(), [Some(1), None]);
}

/// Types of every kind, nested a few deep.
fn any_type() -> impl Strategy<Value = CqlType> {
    let native = (0..NativeType::ALL.len()).prop_map(|index| CqlType::Native(NativeType::ALL[index]));
    let leaf = prop_oneof![9 => native, 1 => Just(CqlType::custom("org.example.Thing"))];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let fields = proptest::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            inner.clone().prop_map(CqlType::list),
            inner.clone().prop_map(CqlType::set),
            (inner.clone(), inner.clone()).prop_map(|(key, value)| CqlType::map(key, value)),
            fields.clone().prop_map(CqlType::tuple),
            fields.prop_map(|fields| {
                let names = ["a", "b", "c"];
                CqlType::udt("ks", "t", names.into_iter().zip(fields))
            }),
            (inner, 1..5_u16).prop_map(|(element, dimension)| CqlType::vector(element, dimension)),
        ]
    })
}

/// Bytes in which small lengths and nulls are frequent, so that some of them are values.
fn any_content() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        4 => (0..20_i32).prop_map(|length| length.to_be_bytes().to_vec()),
        2 => Just(vec![255; 4]),
        2 => proptest::collection::vec(any::<u8>(), 0..9),
    ];
    proptest::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_page_of_whatever_bytes_makes_it_panic(
        types in proptest::collection::vec(any_type(), 1..4),
        content in any_content(),
        count in 0..40_u32,
    ) {
        let columns: Vec<_> = types.into_iter().map(|typ| ColumnSpec::new("ks", "t", "v", typ)).collect();
        if let Ok(batch) = batch_of(&page_of_bytes(&columns, count, content)) {
            prop_assert_eq!(batch.num_columns(), columns.len());
            prop_assert!(batch.num_rows() <= count as usize);
        }
    }
}
