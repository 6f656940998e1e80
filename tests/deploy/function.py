"""The Lambda function's program, run as Lambda runs it, in the settings that a deployment gave it."""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import http.server
import json
import os
import pathlib
import queue
import subprocess
import threading
import time

PROGRAM = pathlib.Path(os.environ.get("PORTCULLIS_TEST_PROGRAMS", "/nowhere")) / "portcullis-lambda"


def is_there():
    return PROGRAM.exists()


class Runtime:
    """Lambda's runtime interface for one call. Source: AWS Lambda Developer Guide, "Using the Lambda runtime API"."""

    def __init__(self):
        self.calls, self.answers = queue.Queue(), queue.Queue()
        runtime = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                body = json.dumps(runtime.calls.get()).encode()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 60) * 1000)))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:111122223333:function:f")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                said = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Transfer-Encoding") == "chunked":
                    while size := int(self.rfile.readline(), 16):
                        said += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                runtime.answers.put((self.path.rsplit("/", 1)[-1], json.loads(said or b"null")))

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server.server_port}"


def called(account, settings, event):
    """What the program answers to an event: `response` or `error`, and what it said."""
    runtime = Runtime()
    environment = settings | account.environment() | {
        "AWS_LAMBDA_RUNTIME_API": runtime.address,
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_LAMBDA_LOG_STREAM_NAME": "s",
    }
    runtime.calls.put(event)
    program = subprocess.Popen([PROGRAM], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    # A program that ends has nothing more to say.
    threading.Thread(target=lambda: (program.wait(), runtime.answers.put(None)), daemon=True).start()
    try:
        answer = runtime.answers.get(timeout=120)
        if answer is None:
            raise AssertionError(f"the program ended:\n{program.stdout.read()[-4000:]}")
        return answer
    finally:
        program.kill()
        program.wait()
        program.stdout.close()
        runtime.server.shutdown()
        runtime.server.server_close()
