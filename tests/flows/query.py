"""A query of Athena's, run by DuckDB on a Parquet file: python query.py FILE.parquet QUERY.sql"""

import json
import pathlib
import sys

import duckdb
import sqlglot

con = duckdb.connect()
con.execute(f"create view vpc_flow_logs as select * from read_parquet('{sys.argv[1]}')")
[sql] = sqlglot.transpile(pathlib.Path(sys.argv[2]).read_text(), read="athena", write="duckdb")
answer = con.execute(sql)
names = [column[0] for column in answer.description]
whole = lambda value: int(value) if isinstance(value, int) else value
print(json.dumps([dict(zip(names, map(whole, row))) for row in answer.fetchall()], default=int))
