//! `flows digest` against DuckDB, which reads the same files on the same cores and gives the same answer, and against
//! flowlogs-reader and bare readers of bytes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use super::table::{megabytes, table, time};
use super::whole::Bench;
use crate::flows_data::{self, VERSION};
use crate::process::run;

/// The default digest in DuckDB's words; `{source}` reads the file.
const SCRIPT: &str = r#"
import sys, duckdb
path, folder = sys.argv[1], sys.argv[1].endswith("d")
if path.endswith("parquet"):
    source, status = f"read_parquet('{path}')", "log_status"
else:
    names = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status".split()
    kind = lambda name: "BIGINT" if name in ("packets", "bytes", "start", "end") else "VARCHAR"
    columns = ", ".join(f"'{name}': '{kind(name)}'" for name in names)
    files = f"{path}/*" if folder else path
    source = f"read_csv('{files}', delim=' ', header=true, quote='', nullstr='-', columns={{{columns}}})"
    status = '"log-status"'
query = f"""select srcaddr, dstaddr, action, count(*) as flows, sum(packets) as packets, sum(bytes) as bytes,
       min(start) as first, max("end") as last
    from {source} where {status} = 'OK' group by all order by flows desc, srcaddr, dstaddr, action"""
duckdb.connect().execute(f"copy ({query}) to '/dev/null' (format json, array true, use_tmp_file false)")
"#;

/// The same with flowlogs-reader, which reads a record at a time.
const READER: &str = r#"
import sys, collections
from flowlogs_reader import FlowRecord
fields = None
sums = collections.Counter()
for line in open(sys.argv[1]):
    words = line.split()
    if fields is None:
        fields = [word.replace("-", "_") for word in words]
        continue
    record = FlowRecord(dict(zip(fields, words)))
    if record.log_status == "OK":
        sums[record.srcaddr, record.dstaddr, record.action] += 1
"#;

/// Makes Parquet as DuckDB writes it.
const PARQUET: &str = r#"
import sys, duckdb
text, out = sys.argv[1:]
con = duckdb.connect()
number = {"version": "INTEGER", "srcport": "INTEGER", "dstport": "INTEGER", "protocol": "INTEGER",
          "packets": "BIGINT", "bytes": "BIGINT", "start": "BIGINT", "end": "BIGINT"}
names = open(text).readline().split()
columns = ", ".join(f"'{name}': '{number.get(name, 'VARCHAR')}'" for name in names)
named = ", ".join('"%s" as "%s"' % (name, name.replace("-", "_")) for name in names)
con.execute(f"copy (select {named} from read_csv('{text}', delim=' ', header=true, quote='', nullstr='-', "
            f"columns={{{columns}}})) to '{out}' (format parquet)")
"#;

/// The files of one number of keys.
struct Files {
    text: PathBuf,
    gzip: PathBuf,
    forty: PathBuf,
    parquet: PathBuf,
}

