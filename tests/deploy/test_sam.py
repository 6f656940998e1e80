"""The SAM template: checked, turned into CloudFormation by SAM's own translator, and deployed."""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import io
import json
import logging
import pathlib
import subprocess
import sys
import zipfile

import boto3
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from accounts import REGION, Account, Case, actions, statements
from terraform import ROOT

TEMPLATE = ROOT / "deploy/sam/template.yaml"


def translated(code, parameters):
    """The template as CloudFormation gets it, with the zip where `sam deploy` would have put it."""
    document = yaml_parse(TEMPLATE.read_text())
    document["Resources"]["SecurityGroupRemediationLambda"]["Properties"]["CodeUri"] = code
    # It names no managed policies, so nobody need be asked for their ARNs.
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    try:
        return translator.translate(document, parameters)
    except InvalidDocumentException as error:
        raise AssertionError([cause.message for cause in error.causes]) from error


class Template(Case):
    def setUp(self):
        logging.getLogger("samtranslator").setLevel(logging.ERROR)

    def deploy(self, **parameters):
        account = Account()
        s3 = account.client("s3")
        s3.create_bucket(Bucket=f"code-{account.id}")
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as code:
            code.writestr("bootstrap", "#!/bin/sh\n")
        s3.put_object(Bucket=f"code-{account.id}", Key="portcullis-lambda.zip", Body=archive.getvalue())
        body = translated(f"s3://code-{account.id}/portcullis-lambda.zip", parameters)
        stacks = account.client("cloudformation")
        given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
        stacks.create_stack(StackName="portcullis", TemplateBody=json.dumps(body), Parameters=given, Capabilities=["CAPABILITY_IAM"])
        stacks.get_waiter("stack_create_complete").wait(StackName="portcullis", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks.describe_stacks(StackName="portcullis")["Stacks"][0]["Outputs"]}
        return account, outputs

    def settings(self, account, outputs):
        return account.client("lambda").get_function_configuration(FunctionName=outputs["Function"])

    def granted(self, account):
        iam = account.client("iam")
        [role] = [role["RoleName"] for role in iam.list_roles()["Roles"]]
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        return {"Statement": [statement for name in names for statement in statements(account.policy(role, name))]}

    def test_it_is_sound(self):
        done = subprocess.run([pathlib.Path(sys.executable).with_name("cfn-lint"), TEMPLATE], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_it_has_the_parameters_that_it_always_had(self):
        parameters = yaml_parse(TEMPLATE.read_text())["Parameters"]
        self.assertEqual([parameters["BadPorts"]["Default"], parameters["GoodIpRange"]["Default"]], ["22,3389", "10.0.0.0/8"])
        self.assertEqual(parameters["DryRun"]["Default"], "true")

    def test_by_default_it_says_which_ports_it_would_give_which_range_and_may_change_nothing(self):
        account, outputs = self.deploy()
        function = self.settings(account, outputs)
        self.assertEqual([function["Runtime"], function["Handler"]], ["provided.al2023", "bootstrap"])
        settings = function["Environment"]["Variables"]
        wanted = {
            "PORTCULLIS_BAD_PORTS": "22,3389",
            "PORTCULLIS_STRATEGY": "replace",
            "PORTCULLIS_REPLACE_WITH": "10.0.0.0/8",
            "PORTCULLIS_ENFORCE": "false",
            "PORTCULLIS_BACKUP": f"s3://{outputs['Bucket']}/backups",
            "PORTCULLIS_NOTIFY": f"sns:{outputs['Topic']}",
            "PORTCULLIS_STATE": f"dynamodb://{outputs['Table']}",
        }
        self.assertEqual({name: settings.get(name) for name in wanted}, wanted)
        self.assertNotIn("PORTCULLIS_POLICY", settings)
        self.assertFalse(any(name.startswith("ec2:") and ":Describe" not in name and ":Get" not in name for name in actions(self.granted(account))))

    def test_the_second_seeds_form_revokes_what_opens_everything_and_mails(self):
        account, outputs = self.deploy(BadPorts="", Controls="internet-all-traffic", Strategy="revoke", DryRun="false", NotificationEmail="security@example.com")
        settings = self.settings(account, outputs)["Environment"]["Variables"]
        self.assertEqual([settings["PORTCULLIS_STRATEGY"], settings["PORTCULLIS_ENFORCE"]], ["revoke", "true"])
        self.assertFalse({"PORTCULLIS_BAD_PORTS", "PORTCULLIS_REPLACE_WITH"} & set(settings))
        parameter = account.client("ssm").get_parameter(Name=settings["PORTCULLIS_POLICY"].removeprefix("ssm:"))["Parameter"]["Value"]
        self.assertEqual(json.loads(parameter)["controls"], ["internet-all-traffic"])
        mails = account.client("sns").list_subscriptions_by_topic(TopicArn=outputs["Topic"])["Subscriptions"]
        self.assertEqual([(mail["Protocol"], mail["Endpoint"]) for mail in mails], [("email", "security@example.com")])

    def test_it_may_do_what_the_program_can_ask_for_and_no_more(self):
        account, _ = self.deploy(DryRun="false")
        shipped = json.loads((ROOT / "deploy/iam/remediate.json").read_text())
        around = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}
        # It has no key of its own, and no queue between an event and the function.
        others = {"kms:Decrypt", "kms:GenerateDataKey", "sqs:ReceiveMessage", "sqs:DeleteMessage"}
        self.assertEqual(actions(self.granted(account)), actions(shipped) - others | around)
        for statement in statements(self.granted(account)):
            self.assertTrue(statement["Resource"] != "*" or statement["Sid"] in ("ReadSecurityGroups", "PublishMetrics"), statement)

    def test_it_hears_the_same_events_as_the_terraform_module(self):
        account, outputs = self.deploy()
        events = account.client("events")
        patterns = [json.loads(rule["EventPattern"]) for rule in events.list_rules()["Rules"] if rule.get("EventPattern")]
        self.assertEqual(patterns, [json.loads((ROOT / "deploy/terraform/event-pattern.json").read_text())])
        for rule in events.list_rules()["Rules"]:
            targets = [target["Arn"] for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]]
            self.assertEqual([target.rsplit(":")[-1] for target in targets], [outputs["Function"]])

    def test_backups_outlive_the_stack(self):
        account, outputs = self.deploy()
        stacks = account.client("cloudformation")
        stacks.delete_stack(StackName="portcullis")
        stacks.get_waiter("stack_delete_complete").wait(StackName="portcullis", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
        self.assertEqual(account.client("lambda").list_functions()["Functions"], [])
        account.client("s3").head_bucket(Bucket=outputs["Bucket"])
