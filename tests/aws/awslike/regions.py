"""EC2 and Account: which Regions are enabled. Moto answers with those of every partition, enabled or not.

Regions newer than March 2019 are off until the account opts in (AWS General Reference, "Specify which AWS Regions your
account can use"); account:EnableRegion does that here too.
"""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import json

from moto.account import urls
from moto.account.responses import AccountResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response

DEFAULT = ["ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1",
           "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1",
           "us-west-2"]
OPT_IN = ["af-south-1", "ap-east-1", "ap-southeast-3", "eu-south-1", "me-south-1"]
OPTED_IN = set()  # (account, Region)


def status(account, region):
    if region in DEFAULT:
        return "opt-in-not-required"
    return "opted-in" if (account, region) in OPTED_IN else "not-opted-in"


def describe_regions(self):
    self.error_on_dryrun()
    named, filters = self._get_param("RegionNames", []), self._filters_from_querystring()
    for name in named:
        if name not in DEFAULT + OPT_IN:
            raise EC2ClientError("InvalidParameterValue", f"Invalid region name: '{name}'")
    rows = [{"RegionName": r, "Endpoint": f"ec2.{r}.amazonaws.com", "OptInStatus": status(self.current_account, r)}
            for r in sorted(named or DEFAULT + OPT_IN)]
    if not self._get_param("AllRegions") and not named:
        rows = [r for r in rows if r["OptInStatus"] != "not-opted-in"]
    for name, field in (("opt-in-status", "OptInStatus"), ("region-name", "RegionName"), ("endpoint", "Endpoint")):
        if name in filters:
            rows = [r for r in rows if r[field] in filters[name]]
    return ActionResult({"Regions": rows})


def enable_region(self):
    asked = json.loads(self.body or "{}")
    OPTED_IN.add((asked.get("AccountId") or self.current_account, asked["RegionName"]))
    return EmptyResult()


def install():
    EC2Response.describe_regions = describe_regions
    AccountResponse.enable_region = enable_region
    urls.url_paths["{0}/enableRegion$"] = AccountResponse.dispatch
