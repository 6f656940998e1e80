"""The Lambda function's program: packed as `cargo xtask dist` packs it, and called where it was deployed."""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import io
import json
import os
import pathlib
import zipfile

PROGRAM = pathlib.Path(os.environ.get("PORTCULLIS_TEST_PROGRAMS", "/nowhere")) / "portcullis-lambda"


def is_there():
    return PROGRAM.exists()


def archive():
    """A zip whose `bootstrap` is the program: called where it lies, since a debug build would be megabytes of zip."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as code:
        code.writestr("bootstrap", f'#!/bin/sh\nexec "{PROGRAM}"\n')
    return packed.getvalue()


def called(account, function, event):
    """What a deployed function answers to an event: `response` or `error`, and what it said."""
    answer = account.client("lambda", patience=300).invoke(FunctionName=function, Payload=json.dumps(event).encode())
    return "error" if "FunctionError" in answer else "response", json.loads(answer["Payload"].read())
