//! Every value of every type comes back from its bytes.

use std::sync::Arc;

use chorus_protocol::{
    ColumnSpec, CqlDate, CqlDecimal, CqlDuration, CqlTime, CqlTimestamp, CqlTimeuuid, CqlType, CqlValue,
    CqlVarint, FromCql, NativeType, Row, RowsIter, ToCql, Uuid, ValueWriter, encode_row,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Any type, at most a few levels deep.
fn any_type() -> impl Strategy<Value = CqlType> {
    let leaf = prop_oneof![
        8 => proptest::sample::select(&NativeType::ALL[..]).prop_map(CqlType::Native),
        1 => Just(CqlType::custom("org.example.Opaque")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(CqlType::list),
            inner.clone().prop_map(CqlType::set),
            (inner.clone(), inner.clone()).prop_map(|(key, value)| CqlType::map(key, value)),
            vec(inner.clone(), 1..4).prop_map(CqlType::tuple),
            vec(inner.clone(), 1..4).prop_map(|types| {
                let fields = types.into_iter().enumerate().map(|(i, typ)| (format!("f{i}"), typ));
                CqlType::udt("ks", "udt", fields.collect::<Vec<_>>())
            }),
            (inner, 1u16..4).prop_map(|(element, dimension)| CqlType::vector(element, dimension)),
        ]
    })
}

fn any_native(native: NativeType) -> BoxedStrategy<CqlValue> {
    let uuid = any::<u128>().prop_map(Uuid::from_u128);
    match native {
        NativeType::Ascii => "[ -~]{0,12}".prop_map(CqlValue::Ascii).boxed(),
        NativeType::Bigint => any::<i64>().prop_map(CqlValue::Bigint).boxed(),
        NativeType::Blob => any::<Vec<u8>>().prop_map(CqlValue::Blob).boxed(),
        NativeType::Boolean => any::<bool>().prop_map(CqlValue::Boolean).boxed(),
        NativeType::Counter => any::<i64>().prop_map(CqlValue::Counter).boxed(),
        NativeType::Decimal => (any::<Vec<u8>>(), any::<i32>())
            .prop_map(|(bytes, scale)| {
                CqlValue::Decimal(CqlDecimal { unscaled: CqlVarint::from_signed_be_bytes(&bytes), scale })
            })
            .boxed(),
        // NaN is not equal to itself, so it could not be compared.
        NativeType::Double => proptest::num::f64::NORMAL.prop_map(CqlValue::Double).boxed(),
        NativeType::Float => proptest::num::f32::NORMAL.prop_map(CqlValue::Float).boxed(),
        NativeType::Int => any::<i32>().prop_map(CqlValue::Int).boxed(),
        NativeType::Text => any::<String>().prop_map(CqlValue::Text).boxed(),
        NativeType::Timestamp => any::<i64>().prop_map(|ms| CqlValue::Timestamp(CqlTimestamp(ms))).boxed(),
        NativeType::Uuid => uuid.prop_map(CqlValue::Uuid).boxed(),
        NativeType::Varint => any::<Vec<u8>>()
            .prop_map(|bytes| CqlValue::Varint(CqlVarint::from_signed_be_bytes(&bytes)))
            .boxed(),
        NativeType::Timeuuid => {
            uuid.prop_map(|uuid| CqlValue::Timeuuid(CqlTimeuuid::from_uuid(uuid))).boxed()
        }
        NativeType::Inet => any::<std::net::IpAddr>().prop_map(CqlValue::Inet).boxed(),
        NativeType::Date => any::<u32>().prop_map(|days| CqlValue::Date(CqlDate(days))).boxed(),
        NativeType::Time => (0..=CqlTime::MAX.0).prop_map(|time| CqlValue::Time(CqlTime(time))).boxed(),
        NativeType::Smallint => any::<i16>().prop_map(CqlValue::Smallint).boxed(),
        NativeType::Tinyint => any::<i8>().prop_map(CqlValue::Tinyint).boxed(),
        NativeType::Duration => any::<(i32, i32, i64)>()
            .prop_map(|(months, days, nanoseconds)| {
                CqlValue::Duration(CqlDuration { months, days, nanoseconds })
            })
            .boxed(),
    }
}

