//! What is written is read back as the same bytes, for every type, two levels deep.

use chorus_protocol::value::{NestedWriter, ToCql};
use chorus_protocol::{
    ColumnSpec, CqlDuration, CqlType, CqlVarint, NativeType, RowCells, ValueError, ValueWriter,
};
use proptest::prelude::*;

use super::*;
use crate::bulk::cell::{EpochUnit, write_cell};
use crate::bulk::csv::{Dialect, Place, RecordReader};
use crate::bulk::row::{CellFormat, PlannedColumn, RowPlan};

/// A cell as it is; `None` is null.
#[derive(Clone, Debug)]
struct Raw(Option<Vec<u8>>);

impl ToCql for Raw {
    fn to_cql(&self, _: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        match &self.0 {
            Some(bytes) => out.bytes(bytes),
            None => out.null(),
        }
    }
}

fn native() -> impl Strategy<Value = NativeType> {
    let loadable: Vec<_> =
        NativeType::ALL.into_iter().filter(|native| *native != NativeType::Counter).collect();
    proptest::sample::select(loadable)
}

/// A type with so many levels below it.
fn typ(below: u32) -> BoxedStrategy<CqlType> {
    let native = native().prop_map(CqlType::Native);
    if below == 0 {
        return native.boxed();
    }
    let inner = || typ(below - 1);
    prop_oneof![
        3 => native,
        1 => inner().prop_map(CqlType::list),
        1 => inner().prop_map(CqlType::set),
        1 => (inner(), inner()).prop_map(|(key, value)| CqlType::map(key, value)),
        1 => proptest::collection::vec(inner(), 1..4).prop_map(CqlType::tuple),
        1 => (inner(), inner()).prop_map(|(a, b)| CqlType::udt("ks", "u", [("plain", a), ("null", b)])),
        1 => (inner(), inner()).prop_map(|(a, b)| CqlType::udt("ks", "u", [("A \"b\\", a), ("it's", b)])),
        1 => (inner(), 1..4u16).prop_map(|(element, dimension)| CqlType::vector(element, dimension)),
    ]
    .boxed()
}

