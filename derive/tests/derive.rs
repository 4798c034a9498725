//! What the macros generate, against the crate it is generated for.

use chorus_derive::{FromCql, FromRow, IntoRow, ToCql};
use chorus_protocol::{
    ColumnSpec, CqlType, FromCql as _, FromRow as _, RowsIter, ValueError, ValueErrorReason, ValueWriter,
    encode_row,
};

/// Stands for the library, which re-exports the protocol under this name.
mod library {
    pub(crate) use chorus_protocol as protocol;
}

#[derive(Debug, PartialEq, FromRow, IntoRow)]
#[chorus(crate = "crate::library")]
struct Order<'a> {
    id: i64,
    #[chorus(rename = "customer_name")]
    customer: &'a str,
    #[chorus(default)]
    note: Option<&'a str>,
    #[chorus(skip)]
    seen: bool,
    r#type: i32,
}

fn column(name: &str, typ: CqlType) -> ColumnSpec {
    ColumnSpec::new("shop", "orders", name, typ)
}

/// Not in the order of the struct, and with one more.
fn columns() -> [ColumnSpec; 5] {
    [
        column("type", CqlType::Int),
        column("extra", CqlType::Blob),
        column("note", CqlType::Text),
        column("customer_name", CqlType::Text),
        column("id", CqlType::Bigint),
    ]
}

fn order() -> Order<'static> {
    Order { id: 7, customer: "Ada", note: Some("hi"), seen: false, r#type: 2 }
}

fn row(columns: &[ColumnSpec]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_row(&(2, &[1u8, 2][..], Some("hi"), "Ada", 7i64), columns, &mut out).unwrap();
    out
}

#[test]
fn rows_are_read_by_name_and_borrow_from_the_frame() {
    let (columns, content) = (columns(), row(&columns()));
    let mut rows = RowsIter::<Order<'_>>::new(&columns, &content, 1).unwrap();
    let read = rows.next().unwrap().unwrap();
    assert_eq!(read, order());
    assert!(content.as_ptr_range().contains(&read.customer.as_ptr()));
}

#[test]
fn a_column_may_be_missing_only_with_a_default() {
    let columns = columns();
    let without_note = [columns[0].clone(), columns[3].clone(), columns[4].clone()];
    let mut content = Vec::new();
    encode_row(&(2, "Ada", 7i64), &without_note, &mut content).unwrap();
    let mut rows = RowsIter::<Order<'_>>::new(&without_note, &content, 1).unwrap();
    assert_eq!(rows.next().unwrap().unwrap(), Order { note: None, ..order() });

    let error = Order::check(&columns[..4]).unwrap_err();
    assert_eq!(error.reason(), &ValueErrorReason::MissingColumn("id".into()));
}

#[test]
fn types_and_duplicates_are_found_before_the_first_row() {
    let mut wrong = columns();
    wrong[4].typ = CqlType::Int;
    let error = Order::check(&wrong).unwrap_err();
    assert_eq!(error.column(), Some((4, "id")));
    assert!(matches!(error.reason(), ValueErrorReason::TypeMismatch { .. }));

    let mut twice = columns();
    twice[1] = column("id", CqlType::Bigint);
    assert_eq!(Order::check(&twice).unwrap_err().reason(), &ValueErrorReason::DuplicateColumn("id".into()));
}

#[test]
fn a_null_names_its_column() {
    let columns = columns();
    let mut content = Vec::new();
    encode_row(&(2, None::<&[u8]>, None::<&str>, None::<&str>, 7i64), &columns, &mut content).unwrap();
    let error = RowsIter::<Order<'_>>::new(&columns, &content, 1).unwrap().next().unwrap().unwrap_err();
    assert_eq!(error.column(), Some((3, "customer_name")));
}

#[test]
fn values_are_bound_by_marker_name() {
    let columns = columns();
    let markers = [columns[4].clone(), columns[3].clone(), columns[0].clone(), columns[3].clone()];
    let mut derived = Vec::new();
    encode_row(&order(), &markers, &mut derived).unwrap();
    let mut expected = Vec::new();
    encode_row(&(7i64, "Ada", 2, "Ada"), &markers, &mut expected).unwrap();
    assert_eq!(derived, expected, "a marker may be there twice, a field with a default not at all");
}

