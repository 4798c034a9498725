//! The functions of the system keyspace that turn values into one value.

use std::borrow::Cow;

use chorus_protocol::token::murmur3_token;
use chorus_protocol::{CqlType, NativeType};
use uuid::Uuid;

use super::prepare::is_assignable;
use crate::catalog::TableSchema;
use crate::cql::CqlError;
use crate::cql::ast::FunctionName;
use crate::value::{
    DAY_MILLIS, TimeuuidSource, date_of_millis, max_timeuuid, millis_of_date, min_timeuuid, read_i64,
    timeuuid_millis, to_json, validate,
};

/// A function with the types it was chosen for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Function {
    pub(crate) kind: FunctionKind,
    /// `system.name`, in lower case.
    pub(crate) name: String,
    pub(crate) arguments: Vec<CqlType>,
    pub(crate) result: CqlType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FunctionKind {
    Now,
    Uuid,
    CurrentTimestamp,
    CurrentDate,
    CurrentTime,
    ToTimestamp,
    ToDate,
    ToUnixTimestamp,
    MinTimeuuid,
    MaxTimeuuid,
    /// To the bytes of a value, which is what it is already.
    AsBlob,
    BlobAs,
    Token,
    ToJson,
}

/// Chooses a function by its name and by what is known of its arguments' types.
pub(crate) fn resolve(
    name: &FunctionName,
    arguments: &[Option<CqlType>],
    schema: &TableSchema,
    receiver: Option<&CqlType>,
) -> Result<Function, CqlError> {
    if let Some(keyspace) = &name.keyspace
        && keyspace != "system"
    {
        return Err(CqlError::unsupported("user-defined functions"));
    }
    let candidates = signatures(&name.name, schema);
    if candidates.is_empty() {
        return Err(CqlError::invalid(format!("Unknown function '{}'", name.name)));
    }
    let full_name = format!("system.{}", name.name);
    let (_, wanted, _) = &candidates[0];
    // toJson takes anything, so it has no signature of its own.
    if candidates[0].0 == FunctionKind::ToJson && arguments.len() == 1 {
        let typ = arguments[0].clone().unwrap_or(CqlType::Text);
        return Ok(Function {
            kind: FunctionKind::ToJson,
            name: full_name,
            arguments: vec![typ],
            result: CqlType::Text,
        });
    }
    if candidates.iter().all(|(_, wanted, _)| wanted.len() != arguments.len()) {
        return Err(CqlError::invalid(format!(
            "Invalid number of arguments in call to function {full_name}: {} required but {} provided",
            wanted.len(),
            arguments.len()
        )));
    }
    let fits = |(_, wanted, _): &&(FunctionKind, Vec<CqlType>, CqlType)| {
        wanted.len() == arguments.len()
            && wanted.iter().zip(arguments).all(|(wanted, given)| {
                given.as_ref().is_none_or(|given| {
                    is_assignable(given, wanted)
                        || (is_number(given) && is_number(wanted))
                        || reads_text(given, wanted)
                })
            })
    };
    let mut fitting: Vec<_> = candidates.iter().filter(fits).collect();
    if fitting.len() > 1 {
        let exact = |candidate: &&&(FunctionKind, Vec<CqlType>, CqlType)| {
            candidate.1.iter().zip(arguments).all(|(wanted, given)| given.as_ref() == Some(wanted))
        };
        if let Some(best) = fitting.iter().find(exact) {
            fitting = vec![best];
        }
    }
    match fitting.as_slice() {
        [(kind, wanted, result)] => {
            Ok(Function { kind: *kind, name: full_name, arguments: wanted.clone(), result: result.clone() })
        }
        [] => Err(CqlError::invalid(format!(
            "Invalid call to function {full_name}, none of its type signatures match (known type signatures: {})",
            candidates
                .iter()
                .map(|(_, wanted, result)| shown(&full_name, wanted, result))
                .collect::<Vec<_>>()
                .join(", ")
        ))),
        _ => {
            let by_result = receiver.and_then(|typ| {
                let mut matching = fitting.iter().filter(|(_, _, result)| result == typ);
                matching.next().filter(|_| matching.next().is_none())
            });
            match by_result {
                Some((kind, wanted, result)) => Ok(Function {
                    kind: *kind,
                    name: full_name,
                    arguments: wanted.clone(),
                    result: result.clone(),
                }),
                None => Err(CqlError::invalid(format!(
                    "Ambiguous call to function {} (can be matched by following signatures: {}): use type casts to \
                     disambiguate",
                    name.name,
                    fitting
                        .iter()
                        .map(|(_, wanted, result)| shown(&full_name, wanted, result))
                        .collect::<Vec<_>>()
                        .join(", ")
                ))),
            }
        }
    }
}

