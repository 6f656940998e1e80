"""CloudFormation: stacks of security groups with the manners of AWS.

A group is updated in place, with all kinds of rules, egress and descriptions; what somebody else did to it is left alone;
change sets and executions take a moment, fail into ROLLBACK_COMPLETE or UPDATE_ROLLBACK_COMPLETE with the reason in the
events; outputs; IMPORT, which may bring no outputs; REVERT_DRIFT; a group in use is not deleted; executing a change set
makes an end of the others; changes say which resource they are about and whether another takes its place.
"""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import copy
import json
import threading
import time

import yaml
from moto.cloudformation import models as cf
from moto.cloudformation import parsing
from moto.cloudformation import responses as cfr
from moto.cloudformation.exceptions import ValidationError
from moto.core.common_models import CloudFormationModel
from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidParameterValue, InvalidSecurityGroupNotFoundError
from moto.ec2.models import ec2_backends
from moto.ec2.models import security_groups as sg

from rules import add_rules, describe, description, group_of, key, make_rules, rules_of

DELAY = 0.4  # seconds that a change set or an execution takes


def permission(p, egress):
    """A rule's CloudFormation properties as make_rules wants them."""
    d = {"Description": p["Description"]} if p.get("Description") else {}
    kw = {"ip_protocol": p["IpProtocol"], "from_port": p.get("FromPort"), "to_port": p.get("ToPort")}
    group = p.get("DestinationSecurityGroupId" if egress else "SourceSecurityGroupId")
    prefix = p.get("DestinationPrefixListId" if egress else "SourcePrefixListId")
    peers = [bool(p.get("CidrIp")), bool(p.get("CidrIpv6")), bool(group), bool(prefix)]
    if sum(peers) != 1:
        raise InvalidParameterValue(f"exactly one peer is needed in {json.dumps(p)}")
    if p.get("CidrIp") or p.get("CidrIpv6"):
        k = "CidrIp" if p.get("CidrIp") else "CidrIpv6"
        kw["ip_ranges"] = [{k: p[k]} | d]
    elif group:
        kw["source_groups"] = [{"GroupId": group} | ({"UserId": p["SourceSecurityGroupOwnerId"]} if p.get("SourceSecurityGroupOwnerId") else {}) | d]
    else:
        kw["prefix_list_ids"] = [{"PrefixListId": prefix} | d]
    return kw


def wanted(backend, group, properties, egress):
    made = []
    for p in properties.get("SecurityGroupEgress" if egress else "SecurityGroupIngress") or []:
        made += make_rules(backend, group, permission(p, egress), egress)
    return made


