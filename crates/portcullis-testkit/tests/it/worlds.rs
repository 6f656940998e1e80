//! Worlds: what is built is there, and is read back as it stands.

use portcullis_testkit::World;
use serde_json::json;

use crate::client;

#[test]
fn a_child_process_acts_in_the_world_s_account() {
    let (one, other) = (World::new(), World::new());
    assert_ne!(one.account(), other.account());
    let asked = client::form(&one, "sts", "Action=GetCallerIdentity&Version=2011-06-15").unwrap();
    assert!(asked.1.contains(&format!("<Account>{}</Account>", one.account())), "{asked:?}");
    let group = one.group(&one.vpc("10.0.0.0/16"), "web");
    assert!(one.groups().contains(&group));
    assert!(!other.groups().contains(&group));
    assert!(!one.at("us-east-1").groups().contains(&group));
}

#[test]
fn a_child_process_has_the_world_s_settings_and_no_others() {
    let world = World::new();
    let mut child = std::process::Command::new("env");
    child.env("AWS_PROFILE", "production");
    let output = world.lend_to(&mut child).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let mut names: Vec<_> =
        told.lines().filter_map(|l| l.split('=').next()).filter(|n| n.starts_with("AWS_")).collect();
    names.sort_unstable();
    let expected: Vec<_> = world.env().into_keys().filter(|n| n.starts_with("AWS_")).collect();
    assert_eq!(names, expected);
}

#[test]
fn rules_of_every_kind_are_read_back_as_they_were_written() {
    let world = World::new();
    let vpc = world.vpc("10.0.0.0/16");
    let (web, db) = (world.group(&vpc, "web"), world.group(&vpc, "db"));
    let list = world.prefix_list("offices", 3, &["192.0.2.0/24", "198.51.100.0/24"]);
    let rules = [
        "egress udp 53 10.0.0.2/32".to_owned(),
        "ingress -1 all 10.0.0.0/8".to_owned(),
        "ingress icmp 8/-1 0.0.0.0/0".to_owned(),
        format!("ingress tcp 22 {list}"),
        "ingress tcp 443 ::/0".to_owned(),
        format!("ingress tcp 5432 {db}"),
        "ingress tcp 80-90 0.0.0.0/0".to_owned(),
    ];
    let ids: Vec<_> = rules.iter().map(|rule| world.authorise(&web, rule, &format!("why {}", &rule[..6]))).collect();
    world.tag(&ids[0], "owner", "dns");

    let found = world.rules(&web);
    let shapes: Vec<_> = found.iter().map(|r| r.shape.clone()).filter(|s| s != "egress -1 all 0.0.0.0/0").collect();
    assert_eq!(shapes, rules);
    let dns = found.iter().find(|r| r.id == ids[0]).unwrap();
    assert_eq!((dns.description.as_str(), dns.tags["owner"].as_str()), ("why egress", "dns"));

    world.revoke(&web, "ingress tcp 443 ::/0");
    assert_eq!(world.rules(&web).len(), rules.len());
}

#[test]
fn tags_interfaces_and_peerings() {
    let (here, there) = (World::new(), World::new());
    let (vpc, far) = (here.vpc("10.0.0.0/16"), there.vpc("10.1.0.0/16"));
    let (group, theirs) = (here.group(&vpc, "web"), there.group(&far, "api"));
    here.tag(&group, "Environment", "prod <1> & \"2\"");
    assert_eq!(here.tags(&group)["Environment"], "prod <1> & \"2\"");

    let worn = [here.interface(&vpc, &[&group]), here.interface(&vpc, &[&group])];
    assert_ne!(worn[0], worn[1]);
    assert_eq!(
        here.refused("ec2", "DeleteSecurityGroup", &[("GroupId", &group)]).as_deref(),
        Some("DependencyViolation")
    );

    let peering = here.peering(&vpc, &there, &far);
    let named = format!("ingress tcp 443 {}/{theirs}", there.account());
    here.authorise(&group, &named, "");
    assert_eq!(here.shapes(&group), ["egress -1 all 0.0.0.0/0", &named]);
    let answer = there.query("ec2", "DescribeSecurityGroupReferences", &[("GroupId.1", &theirs)]);
    assert_eq!(answer.find("vpcPeeringConnectionId").unwrap().text, peering);
    there.delete_group(&theirs);
    let answer = here.query("ec2", "DescribeStaleSecurityGroups", &[("VpcId", &vpc)]);
    assert_eq!(answer.find("groupName").unwrap().text, "web");
}