/// The type a call yields, as far as it is known without a table.
pub(super) fn result_type(name: &FunctionName, arguments: &[Option<CqlType>]) -> Option<CqlType> {
    let nothing = crate::catalog::TableBuilder::new(Uuid::nil(), "", "").build();
    resolve(name, arguments, &nothing, None).ok().map(|function| function.result)
}

fn shown(name: &str, arguments: &[CqlType], result: &CqlType) -> String {
    let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    format!("{name} : ({}) -> {result}", arguments.join(", "))
}

fn is_number(typ: &CqlType) -> bool {
    use NativeType::*;
    matches!(
        typ,
        CqlType::Native(Tinyint | Smallint | Int | Bigint | Float | Double | Varint | Decimal | Timestamp)
    )
}

/// A string constant may be a date or time as well.
fn reads_text(given: &CqlType, wanted: &CqlType) -> bool {
    use NativeType::*;
    *given == CqlType::Text && matches!(wanted, CqlType::Native(Ascii | Timestamp | Date | Time | Inet))
}

/// Every form of the function of that name; old names run words together, new ones have underscores.
fn signatures(name: &str, schema: &TableSchema) -> Vec<(FunctionKind, Vec<CqlType>, CqlType)> {
    use FunctionKind::*;
    let plain: String = name.chars().filter(|c| *c != '_').collect();
    let of = |kind, arguments: &[CqlType], result| (kind, arguments.to_vec(), result);
    match plain.as_str() {
        "now" | "currenttimeuuid" => vec![of(Now, &[], CqlType::Timeuuid)],
        "uuid" => vec![of(Uuid, &[], CqlType::Uuid)],
        "currenttimestamp" => vec![of(CurrentTimestamp, &[], CqlType::Timestamp)],
        "currentdate" => vec![of(CurrentDate, &[], CqlType::Date)],
        "currenttime" => vec![of(CurrentTime, &[], CqlType::Time)],
        "totimestamp" => vec![
            of(ToTimestamp, &[CqlType::Timeuuid], CqlType::Timestamp),
            of(ToTimestamp, &[CqlType::Date], CqlType::Timestamp),
        ],
        "todate" => vec![
            of(ToDate, &[CqlType::Timeuuid], CqlType::Date),
            of(ToDate, &[CqlType::Timestamp], CqlType::Date),
        ],
        "tounixtimestamp" => vec![
            of(ToUnixTimestamp, &[CqlType::Timeuuid], CqlType::Bigint),
            of(ToUnixTimestamp, &[CqlType::Timestamp], CqlType::Bigint),
            of(ToUnixTimestamp, &[CqlType::Date], CqlType::Bigint),
        ],
        "mintimeuuid" => vec![of(MinTimeuuid, &[CqlType::Timestamp], CqlType::Timeuuid)],
        "maxtimeuuid" => vec![of(MaxTimeuuid, &[CqlType::Timestamp], CqlType::Timeuuid)],
        "tojson" => vec![of(ToJson, &[CqlType::Text], CqlType::Text)],
        "token" => {
            let key: Vec<_> = schema.partition_key().iter().map(|column| column.typ.typ.clone()).collect();
            vec![of(Token, &key, CqlType::Bigint)]
        }
        _ => {
            if let Some(typ) = plain.strip_suffix("asblob").and_then(native) {
                return vec![of(AsBlob, &[typ], CqlType::Blob)];
            }
            match plain.strip_prefix("blobas").and_then(native) {
                Some(typ) => vec![of(BlobAs, &[CqlType::Blob], typ)],
                None => Vec::new(),
            }
        }
    }
}

