"""Whether a file of SQL is valid in Athena's dialect, as far as sqlglot knows it: python check.py FILE"""

import pathlib
import sys

import sqlglot
from sqlglot import exp

statements = sqlglot.parse(pathlib.Path(sys.argv[1]).read_text(), read="athena")
kinds = [type(statement) for statement in statements if statement is not None]
assert kinds[0] is exp.Create and set(kinds[1:]) == {exp.Select}, kinds
table = statements[0]
assert table.this.expressions, "no columns"
for name in ("PartitionedByProperty", "LocationProperty"):
    assert table.find(getattr(exp, name)), f"no {name}"
for statement in statements[1:]:
    assert statement.find(exp.Group) and statement.find(exp.Order), statement.sql()
