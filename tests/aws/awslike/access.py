"""IAM: a role that exists is held to its policies. Moto lets everybody do everything, or, where it is told to look, knows no
resources and no session policies, so that a policy for security groups alone allows nothing.

Who assumed a role that was made with iam:CreateRole may do what the role's policies and the session's allow: by action, by
resource and by the conditions below. When he assumes another such role, its trust policy must name him. A role that was never
made, and any other access key, may do everything, as in moto; so may what a service does by itself. Neither signatures nor
the policies of buckets, keys and topics are looked at.
"""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import json
import re
import urllib.parse

from moto.core.exceptions import JsonRESTError, _RESTError
from moto.core.responses import BaseResponse
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.organizations.models import organizations_backends
from moto.s3.exceptions import S3AccessDeniedError
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

# Services that speak XML.
QUERY = ("sts", "sns", "elasticloadbalancing", "rds", "iam", "cloudformation")
KINDS = {"sg": "security-group", "sgr": "security-group-rule", "pl": "prefix-list", "vpc": "vpc"}
# Parameters of EC2 that name what a call acts on; others, such as the groups that a rule lets in, need no permission.
ACTED_ON = re.compile(r"GroupId|PrefixListId|SecurityGroupRuleId\.\d+|(SecurityGroupRule|SecurityGroupRuleDescription)\.\d+\.SecurityGroupRuleId|ResourceId\.\d+")


def parameters(call):
    """What was asked: the form, or the JSON document."""
    if isinstance(call.body, dict):
        return call.body
    try:
        return json.loads(call.body)
    except ValueError:
        return {name: values[0] for name, values in call.querystring.items()}


def needs(call, service, action, resource):
    """(action, resource) for everything that must be allowed. The services' pages in the Service Authorization Reference."""
    asked = {} if service == "s3" else parameters(call)
    place = f"arn:aws:{service}:{call.region}:{call.current_account}"
    arn = {
        ("sts", "AssumeRole"): lambda: asked["RoleArn"],
        ("ssm", "GetParameter"): lambda: f"{place}:parameter/{asked['Name'].lstrip('/')}",
        ("sns", "Publish"): lambda: asked["TopicArn"],
        ("logs", "FilterLogEvents"): lambda: f"{place}:log-group:{asked['logGroupName']}:log-stream:",
    }
    if named := arn.get((service, action)):
        return [(action, named())]
    if service == "s3":
        return [(action, resource)]
    if (service, action) == ("lambda", "Invoke"):
        name = urllib.parse.unquote(call.uri).split("/functions/")[1].split("/invocations")[0]
        return [("InvokeFunction", name if name.startswith("arn:") else f"{place}:function:{name}")]
    if service == "dynamodb":
        return [(action, f"{place}:table/{asked['TableName']}")]
    if service == "sqs":
        return [(action.removesuffix("Batch"), f"{place}:{asked['QueueUrl'].rsplit('/')[-1]}")]
    if service == "cloudformation":
        stack = asked.get("StackName") or asked["ChangeSetName"]
        return [(action, stack if stack.startswith("arn:") else f"{place}:stack/{stack}/any")]
    if service == "iam":
        kind, name = ("user", asked["UserName"]) if "UserName" in asked else ("role", asked["RoleName"])
        return [(action, f"arn:aws:iam::{call.current_account}:{kind}/{name}")]
    if service == "ec2" and not action.startswith("Describe"):
        named = [value for name, value in asked.items() if ACTED_ON.fullmatch(name)]
        needed = [(action, f"{place}:{KINDS[value.split('-')[0]]}/{value}") for value in named]
        if any(name.startswith("TagSpecification") for name in asked):
            needed.append(("CreateTags", f"{place}:security-group-rule/*"))
        return needed
    return [(action, "*")]


def keys(call, service):
    """The condition keys that a call brings with it. The body of a call of S3 is the object."""
    asked = {} if service == "s3" else parameters(call)
    found = {"cloudwatch:namespace": asked.get("Namespace"), "sts:ExternalId": asked.get("ExternalId")}
    if service == "sts" and "RoleArn" in asked:
        found["aws:ResourceOrgID"] = organisation(asked["RoleArn"].split(":")[4])
    return {key: value for key, value in found.items() if value is not None}