#[test]
fn markers_without_a_value_and_values_without_a_marker_are_errors() {
    let reason =
        |columns: &[ColumnSpec]| encode_row(&order(), columns, &mut Vec::new()).unwrap_err().reason().clone();
    assert_eq!(reason(&columns()), ValueErrorReason::UnknownColumn("extra".into()));
    assert_eq!(reason(&columns()[3..]), ValueErrorReason::MissingColumn("type".into()));
}

#[derive(Debug, PartialEq, FromCql, ToCql)]
#[chorus(crate = "crate::library")]
struct Address<'a, T> {
    street: &'a str,
    #[chorus(rename = "zipCode")]
    zip: T,
    #[chorus(default)]
    country: Option<String>,
    #[chorus(skip)]
    verified: bool,
}

fn address_type(fields: &[(&str, CqlType)]) -> CqlType {
    CqlType::udt("shop", "address", fields.iter().map(|(name, typ)| (*name, typ.clone())))
}

fn full_type() -> CqlType {
    address_type(&[
        ("zipCode", CqlType::Int),
        ("added_later", CqlType::Text),
        ("country", CqlType::Text),
        ("street", CqlType::Text),
    ])
}

fn encode<T: chorus_protocol::ToCql>(value: &T, typ: &CqlType) -> Result<Vec<u8>, ValueError> {
    let mut out = Vec::new();
    value.to_cql(typ, ValueWriter::new(&mut out))?;
    Ok(out)
}

#[test]
fn user_types_are_written_and_read_by_field_name() {
    let address = Address { street: "Main", zip: 123, country: None, verified: false };
    let typ = full_type();
    let bytes = encode(&address, &typ).unwrap();
    let expected: &[u8] = b"\0\0\0\x18\0\0\0\x04\0\0\0\x7b\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x04Main";
    assert_eq!(bytes, expected);
    Address::<i32>::check(&typ).unwrap();
    assert_eq!(Address::from_cql(&typ, Some(&bytes[4..])), Ok(address));
}

#[test]
fn a_value_written_before_a_field_was_added_reads_it_as_null() {
    let typ =
        address_type(&[("street", CqlType::Text), ("zipCode", CqlType::Int), ("country", CqlType::Text)]);
    let cell = b"\0\0\0\x01M\0\0\0\x04\0\0\0\x01";
    let read = Address::<i32>::from_cql(&typ, Some(cell)).unwrap();
    assert_eq!(read, Address { street: "M", zip: 1, country: None, verified: false });
    let error = Address::<i32>::from_cql(&typ, Some(&cell[..5])).unwrap_err();
    assert!(matches!(error.reason(), ValueErrorReason::UnexpectedNull { .. }));
    assert!(Option::<Address<'_, i32>>::from_cql(&typ, None).unwrap().is_none());
}

#[test]
fn fields_the_type_does_not_have_are_errors_unless_they_have_a_default() {
    let address = Address { street: "Main", zip: 123, country: None, verified: false };
    let no_country = address_type(&[("street", CqlType::Text), ("zipCode", CqlType::Int)]);
    assert!(encode(&address, &no_country).is_ok());
    assert!(Address::<i32>::check(&no_country).is_ok());

    let no_zip = address_type(&[("street", CqlType::Text)]);
    let error = encode(&address, &no_zip).unwrap_err();
    assert_eq!(error.reason(), &ValueErrorReason::UnknownField("zipCode".into()));
    let error = Address::<i32>::check(&no_zip).unwrap_err();
    assert_eq!(error.reason(), &ValueErrorReason::MissingField("zipCode".into()));
}

#[test]
fn another_type_is_refused() {
    assert!(Address::<i32>::check(&CqlType::Int).is_err());
    assert!(Address::<i64>::check(&full_type()).is_err());
    let address = Address { street: "Main", zip: 123, country: None, verified: false };
    assert!(encode(&address, &CqlType::Text).is_err());
}

#[derive(Debug, PartialEq, FromRow, IntoRow)]
#[chorus(crate = "crate::library")]
struct Nothing {}

#[derive(Debug, PartialEq, FromRow, IntoRow)]
#[chorus(crate = "crate::library")]
struct Generic<T> {
    value: T,
    list: Vec<T>,
}

#[test]
fn empty_and_generic_structs_work_too() {
    encode_row(&Nothing {}, &[], &mut Vec::new()).unwrap();
    Nothing::check(&columns()).unwrap();
    let columns = [column("value", CqlType::Int), column("list", CqlType::list(CqlType::Int))];
    let row = Generic { value: 1, list: vec![2, 3] };
    let mut out = Vec::new();
    encode_row(&row, &columns, &mut out).unwrap();
    let read = RowsIter::<Generic<i32>>::new(&columns, &out, 1).unwrap().next().unwrap().unwrap();
    assert_eq!(read, row);
}

#[derive(Debug, Clone, PartialEq, FromRow, IntoRow)]
#[chorus(crate = "crate::library")]
struct Place<'a> {
    street: &'a str,
    #[chorus(rename = "zipCode")]
    zip: i32,
    #[chorus(default)]
    country: Option<&'a str>,
}