/// Any value of a type.
fn any_value(typ: &CqlType) -> BoxedStrategy<CqlValue> {
    match typ {
        CqlType::Native(native) => any_native(*native),
        CqlType::List(element) => vec(nullable(element), 0..4).prop_map(CqlValue::List).boxed(),
        CqlType::Set(element) => vec(nullable(element), 0..4).prop_map(CqlValue::Set).boxed(),
        CqlType::Map(types) => {
            vec((any_value(&types.0), nullable(&types.1)), 0..4).prop_map(CqlValue::Map).boxed()
        }
        CqlType::Tuple(types) => {
            types.iter().map(nullable).collect::<Vec<_>>().prop_map(CqlValue::Tuple).boxed()
        }
        CqlType::Udt(udt) => {
            let udt = udt.clone();
            let values = udt.fields.iter().map(|(_, typ)| nullable(typ)).collect::<Vec<_>>();
            values
                .prop_map(move |values| {
                    let names = udt.fields.iter().map(|(name, _)| name.clone());
                    CqlValue::udt(&udt, names.zip(values))
                })
                .boxed()
        }
        CqlType::Vector(element, dimension) => {
            vec(any_value(element), usize::from(*dimension)).prop_map(CqlValue::Vector).boxed()
        }
        CqlType::Custom(class) => {
            let class: Arc<String> = class.clone();
            // Without bytes it would be the empty value.
            vec(any::<u8>(), 1..10)
                .prop_map(move |bytes| CqlValue::Custom { class: class.clone(), bytes })
                .boxed()
        }
    }
}

fn nullable(typ: &CqlType) -> BoxedStrategy<Option<CqlValue>> {
    proptest::option::weighted(0.8, any_value(typ)).boxed()
}

fn typed_values() -> impl Strategy<Value = Vec<(CqlType, Option<CqlValue>)>> {
    vec(any_type().prop_flat_map(|typ| (Just(typ.clone()), nullable(&typ))), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn rows_of_every_type_come_back(cells in typed_values()) {
        let columns: Vec<_> =
            cells.iter().map(|(typ, _)| ColumnSpec::new("ks", "t", "c", typ.clone())).collect();
        let values: Vec<_> = cells.into_iter().map(|(_, value)| value).collect();
        let mut bytes = Vec::new();
        encode_row(&values, &columns, &mut bytes).unwrap();
        let mut rows = RowsIter::<Row>::new(&columns, &bytes, 1).unwrap();
        prop_assert_eq!(rows.next().unwrap().unwrap().values, values);
        prop_assert!(rows.next().is_none());
    }

    #[test]
    fn types_come_back_from_their_class_name(typ in any_type()) {
        prop_assert_eq!(CqlType::from_class_name(&typ.to_class_name()).unwrap(), typ);
    }

    #[test]
    fn types_come_back_from_their_options(typ in any_type()) {
        let mut bytes = Vec::new();
        chorus_protocol::types::encode_type(&typ, &mut bytes).unwrap();
        let mut reader = chorus_protocol::wire::Reader::new(&bytes);
        prop_assert_eq!(chorus_protocol::types::decode_type(&mut reader).unwrap(), typ);
        prop_assert!(reader.is_empty());
    }

    #[test]
    fn types_come_back_from_their_text(typ in any_type()) {
        // All user types of one name must have one definition to be found by it.
        let mut found = None;
        collect_udts(&typ, &mut |udt| match &found {
            None => { found = Some(udt.clone()); true }
            Some(first) => first == udt,
        }).then_some(()).map_or(Ok(()), |()| {
            prop_assert_eq!(CqlType::parse_cql(&typ.to_string(), &|_| found.clone()).unwrap(), typ.clone());
            Ok(())
        })?;
    }

    #[test]
    fn cut_cells_are_errors_or_other_values_but_never_a_panic(
        (typ, value) in any_type().prop_flat_map(|typ| (Just(typ.clone()), any_value(&typ))),
        cut: proptest::sample::Index,
    ) {
        let mut bytes = Vec::new();
        value.to_cql(&typ, ValueWriter::new(&mut bytes)).unwrap();
        let cell = &bytes[4..];
        let _ = CqlValue::from_cql(&typ, Some(&cell[..cut.index(cell.len() + 1)]));
    }
}

fn collect_udts(typ: &CqlType, same: &mut impl FnMut(&Arc<chorus_protocol::UdtType>) -> bool) -> bool {
    match typ {
        CqlType::Native(_) | CqlType::Custom(_) => true,
        CqlType::List(element) | CqlType::Set(element) | CqlType::Vector(element, _) => {
            collect_udts(element, same)
        }
        CqlType::Map(types) => collect_udts(&types.0, same) && collect_udts(&types.1, same),
        CqlType::Tuple(types) => types.iter().all(|typ| collect_udts(typ, same)),
        CqlType::Udt(udt) => same(udt) && udt.fields.iter().all(|(_, typ)| collect_udts(typ, same)),
    }
}
