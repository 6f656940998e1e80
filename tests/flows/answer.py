"""DuckDB's answer to a digest, as JSON, and the same records in other forms: gzip, and Parquet in several encodings.

    python answer.py FLOWS.LOG FIELD,FIELD

Writes `flows.log.gz`, `plain.parquet`, `dictionary.parquet`, `version-2.parquet` and `typed.parquet` beside the log.
"""

import gzip
import json
import pathlib
import sys

import duckdb

NUMBERS = ["version", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end"]
FORMS = {
    "plain": "dictionary_size_limit 1, row_group_size 4096",
    "dictionary": "compression zstd, row_group_size 10000",
    # Delta and length encodings.
    "version-2": "parquet_version v2, dictionary_size_limit 1",
}


def main(log: pathlib.Path, by: list[str]) -> None:
    con = duckdb.connect()
    names = log.read_text().splitlines()[0].split()
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    con.execute(
        f"create table text as select * from read_csv('{log}', delim=' ', header=true, quote='', columns={{{columns}}})"
    )
    number = lambda name: "BIGINT" if name in ("packets", "bytes", "start", "end") else "INTEGER"
    typed = ", ".join(
        (f'nullif("{n}", \'-\')::{number(n)}' if n in NUMBERS else f'nullif("{n}", \'-\')')
        + f' as "{n.replace("-", "_")}"'
        for n in names
    )
    con.execute(f"create table flows as select {typed} from text")

    if not pathlib.Path("flows.log.gz").exists():
        pathlib.Path("flows.log.gz").write_bytes(gzip.compress(log.read_bytes()))
        for form, options in FORMS.items():
            con.execute(f"copy flows to '{form}.parquet' (format parquet, {options})")
        # Types that another writer might choose: wide ports, an account as a number.
        con.execute(
            """copy (select * replace (srcport::bigint as srcport, dstport::bigint as dstport,
                     account_id::bigint as account_id, protocol::utinyint as protocol) from flows)
               to 'typed.parquet' (format parquet)"""
        )

    keys = [name.replace("-", "_") for name in by]
    quoted = ", ".join(f'"{key}"' for key in keys)
    rows = con.execute(
        f"""select {quoted}, count(*) as flows, sum(packets)::bigint as packets, sum(bytes)::bigint as bytes,
                   min(start) as first, max("end") as last
            from flows where log_status = 'OK' group by all
            order by flows desc, {", ".join(f'"{key}" nulls last' for key in keys)}"""
    ).fetchall()
    count = lambda status: con.execute("select count(*) from flows where log_status = ?", [status]).fetchone()[0]
    heads = keys + ["flows", "packets", "bytes", "first", "last"]
    print(
        json.dumps(
            {
                "records": count("OK"),
                "nodata": count("NODATA"),
                "skipdata": count("SKIPDATA"),
                "rows": [dict(zip(heads, row)) for row in rows],
            }
        )
    )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2].split(","))
