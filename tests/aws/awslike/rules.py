"""EC2: security group rules with the manners of AWS.

A call is done whole or not at all; CIDRs with host bits become their network; descriptions outside AWS's character set or
over 255 are refused; ModifySecurityGroupRules works for every kind of peer; protocols without ports need none; the quota
is counted for each address family apart; a group in use is not deleted.
"""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import functools
import ipaddress
import re

from moto.core.responses import ActionResult
from moto.ec2.exceptions import (EC2ClientError, InvalidParameterValue, InvalidPermissionDuplicateError, InvalidPermissionNotFoundError,
                                 InvalidSecurityGroupNotFoundError, InvalidSecurityGroupRuleIdNotFoundError,
                                 RulesPerSecurityGroupLimitExceededError)
from moto.ec2.models import security_groups as sg
from moto.ec2.responses import security_groups as sgr

import peering

QUOTA = 60  # rules a direction and address family: AWS's default
DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")
NAMES = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
PORTS = ("tcp", "udp", "icmp", "icmpv6")


def protocol(p):
    p = str(p).lower()
    return NAMES.get(p, p)


def rule_init(self, ec2_backend, ip_protocol, group_id, from_port, to_port, ip_range, source_group=None, prefix_list_id=None,
              is_egress=True, tags=None):
    self.ec2_backend, self.id, self.group_id, self.is_egress = ec2_backend, sg.random_security_group_rule_id(), group_id, is_egress
    self.ip_protocol = protocol(ip_protocol) if ip_protocol is not None else None
    self.ip_range, self.source_group = dict(ip_range or {}), dict(source_group or {})
    self.prefix_list_id = (prefix_list_id or {}).get("PrefixListId")
    self.prefix_description = (prefix_list_id or {}).get("Description")
    self.from_port = self.to_port = None
    if self.ip_protocol in PORTS:
        if from_port is None and self.ip_protocol in ("icmp", "icmpv6"):
            from_port = to_port = -1
        if from_port is None or to_port is None:
            raise InvalidParameterValue("Invalid value for portRange. Must specify both from and to ports with TCP/UDP.")
        self.from_port, self.to_port = int(from_port), int(to_port)
        if self.ip_protocol in ("tcp", "udp") and (self.from_port, self.to_port) == (-1, -1):
            self.from_port, self.to_port = 0, 65535
        if self.ip_protocol in ("tcp", "udp") and not 0 <= self.from_port <= self.to_port <= 65535:
            raise InvalidParameterValue(f"Invalid TCP/UDP port range ({self.from_port}:{self.to_port})")
    self.add_tags(tags or {})
    self.filters = {"group-id": self.filter_group_id, "security-group-rule-id": self.filter_id}


def key(rule):
    return (rule.is_egress, rule.ip_protocol, rule.from_port, rule.to_port, rule.ip_range.get("CidrIp"), rule.ip_range.get("CidrIpv6"),
            rule.prefix_list_id, rule.source_group.get("GroupId"))


def description(rule):
    return rule.ip_range.get("Description") or rule.source_group.get("Description") or rule.prefix_description


def describe(rule, text):
    if rule.ip_range:
        rule.ip_range["Description"] = text
    elif rule.source_group:
        rule.source_group["Description"] = text
    else:
        rule.prefix_description = text


def check_description(text):
    if text is not None and not DESCRIPTION.fullmatch(text):
        raise InvalidParameterValue("Invalid rule description. Valid descriptions are strings less than 256 characters from the following "
                                    "set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*")


def canonical(cidr):
    try:
        return str(ipaddress.ip_network(cidr, strict=False))
    except ValueError:
        raise InvalidParameterValue(f"CIDR block {cidr} is malformed") from None


def flattened(self, rules):
    views = {}
    for r in rules:
        v = views.setdefault((r.ip_protocol, r.from_port, r.to_port), sg.GroupedSecurityRuleView(r.from_port, r.to_port, r.ip_protocol))
        if r.ip_range:
            v.all_ip_ranges.append({k: x for k, x in r.ip_range.items() if x is not None})
        if r.source_group:
            v.source_groups.append({k: x for k, x in r.source_group.items() if x is not None} | peering.of_pair(self, r))
        if r.prefix_list_id:
            v.prefix_list_ids.append({"PrefixListId": r.prefix_list_id} | ({"Description": r.prefix_description} if r.prefix_description else {}))
    return list(views.values())


