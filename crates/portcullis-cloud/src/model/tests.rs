//! The world in memory is as strict as AWS where it matters.

#![expect(clippy::unwrap_used, reason = "a test may end where it fails")]

mod stacks;

use super::*;
use crate::api::{AccountAccess, Cloud, Conditional, Datum, Ec2, Flow, Permission, Put, RuleUpdate};
use crate::shapes::Tag;

const HOME: &str = "111122223333";
const REGION: &str = "eu-west-1";

fn world() -> World {
    let mut place = Place::new(HOME, REGION);
    let web = place.add_group("web", "");
    place.add_rule(&web, "ingress tcp 443 from 0.0.0.0/0 # the shop");
    place.add_prefix_list(prefix_list("pl-3", "AWS", &["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]));
    let world = World::new();
    world.add_place(place);
    world
}

async fn ec2(world: &World) -> Arc<dyn Ec2> {
    world.ec2(&AccountAccess::default(), REGION).await.unwrap()
}

fn tcp(port: i32, cidr: &str) -> Permission {
    let (from_port, to_port) = (Some(port), Some(port));
    Permission {
        protocol: "tcp".to_owned(),
        from_port,
        to_port,
        cidr_ipv4: Some(cidr.to_owned()),
        ..Permission::default()
    }
}

fn lines(world: &World) -> Vec<String> {
    world.place(HOME, REGION).lines("sg-web")
}

fn kind<T>(result: Result<T>) -> Option<Kind> {
    result.err().map(|error| error.kind)
}

#[tokio::test]
async fn authorize_does_all_or_nothing() {
    let world = world();
    let ec2 = ec2(&world).await;
    let before = lines(&world);
    assert_eq!(before, ["ingress tcp 443-443 0.0.0.0/0 # the shop"]);
    let rules = [tcp(22, "10.0.0.0/8"), tcp(443, "0.0.0.0/0")];
    assert_eq!(kind(ec2.authorize("sg-web", Flow::Ingress, &rules).await), Some(Kind::Duplicate));
    assert_eq!(lines(&world), before);
    assert_eq!(ec2.authorize("sg-web", Flow::Egress, &rules).await.unwrap().len(), 2);
    assert_eq!(lines(&world).len(), 3);
    assert_eq!(kind(ec2.authorize("sg-gone", Flow::Ingress, &rules).await), Some(Kind::NotFound));
    let bad = Permission { description: Some("\"quoted\"".to_owned()), ..tcp(25, "10.0.0.0/8") };
    assert_eq!(kind(ec2.authorize("sg-web", Flow::Ingress, &[tcp(24, "10.0.0.0/8"), bad]).await), Some(Kind::Invalid));
    assert_eq!(lines(&world).len(), 3);
}

#[tokio::test]
async fn revoke_does_all_or_nothing() {
    let world = world();
    let ec2 = ec2(&world).await;
    let id = world.place(HOME, REGION).rules.into_keys().next().unwrap();
    let both = [id.clone(), "sgr-gone".to_owned()];
    assert_eq!(kind(ec2.revoke("sg-web", Flow::Ingress, &both).await), Some(Kind::NotFound));
    assert_eq!(kind(ec2.revoke("sg-web", Flow::Egress, &both[..1]).await), Some(Kind::NotFound));
    assert_eq!(lines(&world).len(), 1);
    ec2.revoke("sg-web", Flow::Ingress, &both[..1]).await.unwrap();
    assert!(lines(&world).is_empty());
}

#[tokio::test]
async fn modify_keeps_id_tags_and_kind_of_peer() {
    let world = world();
    let ec2 = ec2(&world).await;
    let id = world.place(HOME, REGION).rules.into_keys().next().unwrap();
    ec2.tag(std::slice::from_ref(&id), &[Tag { key: "why".to_owned(), value: "shop".to_owned() }]).await.unwrap();
    let update = |rule| [RuleUpdate { rule_id: id.clone(), rule }];
    ec2.modify("sg-web", &update(tcp(444, "10.0.0.0/8"))).await.unwrap();
    assert_eq!(lines(&world), ["ingress tcp 444-444 10.0.0.0/8"]);
    let rule = world.place(HOME, REGION).rules.remove(&id).unwrap();
    assert_eq!(rule.tags.len(), 1);
    let six = Permission { cidr_ipv4: None, cidr_ipv6: Some("2001:db8::/32".to_owned()), ..tcp(444, "") };
    assert_eq!(kind(ec2.modify("sg-web", &update(six)).await), Some(Kind::Invalid));
    ec2.authorize("sg-web", Flow::Ingress, &[tcp(22, "10.0.0.0/8")]).await.unwrap();
    assert_eq!(kind(ec2.modify("sg-web", &update(tcp(22, "10.0.0.0/8"))).await), Some(Kind::Duplicate));
    ec2.describe("sg-web", Flow::Ingress, &[(id.clone(), "offices".to_owned())]).await.unwrap();
    ec2.untag(std::slice::from_ref(&id), &["why".to_owned()]).await.unwrap();
    assert!(world.place(HOME, REGION).rules.remove(&id).unwrap().tags.is_empty());
    assert_eq!(lines(&world), ["ingress tcp 22-22 10.0.0.0/8", "ingress tcp 444-444 10.0.0.0/8 # offices"]);
}

#[tokio::test]
async fn the_quota_counts_families_apart_and_lists_by_their_size() {
    let world = world();
    world.change(HOME, REGION, |place| place.quota = 3);
    let ec2 = ec2(&world).await;
    ec2.authorize("sg-web", Flow::Ingress, &[tcp(1, "10.0.0.0/8"), tcp(2, "10.0.0.0/8")]).await.unwrap();
    assert_eq!(kind(ec2.authorize("sg-web", Flow::Ingress, &[tcp(3, "10.0.0.0/8")]).await), Some(Kind::Quota));
    let six = Permission { cidr_ipv4: None, cidr_ipv6: Some("2001:db8::/32".to_owned()), ..tcp(3, "") };
    ec2.authorize("sg-web", Flow::Ingress, &[six]).await.unwrap();
    ec2.authorize("sg-web", Flow::Egress, &[tcp(3, "10.0.0.0/8")]).await.unwrap();
    let list = Permission { cidr_ipv4: None, prefix_list_id: Some("pl-3".to_owned()), ..tcp(4, "") };
    assert_eq!(kind(ec2.authorize("sg-web", Flow::Egress, &[list]).await), Some(Kind::Quota));
    assert_eq!(lines(&world).len(), 5);
}

#[tokio::test]
async fn objects_are_put_on_conditions() {
    let world = world();
    world.add_bucket("logs");
    let objects = world.objects().await.unwrap();
    let only_new = Put { only_new: true, ..Put::default() };
    let etag = objects.put("logs", "a/1", b"one".to_vec(), &only_new).await.unwrap();
    assert_eq!(kind(objects.put("logs", "a/1", b"two".to_vec(), &only_new).await), Some(Kind::Condition));
    assert_eq!(objects.get("logs", "a/1", Some(&etag)).await.unwrap(), None);
    let if_same = Put { only_if: Some(&etag), ..Put::default() };
    objects.put("logs", "a/1", b"two".to_vec(), &if_same).await.unwrap();
    assert_eq!(kind(objects.put("logs", "a/1", b"three".to_vec(), &if_same).await), Some(Kind::Condition));
    assert_eq!(objects.get("logs", "a/1", Some(&etag)).await.unwrap().unwrap().bytes, b"two");
    assert_eq!(kind(objects.get("logs", "a/2", None).await), Some(Kind::NotFound));
    assert_eq!(kind(objects.get("none", "a/1", None).await), Some(Kind::NotFound));
    assert_eq!(objects.list("logs", "a/", None).await.unwrap().items, ["a/1"]);
    objects.delete("logs", "a/1").await.unwrap();
    assert!(world.bucket("logs").is_empty());
}

#[tokio::test]
async fn items_are_put_on_conditions() {
    let world = world();
    world.add_table("state");
    let table = world.table("state", None).await.unwrap();
    let item = |version| {
        [("pk".to_owned(), Datum::Text("k".to_owned())), ("version".to_owned(), Datum::Number(version))].into()
    };
    table.put(&item(1), &Conditional::New).await.unwrap();
    assert_eq!(kind(table.put(&item(2), &Conditional::New).await), Some(Kind::Condition));
    table.put(&item(2), &Conditional::Version(1)).await.unwrap();
    assert_eq!(kind(table.put(&item(3), &Conditional::Version(1)).await), Some(Kind::Condition));
    assert_eq!(table.get("k").await.unwrap(), Some(item(2)));
    assert_eq!(table.scan("k", None).await.unwrap().items.len(), 1);
    table.delete("k").await.unwrap();
    assert!(world.items("state").is_empty());
}

#[tokio::test(start_paused = true)]
async fn buckets_of_tokens_empty_and_fill() {
    let world = world().with_limits(Limits::default());
    let ec2 = ec2(&world).await;
    let burst = async || {
        let mut passed = 0;
        while ec2.vpcs(None).await.is_ok() {
            passed += 1;
        }
        passed
    };
    assert_eq!(burst().await, 100);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(burst().await, 40);
    // Each call has its own.
    assert!(ec2.groups(&crate::api::GroupFilter::default(), None).await.is_ok());
    assert_eq!(world.throttled(), 2);
}
