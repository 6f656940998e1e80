"""EC2: references between groups of peered VPCs, of which moto knows nothing.

DescribeSecurityGroupReferences, DescribeStaleSecurityGroups, and in DescribeSecurityGroups the VPC and the peering of a
peer group. A rule is stale when the group that it names, in another VPC, is gone, or the peering is.
"""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidSecurityGroupNotFoundError
from moto.ec2.models import ec2_backends
from moto.ec2.models import security_groups as sg
from moto.ec2.responses import security_groups as sgr

# The VPC of every group that ever was: a stale rule names one that is gone.
VPC_OF = {}


def peerings(backend, vpc_id):
    """(the peering, its other VPC) for every peering that the VPC has or had, the live ones first."""
    found = []
    for pcx in backend.vpc_pcxs.values():
        for near, far in ((pcx.vpc, pcx.peer_vpc), (pcx.peer_vpc, pcx.vpc)):
            if near.id == vpc_id:
                found.append((pcx, far))
    return sorted(found, key=lambda p: p[0].status["Code"] != "active")


def of_pair(group, rule):
    """What a UserIdGroupPair says of a group in another VPC."""
    vpc = VPC_OF.get(rule.source_group.get("GroupId"), group.vpc_id)
    if vpc == group.vpc_id:
        return {}
    for pcx, far in peerings(group.ec2_backend, group.vpc_id):
        if far.id == vpc:
            return {"VpcId": vpc, "VpcPeeringConnectionId": pcx.id, "PeeringStatus": pcx.status["Code"]}
    return {}


def is_stale(group, rule):
    pair = of_pair(group, rule)
    if not pair:
        return False
    if pair["PeeringStatus"] != "active":
        return True
    far = next(far for pcx, far in peerings(group.ec2_backend, group.vpc_id) if pcx.id == pair["VpcPeeringConnectionId"])
    return far.ec2_backend.get_security_group_from_id(rule.source_group["GroupId"]) is None


def describe_stale(self):
    self.error_on_dryrun()
    vpc = self._get_param("VpcId")
    if vpc not in self.ec2_backend.vpcs:
        raise EC2ClientError("InvalidVpcID.NotFound", f"The vpc ID '{vpc}' does not exist")
    result = []
    for group in self.ec2_backend.groups[vpc].values():
        stale = [[r for r in rules if is_stale(group, r)] for rules in (group.ingress_rules, group.egress_rules)]
        if any(stale):
            result.append({"GroupId": group.id, "GroupName": group.name, "Description": group.description, "VpcId": vpc,
                           "StaleIpPermissions": group._flattened_rules(stale[0]),
                           "StaleIpPermissionsEgress": group._flattened_rules(stale[1])})
    return ActionResult({"StaleSecurityGroupSet": result})


def describe_references(self):
    self.error_on_dryrun()
    result = []
    for wanted in self._get_param("GroupId", []) or self._get_param("GroupIds", []):
        group = self.ec2_backend.get_security_group_from_id(wanted)
        if group is None:
            raise InvalidSecurityGroupNotFoundError(wanted)
        for pcx, far in peerings(self.ec2_backend, group.vpc_id):
            others = list(ec2_backends[far.owner_id][far.region].groups[far.id].values())
            named = any(r.source_group.get("GroupId") == wanted for g in others for r in g.ingress_rules + g.egress_rules)
            if named and pcx.status["Code"] == "active":
                result.append({"GroupId": wanted, "ReferencingVpcId": far.id, "VpcPeeringConnectionId": pcx.id})
    return ActionResult({"SecurityGroupReferenceSet": result})


def install():
    create = sg.SecurityGroup.__init__

    def remembered(self, *args, **kw):
        create(self, *args, **kw)
        VPC_OF[self.id] = self.vpc_id
    sg.SecurityGroup.__init__ = remembered
    sgr.SecurityGroups.describe_stale_security_groups = describe_stale
    sgr.SecurityGroups.describe_security_group_references = describe_references
