#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use portcullis_cloud::api::{AccountAccess, Ec2, Flow, Permission, RuleUpdate};
use portcullis_cloud::error::Kind;
use portcullis_cloud::shapes::{GroupRule, Tag};

use super::world::{REGION, World};

struct Scene {
    ec2: Arc<dyn Ec2>,
    group: String,
}

async fn scene() -> Scene {
    let world = World::new().await;
    let vpc = world.vpc("10.1.0.0/16").await;
    let group = world.group(&vpc, "web").await;
    Scene { ec2: world.cloud.ec2(&AccountAccess::default(), REGION).await.unwrap(), group }
}

impl Scene {
    async fn rules(&self, flow: Flow) -> Vec<GroupRule> {
        let page = self.ec2.rules(std::slice::from_ref(&self.group), None).await.unwrap();
        page.items.into_iter().filter(|rule| rule.is_egress == (flow == Flow::Egress)).collect()
    }
}

fn tcp(port: i32, block: &str) -> Permission {
    let (four, six) = match block.contains(':') {
        true => (None, Some(block.to_owned())),
        false => (Some(block.to_owned()), None),
    };
    Permission {
        protocol: "tcp".to_owned(),
        from_port: Some(port),
        to_port: Some(port),
        cidr_ipv4: four,
        cidr_ipv6: six,
        description: Some("for tests".to_owned()),
        ..Permission::default()
    }
}

#[tokio::test]
async fn rules_are_made_changed_described_tagged_and_taken_away() {
    for flow in [Flow::Ingress, Flow::Egress] {
        let scene = scene().await;
        let before = scene.rules(flow).await.len();
        let tag = Tag { key: "made-by".to_owned(), value: "us".to_owned() };
        let wanted = [tcp(22, "192.0.2.0/24"), tcp(443, "2001:db8::/32")]
            .map(|rule| Permission { tags: vec![tag.clone()], ..rule });
        let made = scene.ec2.authorize(&scene.group, flow, &wanted).await.unwrap();
        assert_eq!(made.len(), 2, "{flow:?}");
        let rules = scene.rules(flow).await;
        let ssh = rules.iter().find(|rule| rule.cidr_ipv4.as_deref() == Some("192.0.2.0/24")).unwrap();
        assert_eq!((ssh.ip_protocol.as_str(), ssh.from_port, ssh.to_port), ("tcp", Some(22), Some(22)));
        assert_eq!(ssh.description.as_deref(), Some("for tests"));
        assert_eq!(ssh.tags, std::slice::from_ref(&tag));

        let id = ssh.security_group_rule_id.clone();
        let update = RuleUpdate { rule_id: id.clone(), rule: tcp(2222, "198.51.100.0/24") };
        scene.ec2.modify(&scene.group, &[update]).await.unwrap();
        scene.ec2.describe(&scene.group, flow, &[(id.clone(), "other words".to_owned())]).await.unwrap();
        scene.ec2.tag(std::slice::from_ref(&id), &[Tag { key: "new".to_owned(), value: String::new() }]).await.unwrap();
        scene.ec2.untag(std::slice::from_ref(&id), std::slice::from_ref(&tag.key)).await.unwrap();
        let rules = scene.rules(flow).await;
        let changed = rules.iter().find(|rule| rule.security_group_rule_id == id).unwrap();
        assert_eq!((changed.cidr_ipv4.as_deref(), changed.from_port), (Some("198.51.100.0/24"), Some(2222)));
        assert_eq!(changed.description.as_deref(), Some("other words"));
        let keys: Vec<&str> = changed.tags.iter().map(|tag| tag.key.as_str()).collect();
        assert_eq!(keys, ["new"]);

        let ids: Vec<String> = made.into_iter().map(|rule| rule.security_group_rule_id).collect();
        scene.ec2.revoke(&scene.group, flow, &ids).await.unwrap();
        assert_eq!(scene.rules(flow).await.len(), before, "{flow:?}");
    }
}

#[tokio::test]
async fn a_rule_may_name_a_group_a_list_and_everything() {
    let scene = scene().await;
    let peer = |set: fn(&mut Permission, &str)| {
        let mut rule = Permission { cidr_ipv4: None, ..tcp(5432, "0.0.0.0/0") };
        set(&mut rule, &scene.group);
        rule
    };
    let group = peer(|rule, group| rule.group_id = Some(group.to_owned()));
    let mut everything = peer(|rule, _| rule.cidr_ipv4 = Some("10.0.0.0/8".to_owned()));
    (everything.protocol, everything.from_port, everything.to_port) = ("-1".to_owned(), None, None);
    scene.ec2.authorize(&scene.group, Flow::Ingress, &[group, everything]).await.unwrap();
    let rules = scene.rules(Flow::Ingress).await;
    let named: Vec<&str> = rules
        .iter()
        .filter_map(|rule| rule.referenced_group_info.as_ref())
        .map(|group| group.group_id.as_str())
        .collect();
    assert_eq!(named, [scene.group.as_str()]);
    let all = rules.iter().find(|rule| rule.ip_protocol == "-1").unwrap();
    // Of all protocols the answer says -1 for the ports, which no port is.
    assert_eq!((all.from_port, all.to_port, all.cidr_ipv4.as_deref()), (Some(-1), Some(-1), Some("10.0.0.0/8")));
}

#[tokio::test]
async fn what_is_there_twice_or_not_at_all_is_told_apart() {
    let scene = scene().await;
    let rule = tcp(22, "192.0.2.0/24");
    let made = scene.ec2.authorize(&scene.group, Flow::Ingress, std::slice::from_ref(&rule)).await.unwrap();
    let again = scene.ec2.authorize(&scene.group, Flow::Ingress, std::slice::from_ref(&rule)).await.unwrap_err();
    assert_eq!((again.kind, again.code.as_str()), (Kind::Duplicate, "InvalidPermission.Duplicate"));
    assert_eq!(again.call, "ec2:AuthorizeSecurityGroupIngress");
    assert!(!again.request_id.is_empty());

    let ids: Vec<String> = made.into_iter().map(|rule| rule.security_group_rule_id).collect();
    scene.ec2.revoke(&scene.group, Flow::Ingress, &ids).await.unwrap();
    let gone = scene.ec2.revoke(&scene.group, Flow::Ingress, &ids).await.unwrap_err();
    assert_eq!(gone.kind, Kind::NotFound, "{gone}");
    let no_group = scene.ec2.authorize("sg-0123456789abcdef0", Flow::Ingress, &[rule]).await.unwrap_err();
    assert_eq!((no_group.kind, no_group.code.as_str()), (Kind::NotFound, "InvalidGroup.NotFound"));
}

#[tokio::test]
async fn the_quota_is_known_by_its_kind() {
    let scene = scene().await;
    let rules: Vec<Permission> = (0..61).map(|n| tcp(22, &format!("10.0.{n}.0/24"))).collect();
    let error = scene.ec2.authorize(&scene.group, Flow::Ingress, &rules).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (Kind::Quota, "RulesPerSecurityGroupLimitExceeded"));
}
