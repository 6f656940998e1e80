"""Many accounts at once, for benchmarks: `--many ACCOUNTS:REGION,REGION,…:GROUPS`.

Made in the server itself, for over HTTP it would take minutes. Account ids count up from 100000000001. Every tenth group
lets SSH in from anywhere; every group but the last of each account and Region is worn by an interface.
"""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
from moto.ec2.models import ec2_backends

from rules import add_rules, make_rules

FIRST = 100000000001


def permission(protocol, port, cidrs):
    return {"ip_protocol": protocol, "from_port": port, "to_port": port, "ip_ranges": [{"CidrIp": c} for c in cidrs]}


def fill(backend, count):
    vpc = backend.create_vpc("10.0.0.0/16")
    subnet = backend.create_subnet(vpc.id, "10.0.0.0/17")
    for i in range(count):
        group = backend.create_security_group(f"group-{i}", "made for a benchmark", vpc_id=vpc.id, tags={"Name": f"group-{i}", "Team": f"team-{i % 7}"})
        made = make_rules(backend, group, permission("tcp", 443, ["10.0.0.0/8", "192.168.0.0/16"]), False)
        made += make_rules(backend, group, permission("tcp", 22, ["0.0.0.0/0"] if i % 10 == 0 else ["198.51.100.0/24"]), False)
        add_rules(group, made, False)
        if i < count - 1:
            backend.create_network_interface(subnet, [], group_ids=[group.id])


def build(text):
    accounts, regions, groups = text.split(":")
    for account in range(FIRST, FIRST + int(accounts)):
        for region in regions.split(","):
            fill(ec2_backends[str(account)][region], int(groups))
