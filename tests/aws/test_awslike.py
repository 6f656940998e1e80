"""What `awslike` promises over plain moto, a test for each difference.

    cargo xtask moto -- python -m unittest discover tests/aws      (with the environment's Python: see CONTRIBUTING.md)
"""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import concurrent.futures
import datetime
import io
import json
import os
import random
import time
import unittest
import urllib.error
import urllib.request
import zipfile

import boto3
import botocore.parsers
import botocore.serialize
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ.get("PORTCULLIS_TEST_AWS")


def session(account=None):
    """A session in an account of its own: any access key may assume any role, and acts in the role's account."""
    account = account or "".join(random.choices("123456789", k=12))
    sts = boto3.client("sts", endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id="AKIATESTTESTTESTTEST", aws_secret_access_key="x")
    keys = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/any", RoleSessionName="test")["Credentials"]
    return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name="eu-west-1"), account


class Case(unittest.TestCase):
    def setUp(self):
        if not ENDPOINT:
            self.fail("start the tests with `cargo xtask test`, or `cargo xtask moto -- cargo nextest run …`")
        self.session, self.account = session()
        self.ec2 = self.client("ec2")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]

    def client(self, service, session=None):
        return (session or self.session).client(service, endpoint_url=ENDPOINT, config=Config(retries={"max_attempts": 0}, parameter_validation=False))

    def group(self, name="web", vpc=None, ec2=None):
        return (ec2 or self.ec2).create_security_group(GroupName=name, Description="d", VpcId=vpc or self.vpc)["GroupId"]

    def allow(self, group, **peer):
        permission = {"IpProtocol": "tcp", "FromPort": peer.pop("port", 22), "ToPort": peer.pop("to", 22)} | peer
        return self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])["SecurityGroupRules"]

    def rules(self, group, egress=False):
        found = self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
        return [r for r in found if r["IsEgress"] == egress]

    def refused(self, code, call, **parameters):
        with self.assertRaises(ClientError) as caught:
            call(**parameters)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response["Error"]["Message"]

    def cidrs(self, count, first=0):
        return [{"CidrIp": f"10.{first + i // 256}.{i % 256}.0/24"} for i in range(count)]


