"""Flow logs in text as Parquet, as DuckDB writes it: python convert.py TEXT OUT"""

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