#[test]
fn regions_are_enabled_one_by_one() {
    let world = World::new();
    let enabled = || {
        let answer = world.query("ec2", "DescribeRegions", &[]);
        answer.items("regionInfo").map(|r| r.at("regionName").to_owned()).collect::<Vec<_>>()
    };
    assert!(!enabled().contains(&"eu-south-1".to_owned()));
    world.enable_region("eu-south-1");
    assert!(enabled().contains(&"eu-south-1".to_owned()));
}

#[test]
fn objects() {
    let world = World::new();
    let bucket = world.bucket("backups");
    world.put_object(&bucket, "run 1/plan+a.json", b"{}");
    world.put_object(&bucket, "run 2", &[0, 159, 146, 150]);
    assert_eq!(world.objects(&bucket, "run 1/"), ["run 1/plan+a.json"]);
    assert_eq!(world.object(&bucket, "run 1/plan+a.json").as_deref(), Some(b"{}".as_slice()));
    assert_eq!(world.object(&bucket, "run 2").as_deref(), Some([0, 159, 146, 150].as_slice()));
    assert!(world.object_header(&bucket, "run 2", "etag").is_some());
    world.delete_object(&bucket, "run 2");
    assert_eq!(world.object(&bucket, "run 2"), None);
    assert!(world.at("us-east-1").bucket("oldest").starts_with("oldest-"));
}

#[test]
fn messages() {
    let world = World::new();
    let topic = world.topic("alerts");
    let inbox = world.inbox(&topic);
    for text in ["one", "two"] {
        world.query("sns", "Publish", &[("TopicArn", &topic), ("Message", text)]);
    }
    let mut found = world.receive(&inbox);
    found.sort_unstable();
    assert_eq!(found, ["one", "two"]);
    assert!(world.receive(&inbox).is_empty());
}

#[test]
fn parameters_tables_and_keys() {
    let world = World::new();
    world.parameter("/portcullis/policy", "version: 1");
    let asked = json!({ "Name": "/portcullis/policy" });
    let answer = world.json("ssm", "AmazonSSM.GetParameter", &asked);
    assert_eq!(answer["Parameter"]["Value"], "version: 1");

    world.table("state");
    let item = json!({ "pk": { "S": "finding" }, "n": { "N": "1" } });
    world.json("dynamodb", "DynamoDB_20120810.PutItem", &json!({ "TableName": "state", "Item": item }));
    assert_eq!(world.items("state"), [item]);

    assert!(world.key().starts_with(&format!("arn:aws:kms:eu-west-1:{}:key/", world.account())));
}

#[test]
fn metrics() {
    let world = World::new();
    let severity = json!([{ "Name": "Severity", "Value": "high" }, { "Name": "Account", "Value": world.account() }]);
    let data = json!([{ "MetricName": "Findings", "Value": 2.5, "Dimensions": severity }, { "MetricName": "Score", "Value": 90 }]);
    let put = json!({ "Namespace": "Portcullis", "MetricData": data });
    world.json("monitoring", "GraniteServiceVersion20100801.PutMetricData", &put);
    let expected =
        [(format!("Findings{{Account={},Severity=high}}", world.account()), 2.5), ("Score{}".to_owned(), 90.0)];
    assert_eq!(world.metrics("Portcullis").into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn an_organisation_with_units_and_accounts() {
    let management = World::new();
    let organisation = management.organisation();
    let unit = organisation.unit(organisation.root(), "workloads");
    let (member, closed) = (organisation.account(&unit, "shop"), organisation.account(&unit, "old"));
    organisation.close(&closed);
    let list =
        |action: &str, body| management.json("organizations", &format!("AWSOrganizationsV20161128.{action}"), &body);
    let listed = list("ListAccounts", json!({}));
    let status = |world: &World| {
        let accounts = listed["Accounts"].as_array().unwrap();
        accounts.iter().find(|a| a["Id"] == world.account()).unwrap()["Status"].clone()
    };
    assert_eq!(
        (status(&member), status(&closed), status(&management)),
        ("ACTIVE".into(), "SUSPENDED".into(), "ACTIVE".into())
    );
    let inside = list("ListAccountsForParent", json!({ "ParentId": unit }));
    assert_eq!(inside["Accounts"].as_array().unwrap().len(), 2);
    assert!(!member.group(&member.vpc("10.0.0.0/16"), "web").is_empty());
}