class Rules(Case):
    def test_the_role_s_account_is_where_a_call_acts(self):
        self.assertEqual(self.client("sts").get_caller_identity()["Account"], self.account)
        group = self.group()
        other, _ = session()
        self.refused("InvalidGroup.NotFound", self.client("ec2", other).describe_security_groups, GroupIds=[group])

    def test_a_call_is_done_whole_or_not_at_all(self):
        group = self.group()
        self.allow(group, IpRanges=[{"CidrIp": "10.0.0.0/8"}])
        both = [{"CidrIp": "11.0.0.0/8"}, {"CidrIp": "10.0.0.0/8"}]
        self.refused("InvalidPermission.Duplicate", self.allow, group=group, IpRanges=both)
        self.assertEqual(len(self.rules(group)), 1)

    def test_host_bits_go_and_descriptions_are_checked(self):
        group = self.group()
        made = self.allow(group, IpRanges=[{"CidrIp": "10.1.2.3/8", "Description": "office"}])
        self.assertEqual((made[0]["CidrIpv4"], made[0]["Description"]), ("10.0.0.0/8", "office"))
        self.refused("InvalidParameterValue", self.allow, group=group, IpRanges=[{"CidrIp": "11.0.0.0/8", "Description": 'a "quote"'}])

    def test_the_quota_is_counted_for_each_family_apart(self):
        group = self.group()
        self.allow(group, IpRanges=self.cidrs(60))
        self.allow(group, Ipv6Ranges=[{"CidrIpv6": f"2001:db8:{i:x}::/48"} for i in range(60)])
        self.refused("RulesPerSecurityGroupLimitExceeded", self.allow, group=group, IpRanges=self.cidrs(1, 9))

    def test_a_group_counts_for_both_families(self):
        group = self.group()
        self.allow(group, IpRanges=self.cidrs(59))
        self.allow(group, UserIdGroupPairs=[{"GroupId": group}])
        self.refused("RulesPerSecurityGroupLimitExceeded", self.allow, group=group, IpRanges=self.cidrs(1, 9))
        v6 = lambda count, first: [{"CidrIpv6": f"2001:db8:{first + i:x}::/48"} for i in range(count)]
        self.allow(group, Ipv6Ranges=v6(59, 0))
        self.refused("RulesPerSecurityGroupLimitExceeded", self.allow, group=group, Ipv6Ranges=v6(1, 99))

    def test_a_prefix_list_counts_its_maximum(self):
        group = self.group()
        made = self.ec2.create_managed_prefix_list(PrefixListName="l", MaxEntries=20, AddressFamily="IPv4", Entries=[{"Cidr": "10.0.0.0/8"}])
        self.allow(group, PrefixListIds=[{"PrefixListId": made["PrefixList"]["PrefixListId"], "Description": "kept"}])
        self.assertEqual(self.rules(group)[0]["Description"], "kept")
        self.refused("RulesPerSecurityGroupLimitExceeded", self.allow, group=group, IpRanges=self.cidrs(41))
        self.allow(group, IpRanges=self.cidrs(40))

    def test_revoking_by_rule_id(self):
        group = self.group()
        ids = [r["SecurityGroupRuleId"] for r in self.allow(group, IpRanges=self.cidrs(3))]
        self.refused("InvalidSecurityGroupRuleId.NotFound", self.ec2.revoke_security_group_ingress, GroupId=group, SecurityGroupRuleIds=[ids[0], "sgr-0"])
        self.ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=ids[:2])
        self.assertEqual([r["SecurityGroupRuleId"] for r in self.rules(group)], ids[2:])

    def test_revoking_what_is_not_there(self):
        missing = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
        self.refused("InvalidPermission.NotFound", self.ec2.revoke_security_group_ingress, GroupId=self.group(), IpPermissions=missing)
        default = self.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
        answer = self.ec2.revoke_security_group_ingress(GroupId=self.group("lax", default), IpPermissions=missing)
        self.assertEqual(answer["UnknownIpPermissions"][0]["IpRanges"], [{"CidrIp": "10.0.0.0/8"}])

    def test_modifying_keeps_the_id_and_the_kind(self):
        group = self.group()
        rule = self.allow(group, Ipv6Ranges=[{"CidrIpv6": "::/0"}])[0]["SecurityGroupRuleId"]
        change = lambda **new: self.ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[
            {"SecurityGroupRuleId": rule, "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22} | new}])
        change(CidrIpv6="2001:db8::/32", Description="narrowed")
        self.assertEqual([(r["SecurityGroupRuleId"], r["CidrIpv6"], r["Description"]) for r in self.rules(group)], [(rule, "2001:db8::/32", "narrowed")])
        self.refused("InvalidParameterValue", change, CidrIpv4="10.0.0.0/8")

    def test_tags_and_descriptions_of_rules(self):
        group = self.group()
        rule = self.allow(group, IpRanges=self.cidrs(1))[0]["SecurityGroupRuleId"]
        self.ec2.create_tags(Resources=[rule], Tags=[{"Key": "owner", "Value": "me"}])
        self.ec2.update_security_group_rule_descriptions_ingress(GroupId=group, SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": rule, "Description": "new"}])
        found = self.rules(group)[0]
        self.assertEqual((found["Description"], found["Tags"]), ("new", [{"Key": "owner", "Value": "me"}]))

    def test_a_group_in_use_stays(self):
        used, named, namer = self.group("used"), self.group("named"), self.group("namer")
        subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        self.ec2.create_network_interface(SubnetId=subnet, Groups=[used])
        self.allow(namer, UserIdGroupPairs=[{"GroupId": named}])
        for group in (used, named):
            self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=group)
        default = self.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}, {"Name": "group-name", "Values": ["default"]}])
        self.refused("CannotDelete", self.ec2.delete_security_group, GroupId=default["SecurityGroups"][0]["GroupId"])
        self.ec2.delete_security_group(GroupId=namer)

    def test_the_group_that_is_not_there_is_named(self):
        message = self.refused("InvalidGroup.NotFound", self.ec2.describe_security_groups, GroupIds=[self.group(), "sg-0123456789abcdef0"])
        self.assertIn("'sg-0123456789abcdef0'", message)