def make_rules(backend, group, kw, egress):
    """The rules that one IpPermission means, refused as EC2 refuses."""
    made = []
    new = lambda **peer: made.append(sg.SecurityGroupRule(backend, kw["ip_protocol"], group.id, kw["from_port"], kw["to_port"],
                                                          peer.get("ip_range"), peer.get("source_group"), peer.get("prefix_list_id"),
                                                          is_egress=egress, tags=dict(kw.get("sgrule_tags") or {})))
    for r in kw.get("ip_ranges") or []:
        r = dict(r)
        for k in ("CidrIp", "CidrIpv6"):
            if k in r:
                r[k] = canonical(r[k])
                if (":" in r[k]) != (k == "CidrIpv6"):
                    raise InvalidParameterValue(f"CIDR block {r[k]} is malformed")
        check_description(r.get("Description"))
        new(ip_range=r)
    for s in kw.get("source_groups") or []:
        s = dict(s)
        owner = s.get("UserId") or s.get("OwnerId") or backend.account_id
        if owner == backend.account_id:
            other = backend.get_security_group_by_name_or_id(s.get("GroupId") or s.get("GroupName"), None)
            if other is None:
                raise InvalidSecurityGroupNotFoundError(s.get("GroupId") or s.get("GroupName"))
            s["GroupId"] = other.id
        s.pop("GroupName", None)
        check_description(s.get("Description"))
        new(source_group={"GroupId": s["GroupId"], "UserId": owner, "OwnerId": owner} | ({"Description": s["Description"]} if s.get("Description") else {}))
    for p in kw.get("prefix_list_ids") or []:
        check_description(p.get("Description"))
        if p.get("PrefixListId") not in backend.managed_prefix_lists:
            raise EC2ClientError("InvalidPrefixListID.NotFound", f"The prefix list ID '{p.get('PrefixListId')}' does not exist")
        new(prefix_list_id=p)
    return made


# What AWS's own prefix lists count for: "Work with AWS-managed prefix lists" in the VPC user guide.
WEIGHTS = {"cloudfront.origin-facing": 55, "vpc-lattice": 10}


def weight(rule, family):
    """What a rule counts for, of one family's quota: a group counts for both, a prefix list by its MaxEntries."""
    if rule.ip_range:
        return int(family in rule.ip_range)
    if not rule.prefix_list_id:
        return 1
    prefix_list = rule.ec2_backend.managed_prefix_lists.get(rule.prefix_list_id)
    if prefix_list is None or (prefix_list.address_family == "IPv6") != (family == "CidrIpv6"):
        return 0
    own = next((w for name, w in WEIGHTS.items() if prefix_list.prefix_list_name.endswith(name)), 1)
    return int(prefix_list.max_entries or own)


def check_quota(rules):
    for family in ("CidrIp", "CidrIpv6"):
        if sum(weight(r, family) for r in rules) > QUOTA:
            raise RulesPerSecurityGroupLimitExceededError()


def rules_of(group, egress):
    return group.egress_rules if egress else group.ingress_rules


def add_rules(group, made, egress):
    have = rules_of(group, egress)
    keys = [key(r) for r in have]
    for r in made:
        if key(r) in keys:
            raise InvalidPermissionDuplicateError()
        keys.append(key(r))
    check_quota(have + made)
    have.extend(made)


def group_of(backend, name):
    group = backend.get_security_group_by_name_or_id(name, None)
    if group is None:
        raise InvalidSecurityGroupNotFoundError(name)
    return group


def authorize(self, egress):
    self.error_on_dryrun()
    group, made = None, []
    for kw in self._process_rules_from_querystring():
        group = group_of(self.ec2_backend, kw["group_name_or_id"])
        made += make_rules(self.ec2_backend, group, kw, egress)
    add_rules(group, made, egress)
    return ActionResult({"Return": True, "SecurityGroupRules": made})


def revoke(self, egress):
    self.error_on_dryrun()
    group, gone, unknown = None, [], []
    for kw in self._process_rules_from_querystring():
        group = group_of(self.ec2_backend, kw["group_name_or_id"])
        have = rules_of(group, egress)
        if kw.get("security_rule_ids"):
            for i in kw["security_rule_ids"]:
                if i not in [r.id for r in have]:
                    raise InvalidSecurityGroupRuleIdNotFoundError(i)
                gone.append(i)
        else:
            by_key = {key(r): r.id for r in have}
            for r in make_rules(self.ec2_backend, group, kw, egress):
                if key(r) not in by_key:
                    unknown.append(r)
                else:
                    gone.append(by_key[key(r)])
    # In a default VPC a rule that is not there is no error; elsewhere it is, and nothing is revoked.
    if unknown and group.vpc_id != self.ec2_backend.default_vpc.id:
        raise InvalidPermissionNotFoundError()
    have = rules_of(group, egress)
    have[:] = [r for r in have if r.id not in gone]
    return ActionResult({"Return": True} | ({"UnknownIpPermissions": flattened(group, unknown)} if unknown else {}))


