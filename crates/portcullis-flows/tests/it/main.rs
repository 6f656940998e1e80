//! The whole way from bytes to rows, against a reader that does one thing after the other.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use portcullis_flows::{Digest, Input, Progress, Query, Selection, digest, render};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A line as text, and what a reader should make of it.
#[derive(Clone, Debug)]
enum Line {
    Record(Vec<String>),
    Header(Vec<&'static str>),
    Blank,
}

const FIELDS: [&str; 6] = ["srcaddr", "interface-id", "dstport", "action", "bytes", "start"];

fn token(field: &'static str) -> BoxedStrategy<String> {
    let absent = Just("-".to_owned());
    match field {
        "srcaddr" => prop_oneof![
            4 => (0..4_u8).prop_map(|n| format!("10.0.0.{n}")),
            1 => Just("2001:db8::1".to_owned()),
            1 => Just("10.0.0.256".to_owned()),
            1 => absent,
        ]
        .boxed(),
        "interface-id" => prop_oneof![3 => "eni-[ab]", 1 => absent].boxed(),
        "dstport" => prop_oneof![4 => (0..3_u32).prop_map(|n| (n * 40_000).to_string()), 1 => absent].boxed(),
        "action" => {
            prop_oneof![3 => Just("ACCEPT".to_owned()), 3 => Just("REJECT".to_owned()), 1 => absent, 1 => "[a-z]{1,6}"]
                .boxed()
        }
        _ => prop_oneof![4 => (0..200_u32).prop_map(|n| n.to_string()), 1 => absent].boxed(),
    }
}

fn line() -> impl Strategy<Value = Line> {
    let columns = prop::sample::subsequence(FIELDS.to_vec(), 1..=FIELDS.len()).prop_shuffle();
    prop_oneof![
        20 => FIELDS.map(token).prop_map(|tokens| Line::Record(tokens.to_vec())),
        2 => prop::collection::vec("[a-z0-9.-]{1,5}", 1..9).prop_map(Line::Record),
        1 => columns.prop_map(Line::Header),
        1 => Just(Line::Blank),
    ]
}

/// The lines as text: a record of six tokens is cut to the columns that hold where it stands.
fn text(lines: &[Line]) -> String {
    let mut columns = FIELDS.to_vec();
    let mut text = FIELDS.join(" ") + "\n";
    for line in lines {
        match line {
            Line::Blank => text.push_str(" \r\n"),
            Line::Header(header) => {
                columns.clone_from(header);
                text.push_str(&(header.join(" ") + "\r\n"));
            }
            Line::Record(tokens) => {
                let of = |column: &&str| FIELDS.iter().position(|field| field == column).and_then(|at| tokens.get(at));
                let tokens: Vec<String> = match tokens.len() {
                    6 => columns.iter().filter_map(of).cloned().collect(),
                    _ => tokens.clone(),
                };
                text.push_str(&(tokens.join(" ") + "\n"));
            }
        }
    }
    text
}

/// What records are grouped by.
type Key = Vec<Option<String>>;
/// Flows, bytes, the first start.
type Sums = (u64, Option<u64>, Option<u64>);

/// The answer of a reader that knows nothing of blocks, threads or hash tables.
fn naively(text: &str, since: Option<u64>) -> Value {
    let mut columns: Vec<&str> = Vec::new();
    let (mut records, mut malformed) = (0, 0);
    let mut sums: BTreeMap<Key, Sums> = BTreeMap::new();
    'lines: for line in text.lines() {
        let tokens: Vec<&str> = line.split_whitespace().collect();
        if tokens.is_empty() {
            continue;
        }
        if tokens.iter().all(|token| FIELDS.contains(token)) {
            columns = tokens;
            continue;
        }
        if tokens.len() != columns.len() {
            malformed += 1;
            continue;
        }
        let value = |name: &str| {
            let at = columns.iter().position(|column| *column == name)?;
            tokens.get(at).copied().filter(|token| *token != "-")
        };
        let number = |name: &str, most: u64| match value(name) {
            None => Ok(None),
            Some(token) => token.parse().ok().filter(|number| *number <= most).map(Some).ok_or(()),
        };
        // What is not wanted is not looked at any further.
        let Ok(start) = number("start", u64::MAX / 2) else {
            malformed += 1;
            continue;
        };
        if since.is_some_and(|since| start.is_none_or(|start| start < since)) {
            continue;
        }
        let fine = value("srcaddr").is_none_or(|text| text.parse::<std::net::IpAddr>().is_ok())
            && value("action").is_none_or(|text| ["ACCEPT", "REJECT"].contains(&text))
            && number("dstport", 65_535).is_ok()
            && number("bytes", u64::MAX / 2).is_ok();
        if !fine {
            malformed += 1;
            continue 'lines;
        }
        records += 1;
        let key = ["srcaddr", "interface-id", "dstport", "action"].map(|name| value(name).map(str::to_owned));
        let sum = sums.entry(key.to_vec()).or_default();
        sum.0 += 1;
        if let Ok(Some(bytes)) = number("bytes", u64::MAX / 2) {
            *sum.1.get_or_insert(0) += bytes;
        }
        sum.2 = [sum.2, start].into_iter().flatten().min();
    }
    let mut rows: Vec<_> = sums.into_iter().collect();
    rows.sort_by(|(a, x), (b, y)| {
        // What is absent comes last; ports go by their number.
        let rank = |key: &[Option<String>]| -> Vec<(bool, u64, String)> {
            let rank = |(index, value): (usize, &Option<String>)| {
                let text = value.clone().unwrap_or_default();
                (value.is_none(), if index == 2 { text.parse().unwrap_or_default() } else { 0 }, text)
            };
            key.iter().enumerate().map(rank).collect()
        };
        y.0.cmp(&x.0).then_with(|| rank(a).cmp(&rank(b)))
    });
    let row = |(key, (flows, bytes, first)): (Key, Sums)| {
        let key = |index: usize| key.get(index).cloned().flatten();
        let port = key(2).and_then(|port| port.parse::<u64>().ok());
        json!({
            "srcaddr": key(0), "interface_id": key(1), "dstport": port, "action": key(3),
            "flows": flows, "packets": null, "bytes": bytes, "first": first, "last": null
        })
    };
    let rows: Vec<Value> = rows.into_iter().map(row).collect();
    json!({"records": records, "malformed": malformed, "rows": rows})
}