class Pages(Case):
    def paged(self, operation, name, size=5, **parameters):
        found, pages = [], 0
        for page in self.ec2.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **parameters):
            self.assertLessEqual(len(page[name]), size)
            found, pages = found + page[name], pages + 1
        self.assertGreater(pages, 1)
        return found

    def test_groups_and_rules(self):
        groups = {self.group(f"g{i}") for i in range(12)}
        self.assertLessEqual(groups, {g["GroupId"] for g in self.paged("describe_security_groups", "SecurityGroups")})
        group = groups.pop()
        self.allow(group, IpRanges=self.cidrs(12))
        rules = self.paged("describe_security_group_rules", "SecurityGroupRules", Filters=[{"Name": "group-id", "Values": [group]}])
        self.assertEqual(len({r["SecurityGroupRuleId"] for r in rules}), 13)
        self.refused("InvalidParameterValue", self.ec2.describe_security_groups, MaxResults=4)
        self.refused("InvalidPaginationToken", self.ec2.describe_security_groups, MaxResults=5, NextToken="of-somebody-else")

    def test_interfaces(self):
        subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        made = {self.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"] for _ in range(7)}
        found = self.paged("describe_network_interfaces", "NetworkInterfaces")
        self.assertEqual({i["NetworkInterfaceId"] for i in found}, made)
        self.refused("InvalidParameterCombination", self.ec2.describe_network_interfaces, MaxResults=5, NetworkInterfaceIds=list(made))

    def test_vpcs_and_peerings(self):
        vpcs = [self.ec2.create_vpc(CidrBlock=f"10.{i}.0.0/16")["Vpc"]["VpcId"] for i in range(1, 7)]
        self.assertLessEqual(set(vpcs), {v["VpcId"] for v in self.paged("describe_vpcs", "Vpcs")})
        for vpc in vpcs:
            self.ec2.create_vpc_peering_connection(VpcId=self.vpc, PeerVpcId=vpc)
        self.assertEqual(len(self.paged("describe_vpc_peering_connections", "VpcPeeringConnections")), 6)

    def test_prefix_lists_and_entries(self):
        entries = [{"Cidr": f"10.0.{i}.0/24"} for i in range(120)]
        made = self.ec2.create_managed_prefix_list(PrefixListName="l", MaxEntries=200, AddressFamily="IPv4", Entries=entries[:100])["PrefixList"]["PrefixListId"]
        self.ec2.modify_managed_prefix_list(PrefixListId=made, AddEntries=entries[100:], CurrentVersion=1)
        first = self.ec2.get_managed_prefix_list_entries(PrefixListId=made)
        self.assertEqual((len(first["Entries"]), "NextToken" in first), (100, True))
        self.assertEqual(len(self.paged("get_managed_prefix_list_entries", "Entries", 50, PrefixListId=made)), 120)
        self.assertIn(made, [p["PrefixListId"] for p in self.paged("describe_managed_prefix_lists", "PrefixLists", 3)])

    def test_launch_templates_without_an_id(self):
        for i in range(20):
            self.ec2.create_launch_template(LaunchTemplateName=f"template-{i}", LaunchTemplateData={"SecurityGroupIds": [f"sg-{i}"]})
        self.ec2.create_launch_template_version(LaunchTemplateName="template-0", LaunchTemplateData={"SecurityGroupIds": ["sg-latest"]})
        found = self.ec2.describe_launch_template_versions(Versions=["$Latest", "$Default"])["LaunchTemplateVersions"]
        self.assertEqual(len(found), 40)
        groups = {g for v in found for g in v["LaunchTemplateData"]["SecurityGroupIds"]}
        self.assertLessEqual({"sg-0", "sg-latest", "sg-19"}, groups)
        self.assertEqual(len(self.paged("describe_launch_template_versions", "LaunchTemplateVersions", 7, Versions=["$Latest"])), 20)


class Peering(Case):
    def peered(self):
        """Our VPC and one of another account, peered; a group in each, ours naming theirs."""
        other, account = session()
        theirs = self.client("ec2", other)
        vpc = theirs.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        pcx = self.ec2.create_vpc_peering_connection(VpcId=self.vpc, PeerVpcId=vpc, PeerOwnerId=account)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        theirs.accept_vpc_peering_connection(VpcPeeringConnectionId=pcx)
        far, near = self.group("far", vpc, theirs), self.group("near")
        self.allow(near, UserIdGroupPairs=[{"GroupId": far, "UserId": account, "Description": "theirs"}])
        return theirs, pcx, far, near

    def stale(self):
        return self.ec2.describe_stale_security_groups(VpcId=self.vpc)["StaleSecurityGroupSet"]

    def test_references(self):
        theirs, pcx, far, near = self.peered()
        found = theirs.describe_security_group_references(GroupId=[far])["SecurityGroupReferenceSet"]
        self.assertEqual(found, [{"GroupId": far, "ReferencingVpcId": self.vpc, "VpcPeeringConnectionId": pcx}])
        self.assertEqual(self.ec2.describe_security_group_references(GroupId=[near])["SecurityGroupReferenceSet"], [])
        pair = self.ec2.describe_security_groups(GroupIds=[near])["SecurityGroups"][0]["IpPermissions"][0]["UserIdGroupPairs"][0]
        self.assertEqual((pair["VpcPeeringConnectionId"], pair["PeeringStatus"]), (pcx, "active"))

    def test_a_rule_is_stale_when_its_group_is_gone(self):
        theirs, _, far, near = self.peered()
        self.assertEqual(self.stale(), [])
        theirs.delete_security_group(GroupId=far)
        found = self.stale()
        self.assertEqual([g["GroupId"] for g in found], [near])
        self.assertEqual(found[0]["StaleIpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"], far)

    def test_a_rule_is_stale_when_the_peering_is_gone(self):
        _, pcx, _, near = self.peered()
        self.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=pcx)
        self.assertEqual([g["GroupId"] for g in self.stale()], [near])


