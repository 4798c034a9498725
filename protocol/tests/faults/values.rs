//! F39 and F51: cells that no server should write, and what is read from them.

use chorus_protocol::{
    CqlDuration, CqlTime, CqlType, CqlValue, FromCql, MaybeEmpty, NativeType, ToCql, ValueError,
    ValueErrorReason, ValueWriter,
};

use crate::allocations::most_held;

/// What a cell must come to.
enum Becomes {
    Value(&'static str),
    Refused(fn(&ValueErrorReason) -> bool),
}
use Becomes::{Refused, Value};

fn truncated(reason: &ValueErrorReason) -> bool {
    matches!(reason, ValueErrorReason::Truncated { .. })
}

fn wrong_size(reason: &ValueErrorReason) -> bool {
    matches!(reason, ValueErrorReason::WrongSize { .. })
}

fn impossible_count(reason: &ValueErrorReason) -> bool {
    matches!(reason, ValueErrorReason::InvalidCount { .. })
}

fn out_of_range(reason: &ValueErrorReason) -> bool {
    matches!(reason, ValueErrorReason::OutOfRange { .. })
}

fn not_text(reason: &ValueErrorReason) -> bool {
    matches!(reason, ValueErrorReason::InvalidUtf8 | ValueErrorReason::NotAscii)
}

fn trailing(reason: &ValueErrorReason) -> bool {
    matches!(reason, ValueErrorReason::TrailingBytes { .. })
}

fn null_element(reason: &ValueErrorReason) -> bool {
    matches!(reason, ValueErrorReason::NullElement { .. } | ValueErrorReason::UnexpectedNull { .. })
}

fn any(_: &ValueErrorReason) -> bool {
    true
}

/// Type, bytes of the cell, outcome. A value is compared by its text.
fn hostile_cells() -> Vec<(CqlType, &'static [u8], Becomes)> {
    let udt = CqlType::udt("k", "t", [("a", CqlType::Int), ("b", CqlType::Text)]);
    vec![
        // Sizes that are not the type's.
        (CqlType::Int, &[0, 0, 1], Refused(wrong_size)),
        (CqlType::Int, &[0, 0, 0, 0, 1], Refused(wrong_size)),
        (CqlType::Bigint, &[1; 7], Refused(wrong_size)),
        (CqlType::Counter, &[1; 9], Refused(wrong_size)),
        (CqlType::Smallint, &[1], Refused(wrong_size)),
        (CqlType::Tinyint, &[1, 2], Refused(wrong_size)),
        (CqlType::Float, &[1; 3], Refused(wrong_size)),
        (CqlType::Double, &[1; 9], Refused(wrong_size)),
        (CqlType::Boolean, &[1, 1], Refused(wrong_size)),
        (CqlType::Uuid, &[1; 15], Refused(wrong_size)),
        (CqlType::Timeuuid, &[1; 17], Refused(wrong_size)),
        (CqlType::Timestamp, &[1; 4], Refused(wrong_size)),
        (CqlType::Date, &[1; 8], Refused(wrong_size)),
        (CqlType::Time, &[1; 4], Refused(wrong_size)),
        (CqlType::Inet, &[127, 0, 0], Refused(any)),
        (CqlType::Inet, &[1; 5], Refused(any)),
        (CqlType::Inet, &[1; 17], Refused(any)),
        // Values at the edge and beyond.
        (CqlType::Boolean, &[2], Value("true")),
        (CqlType::Boolean, &[0xff], Value("true")),
        // Shown as it was stored, and refused when it is written.
        (CqlType::Time, &[0xff; 8], Value("'00:00:-1.999999999'")),
        (
            CqlType::Time,
            &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            Value("'2562047:47:16.854775807'"),
        ),
        (CqlType::Timestamp, &[0x80, 0, 0, 0, 0, 0, 0, 0], Value("-9223372036854775808")),
        (CqlType::Date, &[0; 4], Value("0")),
        (CqlType::Date, &[0xff; 4], Value("4294967295")),
        (CqlType::Double, &[0xff; 8], Value("NaN")),
        // Text.
        (CqlType::Text, &[0xff], Refused(not_text)),
        (CqlType::Text, &[0xc0, 0x80], Refused(not_text)),
        (CqlType::Text, &[0xed, 0xa0, 0x80], Refused(not_text)),
        (CqlType::Ascii, &[0xff], Refused(not_text)),
        // Numbers of any length.
        (CqlType::Varint, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 1], Value("1")),
        (CqlType::Varint, &[0xff, 0xff, 0xff], Value("-1")),
        (CqlType::Decimal, &[0, 0, 0, 1], Refused(truncated)),
        (CqlType::Decimal, &[0, 0], Refused(truncated)),
        (CqlType::Decimal, &[0x80, 0, 0, 0, 1], Value("1E+2147483648")),
        (CqlType::Decimal, &[0x7f, 0xff, 0xff, 0xff, 1], Value("1E-2147483647")),
        // Durations.
        (CqlType::Duration, &[0], Refused(truncated)),
        (CqlType::Duration, &[0xff, 1], Refused(truncated)),
        (CqlType::Duration, &[0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0], Refused(out_of_range)),
        (CqlType::Duration, &[0, 0, 0, 0], Refused(trailing)),
        (CqlType::Duration, &[2, 1, 2], Value("-1mo1d1ns")),
        // Collections.
        (CqlType::list(CqlType::Int), &[0, 0, 0], Refused(truncated)),
        (CqlType::list(CqlType::Int), &[0xff, 0xff, 0xff, 0xff], Refused(impossible_count)),
        (CqlType::list(CqlType::Int), &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0], Refused(impossible_count)),
        (CqlType::list(CqlType::Int), &[0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff], Refused(truncated)),
        (CqlType::list(CqlType::Int), &[0, 0, 0, 1, 0, 0, 0, 2, 1, 2], Refused(wrong_size)),
        (CqlType::list(CqlType::Int), &[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfd], Value("[NULL]")),
        (CqlType::set(CqlType::Text), &[0, 0, 0, 1, 0, 0, 0, 1, 0xff], Refused(not_text)),
        (
            CqlType::map(CqlType::Int, CqlType::Int),
            &[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0],
            Refused(impossible_count),
        ),
        (
            CqlType::map(CqlType::Int, CqlType::Int),
            &[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            Refused(null_element),
        ),
        (CqlType::tuple([CqlType::Int, CqlType::Int]), &[0, 0, 0, 4, 0, 0, 0, 1], Value("(1)")),
        (CqlType::tuple([CqlType::Int]), &[0, 0, 0, 9, 1], Refused(truncated)),
        (CqlType::tuple([CqlType::Int]), &[0, 0], Refused(truncated)),
        (udt.clone(), &[0, 0, 0, 4, 0, 0, 0, 1], Value("{a: 1}")),
        (udt, &[0x7f, 0xff, 0xff, 0xff], Refused(truncated)),
        // Vectors have no count: their length must be right.
        (CqlType::vector(CqlType::Float, 2), &[0; 7], Refused(any)),
        (CqlType::vector(CqlType::Float, 2), &[0; 9], Refused(any)),
        (CqlType::vector(CqlType::Text, 2), &[1, b'a'], Refused(any)),
        (CqlType::vector(CqlType::Text, 1), &[0xff; 9], Refused(any)),
        (CqlType::vector(CqlType::Text, 1), &[1, b'a', 9], Refused(any)),
    ]
}

