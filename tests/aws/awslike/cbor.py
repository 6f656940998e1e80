"""RPC v2 with CBOR, which the SDKs speak with CloudWatch and moto does not: such a call is turned into JSON, which moto
understands, and its answer back.

<https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>. Times in answers stay numbers: nothing here reads any.
"""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import datetime
import io
import json
import re
import struct

from botocore.parsers import RpcV2CBORParser

CALL = re.compile(r"/service/(\w+)/operation/(\w+)")


def plain(value):
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    raise TypeError(f"{type(value)} in a CBOR call")


def decode(body):
    return RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body))) if body else {}


def head(major, count):
    return bytes([major << 5 | 26]) + struct.pack(">I", count)


def encode(value):
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
    if isinstance(value, int) and 0 <= value < 1 << 32:
        return head(0, value)
    if isinstance(value, (int, float)):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encode, value))
    return head(5, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())


def translated(app, environ, start_response):
    call = CALL.fullmatch(environ.get("PATH_INFO", ""))
    if not call or environ.get("HTTP_SMITHY_PROTOCOL") != "rpc-v2-cbor":
        return app(environ, start_response)
    body = json.dumps(decode(environ["wsgi.input"].read()), default=plain).encode()
    environ |= {"PATH_INFO": "/", "CONTENT_TYPE": "application/x-amz-json-1.0", "HTTP_X_AMZ_TARGET": ".".join(call.groups()),
                "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    # Werkzeug and moto look at these for the call's path and protocol too.
    environ["RAW_URI"] = environ["REQUEST_URI"] = "/"
    for name in ("HTTP_SMITHY_PROTOCOL", "HTTP_ACCEPT"):
        environ.pop(name, None)
    told = {}

    def remember(status, headers, *_):
        told.update(status=status, headers=headers)
    answer = encode(json.loads(b"".join(app(environ, remember)) or b"{}"))
    kept = [(k, v) for k, v in told["headers"] if k.lower() not in ("content-type", "content-length")]
    start_response(told["status"], kept + [("Content-Type", "application/cbor"), ("Content-Length", str(len(answer))),
                                           ("smithy-protocol", "rpc-v2-cbor")])
    return [answer]
