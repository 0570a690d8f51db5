//! What two parsers could read in two ways is refused, with the byte where it is.

use proptest::prelude::*;

use super::*;

fn fault(json: &str) -> (usize, Fault) {
    let error = lint_json(json.as_bytes()).expect_err(json);
    (error.offset, error.fault)
}

#[test]
fn both_kinds_of_leaf_are_told_apart_by_their_first_bytes() {
    assert_eq!(lint_leaf(br#"{"v":1,"a":[]}"#), Ok(LeafKind::Event));
    let attestation = br#"{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{}}"#;
    assert_eq!(lint_leaf(attestation), Ok(LeafKind::Attestation));
}

#[test]
fn a_third_kind_of_leaf_is_refused() {
    let prefix = Err(LintError { offset: 0, fault: Fault::Prefix });
    for bytes in ["", "{}", r#"{"v":2,"a":1}"#, r#"{"v":1}"#, r#" {"v":1,"a":1}"#, "[1]"] {
        assert_eq!(lint_leaf(bytes.as_bytes()), prefix, "{bytes}");
    }
    assert!(lint_leaf(br#"{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}"#).is_err());
}

#[test]
fn a_leaf_of_65535_bytes_is_accepted_and_one_more_is_refused() {
    let leaf = |length: usize| format!(r#"{{"v":1,"a":"{}"}}"#, "x".repeat(length - 14));
    assert_eq!(leaf(65_535).len(), 65_535);
    assert_eq!(lint_leaf(leaf(65_535).as_bytes()), Ok(LeafKind::Event));
    let error = lint_leaf(leaf(65_536).as_bytes()).unwrap_err();
    assert_eq!(error, LintError { offset: 65_535, fault: Fault::TooLong });
}

#[test]
fn duplicate_keys_are_refused_however_they_are_spelt() {
    let duplicate = |key: &str| Fault::DuplicateKey(key.to_owned());
    assert_eq!(fault(r#"{"a":1,"a":2}"#), (7, duplicate("a")));
    assert_eq!(fault(r#"{"a":1,"\u0061":2}"#), (7, duplicate("a")));
    assert_eq!(fault(r#"{"x":{"é":1,"\u00E9":2}}"#), (13, duplicate("é")));
    assert_eq!(fault(r#"{"😀":1,"\ud83d\uDE00":2}"#), (10, duplicate("😀")));
    assert!(lint_json(br#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}"#).is_ok());
}

#[test]
fn only_integers_that_every_reader_keeps_are_numbers() {
    for good in ["0", "7", "-7", "9007199254740991", "-9007199254740991"] {
        assert_eq!(lint_json(good.as_bytes()), Ok(()));
    }
    assert_eq!(fault("1.5"), (1, Fault::NotAnInteger));
    assert_eq!(fault("[1e3]"), (2, Fault::NotAnInteger));
    assert_eq!(fault("1E3"), (1, Fault::NotAnInteger));
    assert_eq!(fault("9007199254740992"), (0, Fault::IntegerTooLarge));
    assert_eq!(fault("-9007199254740992"), (0, Fault::IntegerTooLarge));
    assert_eq!(fault("99999999999999999999999999"), (0, Fault::IntegerTooLarge));
    assert_eq!(fault("-0"), (0, Fault::NegativeZero));
    assert_eq!(fault("01").0, 1);
    assert_eq!(fault("-"), (1, Fault::Expected("a digit")));
    assert_eq!(fault("+1"), (0, Fault::Expected("a value")));
}

#[test]
fn whitespace_between_tokens_is_refused() {
    for json in [" 1", "{ }", "{\"a\" :1}", "{\"a\": 1}", "[1 ,2]", "[1,\n2]", "[1\t]", "[1\r]"] {
        assert_eq!(fault(json).1, Fault::Whitespace, "{json:?}");
    }
    assert_eq!(fault("1 "), (1, Fault::Trailing));
    assert_eq!(lint_json(b"\" a b \""), Ok(()));
}

#[test]
fn strings_are_valid_in_every_reader() {
    assert_eq!(lint_json(r#""é \" \\ \/ \b\f\n\r\t \u00e9 \ud83d\ude00""#.as_bytes()), Ok(()));
    assert_eq!(fault("\"a\nb\""), (2, Fault::ControlCharacter));
    assert_eq!(fault(r#""\x""#), (1, Fault::Escape));
    assert_eq!(fault(r#""a\ud83d""#), (2, Fault::Escape));
    assert_eq!(fault(r#""\ud83d\u0041""#), (1, Fault::Escape));
    assert_eq!(fault(r#""\ude00""#), (1, Fault::Escape));
    assert_eq!(fault(r#""\u+123""#), (1, Fault::Escape));
    assert_eq!(fault(r#""\u12"#), (1, Fault::Escape));
    assert_eq!(fault(r#""\u00é""#), (1, Fault::Escape));
    assert_eq!(fault("\"abc"), (4, Fault::Expected("the end of the string")));
    let error = lint_json(b"\"a\xff\"").unwrap_err();
    assert_eq!(error, LintError { offset: 2, fault: Fault::Utf8 });
}

#[test]
fn broken_json_is_refused_where_it_breaks() {
    assert_eq!(fault(r#"{"v":1,}"#), (7, Fault::Expected("a key")));
    assert_eq!(fault("[1,]"), (3, Fault::Expected("a value")));
    assert_eq!(fault("{1:2}"), (1, Fault::Expected("a key")));
    assert_eq!(fault(r#"{"a"1}"#), (4, Fault::Expected("`:`")));
    assert_eq!(fault("[1"), (2, Fault::Expected("`,` or `]`")));
    assert_eq!(fault("nul"), (0, Fault::Expected("a value")));
    assert_eq!(fault("NaN"), (0, Fault::Expected("a value")));
    assert_eq!(fault("{}{}"), (2, Fault::Trailing));
    assert_eq!(fault(""), (0, Fault::Expected("a value")));
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(lint_json(nested(MAX_DEPTH).as_bytes()), Ok(()));
    assert_eq!(fault(&nested(MAX_DEPTH + 1)), (MAX_DEPTH, Fault::TooDeep));
    assert_eq!(fault(&"[".repeat(60_000)), (MAX_DEPTH, Fault::TooDeep));
}

proptest! {
    #[test]
    fn what_is_accepted_a_common_parser_reads_and_writes_alike(
        json in r#"[\[\]{}:,"a10\-\\u. ]{0,14}"#,
    ) {
        if lint_json(json.as_bytes()).is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
        }
    }

    #[test]
    fn what_a_common_serializer_writes_is_accepted(
        key in ".*", text in ".*", number in -9_007_199_254_740_991_i64..9_007_199_254_740_992,
    ) {
        let value = serde_json::json!({ "nested": [{ key: text }, number, null, true] });
        prop_assert_eq!(lint_json(&serde_json::to_vec(&value).unwrap()), Ok(()));
    }
}