#[test]
fn f39_every_hostile_cell_is_refused_by_its_reason_or_read_as_documented() {
    let mut wrong = Vec::new();
    for (typ, cell, becomes) in hostile_cells() {
        let (read, most) = most_held(|| CqlValue::from_cql(&typ, Some(cell)));
        assert!(most <= 4096, "{typ} {cell:02x?}: {most} bytes");
        let right = match (&becomes, &read) {
            (Value(text), Ok(value)) => value.to_string() == *text,
            (Refused(reason_is_right), Err(error)) => reason_is_right(error.reason()),
            _ => false,
        };
        if !right {
            let read = read.map(|value| value.to_string());
            wrong.push(format!("{typ} {cell:02x?} was read as {read:?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn f39_an_empty_cell_is_empty_text_or_no_value_at_all() {
    for native in NativeType::ALL {
        let typ = CqlType::Native(native);
        let read = CqlValue::from_cql(&typ, Some(&[]));
        match native {
            NativeType::Text => assert_eq!(read, Ok(CqlValue::Text(String::new()))),
            NativeType::Ascii => assert_eq!(read, Ok(CqlValue::Ascii(String::new()))),
            NativeType::Blob => assert_eq!(read, Ok(CqlValue::Blob(Vec::new()))),
            _ => assert_eq!(read, Ok(CqlValue::Empty), "{typ}"),
        }
    }
    assert_eq!(Option::<i32>::from_cql(&CqlType::Int, Some(&[])), Ok(None));
    assert_eq!(MaybeEmpty::<i32>::from_cql(&CqlType::Int, Some(&[])), Ok(MaybeEmpty::Empty));
    assert!(i32::from_cql(&CqlType::Int, Some(&[])).is_err());
    assert!(CqlTime::from_cql(&CqlType::Time, None).is_err());
}

#[test]
fn f39_what_was_read_from_a_hostile_cell_can_be_shown_and_sent() {
    for (typ, cell, _) in hostile_cells() {
        let Ok(value) = CqlValue::from_cql(&typ, Some(cell)) else { continue };
        let mut out = Vec::new();
        // A null in a collection and a time beyond the day are read, and refused when they are to be written.
        if let Err(error) = value.to_cql(&typ, ValueWriter::new(&mut out)) {
            let known = null_element(error.reason()) || out_of_range(error.reason());
            assert!(known, "{typ} {cell:02x?}: {error}");
        }
    }
    let mixed = CqlDuration { months: -1, days: 1, nanoseconds: i64::MIN };
    assert!(!mixed.to_string().is_empty());
}

#[test]
fn f51_user_types_may_end_early_and_have_fields_nobody_knows() {
    let typ = CqlType::udt("k", "t", [("a", CqlType::Int), ("b", CqlType::list(CqlType::Int))]);
    let read = |cell: &[u8]| -> Result<String, ValueError> {
        CqlValue::from_cql(&typ, Some(cell)).map(|value| value.to_string())
    };
    const ONE: [u8; 8] = [0, 0, 0, 4, 0, 0, 0, 1];
    assert_eq!(read(&ONE).unwrap(), "{a: 1}", "written before b was added");
    let with_null = [&ONE[..], &[0, 0, 0, 8, 0, 0, 0, 1, 255, 255, 255, 255]].concat();
    assert_eq!(read(&with_null).unwrap(), "{a: 1, b: [NULL]}");
    let unknown = [&with_null[..], &[0, 0, 0, 2, b'n', b'o']].concat();
    assert_eq!(read(&unknown).unwrap(), "{a: 1, b: [NULL]}", "a field added since is passed over");
    // A list of numbers has no place for a null, and says so; one of options has.
    let list = CqlType::list(CqlType::Int);
    let cell = [0, 0, 0, 1, 255, 255, 255, 255];
    assert!(Vec::<i32>::from_cql(&list, Some(&cell)).is_err_and(|error| null_element(error.reason())));
    assert_eq!(Vec::<Option<i32>>::from_cql(&list, Some(&cell)), Ok(vec![None]));
}

#[test]
fn f52_a_value_of_two_gibibytes_is_refused_with_its_size_before_it_is_copied() {
    // Zeros that nobody touches take no memory.
    let huge = vec![0u8; 1 << 31];
    let mut out = Vec::new();
    let (error, most) = most_held(|| huge.to_cql(&CqlType::Blob, ValueWriter::new(&mut out)).unwrap_err());
    assert_eq!(error.reason(), &ValueErrorReason::TooLarge { length: 1 << 31 });
    assert!(error.to_string().contains("2147483648"), "{error}");
    assert!(out.is_empty() && most < 4096, "{most} bytes");
}