def create(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    properties, backend = cloudformation_json["Properties"], ec2_backends[account_id][region_name]
    vpc = properties.get("VpcId")
    if vpc and vpc not in backend.vpcs:
        raise EC2ClientError("InvalidVpcID.NotFound", f"The vpc ID '{vpc}' does not exist")
    if str(resource_name).startswith("sg-"):
        raise InvalidParameterValue("Group names may not be in the format sg-*")
    group = backend.create_security_group(resource_name, properties.get("GroupDescription"), vpc_id=vpc)
    try:
        for t in properties.get("Tags", []):
            group.add_tag(t["Key"], t["Value"])
        add_rules(group, wanted(backend, group, properties, False), False)
        if properties.get("SecurityGroupEgress"):
            group.egress_rules[:] = []
            add_rules(group, wanted(backend, group, properties, True), True)
    except Exception:
        delete_quietly(backend, group)
        raise
    stack = kwargs.get("StackId", "")
    for k, v in {"stack-id": stack, "stack-name": stack.split("/")[1] if "/" in stack else "", "logical-id": kwargs.get("LogicalId", "")}.items():
        group.add_tag(f"aws:cloudformation:{k}", v)
    group.cfn_properties = properties
    return group


def delete_quietly(backend, group):
    for groups in backend.groups.values():
        groups.pop(group.id, None)


def update(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    old, new = getattr(original_resource, "cfn_properties", {}), cloudformation_json["Properties"]
    backend, group = ec2_backends[account_id][region_name], original_resource
    if any(old.get(k) != new.get(k) for k in ("GroupName", "GroupDescription", "VpcId")):
        if old.get("GroupName") and old.get("GroupName") == new.get("GroupName"):
            raise InvalidParameterValue("CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename "
                                        f"{group.name} and update the stack again.")
        fresh = create(cls, new_resource_name, cloudformation_json, account_id, region_name)
        backend.delete_security_group(group_id=group.id)
        return fresh
    saved = list(group.ingress_rules), list(group.egress_rules)
    try:
        for egress in (False, True):
            before, after = wanted(backend, group, old, egress), wanted(backend, group, new, egress)
            if egress and bool(before) != bool(after):
                default = make_rules(backend, group, {"ip_protocol": "-1", "from_port": None, "to_port": None, "ip_ranges": [{"CidrIp": "0.0.0.0/0"}]}, True)
                before, after = before or default, after or default
            have = rules_of(group, egress)
            keys_before, keys_after = {key(r) for r in before}, {key(r) for r in after}
            have[:] = [r for r in have if key(r) not in keys_before - keys_after]
            add_rules(group, [r for r in after if key(r) not in keys_before], egress)
            texts = {key(r): description(r) for r in before}
            for r in after:
                if key(r) in texts and texts[key(r)] != description(r):
                    for live in have:
                        if key(live) == key(r):
                            describe(live, description(r))
    except Exception:
        group.ingress_rules[:], group.egress_rules[:] = saved
        raise
    for t in new.get("Tags", []):
        group.add_tag(t["Key"], t["Value"])
    group.cfn_properties = new
    return group


def converge(backend, group, properties):
    """What a drift-aware change set (DeploymentMode REVERT_DRIFT) does: the live rules become the template's."""
    for egress in (False, True):
        after = wanted(backend, group, properties, egress)
        if egress and not after:
            after = make_rules(backend, group, {"ip_protocol": "-1", "from_port": None, "to_port": None, "ip_ranges": [{"CidrIp": "0.0.0.0/0"}]}, True)
        have, keys = rules_of(group, egress), {key(r): r for r in after}
        have[:] = [r for r in have if key(r) in keys]
        for live in have:
            describe(live, description(keys.pop(key(live))))
        have.extend(keys.values())


def drifted(backend, group, properties):
    def shape(rules):
        return {(key(r), description(r)) for r in rules}
    return any(shape(rules_of(group, e)) != shape(wanted(backend, group, properties, e)) for e in (False, True) if not e or properties.get("SecurityGroupEgress"))


def delete_group(self, account_id, region_name):
    try:
        self.ec2_backend.delete_security_group(group_id=self.id)
    except InvalidSecurityGroupNotFoundError:
        pass


class LoneRule(CloudFormationModel):
    """AWS::EC2::SecurityGroupIngress or …Egress as a resource of its own."""
    __module__ = "moto.ec2"  # moto's metaclass looks for the service here
    egress = False

    def __init__(self, group, rule, properties):
        self.group, self.rule, self.properties = group, rule, properties

    @property
    def physical_resource_id(self):
        return self.rule.id

    @staticmethod
    def cloudformation_name_type():
        return ""

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        p, backend = cloudformation_json["Properties"], ec2_backends[account_id][region_name]
        group = group_of(backend, p.get("GroupId") or p.get("GroupName"))
        made = make_rules(backend, group, permission(p, cls.egress), cls.egress)
        add_rules(group, made, cls.egress)
        return cls(group, made[0], p)

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
        original_resource.delete(account_id, region_name)
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name):
        pass

    def delete(self, account_id, region_name):
        have = rules_of(self.group, self.egress)
        have[:] = [r for r in have if key(r) != key(self.rule)]


class LoneIngress(LoneRule):
    __module__ = "moto.ec2"

    @staticmethod
    def cloudformation_type():
        return "AWS::EC2::SecurityGroupIngress"


class LoneEgress(LoneRule):
    __module__ = "moto.ec2"
    egress = True

    @staticmethod
    def cloudformation_type():
        return "AWS::EC2::SecurityGroupEgress"


def reason(error):
    return str(getattr(error, "message", "") or getattr(error, "description", "") or error)


def event(stack, status, why=None, logical=None, physical=None, kind="AWS::CloudFormation::Stack"):
    e = cf.Event(stack.stack_id, stack.name, logical or stack.name, physical or (stack.stack_id if not logical else ""), kind, status, why, None)
    stack.events.append(e)


def find(backend, name, stack_name=None):
    for cs in list(backend.change_sets.values())[::-1]:
        if name == cs.change_set_id or (name == cs.change_set_name and stack_name in (None, cs.stack_name, cs.stack_id)):
            return cs
    error = ValidationError(name, f"ChangeSet [{name}] does not exist")
    error.code = "ChangeSetNotFound"
    raise error


def told(cs):
    """What a change says beside its action: the resource's id, and whether another takes its place."""
    present = cs.stack.resource_map._parsed_resources
    for c in cs.changes:
        r = present.get(c.logical_resource_id)
        c.physical_resource_id = getattr(r, "physical_resource_id", None)
        if c.action == "Modify" and isinstance(r, sg.SecurityGroup):
            old, new = getattr(r, "cfn_properties", {}), cs.template_dict["Resources"].get(c.logical_resource_id, {}).get("Properties", {})
            c.replacement = str(any(old.get(k) != new.get(k) for k in ("GroupName", "GroupDescription", "VpcId")))


def create_change_set(original, self, **kw):
    existing = next((s for s in self.stacks.values() if s.name == kw["stack_name"]), None)
    kind = kw["change_set_type"]
    if existing is not None:
        if kind == "CREATE" and existing.status != "REVIEW_IN_PROGRESS":
            raise ValidationError(existing.name, f"Stack [{existing.name}] already exists and cannot be created again with the changeSet [{kw['change_set_name']}].")
        if kind != "CREATE" and (existing.status.endswith("_IN_PROGRESS") and existing.status != "REVIEW_IN_PROGRESS" or existing.status in ("ROLLBACK_COMPLETE", "DELETE_FAILED")):
            raise ValidationError(existing.name, f"Stack:{existing.stack_id} is in {existing.status} state and can not be updated.")
        if kind == "UPDATE" and existing.status == "REVIEW_IN_PROGRESS":
            raise ValidationError(existing.name, f"Stack:{existing.stack_id} is in REVIEW_IN_PROGRESS state and can not be updated.")
        if kind == "CREATE":
            self.stacks.pop(existing.stack_id)
    if kind == "IMPORT":
        outputs = lambda text: (yaml.load(text, Loader=yaml.Loader) or {}).get("Outputs")  # moto taught it the short forms
        if outputs(kw["template"]) != (outputs(existing.template) if existing is not None and existing.status != "REVIEW_IN_PROGRESS" else None):
            raise ValidationError(kw["stack_name"], "As part of the import operation, you cannot modify or add [Outputs]")
    if kind == "IMPORT" and existing is not None and existing.status != "REVIEW_IN_PROGRESS":
        kw = kw | {"change_set_type": "UPDATE"}
    result = original(self, **kw)
    cs = self.change_sets[result[0]]
    cs.change_set_type, cs.born, cs.imports = kind, time.time(), dict(getattr(self, "pending_imports", {}) or {})
    cs.revert = getattr(self, "pending_mode", None) == "REVERT_DRIFT"
    if cs.revert:
        stack = self.stacks[result[1]]
        ec2 = ec2_backends[stack.account_id][stack.region_name]
        for logical, r in stack.resource_map._parsed_resources.items():
            if isinstance(r, sg.SecurityGroup) and logical not in [c.logical_resource_id for c in cs.changes] and (
                    ec2.get_security_group_from_id(r.id) is None or drifted(ec2, r, r.cfn_properties)):
                cs.changes.append(cf.Change("Modify", logical, "AWS::EC2::SecurityGroup"))
                cs.status, cs.execution_status, cs.status_reason = "CREATE_COMPLETE", "AVAILABLE", None
    told(cs)
    cs.final = cs.status, cs.execution_status, cs.status_reason, cs.changes
    if kind == "IMPORT":
        missing = [c.logical_resource_id for c in cs.changes if c.action == "Add" and c.logical_resource_id not in cs.imports]
        bare = [n for n, r in cs.template_dict["Resources"].items() if n in cs.imports and "DeletionPolicy" not in r]
        if missing or bare or not cs.imports:
            cs.final = ("FAILED", "UNAVAILABLE", f"resources to import are incomplete or lack a DeletionPolicy: {missing + bare}", [])
        for c in cs.changes:
            c.action = "Import" if c.logical_resource_id in cs.imports else c.action
    return result


def describe_change_set(self, change_set_name, stack_name=None):
    cs = find(self, change_set_name, stack_name)
    cs.status, cs.execution_status, cs.status_reason, cs.changes = cs.final if time.time() - cs.born > DELAY else ("CREATE_IN_PROGRESS", "UNAVAILABLE", None, [])
    if getattr(cs, "executed", None):
        cs.execution_status = cs.executed
    return cs


def execute_change_set(self, change_set_name, stack_name=None):
    cs = find(self, change_set_name, stack_name)
    describe_change_set(self, cs.change_set_id)
    if cs.execution_status != "AVAILABLE":
        error = ValidationError(cs.stack_name, f"ChangeSet [{cs.change_set_id}] cannot be executed in its current status of [{cs.status}]")
        error.code = "InvalidChangeSetStatus"
        raise error
    stack = self.stacks[cs.stack_id]
    if stack.status.endswith("_IN_PROGRESS") and stack.status != "REVIEW_IN_PROGRESS":
        raise ValidationError(stack.name, f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")
    verb = cs.change_set_type
    for other in [i for i, c in self.change_sets.items() if c.stack_id == cs.stack_id and c is not cs]:
        del self.change_sets[other]
    stack.status, cs.executed = f"{verb}_IN_PROGRESS", "EXECUTE_IN_PROGRESS"
    event(stack, stack.status, "User Initiated")
    threading.Thread(target=run, args=(self, stack, cs, verb), daemon=True).start()


def run(backend, stack, cs, verb):
    time.sleep(DELAY)
    ec2 = ec2_backends[stack.account_id][stack.region_name]
    rm = stack.resource_map
    saved_map = rm._template, rm._resource_json_map, dict(rm._parsed_resources)
    saved_groups = {v: {i: (g, list(g.ingress_rules), list(g.egress_rules)) for i, g in groups.items()} for v, groups in ec2.groups.items()}
    word = {"CREATE": "create", "UPDATE": "update", "IMPORT": "import"}[verb]
    for c in cs.changes:
        event(stack, f"{'DELETE' if c.action == 'Remove' else 'CREATE' if c.action == 'Add' else verb}_IN_PROGRESS", None, c.logical_resource_id, None, c.resource_type)
    try:
        template = copy.deepcopy(cs.template_dict)
        for logical, identifier in cs.imports.items() if verb == "IMPORT" else ():
            group = group_of(ec2, identifier)
            group.cfn_properties = parsing.clean_json(copy.deepcopy(template["Resources"][logical].get("Properties", {})), rm)
            group.cf_resource_type, group.logical_resource_id = template["Resources"][logical]["Type"], logical
            rm._parsed_resources[logical] = group
        if cs.revert:
            for logical, r in list(rm._parsed_resources.items()):
                if isinstance(r, sg.SecurityGroup) and ec2.get_security_group_from_id(r.id) is None:
                    rm._parsed_resources.pop(logical)  # created anew below
        rm.update(template, cs.parameters)
        for logical in template["Resources"]:
            if rm[logical] is None:
                raise InvalidParameterValue(f"resource type of {logical} is not supported here")
            if cs.revert and isinstance(rm[logical], sg.SecurityGroup):
                converge(ec2, rm[logical], rm[logical].cfn_properties)
    except Exception as error:
        rm._template, rm._resource_json_map = saved_map[:2]
        rm._parsed_resources.clear()
        rm._parsed_resources.update(saved_map[2])
        ec2.groups.clear()
        for v, groups in saved_groups.items():
            for i, (g, ingress, egress) in groups.items():
                g.ingress_rules[:], g.egress_rules[:] = ingress, egress
                ec2.groups[v][i] = g
        for c in cs.changes[:1]:
            event(stack, f"{'CREATE' if c.action == 'Add' else verb}_FAILED", f"Resource handler returned message: \"{reason(error)} (Service: Ec2, Status Code: 400)\" (HandlerErrorCode: InvalidRequest)", c.logical_resource_id, None, c.resource_type)
        names = ", ".join(c.logical_resource_id for c in cs.changes[:1])
        pre = {"CREATE": "", "UPDATE": "UPDATE_", "IMPORT": "IMPORT_"}[verb]
        event(stack, f"{pre}ROLLBACK_IN_PROGRESS", f"The following resource(s) failed to {word}: [{names}]. ")
        time.sleep(DELAY / 2)
        stack.status, cs.executed = f"{pre}ROLLBACK_COMPLETE", "EXECUTE_FAILED"
        event(stack, stack.status)
        return
    for c in cs.changes:
        r = rm._parsed_resources.get(c.logical_resource_id)
        event(stack, f"{'DELETE' if c.action == 'Remove' else 'CREATE' if c.action == 'Add' else verb}_COMPLETE", None, c.logical_resource_id, getattr(r, "physical_resource_id", ""), c.resource_type)
    stack.template = cs.template
    stack._parse_template()
    stack.parameters = cs.parameters
    stack.description = stack.template_dict.get("Description")
    stack.output_map = stack._create_output_map()
    stack.status, cs.executed = f"{verb}_COMPLETE", "EXECUTE_COMPLETE"
    event(stack, stack.status)


def delete_stack(self, name_or_stack_id):
    stack = next((s for s in self.stacks.values() if name_or_stack_id in (s.name, s.stack_id)), None)
    if stack is None or stack.status == "DELETE_IN_PROGRESS":
        return
    stack.status = "DELETE_IN_PROGRESS"
    event(stack, stack.status, "User Initiated")

    def go():
        time.sleep(DELAY)
        try:
            stack.resource_map.delete()
        except Exception as error:
            for logical, r in stack.template_dict.get("Resources", {}).items():
                event(stack, "DELETE_FAILED", f"Resource handler returned message: \"{reason(error)} (Service: Ec2, Status Code: 400)\" (HandlerErrorCode: InvalidRequest)", logical, None, r["Type"])
            stack.status = "DELETE_FAILED"
            event(stack, stack.status, f"The following resource(s) failed to delete: [{', '.join(stack.template_dict.get('Resources', {}))}]. ")
            return
        stack.status = "DELETE_COMPLETE"
        event(stack, stack.status)
        self.stacks.pop(stack.stack_id, None)
        self.deleted_stacks[stack.stack_id] = stack
    threading.Thread(target=go, daemon=True).start()


def describe_stack_events(original, self, stack_name):
    for s in list(self.deleted_stacks.values()):
        if s.stack_id == stack_name:
            return s.events
    return original(self, stack_name)


def install():
    group = sg.SecurityGroup
    group.create_from_cloudformation_json = classmethod(create)
    group.update_from_cloudformation_json = classmethod(update)
    group.delete = delete_group
    group.has_cfn_attr = classmethod(lambda cls, attr: attr in ("GroupId", "VpcId", "Id"))
    attribute = group.get_cfn_attribute
    group.get_cfn_attribute = lambda self, name: {"GroupId": self.id, "Id": self.id, "VpcId": self.vpc_id}.get(name) or attribute(self, name)
    # built lazily from the subclasses: ours must win over moto's own ingress class
    models = {m.cloudformation_type(): m for m in parsing.get_model_list()} | {m.cloudformation_type(): m for m in (LoneIngress, LoneEgress)}
    parsing.get_model_map = lambda: models
    parsing.MAX_UPDATE_ATTEMPTS = 3
    backend = cf.CloudFormationBackend
    backend.create_change_set = _bind(create_change_set, backend.create_change_set)
    backend.describe_change_set = describe_change_set
    backend.execute_change_set = execute_change_set
    backend.delete_stack = delete_stack
    backend.describe_stack_events = _bind(describe_stack_events, backend.describe_stack_events)
    response = cfr.CloudFormationResponse
    plain = response.create_change_set

    def with_imports(self):
        items = self._get_param("ResourcesToImport", []) or []
        self.cloudformation_backend.pending_mode = self._get_param("DeploymentMode")
        self.cloudformation_backend.pending_imports = {i["LogicalResourceId"]: list(i["ResourceIdentifier"].values())[0] for i in items}
        return plain(self)
    response.create_change_set = with_imports

    def described(self):
        return ActionResult(self.cloudformation_backend.describe_change_set(change_set_name=self._get_param("ChangeSetName"), stack_name=self._get_param("StackName")))
    response.describe_change_set = described


def _bind(new, original):
    def method(self, *args, **kw):
        return new(original, self, *args, **kw)
    return method
