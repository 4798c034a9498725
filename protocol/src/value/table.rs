//! The table of `docs/values.md`: which Rust types go with which CQL type. Made by asking each of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::SystemTime;

use crate::Uuid;
use crate::types::{CqlType, NativeType};
use crate::value::to_cql::encode_value;
use crate::value::*;

/// Whether a type can be written as, and read from, a CQL type.
fn goes_with<T: ToCql + FromCql<'static>>(value: T, typ: &CqlType) -> bool {
    let (written, read) = (encode_value(&value, typ).is_ok(), T::check(typ).is_ok());
    // Exceptions stand below the table.
    written && read
}

/// The Rust types that go with a CQL type, in the order in which they are worth a look: without a feature, then with.
fn rust_types(typ: &CqlType) -> [Vec<&'static str>; 2] {
    let [mut always, mut with] = [Vec::new(), Vec::new()];
    macro_rules! ask {
        ($list:ident: $($rust:ty = $value:expr, $shown:literal;)*) => {$(
            if goes_with::<$rust>($value, typ) {
                $list.push($shown);
            }
        )*};
    }
    let uuid = Uuid::nil();
    let timeuuid = CqlTimeuuid::LOWEST;
    ask! { always:
        bool = true, "`bool`";
        i8 = 1, "`i8`";
        i16 = 1, "`i16`";
        i32 = 1, "`i32`";
        i64 = 1, "`i64`";
        i128 = 1, "`i128`";
        f32 = 1.0, "`f32`";
        f64 = 1.0, "`f64`";
        &str = "a", "`&str`";
        String = "a".into(), "`String`";
        Cow<'static, str> = Cow::Borrowed("a"), "`Cow<str>`";
        Box<str> = "a".into(), "`Box<str>`";
        Arc<str> = "a".into(), "`Arc<str>`";
        &[u8] = &[1], "`&[u8]`";
        Vec<u8> = vec![1], "`Vec<u8>`";
        bytes::Bytes = bytes::Bytes::new(), "`Bytes`";
        Uuid = uuid, "`Uuid`";
        CqlTimeuuid = timeuuid, "`CqlTimeuuid`";
        IpAddr = Ipv4Addr::LOCALHOST.into(), "`IpAddr`";
        Ipv4Addr = Ipv4Addr::LOCALHOST, "`Ipv4Addr`";
        Ipv6Addr = Ipv6Addr::LOCALHOST, "`Ipv6Addr`";
        CqlTimestamp = CqlTimestamp(0), "`CqlTimestamp`";
        SystemTime = SystemTime::UNIX_EPOCH, "`SystemTime`";
        CqlDate = CqlDate::EPOCH, "`CqlDate`";
        CqlTime = CqlTime::MIN, "`CqlTime`";
        CqlDuration = CqlDuration::default(), "`CqlDuration`";
        CqlVarint = CqlVarint::from(1), "`CqlVarint`";
        CqlDecimal = CqlDecimal { unscaled: CqlVarint::from(1), scale: 0 }, "`CqlDecimal`";
        Vec<i32> = vec![1, 2], "`Vec<T>`";
        [i32; 2] = [1, 2], "`[T; N]`";
        VecDeque<i32> = [1, 2].into(), "`VecDeque<T>`";
        BTreeSet<i32> = [1, 2].into(), "`BTreeSet<T>`";
        HashSet<i32> = [1, 2].into(), "`HashSet<T>`";
        BTreeMap<i32, i32> = [(1, 2)].into(), "`BTreeMap<K, V>`";
        HashMap<i32, i32> = [(1, 2)].into(), "`HashMap<K, V>`";
        OrderedMap<i32, i32> = [(1, 2)].into(), "`OrderedMap<K, V>`";
        (i32, i32) = (1, 2), "`(A, B, ..)` of up to 16";
        Point = Point::EMPTY, "`Point`";
        LineString = LineString::default(), "`LineString`";
        Polygon = Polygon::default(), "`Polygon`";
        DateRange = DateRange::Open, "`DateRange`";
    }
    ask! { with:
        num_bigint::BigInt = 1.into(), "`num_bigint::BigInt`";
        bigdecimal::BigDecimal = 1.into(), "`bigdecimal::BigDecimal`";
        rust_decimal::Decimal = 1.into(), "`rust_decimal::Decimal`";
        chrono::DateTime<chrono::Utc> = chrono::DateTime::UNIX_EPOCH, "`chrono::DateTime<Utc>`";
        chrono::NaiveDate = chrono::NaiveDate::default(), "`chrono::NaiveDate`";
        chrono::NaiveTime = chrono::NaiveTime::MIN, "`chrono::NaiveTime`";
        time::OffsetDateTime = time::OffsetDateTime::UNIX_EPOCH, "`time::OffsetDateTime`";
        time::Date = time::OffsetDateTime::UNIX_EPOCH.date(), "`time::Date`";
        time::Time = time::Time::MIDNIGHT, "`time::Time`";
        jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH, "`jiff::Timestamp`";
        jiff::civil::Date = jiff::civil::Date::ZERO, "`jiff::civil::Date`";
        jiff::civil::Time = jiff::civil::Time::midnight(), "`jiff::civil::Time`";
        jiff::Span = jiff::Span::new(), "`jiff::Span`";
        secrecy::SecretString = "a".into(), "`secrecy::SecretString`";
        secrecy::SecretBox<Vec<u8>> = secrecy::SecretBox::new(Box::new(vec![1])), "`secrecy::SecretBox<Vec<u8>>`";
        serde_json::Value = serde_json::Value::Null, "`serde_json::Value`";
        Json<i32> = Json(1), "`Json<T>` (`serde_json`)";
    }
    [always, with]
}

/// Every type, by what the first column says of it.
fn kinds() -> Vec<(String, CqlType)> {
    let class = |name: &str| CqlType::custom(format!("org.apache.cassandra.db.marshal.{name}"));
    let natives = NativeType::ALL.into_iter().map(|native| (native.to_string(), CqlType::Native(native)));
    let others = [
        ("list", CqlType::list(CqlType::Int)),
        ("set", CqlType::set(CqlType::Int)),
        ("map", CqlType::map(CqlType::Int, CqlType::Int)),
        ("tuple", CqlType::tuple([CqlType::Int, CqlType::Int])),
        ("vector", CqlType::vector(CqlType::Int, 2)),
        ("PointType (DSE)", class("PointType")),
        ("LineStringType (DSE)", class("LineStringType")),
        ("PolygonType (DSE)", class("PolygonType")),
        ("DateRangeType (DSE)", class("DateRangeType")),
        ("any other custom type", class("Unheard")),
    ];
    natives.chain(others.map(|(name, typ)| (name.to_owned(), typ))).collect()
}

fn table() -> String {
    let mut table = "| CQL type | Rust types | behind features |\n|---|---|---|\n".to_owned();
    for (name, typ) in kinds() {
        let [always, with] = rust_types(&typ).map(|types| types.join(", "));
        table += &format!("| {name} | {always} | {with} |\n");
    }
    table + "| user types | structs that derive `FromCql` and `ToCql` | |\n"
}

#[test]
fn the_page_about_values_has_the_types_that_go_together() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/values.md");
    let page = std::fs::read_to_string(page).expect("docs/values.md is readable");
    let table = table();
    assert!(page.contains(&table), "docs/values.md should have this table:\n{table}");
}
