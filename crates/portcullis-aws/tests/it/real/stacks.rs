//! CloudFormation.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use portcullis_cloud::api::{
    AccountAccess, ChangeSet, ChangeSetKind, GroupFilter, Import, NewChangeSet, Stack, Stacks, Template,
};
use portcullis_cloud::error::Kind;
use portcullis_cloud::patience::Backoff;
use portcullis_cloud::patience::Patience as _;
use serde_json::json;

use super::world::{REGION, World};

fn template(vpc: &str, ports: &[u16]) -> Template {
    let rule =
        |port: &u16| json!({ "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIpv6": "2001:db8::/32" });
    let ingress: Vec<_> = ports.iter().map(rule).collect();
    let group = json!({ "Type": "AWS::EC2::SecurityGroup", "DeletionPolicy": "Delete", "Properties": {
        "GroupName": "web", "GroupDescription": "the shop", "VpcId": vpc, "SecurityGroupIngress": ingress
    }});
    let output = json!({ "Value": { "Ref": "Web" } });
    Template::Body(json!({ "Resources": { "Web": group }, "Outputs": { "SecurityGroupId": output } }).to_string())
}

/// Looks again, with growing pauses, until something is as wanted; the server takes a moment for everything.
async fn until<T>(look: impl AsyncFn() -> T, good: impl Fn(&T) -> bool) -> T {
    let mut patience = Backoff::new(Duration::from_secs(60));
    let waiting = portcullis_cloud::error::Error::new(Kind::Server, "", "not yet");
    loop {
        let seen = look().await;
        if good(&seen) || !patience.again(&waiting).await {
            return seen;
        }
    }
}

async fn made(stacks: &dyn Stacks, new: &NewChangeSet) -> ChangeSet {
    let id = stacks.create_change_set(new).await.unwrap().id;
    until(async || stacks.change_set(&id, None).await.unwrap(), |set| !set.is_pending()).await
}

async fn executed(stacks: &dyn Stacks, set: &ChangeSet) -> Stack {
    stacks.execute_change_set(&set.id).await.unwrap();
    until(async || stacks.stack(&set.stack_id).await.unwrap(), |stack| !stack.is_busy() && !stack.is_planned()).await
}

#[tokio::test]
async fn a_stack_is_made_changed_failed_and_deleted() {
    let world = World::new().await;
    let vpc = world.vpc("10.1.0.0/16").await;
    let stacks = world.cloud.stacks(&AccountAccess::default(), REGION).await.unwrap();
    assert_eq!(stacks.stack("shop").await.unwrap_err().kind, Kind::NotFound);
    let new = |kind, ports: &[u16]| NewChangeSet {
        stack: "shop".to_owned(),
        name: "c1".to_owned(),
        kind,
        template: template(&vpc, ports),
        description: "by a test".to_owned(),
        ..NewChangeSet::default()
    };
    let set = made(&*stacks, &new(ChangeSetKind::Create, &[443])).await;
    assert!(set.is_ready(), "{set:?}");
    let change = set.changes.items.first().unwrap();
    assert_eq!((change.action.as_str(), change.logical_id.as_str()), ("Add", "Web"));
    let stack = executed(&*stacks, &set).await;
    assert!(stack.is_well(), "{stack:?}");
    let group = stack.output("SecurityGroupId").unwrap().to_owned();

    let ec2 = world.cloud.ec2(&AccountAccess::default(), REGION).await.unwrap();
    let filter = GroupFilter { ids: vec![group.clone()], ..GroupFilter::default() };
    let whole = ec2.whole_groups(&filter, None).await.unwrap().items.remove(0);
    assert_eq!(whole.group.group_name, "web");
    let rule = whole.ip_permissions.first().unwrap();
    assert_eq!((rule.from_port, rule.ipv6_ranges.first().unwrap().cidr_ipv6.as_str()), (Some(443), "2001:db8::/32"));
    assert_eq!(whole.ip_permissions_egress.len(), 1);

    let empty = made(&*stacks, &new(ChangeSetKind::Update, &[443])).await;
    assert!(empty.is_empty(), "{empty:?}");
    stacks.delete_change_set(&empty.id).await.unwrap();
    assert_eq!(stacks.change_set(&empty.id, None).await.unwrap_err().kind, Kind::NotFound);

    let many: Vec<u16> = (1..=61).collect();
    let set = made(&*stacks, &new(ChangeSetKind::Update, &many)).await;
    let stack = executed(&*stacks, &set).await;
    assert_eq!(stack.status, "UPDATE_ROLLBACK_COMPLETE");
    let events = stacks.events(&stack.id, None).await.unwrap().items;
    let failure = events.iter().find(|event| event.is_failure()).unwrap();
    assert!(failure.reason.contains("maximum number of rules"), "{failure:?}");
    assert!(stacks.template("shop").await.unwrap().contains("443"));

    stacks.delete_stack("shop").await.unwrap();
    let gone = until(async || stacks.stack(&stack.id).await, |stack| stack.as_ref().is_ok_and(Stack::is_gone)).await;
    assert!(gone.unwrap().is_gone());
}

#[tokio::test]
async fn a_group_comes_into_a_stack() {
    let world = World::new().await;
    let vpc = world.vpc("10.1.0.0/16").await;
    let group = world.group(&vpc, "web").await;
    let stacks = world.cloud.stacks(&AccountAccess::default(), REGION).await.unwrap();
    let identifier = ("Id".to_owned(), group.clone());
    let import = Import { logical_id: "Web".to_owned(), kind: "AWS::EC2::SecurityGroup".to_owned(), identifier };
    let new = NewChangeSet {
        stack: "taken-over".to_owned(),
        name: "c1".to_owned(),
        kind: ChangeSetKind::Import,
        template: template(&vpc, &[]),
        imports: vec![import],
        ..NewChangeSet::default()
    };
    let set = made(&*stacks, &new).await;
    assert_eq!(set.changes.items.first().unwrap().action, "Import");
    let stack = executed(&*stacks, &set).await;
    assert_eq!((stack.status.as_str(), stack.output("SecurityGroupId")), ("IMPORT_COMPLETE", Some(group.as_str())));
}