def update_descriptions(self, egress):
    for kw in self._process_rules_from_querystring():
        group = group_of(self.ec2_backend, kw["group_name_or_id"])
        by_key = {key(r): r for r in rules_of(group, egress)}
        for r in make_rules(self.ec2_backend, group, kw, egress):
            if key(r) not in by_key:
                raise InvalidPermissionNotFoundError()
            describe(by_key[key(r)], description(r))
    for d in self._get_param("SecurityGroupRuleDescriptions", []):
        rule = group_of(self.ec2_backend, self._get_param("GroupId")).get_rule(d["SecurityGroupRuleId"])
        if rule is None:
            raise InvalidSecurityGroupRuleIdNotFoundError(d["SecurityGroupRuleId"])
        check_description(d.get("Description"))
        describe(rule, d.get("Description"))
    return ActionResult({"Return": True})


def modify(self):
    self.error_on_dryrun()
    backend, gid = self.ec2_backend, self._get_param("GroupId")
    group = group_of(backend, gid)
    staged = {}
    for item in self._get_param("SecurityGroupRules", []):
        old, new = group.get_rule(item["SecurityGroupRuleId"]), item["SecurityGroupRule"]
        if old is None:
            raise InvalidSecurityGroupRuleIdNotFoundError(item["SecurityGroupRuleId"])
        kw = {"ip_protocol": new.get("IpProtocol"), "from_port": new.get("FromPort"), "to_port": new.get("ToPort")}
        d = {"Description": new["Description"]} if new.get("Description") else {}
        if new.get("CidrIpv4"):
            kw["ip_ranges"], kind = [{"CidrIp": new["CidrIpv4"]} | d], "CidrIp" in old.ip_range
        elif new.get("CidrIpv6"):
            kw["ip_ranges"], kind = [{"CidrIpv6": new["CidrIpv6"]} | d], "CidrIpv6" in old.ip_range
        elif new.get("PrefixListId"):
            kw["prefix_list_ids"], kind = [{"PrefixListId": new["PrefixListId"]} | d], bool(old.prefix_list_id)
        else:
            kw["source_groups"], kind = [{"GroupId": new["ReferencedGroupId"]} | d], bool(old.source_group)
        if not kind:
            raise InvalidParameterValue(f"Invalid rule type for security group rule '{old.id}'.")
        made = make_rules(backend, group, kw, old.is_egress)[0]
        staged[old.id] = made
    for egress in (False, True):
        after = [staged.get(r.id, r) for r in rules_of(group, egress)]
        if len({key(r) for r in after}) != len(after):
            raise InvalidPermissionDuplicateError()
        check_quota(after)
    for i, made in staged.items():
        old = group.get_rule(i)
        for attribute in ("ip_protocol", "from_port", "to_port", "ip_range", "source_group", "prefix_list_id", "prefix_description"):
            setattr(old, attribute, getattr(made, attribute))
    return ActionResult({"Return": True})


def guarded_delete(original, self, name=None, group_id=None):
    """Refuses as EC2 does: what an interface wears, what a group of the same VPC names, and default groups."""
    group = group_of(self, group_id or name)
    if group.is_default:
        raise EC2ClientError("CannotDelete", f'the specified group: "{group.id}" name: "default" cannot be deleted by a user')
    worn = any(g.id == group.id for e in self.enis.values() for g in e.group_set)
    named = any(r.source_group.get("GroupId") == group.id for other in self.groups[group.vpc_id].values() if other is not group
                for r in other.ingress_rules + other.egress_rules)
    if worn or named:
        raise EC2ClientError("DependencyViolation", f"resource {group.id} has a dependent object")
    return original(self, name, group_id)


def described(original, self):
    """An id that is not there is named by itself, not in a set with those that are."""
    for i in self._get_param("GroupIds", []):
        if self.ec2_backend.get_security_group_from_id(i) is None:
            raise InvalidSecurityGroupNotFoundError(i)
    return original(self)


def install():
    rule = sg.SecurityGroupRule
    rule.__init__ = rule_init
    rule.__eq__ = lambda a, b: key(a) == key(b)
    rule.description = property(description)
    rule.referenced_group_info = property(lambda self: self.source_group or None)
    sg.SecurityGroup._flattened_rules = flattened
    r = sgr.SecurityGroups
    for direction, egress in (("ingress", False), ("egress", True)):
        setattr(r, f"authorize_security_group_{direction}", functools.partialmethod(authorize, egress))
        setattr(r, f"revoke_security_group_{direction}", functools.partialmethod(revoke, egress))
        setattr(r, f"update_security_group_rule_descriptions_{direction}", functools.partialmethod(update_descriptions, egress))
    r.modify_security_group_rules = modify
    delete = sg.SecurityGroupBackend.delete_security_group
    sg.SecurityGroupBackend.delete_security_group = lambda self, name=None, group_id=None: guarded_delete(delete, self, name, group_id)
    describe_groups = r.describe_security_groups
    r.describe_security_groups = lambda self: described(describe_groups, self)
