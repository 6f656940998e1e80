"""AWS accounts of the AWS-like server, for the tests of what is deployed."""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import ast
import os
import random
import unittest
import urllib.parse

import boto3
from botocore.config import Config

ENDPOINT = os.environ.get("PORTCULLIS_TEST_AWS")
REGION = "us-east-1"


class Account:
    """An account of its own: any access key may assume any role, and acts in the role's account."""

    def __init__(self):
        if not ENDPOINT:
            raise AssertionError("start the tests with `cargo xtask test`, or `cargo xtask moto -- python -m unittest discover tests/deploy`")
        self.id = "".join(random.choices("123456789", k=12))
        sts = boto3.client("sts", endpoint_url=ENDPOINT, region_name=REGION, aws_access_key_id="AKIATESTTESTTESTTEST", aws_secret_access_key="x")
        self.keys = sts.assume_role(RoleArn=f"arn:aws:iam::{self.id}:role/any", RoleSessionName="test")["Credentials"]
        self.session = boto3.Session(self.keys["AccessKeyId"], self.keys["SecretAccessKey"], self.keys["SessionToken"], region_name=REGION)

    def client(self, service, patience=60):
        how = Config(retries={"max_attempts": 0}, read_timeout=patience, s3={"addressing_style": "path"})
        return self.session.client(service, endpoint_url=ENDPOINT, config=how)

    def environment(self):
        """What a program needs to act in this account."""
        return {
            "AWS_ACCESS_KEY_ID": self.keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": self.keys["SecretAccessKey"],
            "AWS_SESSION_TOKEN": self.keys["SessionToken"],
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": ENDPOINT,
        }

    def messages(self, queue):
        """What waits in a queue."""
        return self.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])

    def policy(self, role, name):
        """An inline policy of a role."""
        document = self.client("iam").get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        # Moto keeps that of a stack as Python would write it, and what was left out as None.
        return document if isinstance(document, dict) else ast.literal_eval(urllib.parse.unquote(document))


def statements(document):
    return [statement for statement in listed(document["Statement"]) if statement]


def listed(value):
    return value if isinstance(value, list) else [value]


def actions(document):
    """Every action that a policy allows."""
    return {action for statement in statements(document) if statement["Effect"] == "Allow" for action in listed(statement["Action"])}


class Case(unittest.TestCase):
    """A test whose differences are shown whole."""

    maxDiff = None