#[derive(Debug, Clone, PartialEq, FromRow, IntoRow)]
#[chorus(crate = "crate::library")]
struct Person<'a> {
    name: &'a str,
    #[chorus(flatten)]
    place: Place<'a>,
}

/// Two levels, and a type that is not known here.
#[derive(Debug, Clone, PartialEq, FromRow, IntoRow)]
#[chorus(crate = "crate::library")]
struct Shipment<'a, N> {
    #[chorus(flatten)]
    person: Person<'a>,
    id: i64,
    #[chorus(flatten)]
    note: N,
}

#[derive(Debug, Clone, PartialEq, FromRow, IntoRow)]
#[chorus(crate = "crate::library")]
struct Note {
    note: Option<String>,
}

fn flat_columns() -> [ColumnSpec; 5] {
    [
        column("zipCode", CqlType::Int),
        column("note", CqlType::Text),
        column("name", CqlType::Text),
        column("id", CqlType::Bigint),
        column("street", CqlType::Text),
    ]
}

fn flat() -> Shipment<'static, Note> {
    let place = Place { street: "Main", zip: 123, country: None };
    Shipment { person: Person { name: "Ada", place }, id: 7, note: Note { note: Some("hi".into()) } }
}

#[test]
fn fields_of_a_flattened_struct_are_columns_of_the_row() {
    let columns = flat_columns();
    let (mut derived, mut expected) = (Vec::new(), Vec::new());
    encode_row(&flat(), &columns, &mut derived).unwrap();
    encode_row(&(123, "hi", "Ada", 7_i64, "Main"), &columns, &mut expected).unwrap();
    assert_eq!(derived, expected);

    let mut rows = RowsIter::<Shipment<'_, Note>>::new(&columns, &derived, 1).unwrap();
    let read = rows.next().unwrap().unwrap();
    assert_eq!(read, flat());
    assert!(derived.as_ptr_range().contains(&read.person.place.street.as_ptr()), "borrowed there too");
}

#[test]
fn a_flattened_struct_is_checked_before_the_first_row_and_before_anything_is_sent() {
    let columns = flat_columns();
    let error = Shipment::<Note>::check(&columns[..4]).unwrap_err();
    assert_eq!(error.reason(), &ValueErrorReason::MissingColumn("street".into()));
    let mut wrong = columns.clone();
    wrong[0].typ = CqlType::Text;
    assert_eq!(Shipment::<Note>::check(&wrong).unwrap_err().column(), Some((0, "zipCode")));

    let mut out = Vec::new();
    let error = encode_row(&flat(), &columns[..4], &mut out).unwrap_err();
    assert_eq!(error.reason(), &ValueErrorReason::MissingColumn("street".into()));
    let error = encode_row(&flat(), &wrong, &mut out).unwrap_err();
    assert_eq!(error.column(), Some((0, "zipCode")));
    let mut more = columns.to_vec();
    more.push(column("extra", CqlType::Int));
    let error = encode_row(&flat(), &more, &mut out).unwrap_err();
    assert_eq!(error.reason(), &ValueErrorReason::UnknownColumn("extra".into()));
    assert!(out.is_empty());
}

#[derive(IntoRow)]
#[chorus(crate = "crate::library")]
struct Loose {
    id: i64,
    #[chorus(flatten)]
    rest: std::collections::BTreeMap<&'static str, i32>,
}

#[test]
fn a_flattened_map_gives_the_columns_it_has() {
    let columns = [column("b", CqlType::Int), column("id", CqlType::Bigint), column("a", CqlType::Int)];
    let loose = Loose { id: 7, rest: [("a", 1), ("b", 2), ("unused", 3)].into() };
    let (mut derived, mut expected) = (Vec::new(), Vec::new());
    encode_row(&loose, &columns, &mut derived).unwrap();
    encode_row(&(2, 7_i64, 1), &columns, &mut expected).unwrap();
    assert_eq!(derived, expected);
}
