//! `stage --flows` on AWS: whom the groups are on, and who else lets a flow in, is looked up.

use serde_json::{Value, json};

use super::Shop;
use super::shop::logged;

#[test]
fn what_others_let_in_is_not_cut() {
    let shop = Shop::committed("10.0.0.0/8:22^tcp\n10.0.0.0/8:443^tcp\n10.0.0.0/8:8080^tcp\n");
    let (world, vpc) = (&shop.world, &shop.vpc);
    let clients = world.group(vpc, "clients");
    let beside = world.group(vpc, "beside");
    world.authorise(&beside, "ingress tcp 443 10.0.0.0/8", "");
    let interface = world.interface(vpc, &[&shop.group(), &beside]);
    let client = world.interface(vpc, &[&clients]);
    let (own, friend) = (shop.address_of(&interface), shop.address_of(&client));
    logged(
        world,
        "flows",
        &interface,
        &[
            ("10.1.1.1", &own, 22, 3),
            // The group beside ours lets it in.
            ("10.1.1.1", &own, 443, 5),
            // The file lets the clients' group in, of which the one is and the other is not.
            (&friend, &own, 8080, 2),
            ("10.1.1.1", &own, 8080, 4),
        ],
    );
    shop.write(&format!("10.0.0.0/8:80^tcp\n{clients}:8080^tcp\n"));
    let run = shop.run(&["stage", "--flows", "cwl:flows", "--look-back", "1", "--format", "json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    let rows = json["repositories"][0]["at_risk"].as_array().unwrap();
    let told: Vec<_> = rows.iter().map(|row| (&row["srcaddr"], &row["dstport"], &row["flows"])).collect();
    let (somebody, number) = (json!("10.1.1.1"), |number: u64| json!(number));
    assert_eq!(told, [(&somebody, &number(8080), &number(4)), (&somebody, &number(22), &number(3))]);
    // A group that is not on any interface cuts nobody.
    world.query("ec2", "DeleteNetworkInterface", &[("NetworkInterfaceId", &interface)]);
    let text = shop.rules(&["stage", "--flows", "cwl:flows"], 0);
    assert!(text.contains("none of the observed connections"), "{text}");
    shop.rules(&["stage", "--flows", "cwl:no-such-group"], 2);
}