fn ours(inputs: Vec<Input>, since: Option<u64>, threads: usize, memory: usize) -> (Digest, Value) {
    let mut query = Query::by(&["srcaddr", "interface-id", "dstport", "action"]);
    query.selection = Selection { since, ..Selection::default() };
    query.threads = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
    query.memory = memory;
    let found = digest(inputs, &query, &Arc::new(Progress::default())).unwrap();
    let mut out = Vec::new();
    assert!(render::json(&found, &mut out).is_ok());
    let document: Value = serde_json::from_slice(&out).unwrap_or_default();
    let of = |key: &str| document.get(key).cloned().unwrap_or_default();
    let answer = json!({"records": of("records"), "malformed": of("malformed"), "rows": of("rows")});
    (found, answer)
}

fn packed(text: &str) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    assert!(out.write_all(text.as_bytes()).is_ok());
    out.finish().unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_text_is_digested_as_a_naive_reader_digests_it(
        lines in prop::collection::vec(line(), 0..60),
        since in prop::option::of(0..200_u64),
        threads in 1..4_usize,
    ) {
        let text = text(&lines);
        let expected = naively(&text, since);
        let plain = ours(vec![Input::bytes("a", text.clone().into_bytes())], since, threads, Query::MEMORY).1;
        prop_assert_eq!(&plain, &expected, "{}", text);
        let gzip = ours(vec![Input::bytes("a", packed(&text))], since, threads, Query::MEMORY).1;
        prop_assert_eq!(&gzip, &expected);
    }

    #[test]
    fn several_inputs_and_hardly_any_memory_change_nothing(
        lines in prop::collection::vec(line(), 0..200),
        threads in 1..4_usize,
    ) {
        let text = text(&lines);
        let long = text.repeat(40);
        let expected = naively(&long, None);
        let inputs = || (0..40).map(|n| Input::bytes(format!("{n}"), text.clone().into_bytes())).collect();
        prop_assert_eq!(&ours(inputs(), None, threads, Query::MEMORY).1, &expected);
        prop_assert_eq!(&ours(inputs(), None, threads, 1).1, &expected);
    }
}

#[test]
fn malformed_lines_are_named_by_their_number_however_they_are_cut() {
    let good = "10.0.0.1 eni-a 1 ACCEPT 1 1\n".repeat(30_000);
    let text = format!("{}\n{good}bad\n{good}worse bad\n", FIELDS.join(" "));
    for threads in [1, 3] {
        let inputs = vec![Input::bytes("a", text.clone().into_bytes())];
        let (found, _) = ours(inputs, None, threads, Query::MEMORY);
        let lines: Vec<u64> = found.malformed.iter().map(|line| line.line).collect();
        assert_eq!(lines, [30_002, 60_003]);
    }
}
