"""Lambda functions that run: the `bootstrap` of a function's zip as a process, under cargo-lambda's local runtime.

Moto runs functions in Docker. Here a function that is called starts once, with the environment that its configuration and
Lambda give it and with the credentials of its role, and answers one call after another, as one instance does. Both processes
end with the server. What cargo-lambda does not tell a function is its deadline: it gives one of 1970. A queue that is mapped to a
function keeps its messages: whoever tests polls it, and calls the function.
"""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import concurrent.futures
import ctypes
import io
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zipfile

import boto3
from moto.awslambda.models import LambdaBackend
from moto.settings import moto_server_port

RUNTIME = pathlib.Path(sys.prefix) / "bin/cargo-lambda"
RUNNING = {}
STARTING = threading.Lock()
# A process ends with the thread that started it, so that is one that stays.
STARTER = concurrent.futures.ThreadPoolExecutor(max_workers=1)


def with_us():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def started(*command, **how):
    how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "preexec_fn": with_us} | how
    return STARTER.submit(subprocess.Popen, command, **how).result()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def manifest(folder):
    """cargo-lambda wants a package to name its functions after; nothing of it is built."""
    (folder / "src").mkdir()
    (folder / "src/main.rs").write_text("fn main() {}\n")
    (folder / "Cargo.toml").write_text('[package]\nname = "function"\nversion = "0.0.0"\nedition = "2021"\n')


def endpoint():
    return f"http://127.0.0.1:{moto_server_port()}"


def session(role):
    """Who has a role: credentials in its account."""
    sts = boto3.client("sts", endpoint_url=endpoint(), region_name="us-east-1", aws_access_key_id="AKIATESTTESTTESTTEST", aws_secret_access_key="x")
    return sts.assume_role(RoleArn=role, RoleSessionName="awslike")["Credentials"]


class Function:
    def __init__(self, function):
        self.home = tempfile.TemporaryDirectory()
        home = pathlib.Path(self.home.name)
        (home / "code").mkdir()
        (home / "package").mkdir()
        with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as code:
            code.extractall(home / "code")
        bootstrap = home / "code/bootstrap"
        bootstrap.chmod(0o755)
        manifest(home / "package")
        self.port = free_port()
        self.runtime = started(
            RUNTIME, "lambda", "watch", "--only-lambda-apis", "--disable-cors", "--quiet", "-A", "127.0.0.1", "-P", str(self.port),
            cwd=home / "package", stderr=subprocess.DEVNULL, env=os.environ | {"CARGO_NET_OFFLINE": "true"},
        )
        until_listening(self.port)
        keys = session(function.role)
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            "AWS_SESSION_TOKEN": keys["SessionToken"],
            "AWS_REGION": function.region,
            "AWS_ENDPOINT_URL": endpoint(),
            "AWS_LAMBDA_RUNTIME_API": f"http://127.0.0.1:{self.port}/.rt",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        }
        self.process = started(bootstrap, cwd=home / "code", env=environment | function.environment_vars)

    def call(self, body):
        """What it answers, and whether that is an error of its own."""
        address = f"http://127.0.0.1:{self.port}/2015-03-31/functions/_/invocations"
        request = urllib.request.Request(address, data=body or b"{}", method="POST")
        answer = concurrent.futures.ThreadPoolExecutor(max_workers=1).submit(said, request)
        while not answer.done():
            concurrent.futures.wait([answer], timeout=0.2)
            if self.process.poll() is not None:
                return b'{"errorType": "Runtime.ExitError", "errorMessage": "the function ended"}', True
        return answer.result()

    def end(self):
        for process in (self.process, self.runtime):
            process.kill()
            process.wait()
        self.home.cleanup()


def said(request):
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.read(), False
    except urllib.error.HTTPError as error:
        return error.read(), True


def until_listening(port):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("cargo-lambda's runtime does not listen")


def invoke(self, function_name, qualifier, body, headers, response_headers):
    function = self.get_function(function_name, qualifier)
    with STARTING:
        known = RUNNING.get(function.function_arn)
        # Code or configuration that is new is a new instance.
        now = (function.code_sha_256, tuple(sorted(function.environment_vars.items())))
        if known is None or known[0] != now or known[1].process.poll() is not None:
            if known:
                known[1].end()
            known = RUNNING[function.function_arn] = (now, Function(function))
    payload, failed = known[1].call(body if isinstance(body, bytes) else (body or "").encode())
    if failed:
        response_headers["x-amz-function-error"] = "Unhandled"
    response_headers["Content-Length"] = str(len(payload))
    return payload


def ended(call):
    def with_its_process(self, function_name, qualifier=None):
        arn = self.get_function(function_name, qualifier).function_arn
        call(self, function_name, qualifier)
        with STARTING:
            if known := RUNNING.pop(arn, None):
                known[1].end()
    return with_its_process


def install():
    LambdaBackend.invoke = invoke
    LambdaBackend.send_sqs_batch = lambda self, function_arn, messages, queue_arn: False
    LambdaBackend.delete_function = ended(LambdaBackend.delete_function)
