//! DuckDB reads the same files and must give the same answer, row by row, in all forms.

use std::process::Command;

use serde_json::Value;

use super::{HEADER, digest};
use crate::harness::{Place, root};

/// Runs a script of `tests/flows` with the Python of the tests, which `cargo xtask test` and `cargo xtask moto` put first
/// in PATH.
pub(super) fn python(script: &str, place: &Place, args: &[&str]) -> String {
    assert!(std::env::var_os("PORTCULLIS_TEST_AWS").is_some(), "run this test through `cargo xtask moto -- …`");
    let mut command = Command::new("python");
    command.arg(root().join("tests/flows").join(script)).args(args).current_dir(place.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Records of every sort, the same ones each time.
pub(super) fn sample() -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % bound
    };
    let mut text = format!("{HEADER}\n");
    for line in 0..30_000_u64 {
        let start = 1_700_000_000 + line / 10;
        if below(50) == 0 {
            let status = if below(3) == 0 { "SKIPDATA" } else { "NODATA" };
            text.push_str(&format!(
                "2 111122223333 eni-{} - - - - - - - {start} {} - {status}\n",
                below(9),
                start + 60
            ));
            continue;
        }
        let source = match below(20) {
            0 => format!("2001:db8::{:x}", below(500) + 1),
            1 => "-".to_owned(),
            _ => format!("10.{}.{}.{}", below(3), below(12), below(256)),
        };
        let (interface, port) = (below(9), [22, 443, 5432][below(3) as usize]);
        let bytes = if below(30) == 0 { "-".to_owned() } else { below(2_000_000).to_string() };
        let action = if below(3) == 0 { "REJECT" } else { "ACCEPT" };
        text.push_str(&format!(
            "2 111122223333 eni-{interface} {source} 172.31.0.{} {} {port} 6 {} {bytes} {start} {} {action} OK\n",
            below(4),
            1024 + below(60_000),
            below(10_000),
            start + below(600)
        ));
    }
    text
}

#[test]
fn every_form_gives_duckdbs_answer() {
    let place = Place::new();
    place.write("flows.log", sample());
    for by in ["srcaddr,dstaddr,action", "interface-id,dstport", "srcaddr,dstaddr,srcport,dstport,protocol,action"] {
        let expected: Value = serde_json::from_str(&python("answer.py", &place, &["flows.log", by])).unwrap();
        for form in
            ["flows.log", "flows.log.gz", "plain.parquet", "dictionary.parquet", "version-2.parquet", "typed.parquet"]
        {
            let (run, document) = digest(&place, &[form, "--by", by]);
            assert_eq!(run.code, 0, "{form}: {}", run.stderr);
            assert_eq!(document["nodata"], expected["nodata"], "{form}");
            assert_eq!(document["skipdata"], expected["skipdata"], "{form}");
            assert_eq!(document["records"], expected["records"], "{form}");
            let (ours, theirs) = (document["rows"].as_array().unwrap(), expected["rows"].as_array().unwrap());
            assert_eq!(ours.len(), theirs.len(), "{form} by {by}");
            for (ours, theirs) in ours.iter().zip(theirs) {
                assert_eq!(ours, theirs, "{form} by {by}");
            }
        }
    }
}
