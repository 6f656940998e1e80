//! What others do to the group.

use serde_json::Value;

use super::Shop;

const RULES: &str = "52.35.22.100/32:80-443^tcp # office\n52.35.22.101/32:443^udp\n";

#[test]
fn drift_is_seen_and_put_back() {
    let shop = Shop::committed(RULES);
    let group = shop.group();
    shop.rules(&["status", "--live"], 0);
    shop.world.authorise(&group, "ingress tcp 22 0.0.0.0/0", "for a moment");
    let seen = shop.rules(&["status", "--live"], 1);
    assert!(seen.contains("52.35.22") || seen.contains("0.0.0.0/0"), "{seen}");
    let json: Value = serde_json::from_str(&shop.run(&["status", "--live", "--format", "json"]).stdout).unwrap();
    let live = &json["repositories"][0]["live"];
    assert_eq!((&live["drifted"], &live["drift"][0]["peer"]), (&Value::from(true), &Value::from("0.0.0.0/0")));
    let markdown = shop.run(&["status", "--live", "--format", "markdown"]).stdout;
    assert!(markdown.contains("| CIDR-IP: 0.0.0.0/0 FROM: 22 TO: 22 PROTOCOL: tcp |"), "{markdown}");

    shop.rules(&["commit"], 2);
    let done = shop.rules(&["commit", "--yes"], 0);
    assert!(done.contains("CloudFormation sees no change"), "{done}");
    assert_eq!(shop.ingress(), ["tcp 80-443 52.35.22.100/32", "udp 443 52.35.22.101/32"]);
    assert_eq!(shop.group(), group);
    assert!(shop.is_committed());
    shop.rules(&["status", "--live"], 0);
}

#[test]
fn a_rule_that_is_gone_comes_back_beside_a_new_one() {
    let shop = Shop::committed(RULES);
    let group = shop.group();
    let id = shop.world.rules(&group).into_iter().find(|rule| rule.shape.contains("udp")).unwrap().id;
    let gone = [("GroupId", group.as_str()), ("SecurityGroupRuleId.1", &id)];
    shop.world.query("ec2", "RevokeSecurityGroupIngress", &gone);
    shop.write(&format!("{RULES}52.33.24.1/32:80^tcp\n"));
    let staged = shop.rules(&["stage"], 0);
    assert!(staged.contains("++ addition ++") && staged.contains("removed in AWS"), "{staged}");
    shop.rules(&["commit", "--yes"], 0);
    let expected = ["tcp 80 52.33.24.1/32", "tcp 80-443 52.35.22.100/32", "udp 443 52.35.22.101/32"];
    assert_eq!(shop.ingress(), expected);
    assert_eq!(shop.group(), group);
}

#[test]
fn what_the_console_added_can_be_taken_into_the_file() {
    let shop = Shop::committed(&format!("# ours\n{RULES}"));
    let group = shop.group();
    shop.world.authorise(&group, "ingress tcp 22 10.0.0.0/8", "ops");
    let id = shop.world.rules(&group).into_iter().find(|rule| rule.shape.contains("udp")).unwrap().id;
    shop.world.query(
        "ec2",
        "RevokeSecurityGroupIngress",
        &[("GroupId", group.as_str()), ("SecurityGroupRuleId.1", &id)],
    );
    shop.rules(&["import", "--update"], 0);
    assert_eq!(shop.read(), "# ours\n52.35.22.100/32:80-443^tcp # office\n10.0.0.0/8:22^tcp # ops\n");
    let staged = shop.rules(&["stage"], 0);
    assert!(staged.contains("No changes to stage"), "{staged}");
    // CloudFormation adds rules and takes over none, and the group ends as the file has it all the same.
    let done = shop.rules(&["commit", "--yes"], 0);
    assert!(done.contains("taken away for a moment"), "{done}");
    assert_eq!(shop.ingress(), ["tcp 22 10.0.0.0/8", "tcp 80-443 52.35.22.100/32"]);
    assert_eq!(shop.group(), group);
    shop.rules(&["status", "--live", "--exit-code"], 0);
}

#[test]
fn descriptions_and_egress_are_kept_too() {
    let shop = Shop::committed("10.0.0.0/8:443^tcp # web\negress 10.0.0.0/8:443^tcp # to the proxy\n");
    let group = shop.group();
    let rules = shop.world.rules(&group);
    let shapes: Vec<(&str, &str)> = rules.iter().map(|rule| (rule.shape.as_str(), rule.description.as_str())).collect();
    assert_eq!(shapes, [("egress tcp 443 10.0.0.0/8", "to the proxy"), ("ingress tcp 443 10.0.0.0/8", "web")]);
    shop.write("10.0.0.0/8:443^tcp # the shop\negress none\n[2001:db8::/32]:443^tcp\n");
    shop.rules(&["stage"], 0);
    shop.rules(&["commit", "--yes"], 0);
    assert_eq!(shop.ingress(), ["tcp 443 10.0.0.0/8", "tcp 443 2001:db8::/32"]);
    shop.write("10.0.0.0/8:443^tcp\n");
    shop.rules(&["stage"], 0);
    shop.rules(&["commit", "--yes"], 0);
    assert_eq!(shop.world.shapes(&group), ["egress -1 all 0.0.0.0/0", "ingress tcp 443 10.0.0.0/8"]);
}