class Deployment(Case):
    def test_a_trail_goes_by_its_arn_too(self):
        self.client("s3").create_bucket(Bucket=f"trail-{self.account}", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        trails = self.client("cloudtrail")
        arn = trails.create_trail(Name="all", S3BucketName=f"trail-{self.account}")["TrailARN"]
        trails.start_logging(Name=arn)
        self.assertTrue(trails.get_trail_status(Name="all")["IsLogging"])
        trails.delete_trail(Name=arn)
        self.assertEqual(trails.describe_trails()["trailList"], [])

    def test_a_queue_knows_whose_dead_letters_it_takes(self):
        sqs, allowed = self.client("sqs"), '{"redrivePermission": "allowAll"}'
        queue = sqs.create_queue(QueueName="dead", Attributes={"RedriveAllowPolicy": allowed})["QueueUrl"]
        self.assertEqual(sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]["RedriveAllowPolicy"], allowed)

    def test_the_policy_of_a_bucket_is_kept_and_not_weighed(self):
        s3, bucket = self.client("s3"), f"kept-{self.account}"
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
        s3.put_object(Bucket=bucket, Key="a", Body=b"b")

    def test_an_event_comes_to_a_queue_though_a_function_listens_too(self):
        events, sqs = self.client("events"), self.client("sqs")
        queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
        arns = {"queue": f"arn:aws:sqs:eu-west-1:{self.account}:heard", "function": f"arn:aws:lambda:eu-west-1:{self.account}:function:f"}
        events.put_rule(Name="clock", ScheduleExpression="rate(1 hour)")
        events.put_rule(Name="heard", EventPattern='{"source": ["ours"]}')
        for rule in ("clock", "heard"):
            events.put_targets(Rule=rule, Targets=[{"Id": name, "Arn": arn} for name, arn in arns.items()])
        for source in ("ours", "theirs"):
            events.put_events(Entries=[{"Source": source, "DetailType": "d", "Detail": "{}"}])
        heard = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
        self.assertEqual([json.loads(message["Body"])["source"] for message in heard], ["ours"])


