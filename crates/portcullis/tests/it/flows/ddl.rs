//! Athena's table and queries: the SQL is valid, and gives our answers.

use serde_json::Value;

use super::digest;
use super::duckdb::{python, sample};
use crate::harness::Place;

#[test]
fn every_layouts_sql_is_valid() {
    let place = Place::new();
    for layout in ["plain", "hourly", "hive", "hive-hourly"] {
        for form in ["parquet", "text"] {
            let run =
                place.run(&["flows", "ddl", "--layout", layout, "--location", "s3://logs/p/AWSLogs/", "--form", form]);
            assert_eq!(run.code, 0, "{}", run.stderr);
            assert!(run.stdout.contains("LOCATION 's3://logs/p/AWSLogs/'"), "{}", run.stdout);
            place.write("table.sql", &run.stdout);
            python("check.py", &place, &["table.sql"]);
        }
    }
}

#[test]
fn what_would_break_out_of_the_sql_is_refused() {
    let place = Place::new();
    for args in [
        ["--location", "s3://logs/it's"],
        ["--location", "logs"],
        ["--table", "a b"],
        ["--account", "1'"],
        ["--fields", "a;b"],
    ] {
        let all = ["flows", "ddl", "--layout", "plain", "--location", "s3://logs"];
        let run = place.run(&[&all[..if args[0] == "--location" { 4 } else { 6 }], &args].concat());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn the_queries_give_our_answers() {
    let place = Place::new();
    place.write("flows.log", sample());
    python("answer.py", &place, &["flows.log", "srcaddr"]);
    for (query, by) in [
        ("digest", vec!["--by", "srcaddr,dstaddr,action"]),
        (
            "usage",
            vec!["--by", "account-id,interface-id,srcaddr,dstaddr,srcport,dstport,protocol", "--action", "ACCEPT"],
        ),
        ("risk", vec!["--by", "srcaddr,dstaddr,dstport,protocol,interface-id", "--action", "ACCEPT"]),
    ] {
        let run = place.run(&["flows", "ddl", "--layout", "plain", "--location", "s3://logs", "--query", query]);
        place.write("query.sql", &run.stdout);
        let theirs: Value =
            serde_json::from_str(&python("query.py", &place, &["dictionary.parquet", "query.sql"])).unwrap();
        let (_, ours) = digest(&place, &[&["dictionary.parquet"], by.as_slice()].concat());
        assert!(ours["rows"] == theirs, "{query}");
    }
}