pub(super) fn digest(bench: &Bench) -> Result<String> {
    let records: u64 = if bench.quick { 1_000_000 } else { 10_000_000 };
    let python = crate::moto::python()?;
    let python = python.display().to_string();
    let script = |name: &str, text: &str| -> Result<String> {
        let path = bench.folder.join(name);
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    let (duckdb, parquet) = (script("duckdb.py", SCRIPT)?, script("parquet.py", PARQUET)?);
    let mut answer = String::new();
    for keys in [7_000, 1_200_000] {
        let files = files(bench, records, keys, &python, &parquet)?;
        let mut rows = Vec::new();
        for (form, path) in [
            ("text", &files.text),
            ("gzip, one file", &files.gzip),
            ("gzip, 40 files", &files.forty),
            ("Parquet", &files.parquet),
        ] {
            let path = path.display().to_string();
            let ours = [&bench.portcullis, "flows", "digest", &path, "--format", "json"];
            let theirs = [python.as_str(), &duckdb, &path];
            let [ours, theirs] = bench.by_turns(bench.runs, [&ours, &theirs])?;
            #[expect(clippy::cast_precision_loss, reason = "a rate of three digits for people")]
            let rate = |wall: std::time::Duration| format!("{:.1} M", records as f64 / wall.as_secs_f64() / 1e6);
            rows.push([
                form.to_owned(),
                time(ours.wall),
                rate(ours.wall),
                megabytes(ours.peak),
                time(theirs.wall),
                rate(theirs.wall),
                megabytes(theirs.peak),
                format!("{:.2} ×", theirs.wall.as_secs_f64() / ours.wall.as_secs_f64()),
            ]);
        }
        let title = format!("Digest of {} million records, {keys} keys", records / 1_000_000);
        let head = ["form", "portcullis", "records/s", "memory", "DuckDB", "records/s", "memory", "ratio"];
        answer.push_str(&table(&title, head, &rows));
        answer.push('\n');
        if keys == 7_000 {
            answer.push_str(&floors(bench, &files, &python, &script("reader.py", READER)?)?);
            answer.push('\n');
        }
    }
    Ok(answer)
}

/// What nobody who reads all bytes can be quicker than; and the usual reader in Python, on a part of the records.
fn floors(bench: &Bench, files: &Files, python: &str, reader: &str) -> Result<String> {
    let few = bench.folder.join(format!("flows-v{VERSION}-few.log"));
    if !few.exists() {
        generate(200_000, 7_000, 1, false, &few)?;
    }
    let (text, gzip, few) =
        (files.text.display().to_string(), files.gzip.display().to_string(), few.display().to_string());
    let few_ours = [&bench.portcullis, "flows", "digest", &few, "--format", "json"];
    let ours = [&bench.portcullis, "flows", "digest", &text, "--format", "json"];
    let ours_gzip = [&bench.portcullis, "flows", "digest", &gzip, "--format", "json"];
    let [cat, wc, own, unpack, own_gzip] = bench
        .by_turns(bench.runs, [&["cat", &text], &["wc", "-l", &text], &ours, &["gzip", "-dc", &gzip], &ours_gzip])?;
    let [slow, quick] = bench.by_turns(bench.runs.min(3), [&[python, reader, &few], &few_ours])?;
    let row = |name: &str, cost: super::measure::Cost, ours: super::measure::Cost| {
        [name.to_owned(), time(cost.wall), format!("{:.2} ×", ours.wall.as_secs_f64() / cost.wall.as_secs_f64())]
    };
    let rows = [
        row("cat, text", cat, own),
        row("wc -l, text", wc, own),
        row("gzip -dc, one file", unpack, own_gzip),
        row("flowlogs-reader, 200,000 records", slow, quick),
    ];
    Ok(table("Floors, and the usual reader", ["program", "wall time", "ours takes"], &rows))
}

fn files(bench: &Bench, records: u64, keys: u64, python: &str, parquet: &str) -> Result<Files> {
    let path = |ending: &str| bench.folder.join(format!("flows-v{VERSION}-{records}-{keys}{ending}"));
    let files = Files { text: path(".log"), gzip: path(".log.gz"), forty: path("-40.d"), parquet: path(".parquet") };
    let made = |path: &PathBuf, make: &dyn Fn(&PathBuf) -> Result<()>| -> Result<()> {
        if path.exists() {
            return Ok(());
        }
        eprintln!("   generating {}", path.display());
        let unfinished = path.with_extension("unfinished");
        make(&unfinished)?;
        Ok(fs::rename(&unfinished, path)?)
    };
    made(&files.text, &|path| generate(records, keys, 1, false, path))?;
    made(&files.gzip, &|path| generate(records, keys, 1, true, path))?;
    made(&files.forty, &|path| generate(records, keys, 40, true, path))?;
    made(&files.parquet, &|path| run(Command::new(python).arg(parquet).arg(&files.text).arg(path)))?;
    ensure!(files.parquet.exists(), "no Parquet was written");
    Ok(files)
}

fn generate(records: u64, keys: u64, files: u64, gzip: bool, out: &std::path::Path) -> Result<()> {
    flows_data::run(&flows_data::Args { records, keys, files, gzip, seed: 1, out: out.to_owned() })
}
