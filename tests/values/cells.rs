//! Any value of a type that a server takes, the extreme ones often.

use std::collections::BTreeMap;

use chorus::protocol::{NativeType, ValueWriter};
use chorus::value::UdtRef;
use chorus::{
    CqlDate, CqlDecimal, CqlDuration, CqlTime, CqlTimestamp, CqlTimeuuid, CqlType, CqlValue, CqlVarint,
    MaybeUnset, ToCql, Uuid,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// What is bound to a marker.
pub(crate) type Cell = MaybeUnset<Option<CqlValue>>;

/// A cell of a column.
pub(crate) fn cell(typ: &CqlType) -> BoxedStrategy<Cell> {
    let value = value(typ, false).prop_map(|value| MaybeUnset::Set(Some(value)));
    let none = prop_oneof![Just(MaybeUnset::Set(None)), Just(MaybeUnset::Unset)];
    if takes_empty(typ) {
        prop_oneof![8 => value, 1 => none, 1 => Just(MaybeUnset::Set(Some(CqlValue::Empty)))].boxed()
    } else {
        prop_oneof![8 => value, 1 => none].boxed()
    }
}

/// Whether servers take zero bytes for it, which are none of its values.
fn takes_empty(typ: &CqlType) -> bool {
    use NativeType::*;
    let CqlType::Native(native) = typ else { return false };
    matches!(
        native,
        Bigint | Boolean | Decimal | Double | Float | Inet | Int | Timestamp | Timeuuid | Uuid | Varint
    )
}

/// A value; `sorted` where the server sorts by it.
fn value(typ: &CqlType, sorted: bool) -> BoxedStrategy<CqlValue> {
    match typ {
        CqlType::Native(native) => {
            let extremes = extremes(*native, sorted);
            prop_oneof![2 => proptest::sample::select(extremes), 3 => any_native(*native, sorted)].boxed()
        }
        CqlType::List(element) => {
            let elements = vec(value(element, sorted).prop_map(Some), 0..4);
            elements.prop_map(CqlValue::List).boxed()
        }
        CqlType::Set(element) => vec(value(element, true), 0..4)
            .prop_map({
                let element = (**element).clone();
                move |values| {
                    CqlValue::set(
                        once(values.into_iter().map(|value| (value, ())), &element)
                            .into_iter()
                            .map(|(value, ())| value),
                    )
                }
            })
            .boxed(),
        CqlType::Map(types) => vec((value(&types.0, true), value(&types.1, sorted)), 0..4)
            .prop_map({
                let key = types.0.clone();
                move |entries| CqlValue::map(once(entries.into_iter(), &key))
            })
            .boxed(),
        CqlType::Tuple(types) => types
            .iter()
            .map(|typ| nullable(typ, sorted))
            .collect::<Vec<_>>()
            .prop_map(CqlValue::Tuple)
            .boxed(),
        CqlType::Udt(udt) => {
            let udt = udt.clone();
            let fields = udt.fields.iter().map(|(_, typ)| nullable(typ, sorted)).collect::<Vec<_>>();
            fields
                .prop_map(move |values| CqlValue::Udt {
                    of: UdtRef::from(&udt),
                    fields: udt.fields.iter().map(|(name, _)| name.clone()).zip(values).collect(),
                })
                .boxed()
        }
        CqlType::Vector(element, dimension) => {
            vec(value(element, sorted), usize::from(*dimension)).prop_map(CqlValue::Vector).boxed()
        }
        CqlType::Custom(class) => panic!("no server has values of {class}"),
    }
}

fn nullable(typ: &CqlType, sorted: bool) -> BoxedStrategy<Option<CqlValue>> {
    proptest::option::weighted(0.8, value(typ, sorted)).boxed()
}

/// The entries of different keys.
fn once<V>(entries: impl Iterator<Item = (CqlValue, V)>, key: &CqlType) -> Vec<(CqlValue, V)> {
    let entries: BTreeMap<Vec<u8>, (CqlValue, V)> =
        entries.map(|(value, more)| (bytes(&canonical(&value, key), key), (value, more))).collect();
    entries.into_values().collect()
}

/// The least and the greatest values, and those next to where something changes.
fn extremes(native: NativeType, sorted: bool) -> Vec<CqlValue> {
    use CqlValue as V;
    match native {
        NativeType::Ascii => vec![V::Ascii(String::new()), V::Ascii("\0".into()), V::Ascii("~".repeat(300))],
        NativeType::Bigint => [i64::MIN, -1, 0, i64::MAX].map(V::Bigint).into(),
        NativeType::Blob => vec![V::Blob(vec![]), V::Blob(vec![0]), V::Blob(vec![0xff; 300])],
        NativeType::Boolean => vec![V::Boolean(false), V::Boolean(true)],
        NativeType::Counter => panic!("counters have tables of their own"),
        NativeType::Date => [CqlDate::MIN, CqlDate::EPOCH, CqlDate::MAX].map(V::Date).into(),
        NativeType::Decimal => {
            // 1.0 and 1.00 are two values and one key.
            let scales: &[i32] = if sorted { &[2] } else { &[i32::MIN, 0, i32::MAX] };
            let decimal = |unscaled: i128, scale| CqlDecimal { unscaled: CqlVarint::from(unscaled), scale };
            let of_scale =
                |scale: &i32| [i128::MIN, 0, i128::MAX].map(|unscaled| V::Decimal(decimal(unscaled, *scale)));
            scales.iter().flat_map(of_scale).collect()
        }
        NativeType::Double => [
            f64::MIN,
            -0.0,
            0.0,
            f64::MIN_POSITIVE,
            5e-324,
            f64::MAX,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
        ]
        .map(V::Double)
        .into(),
        NativeType::Float => [
            f32::MIN,
            -0.0,
            0.0,
            f32::MIN_POSITIVE,
            1e-45,
            f32::MAX,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
        ]
        .map(V::Float)
        .into(),
        NativeType::Duration => {
            [(0, 0, 0), (i32::MAX, i32::MAX, i64::MAX), (-i32::MAX, -i32::MAX, -i64::MAX)]
                .map(|(months, days, nanoseconds)| V::Duration(CqlDuration { months, days, nanoseconds }))
                .into()
        }
        NativeType::Inet => ["0.0.0.0", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]
            .map(|address| V::Inet(address.parse().expect("an address")))
            .into(),
        NativeType::Int => [i32::MIN, -1, 0, i32::MAX].map(V::Int).into(),
        NativeType::Smallint => [i16::MIN, -1, 0, i16::MAX].map(V::Smallint).into(),
        NativeType::Text => {
            vec![V::Text(String::new()), V::Text("\0".into()), V::Text("\u{10ffff}".repeat(100))]
        }
        NativeType::Time => [CqlTime::MIN, CqlTime::MAX].map(V::Time).into(),
        NativeType::Timestamp => [i64::MIN, -1, 0, i64::MAX].map(|at| V::Timestamp(CqlTimestamp(at))).into(),
        NativeType::Timeuuid => [CqlTimeuuid::LOWEST, CqlTimeuuid::HIGHEST].map(V::Timeuuid).into(),
        NativeType::Tinyint => [i8::MIN, -1, 0, i8::MAX].map(V::Tinyint).into(),
        NativeType::Uuid => [0, u128::MAX].map(|uuid| V::Uuid(Uuid::from_u128(uuid))).into(),
        NativeType::Varint => {
            let long = |sign: u8| CqlVarint::from_signed_be_bytes(&[&[sign][..], &[0x5a; 100]].concat());
            let mut values: Vec<_> =
                [i128::MIN, -129, -128, 0, 127, 128, i128::MAX].map(CqlVarint::from).into();
            values.extend([long(0), long(0xff)]);
            values.into_iter().map(V::Varint).collect()
        }
    }
}

fn any_native(native: NativeType, sorted: bool) -> BoxedStrategy<CqlValue> {
    let number = vec(any::<u8>(), 0..20).prop_map(|bytes| CqlVarint::from_signed_be_bytes(&bytes));
    match native {
        NativeType::Ascii => "[ -~]{0,12}".prop_map(CqlValue::Ascii).boxed(),
        NativeType::Bigint => any::<i64>().prop_map(CqlValue::Bigint).boxed(),
        NativeType::Blob => vec(any::<u8>(), 0..20).prop_map(CqlValue::Blob).boxed(),
        NativeType::Boolean => any::<bool>().prop_map(CqlValue::Boolean).boxed(),
        NativeType::Counter => panic!("counters have tables of their own"),
        NativeType::Decimal => (number, any::<i32>())
            .prop_map(move |(unscaled, scale)| {
                CqlValue::Decimal(CqlDecimal { unscaled, scale: if sorted { 2 } else { scale } })
            })
            .boxed(),
        NativeType::Double => any::<f64>().prop_map(CqlValue::Double).boxed(),
        NativeType::Float => any::<f32>().prop_map(CqlValue::Float).boxed(),
        NativeType::Int => any::<i32>().prop_map(CqlValue::Int).boxed(),
        NativeType::Text => any::<String>().prop_map(CqlValue::Text).boxed(),
        NativeType::Timestamp => any::<i64>().prop_map(|at| CqlValue::Timestamp(CqlTimestamp(at))).boxed(),
        NativeType::Uuid => any::<u128>().prop_map(|uuid| CqlValue::Uuid(Uuid::from_u128(uuid))).boxed(),
        NativeType::Varint => number.prop_map(CqlValue::Varint).boxed(),
        NativeType::Timeuuid => (any::<u64>(), any::<u16>(), any::<[u8; 6]>())
            .prop_map(|(ticks, sequence, node)| {
                CqlValue::Timeuuid(CqlTimeuuid::from_parts(ticks >> 4, sequence, node))
            })
            .boxed(),
        // To Java an address of version 6 that stands for one of version 4 is that one, wherever it has to sort them.
        NativeType::Inet => {
            any::<std::net::IpAddr>().prop_map(|address| CqlValue::Inet(address.to_canonical())).boxed()
        }
        NativeType::Date => any::<u32>().prop_map(|day| CqlValue::Date(CqlDate(day))).boxed(),
        NativeType::Time => (0..=CqlTime::MAX.0).prop_map(|time| CqlValue::Time(CqlTime(time))).boxed(),
        NativeType::Smallint => any::<i16>().prop_map(CqlValue::Smallint).boxed(),
        NativeType::Tinyint => any::<i8>().prop_map(CqlValue::Tinyint).boxed(),
        // Servers want one sign.
        NativeType::Duration => (0..=i32::MAX, 0..=i32::MAX, 0..=i64::MAX, any::<bool>())
            .prop_map(|(months, days, nanoseconds, negative)| {
                let sign = if negative { -1 } else { 1 };
                let (months, days) = (sign * months, sign * days);
                CqlValue::Duration(CqlDuration { months, days, nanoseconds: i64::from(sign) * nanoseconds })
            })
            .boxed(),
    }
}

/// The value with the elements of its sets and the entries of its maps in one order: servers sort them.
pub(crate) fn canonical(value: &CqlValue, typ: &CqlType) -> CqlValue {
    let nested = |value: &Option<CqlValue>, typ: &CqlType| value.as_ref().map(|value| canonical(value, typ));
    match (value, typ) {
        (CqlValue::List(elements), CqlType::List(element)) => {
            CqlValue::List(elements.iter().map(|value| nested(value, element)).collect())
        }
        (CqlValue::Set(elements), CqlType::Set(element)) => {
            let mut elements: Vec<_> = elements.iter().map(|value| nested(value, element)).collect();
            elements.sort_by_key(|value| value.as_ref().map(|value| bytes(value, element)));
            CqlValue::Set(elements)
        }
        (CqlValue::Map(entries), CqlType::Map(types)) => {
            let mut entries: Vec<_> = entries
                .iter()
                .map(|(key, value)| (canonical(key, &types.0), nested(value, &types.1)))
                .collect();
            entries.sort_by_key(|(key, _)| bytes(key, &types.0));
            CqlValue::Map(entries)
        }
        (CqlValue::Tuple(fields), CqlType::Tuple(types)) => {
            // A server may leave nulls at the end out.
            let missing = std::iter::repeat(&None);
            let fields = fields.iter().chain(missing).zip(types.iter());
            CqlValue::Tuple(fields.map(|(value, typ)| nested(value, typ)).collect())
        }
        (CqlValue::Udt { of, fields }, CqlType::Udt(udt)) => {
            let field = |(name, typ): &(std::sync::Arc<str>, CqlType)| {
                let value =
                    fields.iter().find(|(field, _)| field == name).and_then(|(_, value)| nested(value, typ));
                (name.clone(), value)
            };
            let fields = udt.fields.iter().map(field).collect();
            CqlValue::Udt { of: of.clone(), fields }
        }
        (CqlValue::Vector(elements), CqlType::Vector(element, _)) => {
            CqlValue::Vector(elements.iter().map(|value| canonical(value, element)).collect())
        }
        (value, _) => value.clone(),
    }
}

/// The bytes of a value, which tell values apart that are not equal to themselves.
pub(crate) fn bytes(value: &CqlValue, typ: &CqlType) -> Vec<u8> {
    let mut out = Vec::new();
    value.to_cql(typ, ValueWriter::new(&mut out)).unwrap_or_else(|error| panic!("{value} of {typ}: {error}"));
    out
}
