"""The same with flowlogs-reader, which reads a record at a time: python reader.py FILE"""

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
