//! What a digest says.

use serde_json::{Value, json};

use super::{HEADER, digest, record, rows, text, window};
use crate::harness::{Place, group, inventory};

/// Three flows, one of them twice, in two accounts' worth of columns.
fn sample() -> Place {
    let place = Place::new();
    let lines = [
        HEADER.to_owned(),
        record("10.0.0.9", "10.0.0.1", "ACCEPT", 1_700_000_000),
        record("10.0.0.10", "10.0.0.1", "ACCEPT", 1_700_000_100),
        record("10.0.0.9", "10.0.0.1", "ACCEPT", 1_700_000_060),
        record("10.0.0.9", "10.0.0.1", "REJECT", 1_700_000_200),
        window("NODATA"),
        window("SKIPDATA"),
    ];
    place.write("a.log", text(&lines.each_ref().map(String::as_str)));
    place
}

#[test]
fn the_json_is_exactly_as_promised() {
    let (run, document) = digest(&sample(), &["a.log"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let row = |source: &str, action: &str, flows: u64, first: u64, last: u64| {
        json!({
            "srcaddr": source, "dstaddr": "10.0.0.1", "action": action,
            "flows": flows, "packets": 10 * flows, "bytes": 840 * flows, "first": first, "last": last
        })
    };
    let expected = json!({
        "schema_version": "1", "records": 4, "nodata": 1, "skipdata": 1, "malformed": 0,
        "rows": [
            row("10.0.0.9", "ACCEPT", 2, 1_700_000_000, 1_700_000_120),
            row("10.0.0.10", "ACCEPT", 1, 1_700_000_100, 1_700_000_160),
            row("10.0.0.9", "REJECT", 1, 1_700_000_200, 1_700_000_260),
        ]
    });
    assert_eq!(document, expected);
    assert_eq!(run.stderr, "");
}

#[test]
fn the_table_is_as_it_always_was() {
    let run = sample().run(&["flows", "digest", "a.log"]);
    let expected = "  Hits  From       To        ACCEPT/REJECT\n\
                    ------  ---------  --------  ---------------\n     \
                    2  10.0.0.9   10.0.0.1  ACCEPT\n     \
                    1  10.0.0.10  10.0.0.1  ACCEPT\n     \
                    1  10.0.0.9   10.0.0.1  REJECT\n";
    assert_eq!((run.code, run.stdout.as_str()), (0, expected));
    assert_eq!(run.stderr, "4 records, 1 times no data, 1 times data skipped\n");
}

#[test]
fn ndjson_and_csv_hold_the_rows() {
    let place = sample();
    let run = place.run(&["flows", "digest", "a.log", "--format", "ndjson", "--output", "csv=a.csv"]);
    let lines: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["flows"], 2);
    let csv = std::fs::read_to_string(place.path().join("a.csv")).unwrap();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("srcaddr,dstaddr,action,flows,packets,bytes,first,last"));
    assert_eq!(lines.next(), Some("10.0.0.9,10.0.0.1,ACCEPT,2,20,1680,1700000000,1700000120"));
    assert_eq!(lines.count(), 2);
}

#[test]
fn any_fields_can_be_grouped_by() {
    let (run, document) = digest(&sample(), &["a.log", "--by", "interface-id,dstport,vpc_id"]);
    assert_eq!(run.code, 0);
    assert!(run.stderr.contains("no input has the field `vpc-id`"), "{}", run.stderr);
    let row = &document["rows"][0];
    assert_eq!(document["rows"].as_array().unwrap().len(), 1);
    assert_eq!((&row["interface_id"], &row["dstport"], &row["vpc_id"]), (&json!("eni-0a"), &json!(443), &Value::Null));
    assert_eq!(row["flows"], 4);
}

