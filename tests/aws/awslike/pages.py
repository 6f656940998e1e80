"""EC2: pages. Moto answers every Describe call in one piece, or cuts it off without a token; AWS hands out tokens.

The bounds of MaxResults and the defaults are those of the Amazon EC2 API reference.
"""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import base64

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidParameterValue
from moto.ec2.responses import EC2Response

# operation: (list in the answer, least, most, what AWS takes when nothing is asked (None: all), ids that exclude MaxResults)
PAGED = {
    "describe_security_groups": ("SecurityGroups", 5, 1000, None, None),
    "describe_security_group_rules": ("SecurityGroupRules", 5, 1000, None, None),
    "describe_network_interfaces": ("NetworkInterfaces", 5, 1000, None, "NetworkInterfaceIds"),
    "describe_vpcs": ("Vpcs", 5, 1000, None, None),
    "describe_vpc_peering_connections": ("VpcPeeringConnections", 5, 1000, None, None),
    "describe_managed_prefix_lists": ("PrefixLists", 1, 100, None, None),
    "get_managed_prefix_list_entries": ("Entries", 1, 1000, 100, None),
    "describe_launch_template_versions": ("LaunchTemplateVersions", 1, 200, None, None),
    "describe_launch_templates": ("LaunchTemplates", 1, 200, None, None),
    "describe_stale_security_groups": ("StaleSecurityGroupSet", 5, 255, None, None),
}


def token(operation, start):
    return base64.urlsafe_b64encode(f"{operation}:{start}".encode()).decode()


def start_of(operation, text):
    try:
        named, start = base64.urlsafe_b64decode(text).decode().split(":")
        if named == operation:
            return int(start)
    except ValueError:
        pass
    raise EC2ClientError("InvalidPaginationToken", f"The specified pagination token '{text}' is not valid")


def paged(operation, original):
    name, least, most, default, exclusive = PAGED[operation]

    def method(self):
        size, after = self._get_param("MaxResults"), self._get_param("NextToken")
        if size is not None:
            size = int(size)
            if not least <= size <= most:
                raise InvalidParameterValue(f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value from {least} to {most}.")
            if exclusive and self._get_param(exclusive, []):
                raise EC2ClientError("InvalidParameterCombination", f"The parameter {exclusive} cannot be used with the parameter maxResults")
        start, size = start_of(operation, after) if after else 0, size or default
        result = dict(whole(self, original).result)
        everything = list(result[name] or [])
        end = start + size if size else len(everything)
        result[name] = everything[start:end]
        if end < len(everything):
            result["NextToken"] = token(operation, end)
        return ActionResult(result)
    return method


def whole(self, original):
    """Moto's answer in one piece: some operations cut at MaxResults, and at 15 where none is given."""
    plain = self._get_int_param
    self._get_int_param = lambda name, default=None: 1_000_000 if name == "MaxResults" else plain(name, default)
    try:
        return original(self)
    finally:
        del self._get_int_param


def install():
    for operation in PAGED:
        setattr(EC2Response, operation, paged(operation, getattr(EC2Response, operation)))