class Stacks(Case):
    def setUp(self):
        super().setUp()
        self.cfn = self.client("cloudformation")

    def template(self, *ports, outputs=True, description="d", **more):
        ingress = [{"IpProtocol": "tcp", "FromPort": p, "ToPort": p, "CidrIpv6": "2001:db8::/32", "Description": f"port {p}"} for p in ports]
        properties = {"GroupName": "web", "GroupDescription": description, "VpcId": self.vpc, "SecurityGroupIngress": ingress} | more
        whole = {"Resources": {"Web": {"Type": "AWS::EC2::SecurityGroup", "DeletionPolicy": "Delete", "Properties": properties}}}
        return json.dumps(whole | ({"Outputs": {"SecurityGroupId": {"Value": {"Ref": "Web"}}}} if outputs else {}))

    def until(self, look, pending):
        while (seen := look()) in pending:
            time.sleep(0.05)
        return seen

    def change_set(self, kind, template, name="c1", **more):
        made = self.cfn.create_change_set(StackName="web", ChangeSetName=name, ChangeSetType=kind, TemplateBody=template, **more)
        self.until(lambda: self.cfn.describe_change_set(ChangeSetName=made["Id"])["Status"], ("CREATE_IN_PROGRESS",))
        return self.cfn.describe_change_set(ChangeSetName=made["Id"])

    def execute(self, described):
        self.cfn.execute_change_set(ChangeSetName=described["ChangeSetId"])
        return self.status(described["StackId"])

    def status(self, stack):
        busy = [f"{verb}_IN_PROGRESS" for verb in ("CREATE", "UPDATE", "IMPORT", "DELETE", "ROLLBACK", "UPDATE_ROLLBACK")]
        return self.until(lambda: self.cfn.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"], busy)

    def made(self, *ports):
        self.assertEqual(self.execute(self.change_set("CREATE", self.template(*ports))), "CREATE_COMPLETE")
        return self.cfn.describe_stacks(StackName="web")["Stacks"][0]["Outputs"][0]["OutputValue"]

    def ports(self, group, egress=False):
        return sorted((r["FromPort"], r.get("Description")) for r in self.rules(group, egress))

    def test_a_group_is_updated_in_place_and_what_others_did_is_left_alone(self):
        group = self.made(22, 443)
        self.allow(group, IpRanges=[{"CidrIp": "10.0.0.0/8"}], port=9, to=9)
        described = self.change_set("UPDATE", self.template(443, 80))
        change = described["Changes"][0]["ResourceChange"]
        self.assertEqual((change["Action"], change["PhysicalResourceId"], change["Replacement"]), ("Modify", group, "False"))
        self.assertEqual(self.execute(described), "UPDATE_COMPLETE")
        self.assertEqual(self.ports(group), [(9, None), (80, "port 80"), (443, "port 443")])
        self.assertIn("didn't contain changes", self.change_set("UPDATE", self.template(443, 80))["StatusReason"])

    def test_what_fails_is_rolled_back_with_its_reason(self):
        group = self.made(22)
        self.assertEqual(self.execute(self.change_set("UPDATE", self.template(*range(1, 62)))), "UPDATE_ROLLBACK_COMPLETE")
        events = self.cfn.describe_stack_events(StackName="web")["StackEvents"]
        reasons = [e["ResourceStatusReason"] for e in events if e["ResourceStatus"] == "UPDATE_FAILED"]
        self.assertIn("maximum number of rules", reasons[0])
        self.assertEqual(self.ports(group), [(22, "port 22")])

    def test_a_stack_that_never_came_to_be_can_only_be_deleted(self):
        described = self.change_set("CREATE", self.template(*range(1, 62)))
        self.assertEqual(self.execute(described), "ROLLBACK_COMPLETE")
        self.assertIn("ROLLBACK_COMPLETE", self.refused("ValidationError", self.change_set, kind="UPDATE", template=self.template(1)))
        self.cfn.delete_stack(StackName="web")
        self.assertEqual(self.status(described["StackId"]), "DELETE_COMPLETE")

    def test_of_two_change_sets_one_is_executed(self):
        self.made(22)
        ours, theirs = self.change_set("UPDATE", self.template(80)), self.change_set("UPDATE", self.template(443), "c2")
        self.cfn.execute_change_set(ChangeSetName=ours["ChangeSetId"])
        self.refused("ChangeSetNotFound", self.cfn.execute_change_set, ChangeSetName=theirs["ChangeSetId"])
        self.refused("ValidationError", self.change_set, kind="UPDATE", template=self.template(1))
        self.status("web")

    def test_an_import_brings_no_outputs_and_leaves_the_group_alone(self):
        group = self.group("web")
        self.allow(group, IpRanges=[{"CidrIp": "10.0.0.0/8"}])
        resources = [{"ResourceType": "AWS::EC2::SecurityGroup", "LogicalResourceId": "Web", "ResourceIdentifier": {"Id": group}}]
        wants = {"kind": "IMPORT", "ResourcesToImport": resources}
        self.assertIn("[Outputs]", self.refused("ValidationError", self.change_set, template=self.template(), **wants))
        self.assertEqual(self.execute(self.change_set(template=self.template(outputs=False), **wants)), "IMPORT_COMPLETE")
        self.assertEqual(self.execute(self.change_set("UPDATE", self.template())), "UPDATE_COMPLETE")
        self.assertEqual(self.cfn.describe_stacks(StackName="web")["Stacks"][0]["Outputs"][0]["OutputValue"], group)
        self.assertEqual(self.ports(group), [(22, None)])

    def test_a_group_in_use_keeps_its_stack(self):
        group = self.made(22)
        subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        self.ec2.create_network_interface(SubnetId=subnet, Groups=[group])
        self.cfn.delete_stack(StackName="web")
        self.assertEqual(self.status("web"), "DELETE_FAILED")


class Elsewhere(Case):
    def test_only_enabled_regions_unless_asked(self):
        names = lambda **p: {r["RegionName"]: r["OptInStatus"] for r in self.ec2.describe_regions(**p)["Regions"]}
        self.assertEqual((len(names()), set(names().values())), (17, {"opt-in-not-required"}))
        self.assertEqual(names(AllRegions=True)["eu-south-1"], "not-opted-in")
        self.client("account").enable_region(RegionName="eu-south-1")
        self.assertEqual(names()["eu-south-1"], "opted-in")

    def test_of_many_conditional_puts_one_wins(self):
        s3 = self.client("s3")
        s3.create_bucket(Bucket=f"b{self.account}", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        place = {"Bucket": f"b{self.account}", "Key": "lock"}

        def put(**condition):
            try:
                return s3.put_object(Body=os.urandom(64), **place, **condition)["ETag"]
            except ClientError as error:
                return error.response["Error"]["Code"]

        def race(**condition):
            with concurrent.futures.ThreadPoolExecutor(10) as pool:
                answers = list(pool.map(lambda _: put(**condition), range(10)))
            won = [a for a in answers if a != "PreconditionFailed"]
            self.assertEqual(len(won), 1, answers)
            return won[0]
        race(IfMatch=race(IfNoneMatch="*"))

    def test_nobody_waits_for_one_who_waits_for_messages(self):
        queue = self.client("sqs").create_queue(QueueName=f"q{self.account}")["QueueUrl"]
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.client("sqs").receive_message, QueueUrl=queue, WaitTimeSeconds=20)
            self.client("sqs").send_message(QueueUrl=queue, MessageBody="here")
            self.assertEqual(waiting.result(timeout=15)["Messages"][0]["Body"], "here")

    def test_metrics_come_in_cbor(self):
        # As the SDKs for Rust and others send it; boto3 itself prefers JSON.
        cloudwatch = self.client("cloudwatch")
        model = cloudwatch.meta.service_model
        keys = self.session.get_credentials()

        def call(operation, **parameters):
            asked = botocore.serialize.create_serializer("smithy-rpc-v2-cbor").serialize_to_request(parameters, model.operation_model(operation))
            signed = f"AWS4-HMAC-SHA256 Credential={keys.access_key}/20260101/eu-west-1/monitoring/aws4_request, SignedHeaders=host, Signature=0"
            request = urllib.request.Request(ENDPOINT + asked["url_path"], asked["body"], asked["headers"] | {"Authorization": signed})
            try:
                with urllib.request.urlopen(request) as answer:
                    status, headers, body = answer.status, answer.headers, answer.read()
            except urllib.error.HTTPError as error:
                status, headers, body = error.code, error.headers, error.read()
            self.assertEqual(headers["Content-Type"], "application/cbor")
            parsed = {"status_code": status, "headers": {k.lower(): v for k, v in headers.items()}, "body": body}
            return botocore.parsers.create_parser("smithy-rpc-v2-cbor").parse(parsed, model.operation_model(operation).output_shape)
        datum = {"MetricName": "Findings", "Value": 2.5, "Timestamp": datetime.datetime.now(), "Dimensions": [{"Name": "Severity", "Value": "höch"}]}
        call("PutMetricData", Namespace="Portcullis", MetricData=[datum])
        found = call("ListMetrics", Namespace="Portcullis")["Metrics"]
        self.assertEqual([(m["MetricName"], m["Dimensions"]) for m in found], [("Findings", datum["Dimensions"])])
        now = datetime.datetime.now()
        hour = datetime.timedelta(hours=1)
        window = {"StartTime": now - hour, "EndTime": now + hour, "Period": 7200, "Statistics": ["Sum"]}
        points = cloudwatch.get_metric_statistics(Namespace="Portcullis", MetricName="Findings", Dimensions=datum["Dimensions"], **window)
        self.assertEqual([p["Sum"] for p in points["Datapoints"]], [2.5])
        self.assertIn("Error", call("GetDashboard", DashboardName="none"))

    def test_the_server_says_that_it_is_there(self):
        with urllib.request.urlopen(f"{ENDPOINT}/moto-api/") as answer:
            self.assertEqual(answer.status, 200)


# A function that answers who it is and what it was asked, and refuses what it is told to refuse.
BOOTSTRAP = """#!/usr/bin/env python3
import json, os, urllib.request
home = os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(home + "next") as call:
        id, event = call.headers["Lambda-Runtime-Aws-Request-Id"], json.loads(call.read())
    how = "error" if event.get("refuse") else "response"
    said = {"errorType": "Refused", "errorMessage": "no"} if how == "error" else {"asked": event, "word": os.environ["WORD"]}
    urllib.request.urlopen(urllib.request.Request(home + id + "/" + how, data=json.dumps(said).encode(), method="POST")).close()
"""


class Functions(Case):
    def setUp(self):
        super().setUp()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as code:
            code.writestr("bootstrap", BOOTSTRAP)
        self.functions = self.client("lambda")
        iam = self.client("iam")
        self.role = iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        allowed = {"Effect": "Allow", "Action": ["s3:GetObject", "lambda:InvokeFunction"], "Resource": "*"}
        iam.put_role_policy(RoleName="r", PolicyName="own", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
        self.functions.create_function(
            FunctionName="f", Runtime="provided.al2023", Handler="bootstrap", Role=self.role, Code={"ZipFile": packed.getvalue()},
            Environment={"Variables": {"WORD": "one"}},
        )
        self.addCleanup(self.functions.delete_function, FunctionName="f")

    def call(self, event):
        answer = self.functions.invoke(FunctionName="f", Payload=json.dumps(event).encode())
        return answer.get("FunctionError"), json.loads(answer["Payload"].read())

    def test_a_function_runs_its_bootstrap(self):
        self.assertEqual(self.call({"n": 1}), (None, {"asked": {"n": 1}, "word": "one"}))
        self.functions.update_function_configuration(FunctionName="f", Environment={"Variables": {"WORD": "two"}})
        self.assertEqual(self.call({"n": 2}), (None, {"asked": {"n": 2}, "word": "two"}))
        self.assertEqual(self.call({"refuse": 1}), ("Unhandled", {"errorType": "Refused", "errorMessage": "no"}))

    def test_a_distributed_map_reads_its_items_and_calls_a_function_in_its_own_account(self):
        asked = urllib.request.Request(f"{ENDPOINT}/moto-api/config", data=b'{"stepfunctions": {"execute_state_machine": true}}', method="POST")
        urllib.request.urlopen(asked).close()
        bucket = f"items-{self.account}"
        s3 = self.client("s3")
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_object(Bucket=bucket, Key="items.json", Body=json.dumps([{"n": 1}, {"refuse": True}, {"n": 3}]).encode())
        task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f", "Payload.$": "$"}, "End": True}
        every = {
            "Type": "Map", "End": True, "ToleratedFailurePercentage": 100,
            "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket": bucket, "Key": "items.json"}},
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Call", "States": {"Call": task | {"ResultSelector": {"asked.$": "$.Payload.asked"}}}},
        }
        machines = self.client("stepfunctions")
        definition = json.dumps({"StartAt": "Every", "States": {"Every": every}})
        self.assertEqual(machines.validate_state_machine_definition(definition=definition)["result"], "OK")
        self.assertEqual(machines.validate_state_machine_definition(definition='{"StartAt": 7}')["result"], "FAIL")
        machine = machines.create_state_machine(name="m", roleArn=self.role, definition=definition)
        # Once is not the last time.
        for name in ("first", "second"):
            execution = machines.start_execution(stateMachineArn=machine["stateMachineArn"], name=name, input="{}")["executionArn"]
            deadline = time.monotonic() + 60
            while (ended := machines.describe_execution(executionArn=execution))["status"] == "RUNNING" and time.monotonic() < deadline:
                time.sleep(0.1)
            self.assertEqual(ended["status"], "SUCCEEDED", ended)
            asked = [item["asked"] for item in json.loads(ended["output"]) if item]
            self.assertEqual(sorted(asked, key=lambda item: item["n"]), [{"n": 1}, {"n": 3}])