def organisation(account):
    for backend in organizations_backends.values():
        for partition in backend.values():
            if partition.org and any(a.id == account for a in partition.accounts):
                return partition.org.id
    return None


def many(value):
    return value if isinstance(value, list) else [value]


def fits(pattern, text):
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text) is not None


def holds(condition, brought):
    """Whether every line holds. A key that a call does not bring fails, as on AWS; so does one that is unknown here."""
    compare = {"StringEquals": lambda a, b: a == b, "StringLike": fits, "ArnEquals": fits, "ArnLike": fits}
    for operator, lines in condition.items():
        of_any = operator.removeprefix("ForAnyValue:")
        for key, wanted in lines.items():
            if key not in brought or not any(compare[of_any](w, brought[key]) for w in many(wanted)):
                return False
    return True


def allows(documents, action, resource, brought):
    """A denial anywhere counts, then an allowance anywhere."""
    effects = set()
    for document in documents:
        for statement in many(document["Statement"]):
            named = any(fits(pattern.lower(), action.lower()) for pattern in many(statement["Action"]))
            there = any(fits(pattern, resource) for pattern in many(statement.get("Resource", "*")))
            if named and there and holds(statement.get("Condition", {}), brought):
                effects.add(statement["Effect"])
    return effects == {"Allow"}


def of_role(backend, role):
    """The documents of a role's own policies and of those attached to it."""
    inline = list(role.policies.values())
    attached, _ = backend.list_attached_role_policies(role.name)
    texts = inline + [policy.document for policy in attached]
    return [json.loads(text) if isinstance(text, str) else text for text in texts]


def trusts(role, session, brought):
    document = json.loads(role.assume_role_policy_document)
    for statement in many(document["Statement"]):
        principals = many(statement.get("Principal", {}).get("AWS", []))
        account = session.role_arn.split(":")[4]
        named = {session.role_arn, session.arn, account, f"arn:aws:iam::{account}:root"} & set(principals)
        if named and "sts:AssumeRole" in many(statement["Action"]) and holds(statement.get("Condition", {}), brought):
            return True
    return False


def refusal(service, session, action, resource):
    """In the service's own words, and with its status."""
    why = (f"User: {session.arn} is not authorized to perform: {action} on resource: {resource} "
           f"because no identity-based policy allows the {action} action")
    if service == "s3":
        return S3AccessDeniedError()
    if service == "ec2":
        error = _RESTError("UnauthorizedOperation", f"You are not authorized to perform this operation. {why}")
        error.description = error.description.replace("ErrorResponse>", "Response>")
    elif service in QUERY:
        error = _RESTError("AccessDenied", why)
        error.description = error.description.replace("<Errors>", "").replace("</Errors>", "")
    else:
        error = JsonRESTError("AccessDeniedException", why)
    error.code = 403 if service in QUERY + ("ec2", "lambda") else 400
    return error


def check(self, iam_request, resource="*"):
    partition = get_partition(self.region)
    session = sts_backends[self.current_account][partition].get_assumed_role_from_access_key(self.access_key)
    if session is None:
        return
    backend = iam_backends[self.current_account][partition]
    try:
        role = backend.get_role_by_arn(session.role_arn)
    except NotFoundException:
        return
    service = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", self.headers.get("Authorization", ""))[1]
    name = self._get_action()
    if (service, name) == ("sts", "GetCallerIdentity"):
        return
    brought, documents = keys(self, service), of_role(backend, role)
    limits = [documents] + ([[json.loads(session.policy)]] if session.policy else [])
    prefix = {"monitoring": "cloudwatch"}.get(service, service)
    for action, on in needs(self, service, name, resource):
        action = f"{prefix}:{action}"
        if not all(allows(limit, action, on, brought) for limit in limits):
            raise refusal(service, session, action, on)
    if (service, name) == ("sts", "AssumeRole"):
        enter(self, session, brought)


def enter(call, session, brought):
    arn = parameters(call)["RoleArn"]
    try:
        role = iam_backends[arn.split(":")[4]][get_partition(call.region)].get_role_by_arn(arn)
    except NotFoundException:
        return
    if not trusts(role, session, brought):
        raise refusal("sts", session, "sts:AssumeRole", arn)


def install():
    BaseResponse._authenticate_and_authorize_action = check
