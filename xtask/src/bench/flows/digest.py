"""The default digest in DuckDB's words: python digest.py FILE-OR-FOLDER"""

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
