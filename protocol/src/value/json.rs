//! JSON: in text columns, and of dynamic values. `serde_json`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use crate::error::ValueError;
use crate::types::CqlType;
use crate::value::{CqlValue, FromCql, ToCql, ValueWriter};

/// Anything that serde knows, kept in a `text` column as JSON. Needs the feature `serde_json`.
///
/// ```
/// use chorus_protocol::value::Json;
///
/// let settings = Json(vec![("theme", "dark")]);
/// # let _ = settings;
/// ```
///
/// # Errors
/// Reading text that is no JSON of a `T`, and writing a `T` that JSON has no form for, fail with
/// [`ValueErrorReason::Custom`](crate::ValueErrorReason::Custom).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Json<T>(pub T);

impl<T: Serialize> ToCql for Json<T> {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        check_text::<Self>(typ)?;
        let text = serde_json::to_string(&self.0).map_err(|error| ValueError::custom(error.to_string()))?;
        text.to_cql(typ, out)
    }
}

impl<'f, T: DeserializeOwned> FromCql<'f> for Json<T> {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        check_text::<Self>(typ)
    }

    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let text = <&str>::from_cql(typ, cell)?;
        serde_json::from_str(text)
            .map(Self)
            .map_err(|error| ValueError::custom(format!("no JSON as expected: {error}")))
    }
}

fn check_text<T>(typ: &CqlType) -> Result<(), ValueError> {
    <&str>::check(typ).map_err(|_| ValueError::mismatch::<T>(typ))
}

/// As text, like [`Json`].
impl ToCql for Value {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        check_text::<Self>(typ)?;
        self.to_string().to_cql(typ, out)
    }
}

/// From text, like [`Json`].
impl<'f> FromCql<'f> for Value {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        check_text::<Self>(typ)
    }

    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        Json::from_cql(typ, cell).map(|Json(value)| value)
    }
}

/// A dynamic value as JSON, in the forms that `SELECT JSON` has.
///
/// Integers of 64 bits and floats are numbers; what JSON's numbers cannot hold exactly (`varint`, `decimal`, `NaN` and the
/// infinities) is text, as are blobs (`0x..`), dates, times, uuids and addresses. Lists, sets, vectors and tuples are arrays;
/// maps are objects whose keys are text, and user types objects. [`CqlValue::Empty`] is null.
impl From<&CqlValue> for Value {
    fn from(value: &CqlValue) -> Self {
        match value {
            CqlValue::Empty => Value::Null,
            CqlValue::Ascii(text) | CqlValue::Text(text) => Value::String(text.clone()),
            CqlValue::Boolean(value) => Value::Bool(*value),
            CqlValue::Tinyint(value) => Value::from(*value),
            CqlValue::Smallint(value) => Value::from(*value),
            CqlValue::Int(value) => Value::from(*value),
            CqlValue::Bigint(value) | CqlValue::Counter(value) => Value::from(*value),
            CqlValue::Double(number) => float(*number, value),
            // Through the shortest digits: 0.1 and not 0.10000000149.
            CqlValue::Float(number) => float(number.to_string().parse().unwrap_or(f64::NAN), value),
            CqlValue::List(elements) | CqlValue::Set(elements) | CqlValue::Tuple(elements) => {
                elements.iter().map(nullable).collect()
            }
            CqlValue::Vector(elements) => elements.iter().map(Value::from).collect(),
            CqlValue::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| (bare(key), nullable(value)));
                Value::Object(entries.collect::<Map<_, _>>())
            }
            CqlValue::Udt { fields, .. } => {
                let fields = fields.iter().map(|(name, value)| (name.to_string(), nullable(value)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
            other => Value::String(bare(other)),
        }
    }
}

fn nullable(value: &Option<CqlValue>) -> Value {
    value.as_ref().map_or(Value::Null, Value::from)
}

fn float(number: f64, value: &CqlValue) -> Value {
    Number::from_f64(number).map_or_else(|| Value::String(value.to_string()), Value::Number)
}

/// Text without quotes around it.
fn bare(value: &CqlValue) -> String {
    match value {
        CqlValue::Ascii(text) | CqlValue::Text(text) => text.clone(),
        CqlValue::Timestamp(at) => at.to_string(),
        CqlValue::Date(date) => date.to_string(),
        CqlValue::Time(time) => time.to_string(),
        CqlValue::Inet(address) => address.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::ValueErrorReason;
    use crate::value::to_cql::encode_value;
    use crate::value::{CqlTimestamp, CqlVarint, UdtRef};

    #[test]
    fn json_lives_in_text_columns() {
        let value = json!({"a": [1, null, "x"]});
        let bytes = encode_value(&value, &CqlType::Text).unwrap();
        assert_eq!(bytes[4..], *br#"{"a":[1,null,"x"]}"#);
        assert_eq!(Value::from_cql(&CqlType::Text, Some(&bytes[4..])), Ok(value));
        let typed = Json(vec![(1, "one".to_owned())]);
        let bytes = encode_value(&typed, &CqlType::Text).unwrap();
        assert_eq!(Json::from_cql(&CqlType::Text, Some(&bytes[4..])), Ok(typed));
        let error = Json::<Vec<i32>>::from_cql(&CqlType::Text, Some(b"{}")).unwrap_err();
        assert!(matches!(error.reason(), ValueErrorReason::Custom(_)), "{error}");
        assert!(encode_value(&json!(1), &CqlType::Int).is_err() && Value::check(&CqlType::Blob).is_err());
        assert!(Json::<i32>::check(&CqlType::Int).unwrap_err().to_string().contains("Json"));
    }

    #[test]
    fn dynamic_values_become_json_without_losing_digits() {
        let fields = [("at", Some(CqlValue::Timestamp(CqlTimestamp(0)))), ("b", None)];
        let udt = CqlValue::udt(UdtRef::new("k", "t"), fields);
        let big = CqlValue::Varint(CqlVarint::from(i128::MAX));
        for (value, json) in [
            (CqlValue::Empty, json!(null)),
            (CqlValue::Bigint(i64::MAX), json!(i64::MAX)),
            (CqlValue::Float(0.1), json!(0.1)),
            (CqlValue::Double(f64::NAN), json!("NaN")),
            (CqlValue::Blob(vec![1, 0xab]), json!("0x01ab")),
            (CqlValue::Inet([127, 0, 0, 1].into()), json!("127.0.0.1")),
            (big, json!("170141183460469231731687303715884105727")),
            (CqlValue::List(vec![Some(CqlValue::Boolean(true)), None]), json!([true, null])),
            (CqlValue::map([(CqlValue::Int(1), CqlValue::from("it's"))]), json!({"1": "it's"})),
            (CqlValue::Vector(vec![CqlValue::Tinyint(1)]), json!([1])),
            (udt, json!({"at": "1970-01-01T00:00:00.000Z", "b": null})),
        ] {
            assert_eq!(Value::from(&value), json, "{value}");
        }
    }
}