fn native(name: &str) -> Option<CqlType> {
    if name == "varchar" {
        return Some(CqlType::Text);
    }
    let native = NativeType::ALL.into_iter().find(|native| native.name() == name);
    native.filter(|native| *native != NativeType::Blob).map(CqlType::Native)
}

impl Function {
    /// Whether a call with the same arguments may yield something else the next time.
    pub(crate) fn call(
        &self,
        arguments: &[Option<&[u8]>],
        now: i64,
        timeuuids: &TimeuuidSource,
    ) -> Result<Option<Vec<u8>>, CqlError> {
        use FunctionKind::*;
        let millis = now.div_euclid(1000);
        match self.kind {
            Now => return Ok(Some(timeuuids.next(now).to_vec())),
            Uuid => return Ok(Some(uuid::Uuid::new_v4().as_bytes().to_vec())),
            CurrentTimestamp => return Ok(Some(millis.to_be_bytes().to_vec())),
            CurrentDate => return Ok(Some(date_of_millis(millis).to_be_bytes().to_vec())),
            CurrentTime => {
                let nanos = now.rem_euclid(DAY_MILLIS * 1000) * 1000;
                return Ok(Some(nanos.to_be_bytes().to_vec()));
            }
            ToJson => {
                let typ = self.arguments.first().unwrap_or(&CqlType::Text);
                return Ok(Some(to_json(typ, arguments.first().copied().flatten()).into_bytes()));
            }
            Token => {
                let Some(parts) = arguments.iter().copied().collect::<Option<Vec<&[u8]>>>() else {
                    return Ok(None);
                };
                let key = partition_key(&parts)?;
                return Ok(Some(murmur3_token(&key).0.to_be_bytes().to_vec()));
            }
            _ => {}
        }
        let Some(argument) = arguments.first().copied().flatten() else {
            return Ok(None);
        };
        let argument_type = self.arguments.first();
        if matches!(self.kind, AsBlob | BlobAs) {
            if self.kind == BlobAs && validate(&self.result, argument).is_err() {
                return Err(CqlError::invalid(format!(
                    "In call to function {}, value 0x{} is not a valid binary representation for type {}",
                    self.name,
                    hex(argument),
                    self.result
                )));
            }
            return Ok(Some(argument.to_vec()));
        }
        let millis = match argument_type {
            Some(&CqlType::Timeuuid) => timeuuid_millis(argument),
            Some(&CqlType::Date) => {
                argument.try_into().ok().map(|day| millis_of_date(u32::from_be_bytes(day)))
            }
            _ => read_i64(argument).filter(|_| argument.len() == 8),
        };
        Ok(millis.map(|millis| match self.kind {
            ToDate => date_of_millis(millis).to_be_bytes().to_vec(),
            MinTimeuuid => min_timeuuid(millis).to_vec(),
            MaxTimeuuid => max_timeuuid(millis).to_vec(),
            _ => millis.to_be_bytes().to_vec(),
        }))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(64).map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a partition key out of its columns'.
pub(crate) fn partition_key<'a>(parts: &[&'a [u8]]) -> Result<Cow<'a, [u8]>, CqlError> {
    if let [part] = parts {
        return Ok(Cow::Borrowed(part));
    }
    let mut key = Vec::with_capacity(parts.iter().map(|part| part.len() + 3).sum());
    for part in parts {
        let length = u16::try_from(part.len()).map_err(|_| too_long(part.len()))?;
        key.extend_from_slice(&length.to_be_bytes());
        key.extend_from_slice(part);
        key.push(0);
    }
    if key.len() > usize::from(u16::MAX) {
        return Err(too_long(key.len()));
    }
    Ok(Cow::Owned(key))
}

pub(crate) fn too_long(length: usize) -> CqlError {
    CqlError::invalid(format!("Key length of {length} is longer than maximum of 65535"))
}
