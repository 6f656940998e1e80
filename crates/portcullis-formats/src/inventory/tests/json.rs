//! The reader of JSON knows the same language as `serde_json`.

use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::super::json::{Cursor, blanks, string_stop};

fn is_json(text: &str) -> bool {
    let mut cursor = Cursor::new(text);
    cursor.skip().and_then(|()| cursor.end()).is_ok()
}

#[track_caller]
fn same_as_serde(text: &str) {
    assert_eq!(is_json(text), serde_json::from_str::<IgnoredAny>(text).is_ok(), "{text:?}");
}

#[test]
fn edges() {
    let texts = [
        "",
        " ",
        "0",
        "-",
        "-0",
        "00",
        "01",
        "1.",
        ".1",
        "1.5",
        "1e",
        "1e5",
        "1E+5",
        "1e-",
        "+1",
        "1.e5",
        "--1",
        "0x1",
        "true",
        "tru",
        "truee",
        "null",
        "NaN",
        "Infinity",
        "\"",
        "\"\\\"",
        "\"\\u12\"",
        "\"\\u00e9\"",
        "\"\\u12g4\"",
        "\"\\",
        "\"\\é\"",
        "\"\u{7f}\"",
        "\"\u{1f}\"",
        "{",
        "}",
        "{}",
        "[]",
        "[}",
        "{]",
        "[,]",
        "[1,]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1}",
        "{a:1}",
        "{\"a\":1 \"b\":2}",
        "[[],{}]",
        "[]]",
        "1 1",
        "[\"\"]",
        " [ 1 , { \"a\" : null } ] \r\n\t",
        "\u{a0}1",
        "\u{feff}1",
        "1\0",
        "\0",
    ];
    texts.into_iter().for_each(same_as_serde);
}

#[test]
fn depth() {
    assert!(is_json(&format!("{}{}", "[".repeat(128), "]".repeat(128))));
    assert!(!is_json(&format!("{}{}", "[".repeat(129), "]".repeat(129))));
}

proptest! {
    #[test]
    fn random_texts(text in r#"([\[\]{},:" 01.eE+\-\\untrue]|true|null|\n|é|\\u00e9|"a"|"b":){0,24}"#) {
        same_as_serde(&text);
    }

    #[test]
    fn random_documents(value in value(), cut in 0usize..200) {
        let text = value.to_string();
        prop_assert!(is_json(&text));
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert!(is_json(&pretty));
        if let Some(part) = pretty.get(..cut) {
            same_as_serde(part);
        }
    }

    #[test]
    fn strings_stop_where_they_should(bytes in prop::collection::vec(any::<u8>(), 0..40), at in 0usize..40) {
        let expected = (at.min(bytes.len())..bytes.len()).find(|i| matches!(bytes[*i], b'"' | b'\\' | 0..=0x1f));
        prop_assert_eq!(string_stop(&bytes, at), expected.unwrap_or(bytes.len()));
    }

    #[test]
    fn white_space_is_white(text in "[ \n\r\tx]{0,40}") {
        let expected = text.bytes().take_while(|b| b" \n\r\t".contains(b)).count();
        prop_assert_eq!(blanks(text.as_bytes()), expected);
    }

    #[test]
    fn texts_are_read_as_serde_reads_them(text in any::<String>()) {
        let quoted = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(Cursor::new(&quoted).text("it").unwrap().unwrap(), text);
    }
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}
