"""A small world on an AWS-like server: two accounts, two Regions, a few security groups of which some are wide open.

    python examples/live/seed.py            # the server at AWS_ENDPOINT_URL, else http://127.0.0.1:5000

Needs boto3, which comes with the server. It waits for the server, refuses any address but a loopback one, and prints the
environment in which Portcullis finds this world.
"""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import os
import sys
import time
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import EndpointConnectionError

ENDPOINT = os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")
ROLE = "portcullis"  # the server has any role in any account, and lets anybody assume it
HERE, THERE = "111122223333", "444455556666"

# Group: its rules. Everything that is wrong is wrong on purpose.
SHOP = {
    "shop-web": ["tcp 443 0.0.0.0/0", "tcp 443 ::/0"],
    "shop-admin": ["tcp 22 0.0.0.0/1", "tcp 22 128.0.0.0/1", "tcp 22 203.0.114.10/32"],
    "shop-db": ["tcp 5432 shop-web", "tcp 5432 0.0.0.0/0"],
}
LAB = {"jupyter": ["tcp 0-65535 ::/0"], "launch-wizard-1": ["tcp 3389 0.0.0.0/0"]}
WORLD = [(HERE, "eu-west-1", SHOP), (HERE, "us-east-1", LAB), (THERE, "eu-west-1", LAB)]


def wait():
    for _ in range(60):
        try:
            return keys(HERE)
        except EndpointConnectionError:
            time.sleep(0.5)
    sys.exit(f"no server answers at {ENDPOINT}: examples/live/README.md says how to start one")


def keys(account):
    """Keys of the role in an account, got with any access key at all."""
    sts = boto3.client("sts", endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id="AKIAANYTHINGWILLDO00", aws_secret_access_key="-")
    return sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/{ROLE}", RoleSessionName="seed")["Credentials"]


def permission(rule, ids):
    protocol, ports, peer = rule.split()
    first, _, last = ports.partition("-")
    kind = {"UserIdGroupPairs": [{"GroupId": ids[peer]}]} if peer in ids else \
        {"Ipv6Ranges": [{"CidrIpv6": peer}]} if ":" in peer else {"IpRanges": [{"CidrIp": peer}]}
    return {"IpProtocol": protocol, "FromPort": int(first), "ToPort": int(last or first)} | kind


def build(account, region, groups):
    key = keys(account)
    ec2 = boto3.client("ec2", endpoint_url=ENDPOINT, region_name=region, aws_access_key_id=key["AccessKeyId"],
                       aws_secret_access_key=key["SecretAccessKey"], aws_session_token=key["SessionToken"])
    if ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["portcullis-example"]}])["Vpcs"]:
        sys.exit(f"{account} {region} has been seeded already: start the server anew for a fresh world")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Name", "Value": "portcullis-example"}])
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24")["Subnet"]["SubnetId"]
    ids = {}
    for name in groups:
        ids[name] = ec2.create_security_group(GroupName=name, Description=f"example {name}", VpcId=vpc)["GroupId"]
    for name, rules in groups.items():
        ec2.authorize_security_group_ingress(GroupId=ids[name], IpPermissions=[permission(r, ids) for r in rules])
        if name != "launch-wizard-1":  # the one that nothing uses
            ec2.create_network_interface(SubnetId=subnet, Groups=[ids[name]])


def main():
    if urlsplit(ENDPOINT).hostname not in ("127.0.0.1", "localhost", "::1"):
        sys.exit(f"this makes groups that are wide open: only for a server on this machine, not for `{ENDPOINT}`")
    key = wait()
    for account, region, groups in WORLD:
        build(account, region, groups)
    print(f"export AWS_ENDPOINT_URL={ENDPOINT} AWS_REGION=eu-west-1 AWS_EC2_METADATA_DISABLED=true")
    print(f"export AWS_ACCESS_KEY_ID={key['AccessKeyId']} AWS_SECRET_ACCESS_KEY={key['SecretAccessKey']} AWS_SESSION_TOKEN={key['SessionToken']}")


if __name__ == "__main__":
    main()
