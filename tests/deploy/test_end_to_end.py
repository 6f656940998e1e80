"""From somebody's call to the closed group and back: EventBridge, SQS, the program (as `watch`, and as a Lambda function), S3, SNS,
DynamoDB, CloudWatch; each the server's own, and the call one of boto3's."""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

import function
from accounts import REGION, Account, Case
from terraform import ROOT

PATTERN = (ROOT / "deploy/terraform/event-pattern.json").read_text()
POLICY = (ROOT / "deploy/iam/remediate.json").read_text()
EVERYBODY = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "quick fix"}]}
OFFICE = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "198.51.100.7/32"}]}


def until(so, patience=90):
    """What it answers, once that is something."""
    deadline = time.monotonic() + patience
    while not (answer := so()):
        if time.monotonic() > deadline:
            raise AssertionError("it did not come")
        time.sleep(0.1)
    return answer


class EndToEnd(Case):
    def setUp(self):
        if not function.is_there():
            self.skipTest("PORTCULLIS_TEST_PROGRAMS names no folder with the programs")
        self.account = Account()
        for service in ("ec2", "s3", "sns", "sqs", "dynamodb", "events", "cloudwatch", "iam", "lambda"):
            setattr(self, service.replace("lambda", "functions"), self.account.client(service))
        self.bucket, self.table = f"kept-{self.account.id}", f"portcullis-{self.account.id}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.dynamodb.create_table(
            TableName=self.table, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        )
        self.given_up, _ = self.queue("given-up")
        redrive = json.dumps({"deadLetterTargetArn": self.arn(self.given_up), "maxReceiveCount": 2})
        self.changes, arn = self.queue("changes", VisibilityTimeout="2", RedrivePolicy=redrive)
        self.events.put_rule(Name="changes", EventPattern=PATTERN)
        self.events.put_targets(Rule="changes", Targets=[{"Id": "queue", "Arn": arn}])
        self.topic = self.sns.create_topic(Name="portcullis-notices")["TopicArn"]
        self.inbox, arn = self.queue("inbox")
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.group = self.ec2.create_security_group(GroupName="web", Description="the shop", VpcId=vpc)["GroupId"]
        self.ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=[OFFICE])

    def queue(self, name, **attributes):
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, self.arn(url)

    def arn(self, url):
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def open(self):
        """Somebody opens SSH to everybody; CloudTrail tells EventBridge."""
        answer = self.ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=[EVERYBODY])
        rules = [
            {"groupId": self.group, "securityGroupRuleId": rule["SecurityGroupRuleId"], "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"}
            for rule in answer["SecurityGroupRules"]
        ]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        detail = {
            "eventVersion": "1.08", "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress", "eventTime": now,
            "eventID": answer["ResponseMetadata"]["RequestId"], "awsRegion": REGION, "recipientAccountId": self.account.id,
            "userIdentity": {"type": "IAMUser", "userName": "rogue", "accountId": self.account.id, "arn": f"arn:aws:iam::{self.account.id}:user/rogue"},
            "requestParameters": {"groupId": self.group},
            "responseElements": {"_return": True, "securityGroupRuleSet": {"items": rules}},
        }
        self.events.put_events(Entries=[{"Source": "aws.ec2", "DetailType": "AWS API Call via CloudTrail", "Detail": json.dumps(detail)}])

    def permissions(self):
        found = self.ec2.describe_security_groups(GroupIds=[self.group])["SecurityGroups"][0]["IpPermissions"]
        return sorted((block["CidrIp"], block.get("Description", "")) for permission in found for block in permission["IpRanges"])

    def is_open(self):
        return ("0.0.0.0/0", "quick fix") in self.permissions()

    def settings(self):
        return {
            "PORTCULLIS_ENFORCE": "true",
            "PORTCULLIS_STRATEGY": "narrow",
            "PORTCULLIS_BACKUP": f"s3://{self.bucket}/backups",
            "PORTCULLIS_STATE": f"dynamodb://{self.table}",
            "PORTCULLIS_NOTIFY": f"sns:{self.topic}",
            "PORTCULLIS_METRICS": "true",
        }

    def program(self, *arguments):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        environment = {"PATH": os.environ["PATH"], "HOME": folder.name} | self.account.environment() | self.settings()
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        process = subprocess.Popen([function.PROGRAM.with_name("portcullis"), *arguments], cwd=folder.name, env=environment, **pipes)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def keys(self, prefix):
        return [found["Key"] for found in self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])]

    def check(self, before):
        """What must be there once the group is closed; and back again."""
        self.assertIn(("198.51.100.7/32", ""), self.permissions())
        [backup] = self.keys(f"backups/{self.account.id}/{REGION}/{self.group}/")
        [notice] = until(lambda: self.account.messages(self.inbox))
        for word in (self.group, self.account.id, REGION, "user/rogue", "internet-ssh", f"portcullis rollback s3://{self.bucket}/{backup}"):
            self.assertIn(word, json.loads(notice["Body"])["Message"])
        names = {metric["MetricName"] for metric in self.cloudwatch.list_metrics(Namespace="SecurityGroup/Compliance")["Metrics"]}
        self.assertLessEqual({"RealTimeScanDuration", "RemediationActions", "CriticalViolationsFound"}, names)
        audit = "".join(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode() for key in self.keys("backups/journal/"))
        log = [json.loads(line) for line in audit.splitlines()]
        self.assertTrue(any('"IpProtocol"' in line and self.group in line for line in audit.splitlines()), log)
        back = self.program("rollback", f"s3://{self.bucket}/{backup}", "--yes", "--backup", f"s3://{self.bucket}/backups")
        said, _ = back.communicate(timeout=120)
        self.assertEqual([back.returncode, self.permissions()], [0, before], said)

    def test_watch_closes_what_somebody_opened_and_gives_poison_up(self):
        watch = self.program("watch", "--queue", self.changes)
        self.sqs.send_message(QueueUrl=self.changes, MessageBody='{"detail-type": "AWS A')
        self.open()
        before = self.permissions()
        until(lambda: not self.is_open())
        poison = until(lambda: self.account.messages(self.given_up))
        self.assertEqual([message["Body"] for message in poison], ['{"detail-type": "AWS A'])
        watch.send_signal(signal.SIGTERM)
        said, _ = watch.communicate(timeout=60)
        self.assertEqual(watch.returncode, 0, said)
        self.check(before)

    def test_the_function_does_the_same(self):
        role = self.iam.create_role(RoleName="service", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        policy = POLICY.replace("BUCKET/PREFIX", f"{self.bucket}/backups").replace("BUCKET", self.bucket)
        self.iam.put_role_policy(RoleName="service", PolicyName="own", PolicyDocument=policy)
        self.functions.create_function(
            FunctionName="responder", Runtime="provided.al2023", Handler="bootstrap", Role=role,
            Code={"ZipFile": function.archive()}, Environment={"Variables": self.settings()},
        )
        self.addCleanup(self.functions.delete_function, FunctionName="responder")
        self.sqs.send_message(QueueUrl=self.changes, MessageBody='{"detail-type": "AWS A')
        self.open()
        before = self.permissions()
        # As the service that maps a queue to a function: batch by batch, and what failed is left for another try.
        while not (poison := self.account.messages(self.given_up)):
            messages = self.account.messages(self.changes)
            records = [{"messageId": message["MessageId"], "eventSource": "aws:sqs", "body": message["Body"]} for message in messages]
            how, answer = function.called(self.account, "responder", {"Records": records})
            self.assertEqual(how, "response", answer)
            failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
            for message in messages:
                if message["MessageId"] not in failed:
                    self.sqs.delete_message(QueueUrl=self.changes, ReceiptHandle=message["ReceiptHandle"])
        self.assertEqual([message["Body"] for message in poison], ['{"detail-type": "AWS A'])
        self.assertFalse(self.is_open())
        self.check(before)


if __name__ == "__main__":
    unittest.main()
