//! JSON as evidence needs it: no key twice, no fractions, integers that every reader keeps.
//!
//! `serde_json` alone takes the last of two equal keys, so two programs could read two things out
//! of the same bytes (RFC 8259, section 4, leaves it open).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::input::ValueRefused;

const MOST: u64 = crate::input::INTEGER_MOST;

/// Text that is not JSON, or not JSON that every program reads alike.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} (line {line}, column {column})")]
pub struct JsonRefused {
    /// What is wrong.
    pub what: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

/// Parses one JSON value, strictly.
///
/// # Errors
///
/// What is not JSON, a key that stands twice in one object, a number with a fraction or an
/// exponent, an integer beyond 2^53−1.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, JsonRefused> {
    let refused = |problem: serde_json::Error| {
        let (line, column) = (problem.line(), problem.column());
        let place = format!(" at line {line} column {column}");
        let what = problem.to_string().replace(&place, "");
        JsonRefused { what, line: line.max(1), column: column.max(1) }
    };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict.deserialize(&mut reader).map_err(refused)?;
    reader.end().map_err(refused)?;
    Ok(value)
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

fn integer<E: serde::de::Error>(number: i128) -> Result<(), E> {
    if number.unsigned_abs() <= u128::from(MOST) {
        return Ok(());
    }
    Err(E::custom(ValueRefused::Range(number, "the integers that every JSON reader keeps")))
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without fractions")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, of: bool) -> Result<Value, E> {
        Ok(Value::Bool(of))
    }

    fn visit_i64<E: serde::de::Error>(self, of: i64) -> Result<Value, E> {
        integer(i128::from(of)).map(|()| Value::from(of))
    }

    fn visit_u64<E: serde::de::Error>(self, of: u64) -> Result<Value, E> {
        integer(i128::from(of)).map(|()| Value::from(of))
    }

    fn visit_f64<E: serde::de::Error>(self, of: f64) -> Result<Value, E> {
        Err(E::custom(format!("{of} is not an integer; write thousandths, or milliseconds")))
    }

    fn visit_str<E>(self, of: &str) -> Result<Value, E> {
        Ok(Value::String(of.to_owned()))
    }

    fn visit_string<E>(self, of: String) -> Result<Value, E> {
        Ok(Value::String(of))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = from.next_element_seed(Strict)? {
            rows.push(row);
        }
        Ok(Value::Array(rows))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = from.next_key::<String>()? {
            if fields.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{key}` stands here twice")));
            }
            fields.insert(key, from.next_value_seed(Strict)?);
        }
        Ok(Value::Object(fields))
    }
}
