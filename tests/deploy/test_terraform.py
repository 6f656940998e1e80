"""Both Terraform modules, applied to two accounts, looked at, and taken away again."""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import json
import subprocess
import time
import urllib.request

import function
from accounts import ENDPOINT, Account, Case, actions, statements
from terraform import ROOT, Terraform, needed

CHANGE = {
    "eventVersion": "1.08",
    "eventSource": "ec2.amazonaws.com",
    "eventName": "AuthorizeSecurityGroupIngress",
    "requestParameters": {"groupId": "sg-0123456789abcdef0"},
}


def shipped(name):
    return json.loads((ROOT / "deploy/iam" / name).read_text())


@needed
class Modules(Case):
    @classmethod
    def setUpClass(cls):
        cls.hub, cls.member = Account(), Account()
        cls.terraform = Terraform(cls.hub)
        cls.addClassCleanup(cls.terraform.close)
        main = cls.terraform.provider("member", cls.member) + f"""
module "central" {{
  source             = "../central"
  lambda_zip         = "{cls.terraform.zip()}"
  target_accounts    = ["{cls.member.id}"]
  external_id        = "shared words"
  notification_email = "security@example.com"
  policy_file        = "{ROOT}/examples/seed/security_policies.json"
  distributed_scan   = true
  force_destroy      = true
}}

module "member" {{
  source        = "../member"
  providers     = {{ aws = aws.member }}
  hub_role_arn  = module.central.role
  event_bus_arn = module.central.event_bus
  external_id   = "shared words"
}}

output "central" {{
  value     = module.central
  sensitive = true
}}

output "member" {{
  value = module.member
}}
"""
        (cls.terraform.root / "main.tf").write_text(main)
        cls.terraform.init()
        cls.terraform.init("central")
        # Moto only keeps state machines, unless it is told to run them.
        asked = urllib.request.Request(f"{ENDPOINT}/moto-api/config", data=b'{"stepfunctions": {"execute_state_machine": true}}', method="POST")
        urllib.request.urlopen(asked).close()
        # The module's own tests need no server, and run while the other run waits for it.
        cls.options = cls.terraform.begin("test", "-no-color", folder="central")
        cls.addClassCleanup(cls.options.kill)
        outputs = cls.terraform.apply()
        cls.central, cls.entered = outputs["central"], outputs["member"]

    @classmethod
    def tearDownClass(cls):
        """What was made is gone after a destroy; at the end, since all other tests look at what was made."""
        cls.terraform.destroy()
        left = {
            "functions": cls.hub.client("lambda").list_functions()["Functions"],
            "queues": cls.hub.client("sqs").list_queues().get("QueueUrls", []),
            "topics": cls.hub.client("sns").list_topics()["Topics"],
            "tables": cls.hub.client("dynamodb").list_tables()["TableNames"],
            "alarms": cls.hub.client("cloudwatch").describe_alarms()["MetricAlarms"],
            "trails": cls.hub.client("cloudtrail").describe_trails()["trailList"],
            "roles": cls.hub.client("iam").list_roles()["Roles"] + cls.member.client("iam").list_roles()["Roles"],
            "rules": cls.hub.client("events").list_rules()["Rules"] + cls.member.client("events").list_rules()["Rules"],
        }
        assert not any(left.values()), left

    def test_each_switch_does_what_it_says(self):
        self.assertIn("5 passed, 0 failed", self.terraform.end(self.options))

    def test_the_bucket_is_closed_encrypted_versioned_and_kept(self):
        s3, bucket = self.hub.client("s3"), self.central["bucket"]
        encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
        self.assertEqual(encryption["ApplyServerSideEncryptionByDefault"], {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self.central["key"]})
        self.assertEqual(s3.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled")
        self.assertTrue(all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()))
        rules = {rule["ID"] for rule in s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}
        self.assertEqual(rules, {"backups", "reports", "trail", "old-versions"})
        denied = {statement["Sid"] for statement in statements(json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])) if statement["Effect"] == "Deny"}
        self.assertEqual(denied, {"EncryptedConnectionsOnly", "TheServiceNeverWritesItsPolicy"})

    def test_the_policy_is_the_operators_with_every_switch_off(self):
        kept = self.hub.client("s3").get_object(Bucket=self.central["bucket"], Key="config/security_policies.json")["Body"].read()
        written = json.loads(kept)
        own = json.loads((ROOT / "examples/seed/security_policies.json").read_text())
        real_time = written["compliance_policies"]["real_time_scanning"]
        self.assertEqual(
            [
                written["compliance_policies"]["compliance_actions"]["remediation_settings"]["automatic_remediation"],
                real_time["remediation_settings"]["emergency_remediation"]["enabled"],
                real_time["remediation_settings"]["immediate_remediation"]["enabled"],
                real_time["detection_rules"]["mass_operations_detected"]["block_suspicious_users"],
            ],
            [False] * 4,
        )
        # The file has them off too: with the default of every variable it is the operator's own, word for word.
        self.assertEqual(written, own)

    def test_the_functions_run_the_program_dry(self):
        for name in (self.central["function"], self.central["responder"]):
            function = self.hub.client("lambda").get_function_configuration(FunctionName=name)
            self.assertEqual([function["Runtime"], function["Handler"], function["Architectures"]], ["provided.al2023", "bootstrap", ["arm64"]])
            settings = function["Environment"]["Variables"]
            self.assertEqual(settings["PORTCULLIS_ENFORCE"], "false")
            self.assertEqual(settings["PORTCULLIS_POLICY"], self.central["policy"])
            self.assertEqual(settings["PORTCULLIS_STATE"], f"dynamodb://{self.central['table']}")
            self.assertEqual(settings["PORTCULLIS_BACKUP"], f"s3://{self.central['bucket']}/backups")
            self.assertEqual(settings["PORTCULLIS_NOTIFY"], f"sns:{self.central['topic']}")
            self.assertEqual(settings["PORTCULLIS_ACCOUNTS_FROM"], f"s3://{self.central['bucket']}/config/accounts.txt")
            self.assertNotIn("PORTCULLIS_STRATEGY", settings)
        accounts = self.hub.client("s3").get_object(Bucket=self.central["bucket"], Key="config/accounts.txt")["Body"].read().decode()
        self.assertEqual(accounts.split(), [self.hub.id, self.member.id])

    def test_the_state_can_forget(self):
        dynamodb = self.hub.client("dynamodb")
        table = dynamodb.describe_table(TableName=self.central["table"])["Table"]
        self.assertEqual(table["KeySchema"], [{"AttributeName": "pk", "KeyType": "HASH"}])
        life = dynamodb.describe_time_to_live(TableName=self.central["table"])["TimeToLiveDescription"]
        self.assertEqual([life["AttributeName"], life["TimeToLiveStatus"]], ["expires", "ENABLED"])

    def test_a_change_in_either_account_comes_to_the_queue_and_nothing_else_does(self):
        other, failed = CHANGE | {"eventName": "RunInstances"}, CHANGE | {"errorCode": "Client.UnauthorizedOperation"}
        for account in (self.hub, self.member):
            for detail in (other, failed, CHANGE | {"sourceIPAddress": account.id}):
                entry = {"Source": "aws.ec2", "DetailType": "AWS API Call via CloudTrail", "Detail": json.dumps(detail)}
                account.client("events").put_events(Entries=[entry])
        found, deadline = [], time.monotonic() + 20
        while len(found) < 2 and time.monotonic() < deadline:
            found += [json.loads(message["Body"])["detail"] for message in self.hub.messages(self.central["queue"])]
        self.assertEqual({detail["sourceIPAddress"] for detail in found}, {self.hub.id, self.member.id})
        self.assertEqual({detail["eventName"] for detail in found}, {"AuthorizeSecurityGroupIngress"})

    def test_the_queue_gives_up_into_another_and_answers_message_by_message(self):
        found = self.hub.client("sqs").get_queue_attributes(QueueUrl=self.central["queue"], AttributeNames=["All"])["Attributes"]
        redrive = json.loads(found["RedrivePolicy"])
        self.assertEqual(redrive["deadLetterTargetArn"].rsplit(":")[-1], self.central["dead_letters"].rsplit("/")[-1])
        self.assertGreaterEqual(int(found["VisibilityTimeout"]), 6 * 60)
        mapping = self.hub.client("lambda").list_event_source_mappings(EventSourceArn=found["QueueArn"])["EventSourceMappings"][0]
        self.assertEqual(mapping["FunctionResponseTypes"], ["ReportBatchItemFailures"])

    def test_scans_run_by_the_clock_and_on_request(self):
        events = self.hub.client("events")
        for rule in ("scheduled-scan", "manual-scan"):
            targets = events.list_targets_by_rule(Rule=f"sg-compliance-dev-{rule}")["Targets"]
            self.assertEqual([target["Arn"].rsplit(":")[-1] for target in targets], ["sg-compliance-dev-scan"])
        self.assertEqual(events.describe_rule(Name="sg-compliance-dev-scheduled-scan")["ScheduleExpression"], "rate(24 hours)")
        pattern = json.loads(events.describe_rule(Name="sg-compliance-dev-manual-scan")["EventPattern"])
        self.assertEqual(pattern, {"source": ["custom.security.compliance"], "detail-type": ["Manual Compliance Scan"]})

    def test_the_service_may_do_what_its_program_can_ask_for_and_a_dry_run_changes_nothing(self):
        found = self.hub.policy("sg-compliance-dev-service", "service")
        around = {
            "logs:CreateLogStream", "logs:PutLogEvents", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:SendMessage",
        }
        # The policy is in the bucket, so no parameter is read.
        expected = actions(shipped("hub.json")) - {"ssm:GetParameter"} | actions(shipped("scan-only.json")) | around
        self.assertEqual(actions(found), expected)
        entered = next(statement for statement in statements(found) if statement["Sid"] == "EnterAccounts")
        self.assertEqual(entered["Resource"], [f"arn:aws:iam::{self.member.id}:role/sg-compliance-dev-cross-account-role"])
        for statement in statements(found):
            for placeholder in ("BUCKET", "PREFIX", "ACCOUNT", "ORGANIZATION"):
                self.assertNotIn(placeholder, json.dumps(statement))

    def test_the_program_scans_both_accounts_in_the_settings_that_were_deployed(self):
        self.open_groups()
        event = {"version": "0", "id": "1", "source": "custom.security.compliance", "detail-type": "Manual Compliance Scan", "detail": {"scan_type": "manual"}}
        how, answer = function.called(self.hub, self.central["function"], event)
        self.assertEqual(how, "response", answer)
        [scan] = answer["scans"]
        self.assertEqual([self.violating(scan["reports"]), answer["dry_run"]], [{self.hub.id, self.member.id}, True])
        self.assertEqual([place.rsplit(".", 1)[1] for place in scan["reports"]], ["json", "csv", "md", "json"])
        history = self.page(scan["run"])
        self.assertEqual([history["accounts"], history["unread"], history["run"]], [2, 0, scan["run"]])
        # What the minutely rule asks, once something may wait, is no scan.
        due = {"source": "custom.security.compliance", "detail-type": "Look At What Is Due", "detail": {}}
        how, answer = function.called(self.hub, self.central["responder"], due)
        self.assertEqual([how, answer["events"][0]["handled"], answer["failures"]], ["response", "skipped", []])

    def read(self, place):
        bucket, key = place.removeprefix("s3://").split("/", 1)
        return json.loads(self.hub.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())

    def page(self, run):
        """What history keeps of a scan."""
        bucket = self.central["bucket"]
        pages = self.hub.client("s3").list_objects_v2(Bucket=bucket, Prefix="reports/history/")["Contents"]
        [key] = [page["Key"] for page in pages if run in page["Key"]]
        return self.read(f"s3://{bucket}/{key}")

    def violating(self, reports):
        """The accounts in which a report finds SSH open."""
        return {finding["account_id"] for finding in self.read(reports[0])["findings"] if finding["rule_id"] == "PROHIBIT_ALL_TRAFFIC_SSH"}

    def executed(self, name):
        """Runs the state machine that was deployed, and answers how it ended."""
        machines = self.hub.client("stepfunctions")
        [machine] = [machine["stateMachineArn"] for machine in machines.list_state_machines()["stateMachines"]]
        execution = machines.start_execution(stateMachineArn=machine, name=name, input="{}")["executionArn"]
        deadline = time.monotonic() + 240
        while (ended := machines.describe_execution(executionArn=execution))["status"] == "RUNNING" and time.monotonic() < deadline:
            time.sleep(0.2)
        return ended

    def open_groups(self):
        if not function.is_there():
            self.skipTest("PORTCULLIS_TEST_PROGRAMS names no folder with portcullis-lambda")
        for account in (self.hub, self.member):
            ec2 = account.client("ec2")
            vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
            group = ec2.create_security_group(GroupName=f"web-{account.id}", Description="open", VpcId=vpc)["GroupId"]
            everybody = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[everybody])

    def test_a_distributed_scan_makes_one_report_of_all_accounts(self):
        self.open_groups()
        ended = self.executed("whole")
        self.assertEqual(ended["status"], "SUCCEEDED", ended)
        report = json.loads(ended["output"])["report"]
        self.assertEqual([report["complete"], report["units"], report["failures"]], [True, 2, []])
        self.assertEqual(self.violating(report["reports"]), {self.hub.id, self.member.id})
        rows = self.read(report["reports"][0])["coverage"]
        self.assertEqual({(row["account_id"], row["status"]) for row in rows}, {(self.hub.id, "complete"), (self.member.id, "complete")})

    def test_a_part_that_is_missing_makes_the_report_incomplete_and_is_not_clean(self):
        self.open_groups()
        run, s3, bucket = "torn", self.hub.client("s3"), self.central["bucket"]
        # A list that is there already holds: this one has a unit whose Region nobody can read.
        units = [{"task": "scan", "run": run, "account": self.hub.id, "region": region} for region in ("us-east-1", "nowhere")]
        s3.put_object(Bucket=bucket, Key=f"reports/runs/{run}/units.json", Body=json.dumps(units).encode())
        ended = self.executed(run)
        self.assertEqual([ended["status"], ended.get("error")], ["FAILED", "Portcullis.Incomplete"], ended)
        history = self.page(run)
        self.assertEqual([history["unread"], self.violating(history["reports"])], [1, {self.hub.id}])
        rows = {row["region"]: row["status"] for row in self.read(history["reports"][0])["coverage"]}
        self.assertEqual(rows, {"us-east-1": "complete", "nowhere": "unread"})

    def test_the_members_role_lets_the_service_in_and_nobody_else(self):
        role = self.member.client("iam").get_role(RoleName="sg-compliance-dev-cross-account-role")["Role"]
        self.assertEqual(role["Arn"], self.entered["role_arn"])
        [trust] = statements(role["AssumeRolePolicyDocument"])
        self.assertEqual(trust["Principal"], {"AWS": self.central["role"]})
        self.assertEqual(trust["Condition"], {"StringEquals": {"sts:ExternalId": "shared words"}})
        self.assertEqual(self.member.policy(role["RoleName"], "security-groups"), shipped("scan-only.json"))

    def test_every_alarm_speaks_and_is_explained(self):
        alarms = self.hub.client("cloudwatch").describe_alarms()["MetricAlarms"]
        page = (ROOT / "docs/operations.md").read_text()
        for alarm in alarms:
            self.assertEqual(alarm["AlarmActions"], [self.central["topic"]], alarm["AlarmName"])
            name = alarm["AlarmName"].removeprefix("sg-compliance-dev-")
            self.assertIn(f"\n### {name}\n", page)
            self.assertTrue(alarm["AlarmDescription"].endswith(f"docs/operations.md#{name}"))
        threshold = {alarm["MetricName"]: alarm["Threshold"] for alarm in alarms if alarm["Namespace"] == "SecurityGroup/Compliance"}
        self.assertEqual([threshold["ComplianceViolations"], threshold["ScanDuration"], threshold["LambdaErrors"]], [10, 600, 0])
        for metric in ("MassOperationsDetected", "CriticalViolationsFound", "EmergencyRemediationsPerformed", "RealTimeScanDuration"):
            self.assertIn(metric, threshold)
        self.assertEqual(len(json.loads(self.hub.client("cloudwatch").get_dashboard(DashboardName=self.central["dashboard"])["DashboardBody"])["widgets"]), 9)


@needed
class Sources(Case):
    def test_they_are_formatted(self):
        done = subprocess.run(["terraform", "fmt", "-check", "-recursive", "-diff", str(ROOT / "deploy/terraform")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
