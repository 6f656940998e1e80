"""State machines that act in their own account, with their role, where moto's interpreter acts in its default account; that tolerate
failures by a whole percentage, which it takes for no number; that can be executed more than once, where moto would copy a machine with
its executions; and whose definitions can be validated, by the same interpreter.

They run only once somebody asks for it: POST {"stepfunctions": {"execute_state_machine": true}} to /moto-api/config.
"""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import copy
import re

import boto3
from botocore.config import Config
from moto.core.responses import ActionResult
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval import resource_eval_s3 as reader
from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer.resource_eval import resource_eval_s3 as writer
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils as calls

from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser, ASLParserException
from moto.stepfunctions.models import StateMachine
from moto.stepfunctions.responses import StepFunctionResponse

from functions import endpoint, session


def as_its_role(region, service, state_credentials=None):
    keys = session(state_credentials.role_arn)
    how = Config(parameter_validation=False, retries={"max_attempts": 0}, read_timeout=900, s3={"addressing_style": "path"})
    return boto3.client(
        service, region_name=region, endpoint_url=endpoint(), config=how,
        aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"],
    )


def with_whole_numbers(parse):
    return staticmethod(lambda definition: parse(re.sub(r'("ToleratedFailurePercentage"\s*:\s*\d+)(?![\d.])', r"\1.0", definition)))


def without_its_executions(self, memo):
    clone = object.__new__(type(self))
    clone.__dict__ = {name: [] if name == "executions" else copy.deepcopy(value, memo) for name, value in self.__dict__.items()}
    return clone


def validated(self):
    try:
        AmazonStateLanguageParser.parse(self._get_param("definition"))
        diagnostics = []
    except ASLParserException as error:
        diagnostics = [{"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": str(error)}]
    return ActionResult({"result": "FAIL" if diagnostics else "OK", "diagnostics": diagnostics, "truncated": False})


def install():
    StepFunctionResponse.validate_state_machine_definition = validated
    StateMachine.__deepcopy__ = without_its_executions
    # None is ever published here.
    StepFunctionResponse.list_state_machine_versions = lambda self: ActionResult({"stateMachineVersions": []})
    AmazonStateLanguageParser.parse = with_whole_numbers(AmazonStateLanguageParser.parse)
    for module in (reader, writer, calls):
        module.boto_client_for = as_its_role
