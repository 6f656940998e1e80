//! Stacks in memory behave as AWS's do.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::{AccountAccess, ChangeSet, ChangeSetKind, Cloud as _, Import, NewChangeSet, Stack, Stacks, Template};
use crate::error::Kind;
use crate::model::{Place, World};

const HOME: (&str, &str) = ("111122223333", "eu-west-1");

fn template(ports: &[u16]) -> Template {
    let rule = |port: &u16| json!({ "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIp": "10.0.0.0/8" });
    let ingress: Vec<Value> = ports.iter().map(rule).collect();
    let group = json!({ "Type": "AWS::EC2::SecurityGroup", "DeletionPolicy": "Delete", "Properties": {
        "GroupName": "web", "GroupDescription": "the shop", "VpcId": "vpc-1", "SecurityGroupIngress": ingress
    }});
    let output = json!({ "Value": { "Ref": "Web" } });
    Template::Body(json!({ "Resources": { "Web": group }, "Outputs": { "SecurityGroupId": output } }).to_string())
}

fn new(kind: ChangeSetKind, ports: &[u16]) -> NewChangeSet {
    let (stack, name, template) = ("shop".to_owned(), "c1".to_owned(), template(ports));
    NewChangeSet { stack, name, kind, template, ..NewChangeSet::default() }
}

async fn stacks(world: &World) -> Arc<dyn Stacks> {
    world.stacks(&AccountAccess::default(), HOME.1).await.unwrap()
}

async fn made(stacks: &dyn Stacks, new: &NewChangeSet) -> ChangeSet {
    let made = stacks.create_change_set(new).await.unwrap();
    loop {
        let set = stacks.change_set(&made.id, None).await.unwrap();
        if !set.is_pending() {
            return set;
        }
    }
}

async fn done(stacks: &dyn Stacks, id: &str) -> Stack {
    loop {
        let stack = stacks.stack(id).await.unwrap();
        if !stack.is_busy() {
            return stack;
        }
    }
}

async fn executed(stacks: &dyn Stacks, new: &NewChangeSet) -> Stack {
    let set = made(stacks, new).await;
    assert!(set.is_ready(), "{set:?}");
    stacks.execute_change_set(&set.id).await.unwrap();
    done(stacks, &set.stack_id).await
}

fn ingress(world: &World, group: &str) -> Vec<String> {
    let lines = world.place(HOME.0, HOME.1).lines(group);
    lines.into_iter().filter(|line| line.starts_with("ingress")).collect()
}

#[tokio::test]
async fn a_stack_is_made_changed_and_taken_away() {
    let world = World::new();
    let stacks = stacks(&world).await;
    let stack = executed(&*stacks, &new(ChangeSetKind::Create, &[22, 80])).await;
    assert_eq!(stack.status, "CREATE_COMPLETE");
    let group = stack.output("SecurityGroupId").unwrap().to_owned();
    assert_eq!(ingress(&world, &group), ["ingress tcp 22-22 10.0.0.0/8", "ingress tcp 80-80 10.0.0.0/8"]);

    // What somebody else did is left alone by an update that does not speak of it.
    world.change(HOME.0, HOME.1, |place| place.add_rule(&group, "ingress tcp 9 from 10.9.0.0/16"));
    let stack = executed(&*stacks, &new(ChangeSetKind::Update, &[80, 443])).await;
    assert_eq!(stack.output("SecurityGroupId"), Some(group.as_str()));
    let expected = ["ingress tcp 443-443 10.0.0.0/8", "ingress tcp 80-80 10.0.0.0/8", "ingress tcp 9-9 10.9.0.0/16"];
    assert_eq!(ingress(&world, &group), expected);
    let empty = made(&*stacks, &new(ChangeSetKind::Update, &[80, 443])).await;
    assert!(empty.is_empty() && !empty.is_ready(), "{empty:?}");

    stacks.delete_stack("shop").await.unwrap();
    assert!(done(&*stacks, &stack.id).await.is_gone());
    assert_eq!(stacks.stack("shop").await.unwrap_err().kind, Kind::NotFound);
    assert!(!world.place(HOME.0, HOME.1).groups.contains_key(&group));
}

#[tokio::test]
async fn what_fails_is_rolled_back_with_its_reason() {
    let world = World::new();
    let stacks = stacks(&world).await;
    let many: Vec<u16> = (1..62).collect();
    let stack = executed(&*stacks, &new(ChangeSetKind::Create, &many)).await;
    assert!(stack.is_stillborn(), "{stack:?}");
    let events = stacks.events(&stack.id, None).await.unwrap().items;
    assert!(events.iter().any(|event| event.is_failure() && event.reason.contains("maximum number of rules")));
    assert_eq!(world.place(HOME.0, HOME.1).groups.len(), 1);
    let refused = stacks.create_change_set(&new(ChangeSetKind::Update, &[1])).await.unwrap_err();
    assert!(refused.message.contains("ROLLBACK_COMPLETE"), "{refused}");
}

#[tokio::test]
async fn of_two_change_sets_one_is_executed() {
    let world = World::new();
    let stacks = stacks(&world).await;
    executed(&*stacks, &new(ChangeSetKind::Create, &[22])).await;
    let ours = made(&*stacks, &new(ChangeSetKind::Update, &[80])).await;
    let theirs = made(&*stacks, &new(ChangeSetKind::Update, &[443])).await;
    stacks.execute_change_set(&ours.id).await.unwrap();
    assert_eq!(stacks.execute_change_set(&theirs.id).await.unwrap_err().kind, Kind::NotFound);
    let busy = stacks.create_change_set(&new(ChangeSetKind::Update, &[8])).await.unwrap_err();
    assert!(busy.message.contains("UPDATE_IN_PROGRESS"), "{busy}");
}

#[tokio::test]
async fn a_group_that_is_there_comes_into_a_stack() {
    let world = World::new();
    let mut place = Place::new(HOME.0, HOME.1);
    let group = place.add_group("web", "the shop");
    world.add_place(place);
    let stacks = stacks(&world).await;
    let identifier = ("Id".to_owned(), group.clone());
    let import = Import { logical_id: "Web".to_owned(), kind: "AWS::EC2::SecurityGroup".to_owned(), identifier };
    let wanted = NewChangeSet { imports: vec![import], ..new(ChangeSetKind::Import, &[]) };
    let stack = executed(&*stacks, &wanted).await;
    assert_eq!((stack.status.as_str(), stack.output("SecurityGroupId")), ("IMPORT_COMPLETE", Some(group.as_str())));
    world.change(HOME.0, HOME.1, |place| place.add_interface(&[&group]));
    stacks.delete_stack("shop").await.unwrap();
    assert_eq!(done(&*stacks, &stack.id).await.status, "DELETE_FAILED");
}