/// The bytes of a nested value without its length.
fn nested(write: impl Fn(&mut NestedWriter<'_>) -> Result<(), ValueError>) -> Vec<u8> {
    let mut out = Vec::new();
    ValueWriter::new(&mut out).nested(|out| write(out)).expect("the test's values fit");
    out.split_off(4)
}

/// The bytes of a value as a server has them.
fn value(typ: &CqlType) -> BoxedStrategy<Vec<u8>> {
    match typ.clone() {
        CqlType::Native(native) => scalar(native),
        CqlType::List(element) | CqlType::Set(element) => {
            let elements = proptest::collection::vec(value(&element), 0..4);
            let write = move |elements: Vec<Vec<u8>>| {
                nested(|out| {
                    out.count(elements.len())?;
                    elements.iter().try_for_each(|bytes| out.element(&Raw(Some(bytes.clone())), &element))
                })
            };
            elements.prop_map(write).boxed()
        }
        CqlType::Map(types) => {
            let entries = proptest::collection::vec((value(&types.0), value(&types.1)), 0..4);
            let write = move |entries: Vec<(Vec<u8>, Vec<u8>)>| {
                nested(|out| {
                    out.count(entries.len())?;
                    entries.iter().try_for_each(|(key, value)| {
                        out.element(&Raw(Some(key.clone())), &types.0)?;
                        out.element(&Raw(Some(value.clone())), &types.1)
                    })
                })
            };
            entries.prop_map(write).boxed()
        }
        CqlType::Tuple(types) => fields(types.to_vec()),
        CqlType::Udt(udt) => fields(udt.fields.iter().map(|(_, typ)| typ.clone()).collect()),
        CqlType::Vector(element, dimension) => {
            let elements = proptest::collection::vec(value(&element), usize::from(dimension));
            let write = move |elements: Vec<Vec<u8>>| {
                nested(|out| {
                    elements
                        .iter()
                        .try_for_each(|bytes| out.vector_element(&Raw(Some(bytes.clone())), &element))
                })
            };
            elements.prop_map(write).boxed()
        }
        CqlType::Custom(_) => unreachable!("none is made"),
    }
}

/// Fields, each of which may be null.
fn fields(types: Vec<CqlType>) -> BoxedStrategy<Vec<u8>> {
    let cells: Vec<_> = types.iter().map(|typ| proptest::option::of(value(typ))).collect();
    let write = move |cells: Vec<Option<Vec<u8>>>| {
        nested(|out| {
            cells.iter().zip(&types).try_for_each(|(cell, typ)| match cell {
                Some(bytes) => out.element(&Raw(Some(bytes.clone())), typ),
                None => {
                    out.null();
                    Ok(())
                }
            })
        })
    };
    cells.prop_map(write).boxed()
}

fn scalar(native: NativeType) -> BoxedStrategy<Vec<u8>> {
    fn of<T: Arbitrary + 'static>(bytes: impl Fn(T) -> Vec<u8> + 'static) -> BoxedStrategy<Vec<u8>> {
        any::<T>().prop_map(bytes).boxed()
    }
    let text = prop_oneof![
        4 => any::<String>().prop_map(String::into_bytes),
        1 => "[\"',;|\t \r\n\\\\{}\\[\\]:]{0,8}".prop_map(String::into_bytes),
        1 => proptest::sample::select(vec!["", "null", "NaN", "\\N", "\u{feff}a", "0x", "1"])
            .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let digits =
        || {
            prop_oneof![
                any::<i64>().prop_map(|number| CqlVarint::from(number).as_signed_be_bytes().to_vec()),
                any::<i128>().prop_map(|number| CqlVarint::from(number).as_signed_be_bytes().to_vec()),
                proptest::collection::vec(any::<u8>(), 1..60)
                    .prop_map(|bytes| CqlVarint::from_signed_be_bytes(&bytes).as_signed_be_bytes().to_vec()),
            ]
        };
    match native {
        NativeType::Text => text.boxed(),
        NativeType::Ascii => "[ -~]{0,12}".prop_map(String::into_bytes).boxed(),
        NativeType::Bigint | NativeType::Counter => of(|number: i64| number.to_be_bytes().to_vec()),
        NativeType::Int => of(|number: i32| number.to_be_bytes().to_vec()),
        NativeType::Smallint => of(|number: i16| number.to_be_bytes().to_vec()),
        NativeType::Tinyint => of(|number: i8| number.to_be_bytes().to_vec()),
        // There is one text for all that is not a number.
        NativeType::Double => of(|bits: u64| {
            let number = f64::from_bits(bits);
            if number.is_nan() { f64::NAN } else { number }.to_be_bytes().to_vec()
        }),
        NativeType::Float => of(|bits: u32| {
            let number = f32::from_bits(bits);
            if number.is_nan() { f32::NAN } else { number }.to_be_bytes().to_vec()
        }),
        NativeType::Boolean => of(|value: bool| vec![u8::from(value)]),
        NativeType::Varint => digits().boxed(),
        NativeType::Decimal => {
            let scale = prop_oneof![any::<i32>(), -40..40i32, Just(i32::MIN), Just(i32::MAX)];
            (scale, digits()).prop_map(|(scale, digits)| [&scale.to_be_bytes()[..], &digits].concat()).boxed()
        }
        NativeType::Timestamp => {
            let recent = -100_000_000_000_000..500_000_000_000_000i64;
            prop_oneof![any::<i64>(), recent].prop_map(|at| at.to_be_bytes().to_vec()).boxed()
        }
        NativeType::Date => of(|day: u32| day.to_be_bytes().to_vec()),
        NativeType::Time => (0..86_400_000_000_000i64).prop_map(|at| at.to_be_bytes().to_vec()).boxed(),
        NativeType::Duration => {
            let parts = (any::<bool>(), any::<i32>(), any::<i32>(), any::<i64>());
            let write = |(negative, months, days, nanoseconds): (bool, i32, i32, i64)| {
                let value = if negative {
                    let low = |part: i64| if part > 0 { -part } else { part };
                    CqlDuration {
                        months: low(months.into()) as i32,
                        days: low(days.into()) as i32,
                        nanoseconds: low(nanoseconds),
                    }
                } else {
                    CqlDuration {
                        months: months & i32::MAX,
                        days: days & i32::MAX,
                        nanoseconds: nanoseconds & i64::MAX,
                    }
                };
                let mut out = Vec::new();
                value.to_cql(&CqlType::Duration, ValueWriter::new(&mut out)).expect("a duration fits");
                out.split_off(4)
            };
            parts.prop_map(write).boxed()
        }
        NativeType::Uuid => of(|bytes: [u8; 16]| bytes.to_vec()),
        NativeType::Timeuuid => of(|mut bytes: [u8; 16]| {
            bytes[6] = bytes[6] & 0x0f | 0x10;
            bytes.to_vec()
        }),
        NativeType::Inet => {
            prop_oneof![of(|bytes: [u8; 4]| bytes.to_vec()), of(|bytes: [u8; 16]| bytes.to_vec())].boxed()
        }
        NativeType::Blob => of(|bytes: Vec<u8>| bytes),
    }
}

/// A type, and a cell of it.
fn column() -> impl Strategy<Value = (CqlType, Option<Vec<u8>>)> {
    typ(2).prop_flat_map(|typ| {
        let cell = proptest::option::weighted(0.9, value(&typ));
        (Just(typ), cell)
    })
}

fn columns(types: &[CqlType]) -> Vec<ColumnSpec> {
    types
        .iter()
        .enumerate()
        .map(|(at, typ)| ColumnSpec::new("ks", "t", format!("c{at}"), typ.clone()))
        .collect()
}

fn encoded(cells: &[Option<Vec<u8>>]) -> Vec<u8> {
    let mut out = Vec::new();
    for cell in cells {
        Raw(cell.clone()).to_cql(&CqlType::Blob, ValueWriter::new(&mut out)).expect("it fits");
    }
    out
}

fn write(style: TextStyle, types: &[CqlType], row: &[u8]) -> Result<(Vec<u8>, RowText), RowTextError> {
    let columns = columns(types);
    let mut text = RowText::new(style, &columns)?;
    let mut out = b"before\n".to_vec();
    text.row(&mut RowCells::new(&columns, row), &mut out)?;
    Ok((out.split_off(7), text))
}

/// Reads a line as a load does, nulls as nulls.
fn load(style: &TextStyle, types: &[CqlType], line: &[u8]) -> Result<Vec<u8>, String> {
    let planned = |(field, spec)| PlannedColumn { field, spec, key: false };
    let planned: Vec<_> = columns(types).into_iter().enumerate().map(planned).collect();
    let nulls = vec![style.null.clone().into_bytes()];
    let format = CellFormat { nulls, write_nulls: true, epoch: EpochUnit::default() };
    let plan = RowPlan::new(planned.len(), planned, format);
    let mut reader = RecordReader::new(Dialect { delimiter: style.delimiter, ..Dialect::default() });
    let record = reader.split_again(line.strip_suffix(b"\n").expect("a whole line"), Place::default());
    let mut out = Vec::new();
    plan.put_values(&record, &mut out).map_err(|error| error.to_string())?;
    Ok(out)
}

fn style(delimiter: u8, null: &str) -> TextStyle {
    TextStyle { delimiter, null: null.to_owned(), ..TextStyle::default() }
}

/// Whether the text of a value is that of null.
fn ambiguous(outcome: &Result<(Vec<u8>, RowText), RowTextError>) -> bool {
    matches!(outcome, Err(RowTextError { reason: RowTextReason::Ambiguous { .. }, .. }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_written_as_csv_is_loaded_as_the_same_bytes(
        row in proptest::collection::vec(column(), 1..4),
        delimiter in proptest::sample::select(b",;|\t -:.1aZ\\'".to_vec()),
        null in proptest::sample::select(vec!["\\N", "", "NULL", "a\"b", "1", "\n"]),
    ) {
        let (types, cells): (Vec<_>, Vec<_>) = row.into_iter().unzip();
        let (style, bytes) = (style(delimiter, null), encoded(&cells));
        let outcome = write(style.clone(), &types, &bytes);
        prop_assume!(!ambiguous(&outcome));
        let (line, text) = outcome.unwrap();
        prop_assert_eq!(text.written_as_null(), []);
        let loaded = load(&style, &types, &line);
        prop_assert_eq!(loaded.as_ref(), Ok(&bytes), "{}", String::from_utf8_lossy(&line));
    }

    #[test]
    fn what_is_written_as_json_is_json_and_nested_values_are_loaded_as_the_same_bytes(
        (typ, cell) in column()
    ) {
        let json = TextStyle { format: RowFormat::JsonLines, ..TextStyle::default() };
        let (line, text) = write(json, std::slice::from_ref(&typ), &encoded(std::slice::from_ref(&cell))).unwrap();
        // Numbers need not fit those of Rust.
        let object: Result<std::collections::BTreeMap<String, serde::de::IgnoredAny>, _> =
            serde_json::from_slice(&line);
        prop_assert_eq!(object.map(|object| object.into_keys().collect::<Vec<_>>()).unwrap(), ["c0"]);
        let Some(cell) = cell else {
            prop_assert_eq!(&line[..], b"{\"c0\":null}\n");
            return Ok(());
        };
        // What JSON cannot say, and keys and names that only a server takes apart.
        prop_assume!(text.written_as_null().is_empty() && !has_odd_names(&typ));
        if !matches!(typ, CqlType::Native(_)) {
            let value = &line[br#"{"c0":"#.len()..line.len() - 2];
            let mut out = Vec::new();
            let outcome = write_cell(&typ, value, EpochUnit::default(), ValueWriter::new(&mut out));
            prop_assert!(outcome.is_ok(), "{outcome:?}");
            prop_assert_eq!(&out[4..], &cell[..], "{}", String::from_utf8_lossy(&line));
        }
    }

    #[test]
    fn bytes_that_are_no_row_are_errors_that_name_the_column(
        types in proptest::collection::vec(typ(2), 1..3),
        bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(255), 0..9u8, any::<u8>()], 0..80),
    ) {
        for format in [RowFormat::Csv, RowFormat::JsonLines] {
            let style = TextStyle { format, ..TextStyle::default() };
            if let Err(error) = write(style, &types, &bytes) {
                let position = columns(&types).iter().position(|column| *column.name == *error.column);
                prop_assert_eq!(&types[position.expect("one of them")], &error.typ);
            }
        }
    }
}

/// Whether a user-defined type or a map in it has names that JSON has to escape, or keys that are no single values.
fn has_odd_names(typ: &CqlType) -> bool {
    match typ {
        CqlType::Native(_) | CqlType::Custom(_) => false,
        CqlType::List(element) | CqlType::Set(element) | CqlType::Vector(element, _) => {
            has_odd_names(element)
        }
        CqlType::Map(types) => !matches!(types.0, CqlType::Native(_)) || has_odd_names(&types.1),
        CqlType::Tuple(fields) => fields.iter().any(has_odd_names),
        CqlType::Udt(udt) => udt.fields.iter().any(|(name, typ)| name.contains('"') || has_odd_names(typ)),
    }
}

fn line(style: TextStyle, types: &[CqlType], cells: &[Option<&[u8]>]) -> (String, RowText) {
    let cells: Vec<_> = cells.iter().map(|cell| cell.map(<[u8]>::to_vec)).collect();
    let (line, text) = write(style, types, &encoded(&cells)).unwrap();
    (String::from_utf8(line).unwrap(), text)
}

#[test]
fn fields_are_quoted_only_where_they_must_be() {
    let types = vec![CqlType::Text; 5];
    let cells = ["plain 'x' {1}", "a,b", "5\" pipe", "two\nlines", ""].map(|text| Some(text.as_bytes()));
    let (text, _) = line(TextStyle::default(), &types, &cells);
    assert_eq!(text, "plain 'x' {1},\"a,b\",\"5\"\" pipe\",\"two\nlines\",\n");
}

#[test]
fn the_header_is_quoted_like_a_row_and_left_out_on_request() {
    let columns = [
        ColumnSpec::new("ks", "t", "id", CqlType::Int),
        ColumnSpec::new("ks", "t", "A, \"b\"", CqlType::Int),
    ];
    let header = |style: TextStyle| {
        let mut out = Vec::new();
        RowText::new(style, &columns).unwrap().header(&mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(header(TextStyle::default()), "id,\"A, \"\"b\"\"\"\n");
    assert_eq!(header(TextStyle { header: false, ..TextStyle::default() }), "");
    assert_eq!(header(TextStyle { format: RowFormat::JsonLines, ..TextStyle::default() }), "");
}

#[test]
fn a_value_that_looks_like_null_is_refused_and_the_column_named() {
    let error =
        write(style(b',', "NA"), &[CqlType::Int, CqlType::Text], &encoded(&[None, Some(b"NA".to_vec())]));
    let message = error.err().unwrap().to_string();
    assert!(
        message.starts_with("column \"c1\" of type text: there is a value whose text is \"NA\""),
        "{message}"
    );
    let seven = encoded(&[Some(7i32.to_be_bytes().to_vec())]);
    assert!(ambiguous(&write(style(b',', "7"), &[CqlType::Int], &seven)));
    assert!(ambiguous(&write(style(b',', ""), &[CqlType::Text], &encoded(&[Some(Vec::new())]))));
}

#[test]
fn a_line_is_never_empty() {
    let (text, _) = line(TextStyle::default(), &[CqlType::Text], &[Some(b"")]);
    assert_eq!(text, "\"\"\n");
    let (text, _) = line(style(b',', ""), &[CqlType::Int], &[None]);
    assert_eq!(text, "\"\"\n");
}

#[test]
fn the_empty_value_of_a_number_is_counted_and_written_as_null() {
    let types = [CqlType::Int, CqlType::tuple([CqlType::Int, CqlType::Text])];
    let tuple = [0u8; 8];
    let cells = [Some(&b""[..]), Some(&tuple[..])];
    let (text, written) = line(TextStyle::default(), &types, &cells);
    assert_eq!(text, "\\N,\"(null, '')\"\n");
    let counts = |text: &RowText| -> Vec<(String, u64, u64)> {
        let all = text.written_as_null().into_iter();
        all.map(|one| (one.column, one.empty, one.not_finite)).collect()
    };
    assert_eq!(counts(&written), [("c0".to_owned(), 1, 0), ("c1".to_owned(), 1, 0)]);
    let json = TextStyle { format: RowFormat::JsonLines, ..TextStyle::default() };
    let (text, written) = line(json.clone(), &types, &cells);
    assert_eq!((text.as_str(), counts(&written)), ("{\"c0\":\"\",\"c1\":[\"\",\"\"]}\n", Vec::new()));
    let nan = f64::NAN.to_be_bytes();
    let (text, written) = line(json, &[CqlType::Double], &[Some(&nan)]);
    assert_eq!((text.as_str(), counts(&written)), ("{\"c0\":null}\n", vec![("c0".to_owned(), 0, 1)]));
}

#[test]
fn types_without_a_text_form_are_refused_before_a_row_is_written() {
    for typ in [CqlType::custom("a.B"), CqlType::list(CqlType::custom("a.B"))] {
        let error = RowText::new(TextStyle::default(), &columns(&[typ])).unwrap_err();
        assert_eq!(error.reason, RowTextReason::NoTextForm);
    }
    let (text, _) = line(TextStyle::default(), &[CqlType::Counter], &[Some(&7i64.to_be_bytes())]);
    assert_eq!(text, "7\n");
}

#[test]
fn json_lines_are_what_select_json_says() {
    let map = CqlType::map(CqlType::Int, CqlType::Text);
    let mut entries = Vec::new();
    ValueWriter::new(&mut entries)
        .nested(|out| {
            out.count(1)?;
            out.element(&1i32, &CqlType::Int)?;
            out.element(&"it's \"x\"", &CqlType::Text)
        })
        .unwrap();
    let json = TextStyle { format: RowFormat::JsonLines, ..TextStyle::default() };
    let types = [CqlType::Timestamp, CqlType::Blob, CqlType::Inet, map, CqlType::Text];
    let (at, address) = (1i64.to_be_bytes(), std::net::Ipv6Addr::LOCALHOST.octets());
    let cells = [Some(&at[..]), Some(&[1, 0xab]), Some(&address[..]), Some(&entries[4..]), None];
    let (text, _) = line(json, &types, &cells);
    let expected = "{\"c0\":\"1970-01-01 00:00:00.001Z\",\"c1\":\"0x01ab\",\"c2\":\"0:0:0:0:0:0:0:1\",\
                    \"c3\":{\"1\":\"it's \\\"x\\\"\"},\"c4\":null}\n";
    assert_eq!(text, expected);
}