class Access(Case):
    """A role that exists is held to its policies."""

    def role(self, *statements, trust=None, name="held", session=None):
        iam = self.client("iam", session)
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust or {"Version": "2012-10-17", "Statement": []}))["Role"]
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
        return role["Arn"]

    def keys(self, arn, sts=None, **more):
        sts = sts or boto3.client("sts", endpoint_url=ENDPOINT, region_name="eu-west-1", aws_access_key_id="AKIATESTTESTTESTTEST", aws_secret_access_key="x")
        keys = sts.assume_role(RoleArn=arn, RoleSessionName="test", **more)["Credentials"]
        return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name="eu-west-1")

    def allow_statement(self, actions, resource="*", **more):
        return {"Effect": "Allow", "Action": actions, "Resource": resource} | more

    def test_actions_and_resources(self):
        group, other = self.group(), self.group("other")
        arn = self.role(self.allow_statement(["ec2:Describe*"]),
                        self.allow_statement(["ec2:Authorize*"], f"arn:aws:ec2:eu-west-1:{self.account}:security-group/{group}"))
        ec2 = self.client("ec2", self.keys(arn))
        self.assertTrue(ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"])
        permission = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
        told = self.refused("UnauthorizedOperation", ec2.authorize_security_group_ingress, GroupId=other, IpPermissions=[permission])
        self.assertIn(f"not authorized to perform: ec2:AuthorizeSecurityGroupIngress on resource: arn:aws:ec2:eu-west-1:{self.account}:security-group/{other}", told)
        # A tag on the new rule is a permission of its own.
        tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "a", "Value": "b"}]}]
        permission |= {"ToPort": 2}
        told = self.refused("UnauthorizedOperation", ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[permission], TagSpecifications=tags)
        self.assertIn("ec2:CreateTags", told)
        self.assertEqual(len(self.rules(group)), 1)
        self.refused("AccessDenied", self.client("rds", self.keys(arn)).describe_db_instances)
        self.refused("AccessDeniedException", self.client("lambda", self.keys(arn)).list_functions)

    def test_a_denial_counts_more_and_a_session_policy_narrows(self):
        arn = self.role(self.allow_statement("ec2:*"), {"Effect": "Deny", "Action": "ec2:DescribeVpcs", "Resource": "*"})
        ec2 = self.client("ec2", self.keys(arn))
        ec2.describe_subnets()
        self.refused("UnauthorizedOperation", ec2.describe_vpcs)
        narrow = json.dumps({"Version": "2012-10-17", "Statement": [self.allow_statement("ec2:DescribeVpcs")]})
        self.refused("UnauthorizedOperation", self.client("ec2", self.keys(arn, Policy=narrow)).describe_subnets)

    def test_conditions(self):
        arn = self.role(self.allow_statement("cloudwatch:PutMetricData", Condition={"StringEquals": {"cloudwatch:namespace": "ours"}}))
        metrics, data = self.client("cloudwatch", self.keys(arn)), [{"MetricName": "m", "Value": 1.0}]
        metrics.put_metric_data(Namespace="ours", MetricData=data)
        with self.assertRaises(ClientError):
            metrics.put_metric_data(Namespace="theirs", MetricData=data)

    def test_objects(self):
        arn = self.role(self.allow_statement(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::b-{self.account}/kept/*"))
        self.client("s3").create_bucket(Bucket=f"b-{self.account}", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3 = self.client("s3", self.keys(arn))
        s3.put_object(Bucket=f"b-{self.account}", Key="kept/a", Body=b"x")
        self.refused("AccessDenied", s3.put_object, Bucket=f"b-{self.account}", Key="other/a", Body=b"x")
        self.refused("AccessDenied", s3.list_objects_v2, Bucket=f"b-{self.account}")

    def test_a_role_is_entered_by_whom_it_trusts(self):
        far, account = session()
        caller = self.role(self.allow_statement("sts:AssumeRole"))
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": caller}, "Action": "sts:AssumeRole",
                                                         "Condition": {"StringEquals": {"sts:ExternalId": "cuckoo"}}}]}
        entered = self.role(self.allow_statement("ec2:*"), trust=trust, name="entered", session=far)
        sts = self.client("sts", self.keys(caller))
        self.keys(entered, sts, ExternalId="cuckoo")
        self.refused("AccessDenied", sts.assume_role, RoleArn=entered, RoleSessionName="t", ExternalId="magpie")
        self.refused("AccessDenied", sts.assume_role, RoleArn=entered, RoleSessionName="t")
        other = self.client("sts", self.keys(self.role(self.allow_statement("sts:AssumeRole"), name="other")))
        self.refused("AccessDenied", other.assume_role, RoleArn=entered, RoleSessionName="t", ExternalId="cuckoo")


if __name__ == "__main__":
    unittest.main()
