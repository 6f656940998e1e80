"""Terraform on a copy of the modules, against the AWS-like server."""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import function
from accounts import ENDPOINT

ROOT = pathlib.Path(__file__).resolve().parents[2]
MIRROR = os.environ.get("PORTCULLIS_TEST_TERRAFORM_MIRROR")

# What a provider needs to know of a server on a loopback port.
LOCAL = """
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  max_retries                 = 2
"""


def needed(test):
    """Skips a test, and says so, where Terraform or its provider is not at hand."""
    if not shutil.which("terraform"):
        reason = "terraform is not installed"
    elif not MIRROR:
        reason = "PORTCULLIS_TEST_TERRAFORM_MIRROR names no filesystem mirror with the AWS provider"
    else:
        return test
    print(f"   skipped: {test.__name__} of Terraform: {reason}", file=sys.stderr)
    return unittest.skip(reason)(test)


class Terraform:
    """A folder with both modules and a root of the test's own beside them."""

    def __init__(self, account):
        self.account = account
        self.folder = tempfile.TemporaryDirectory()
        self.home = pathlib.Path(self.folder.name)
        for part in ("deploy/iam", "deploy/terraform", "policies"):
            shutil.copytree(ROOT / part, self.home / part, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars"))
        self.root = self.home / "deploy/terraform/root"
        self.root.mkdir()
        (self.home / "deploy/terraform/central/test_override.tf").write_text(f'provider "aws" {{{LOCAL}}}\n')
        self.home.joinpath("terraformrc").write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{MIRROR}"\n  }}\n}}\n')

    def zip(self):
        path = self.home / "portcullis-lambda.zip"
        path.write_bytes(function.archive())
        return path

    def provider(self, alias, account):
        keys = account.keys
        return (
            f'provider "aws" {{\n  alias = "{alias}"\n  region = "{account.session.region_name}"\n  access_key = "{keys["AccessKeyId"]}"\n'
            f'  secret_key = "{keys["SecretAccessKey"]}"\n  token = "{keys["SessionToken"]}"\n{LOCAL}}}\n'
        )

    def begin(self, *arguments, folder=None):
        """Starts Terraform in the root, or in a module's folder; see `end`."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": self.folder.name,
            "TF_CLI_CONFIG_FILE": str(self.home / "terraformrc"),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
        } | self.account.environment()
        where = self.home / "deploy/terraform" / folder if folder else self.root
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(["terraform", *arguments], cwd=where, env=environment, **pipes)

    def end(self, process):
        """What it said, once it has ended well."""
        said, _ = process.communicate(timeout=240)
        if process.returncode != 0:
            raise AssertionError(f"{' '.join(process.args)}: {process.returncode}\n{said[-8000:]}")
        return said

    def run(self, *arguments, folder=None):
        return self.end(self.begin(*arguments, folder=folder))

    def init(self, folder=None):
        self.run("init", "-input=false", "-no-color", folder=folder)

    def apply(self):
        self.run("apply", "-input=false", "-no-color", "-auto-approve", "-parallelism=30")
        return {name: output["value"] for name, output in json.loads(self.run("output", "-json")).items()}

    def destroy(self):
        self.run("destroy", "-input=false", "-no-color", "-auto-approve", "-parallelism=30")

    def close(self):
        self.folder.cleanup()
