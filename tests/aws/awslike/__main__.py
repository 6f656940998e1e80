"""moto_server with the manners of AWS where plain moto differs from it.

    python tests/aws/awslike -p PORT [--with-stdin] [--many ACCOUNTS:REGIONS:GROUPS]

What differs is in the modules beside this one, each with its test in `test_awslike.py`. Everything else is moto. Calls are
answered one after the other, so that a conditional write, or a call on several rules, is never seen half done.
"""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import functools
import io
import logging
import os
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication

import access
import cbor
import deployment
import functions
import machines
import many
import pages
import peering
import quick
import regions
import rules
import stacks

TURN = threading.Lock()


def one_after_the_other(answer, environ, start_response):
    # A client that is slow in sending, or waits for messages, must not hold up the others.
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    if length:
        environ["wsgi.input"] = io.BytesIO(body)
    waits = b"ReceiveMessage" in body or "ReceiveMessage" in environ.get("HTTP_X_AMZ_TARGET", "")
    # A function that is called makes calls of its own.
    if waits or environ.get("PATH_INFO", "").endswith("/invocations"):
        return answer(environ, start_response)
    with TURN:
        return cbor.translated(answer, environ, start_response)


def install():
    access.install()
    quick.install()
    rules.install()
    peering.install()
    pages.install()
    regions.install()
    stacks.install()
    deployment.install()
    functions.install()
    machines.install()
    call = DomainDispatcherApplication.__call__
    DomainDispatcherApplication.__call__ = lambda self, *args: one_after_the_other(functools.partial(call, self), *args)


def end_with_stdin():
    """Whoever started the server holds the other end of its stdin: however that process ends, the server does too."""
    def wait():
        sys.stdin.buffer.read()
        os._exit(0)
    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    if "--with-stdin" in sys.argv:
        sys.argv.remove("--with-stdin")
        end_with_stdin()
    install()
    if "--many" in sys.argv:
        place = sys.argv.index("--many")
        many.build(sys.argv[place + 1])
        del sys.argv[place:place + 2]
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    from moto.server import main
    main()