#[test]
fn impossible_groupings_are_refused() {
    for (by, said) in [
        ("packets", "`packets` is summed up in every row"),
        ("srcaddr,srcaddr", "`srcaddr` is named twice"),
        ("srcadr", "no input has a field `srcadr`: did you mean `srcaddr`?"),
        ("srcaddr,", "a field's name is missing"),
    ] {
        let run = sample().run(&["flows", "digest", "a.log", "--by", by]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{by}");
        assert!(run.stderr.contains(said), "{by}: {}", run.stderr);
    }
}

#[test]
fn the_top_is_what_it_says() {
    let place = Place::new();
    let lines: Vec<String> =
        (0..80).map(|n| record(&format!("10.0.{n}.1"), "10.9.9.9", "ACCEPT", 1_700_000_000)).collect();
    place.write("a.log", text(&lines.iter().map(String::as_str).collect::<Vec<_>>()));
    let table = |args: &[&str]| {
        let run = place.run(&[&["flows", "digest", "a.log"], args].concat());
        (run.stdout.lines().count() - 2, run.stderr)
    };
    assert_eq!(table(&[]).0, 50);
    assert!(table(&[]).1.contains("50 of 80 rows are shown"), "{}", table(&[]).1);
    assert_eq!(table(&["--top", "0"]).0, 80);
    assert_eq!(table(&["--top", "3"]).0, 3);
    assert_eq!(digest(&place, &["a.log"]).1["rows"].as_array().unwrap().len(), 80);
    let top = digest(&place, &["a.log", "--top", "2"]).1;
    assert_eq!(rows(&top), ["1 10.0.0.1 10.9.9.9 ACCEPT", "1 10.0.1.1 10.9.9.9 ACCEPT"]);
    assert_eq!(top["records"], 80);
}

#[test]
fn time_counts_from_included_until_excluded() {
    let place = sample();
    let selected = |args: &[&str]| {
        let (run, document) = digest(&place, &[&["a.log"], args].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        document["records"].as_u64().unwrap()
    };
    assert_eq!(selected(&["--since", "2023-11-14T22:14:20Z"]), 3);
    assert_eq!(selected(&["--since", "2023-11-14T22:14:21Z"]), 2);
    assert_eq!(selected(&["--until", "2023-11-14T22:14:20Z"]), 1);
    assert_eq!(selected(&["--until", "2023-11-14T23:14:21+01:00"]), 2);
    assert_eq!(selected(&["--since", "6h"]), 0);
    assert_eq!(selected(&["--look-back", "20000"]), 4);
    assert_eq!(selected(&["--look-back", "1"]), 0);
    assert_eq!(selected(&["--until", "2d"]), 4);
}

#[test]
fn actions_directions_and_interfaces_select() {
    let place = Place::new();
    place.write(
        "a.log",
        "interface-id srcaddr action flow-direction log-status\n\
         eni-a 10.0.0.1 ACCEPT ingress OK\neni-a 10.0.0.2 REJECT ingress OK\neni-b 10.0.0.3 ACCEPT egress OK\n\
         eni-b - - - NODATA\n",
    );
    let sources = |args: &[&str]| {
        let (run, document) = digest(&place, &[&["a.log", "--by", "srcaddr"], args].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        let rows = document["rows"].as_array().unwrap();
        rows.iter().map(|row| row["srcaddr"].as_str().unwrap()[7..].to_owned()).collect::<String>()
    };
    assert_eq!(sources(&[]), "123");
    assert_eq!(sources(&["--action", "accept"]), "13");
    assert_eq!(sources(&["--action", "REJECT"]), "2");
    assert_eq!(sources(&["--direction", "ingress"]), "12");
    assert_eq!(sources(&["--direction", "egress", "--action", "ACCEPT"]), "3");
    assert_eq!(sources(&["--eni", "eni-b"]), "3");
    assert_eq!(sources(&["--eni", "eni-a,eni-b"]), "123");
    assert_eq!(sources(&["--eni", "eni-c"]), "");
}

#[test]
fn groups_select_by_the_inventorys_interfaces() {
    let place = sample();
    let mut document: Value = serde_json::from_str(&inventory(&[group("sg-0a", &[])])).unwrap();
    document["NetworkInterfaces"] = json!([{
        "NetworkInterfaceId": "eni-0a", "OwnerId": "111122223333", "Description": "the shop\u{1b}[31m",
        "Groups": [{"GroupId": "sg-0a", "GroupName": "0a"}], "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.1"}]
    }]);
    place.write("inventory.json", document.to_string());
    for group in ["sg-0a", "0a"] {
        let (run, document) = digest(&place, &["a.log", "--inventory", "inventory.json", "--group", group]);
        assert_eq!((run.code, &document["records"]), (0, &json!(4)), "{}", run.stderr);
    }
    let unknown = place.run(&["flows", "digest", "a.log", "--inventory", "inventory.json", "--group", "sg-none"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("the inventory has no group `sg-none`"), "{}", unknown.stderr);
    assert_eq!(place.run(&["flows", "digest", "a.log", "--group", "sg-0a"]).code, 2);

    let table = place.run(&["flows", "digest", "a.log", "--inventory", "inventory.json"]);
    assert!(table.stdout.contains("10.0.0.1 (the shop\\x1b[31m)"), "{}", table.stdout);
}

#[test]
fn what_is_absent_is_null_and_not_nothing() {
    let place = Place::new();
    place.write("a.log", "srcaddr srcport packets bytes start end\n- - - - - -\n- - 5 0 - 7\n10.0.0.1 0 1 - 3 -\n");
    let (_, document) = digest(&place, &["a.log", "--by", "srcaddr,srcport"]);
    let expected = json!([
        {"srcaddr": null, "srcport": null, "flows": 2, "packets": 5, "bytes": 0, "first": null, "last": 7},
        {"srcaddr": "10.0.0.1", "srcport": 0, "flows": 1, "packets": 1, "bytes": null, "first": 3, "last": null},
    ]);
    assert_eq!(document["rows"], expected);
}

#[test]
fn little_memory_changes_no_answer() {
    let place = Place::new();
    let lines: String = (0..150_000)
        .map(|n| record(&format!("10.{}.{}.7", n % 200, n / 200 % 200), "2001:db8::1", "ACCEPT", n) + "\n")
        .collect();
    place.write("a.log", lines);
    let rows = |more: &[&str]| {
        let args = ["flows", "digest", "a.log", "--by", "srcaddr,dstaddr,start", "--format", "ndjson"];
        place.run(&[&args, more].concat())
    };
    let (plenty, little) = (rows(&[]), rows(&["--memory", "16MB"]));
    assert_eq!((plenty.code, little.code), (0, 0), "{}", little.stderr);
    assert_eq!(plenty.stdout.lines().count(), 150_000);
    assert!(plenty.stdout == little.stdout, "the answers differ");
}
