//! `rules`: a group's rules as text files. What needs AWS stands with the live tests.

mod bad_input;
mod docs;
mod files;
mod risk;
mod staging;
mod templates;

use serde_json::{Value, json};

use crate::harness::{Place, Run};

/// The file of the first seed.
const SEED: &str = "## File:   rules.pysec\n## Syntax: <ip-address>/<cidr>:<portFrom>-<portTo>^<protocol>\n\n\
    52.35.22.100/32:80-443^tcp\n52.35.22.101/32:443^udp\n52.35.16.0/21:80^tcp\n";

/// A configured repository in `my-repo` with one file.
fn repository(rules: &str) -> Place {
    let place = Place::new();
    ok(&place, &["rules", "init", "--folder-path", "my-repo"]);
    let configure =
        ["rules", "-C", "my-repo", "configure", "--vpc-id", "vpc-12345678", "--group-name", "MySecurityGroup"];
    ok(&place, &[&configure[..], &["--aws-region", "us-west-2", "--aws-profile-name", "myprofile"]].concat());
    place.write("my-repo/rules.pysec", rules);
    place
}

/// Runs what must succeed.
fn ok(place: &Place, args: &[&str]) -> Run {
    let run = place.run(args);
    assert_eq!(run.code, 0, "{args:?}: {}{}", run.stdout, run.stderr);
    run
}

/// A permission as the AWS CLI prints it.
fn permission(protocol: &str, from: u16, to: u16, blocks: &[&str]) -> Value {
    let ranges: Vec<Value> = blocks.iter().map(|block| json!({ "CidrIp": block })).collect();
    json!({ "IpProtocol": protocol, "FromPort": from, "ToPort": to, "IpRanges": ranges })
}

/// An inventory that holds the repository's group with these permissions and AWS's default egress.
fn inventory(ingress: &[Value]) -> String {
    json!({ "SecurityGroups": [{
        "GroupId": "sg-0a1b2c3d", "GroupName": "MySecurityGroup", "Description": "made by a test",
        "OwnerId": "111122223333", "VpcId": "vpc-12345678",
        "SecurityGroupArn": "arn:aws:ec2:us-west-2:111122223333:security-group/sg-0a1b2c3d",
        "IpPermissions": ingress,
        "IpPermissionsEgress": [{ "IpProtocol": "-1", "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }],
    }] })
    .to_string()
}

/// What the file of the seed says, as a group holds it.
fn seed_permissions() -> Vec<Value> {
    vec![
        permission("tcp", 80, 443, &["52.35.22.100/32"]),
        permission("udp", 443, 443, &["52.35.22.101/32"]),
        permission("tcp", 80, 80, &["52.35.16.0/21"]),
    ]
}
