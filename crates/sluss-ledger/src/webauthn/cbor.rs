//! As much of CBOR (RFC 8949) as authenticators write: definite lengths, no tags.

/// How deep values may stand in one another.
const DEEPEST: usize = 8;

/// A value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Value<'a>>),
    Map(Vec<(Value<'a>, Value<'a>)>),
    /// Of a kind that nothing here asks for: true, false, null, a float.
    Other,
}

impl<'a> Value<'a> {
    /// Returns the value at `key` of a map that has that key once.
    pub(super) fn at(&self, key: &Value<'_>) -> Option<&Value<'a>> {
        let Self::Map(pairs) = self else { return None };
        let mut found = pairs.iter().filter(|(known, _)| known == key);
        let (_, value) = found.next()?;
        found.next().is_none().then_some(value)
    }

    /// Returns the value at a number as a key.
    pub(super) fn at_number(&self, key: i64) -> Option<&Value<'a>> {
        self.at(&Value::Integer(key))
    }

    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _of_another_kind => None,
        }
    }

    pub(super) fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(value) => Some(value),
            _of_another_kind => None,
        }
    }
}

/// Reads the value that `input` begins with, and returns what follows it.
pub(super) fn read(input: &[u8]) -> Option<(Value<'_>, &[u8])> {
    value(input, 0)
}

fn value(input: &[u8], depth: usize) -> Option<(Value<'_>, &[u8])> {
    if depth > DEEPEST {
        return None;
    }
    let (first, rest) = input.split_first()?;
    let (major, short) = (first >> 5, first & 0x1f);
    let (argument, rest) = match short {
        0..=23 => (u64::from(short), rest),
        24..=27 => {
            let (bytes, rest) = rest.split_at_checked(1 << (short - 24))?;
            (bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), rest)
        }
        // Lengths that are not known beforehand, which CTAP2 forbids, and what is reserved.
        _indefinite => return None,
    };
    let length = || usize::try_from(argument).ok().filter(|length| *length <= rest.len());
    match major {
        0 => Some((Value::Integer(i64::try_from(argument).ok()?), rest)),
        1 => Some((Value::Integer(-1 - i64::try_from(argument).ok()?), rest)),
        2 => {
            let (bytes, rest) = rest.split_at_checked(length()?)?;
            Some((Value::Bytes(bytes), rest))
        }
        3 => {
            let (bytes, rest) = rest.split_at_checked(length()?)?;
            Some((Value::Text(std::str::from_utf8(bytes).ok()?), rest))
        }
        4 => {
            let (mut items, mut rest) = (Vec::new(), rest);
            for _ in 0..length()? {
                let (item, after) = value(rest, depth + 1)?;
                items.push(item);
                rest = after;
            }
            Some((Value::Array(items), rest))
        }
        5 => {
            let (mut pairs, mut rest) = (Vec::new(), rest);
            for _ in 0..length()? {
                let (key, after) = value(rest, depth + 1)?;
                let (item, after) = value(after, depth + 1)?;
                pairs.push((key, item));
                rest = after;
            }
            Some((Value::Map(pairs), rest))
        }
        7 => Some((Value::Other, rest)),
        _tagged => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_the_rfc_are_read() {
        let text = [0xa2, 0x61, b'a', 0x01, 0x61, b'b', 0x82, 0x02, 0x03];
        let (found, rest) = read(&text).unwrap();
        assert!(rest.is_empty());
        assert_eq!(found.at(&Value::Text("a")), Some(&Value::Integer(1)));
        let two = Value::Array(vec![Value::Integer(2), Value::Integer(3)]);
        assert_eq!(found.at(&Value::Text("b")), Some(&two));
        assert_eq!(read(&[0x38, 0x63]).unwrap().0, Value::Integer(-100));
        assert_eq!(read(&[0x19, 0x03, 0xe8]).unwrap().0, Value::Integer(1000));
    }

    #[test]
    fn what_is_cut_off_endless_or_bottomless_is_not_read() {
        for bad in [&[][..], &[0x42, 0x01], &[0x5f, 0x41, 0x01, 0xff], &[0x9b; 9], &[0x81; 64]] {
            assert_eq!(read(bad), None, "{bad:x?}");
        }
    }

    #[test]
    fn a_key_that_stands_there_twice_has_no_value() {
        let (found, _) = read(&[0xa2, 0x01, 0x02, 0x01, 0x03]).unwrap();
        assert_eq!(found.at_number(1), None);
    }
}
