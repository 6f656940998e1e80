#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use aws_sdk_ec2::types::{AddPrefixListEntry, RequestLaunchTemplateData};
use portcullis_cloud::api::{AccountAccess, Ec2, GroupFilter};
use portcullis_cloud::error::Kind;

use super::world::{REGION, World};

async fn door(world: &World) -> Arc<dyn Ec2> {
    world.cloud.ec2(&AccountAccess::default(), REGION).await.unwrap()
}

#[tokio::test]
async fn regions_are_those_of_the_account() {
    let world = World::new().await;
    let regions = door(&world).await.regions().await.unwrap();
    assert!(regions.iter().any(|region| region == REGION), "{regions:?}");
}

#[tokio::test]
async fn groups_are_chosen_by_id_vpc_and_tag() {
    let world = World::new().await;
    let (here, there) = (world.vpc("10.1.0.0/16").await, world.vpc("10.2.0.0/16").await);
    let (web, data) = (world.group(&here, "web").await, world.group(&there, "data").await);
    let ec2 = door(&world).await;
    let tag = portcullis_cloud::shapes::Tag { key: "team".to_owned(), value: "a*".to_owned() };
    ec2.tag(std::slice::from_ref(&web), std::slice::from_ref(&tag)).await.unwrap();

    let found = async |filter: GroupFilter| {
        let page = ec2.groups(&filter, None).await.unwrap();
        page.items.into_iter().map(|group| group.group_id).collect::<Vec<_>>()
    };
    assert_eq!(
        found(GroupFilter { ids: vec![web.clone()], ..GroupFilter::default() }).await,
        std::slice::from_ref(&web)
    );
    let in_vpc = found(GroupFilter { vpcs: vec![there.clone()], ..GroupFilter::default() }).await;
    assert!(in_vpc.contains(&data) && !in_vpc.contains(&web), "{in_vpc:?}");
    let tags =
        |value: &str| GroupFilter { tags: vec![("team".to_owned(), value.to_owned())], ..GroupFilter::default() };
    assert_eq!(found(tags("a*")).await, std::slice::from_ref(&web));
    assert!(found(tags("b*")).await.is_empty());
    assert!(found(GroupFilter::default()).await.len() >= 4);

    let page = ec2.groups(&GroupFilter { ids: vec![web.clone()], ..GroupFilter::default() }, None).await.unwrap();
    let group = page.items.into_iter().next().unwrap();
    assert_eq!((group.owner_id, group.vpc_id), (world.account.clone(), Some(here)));
    assert_eq!((group.group_name.as_str(), group.description.as_str(), group.tags), ("web", "a test", vec![tag]));
}

#[tokio::test]
async fn prefix_lists_come_with_their_entries() {
    let world = World::new().await;
    let entry = |cidr: &str| AddPrefixListEntry::builder().cidr(cidr).description("why").build();
    let made =
        world.ec2().create_managed_prefix_list().prefix_list_name("offices").max_entries(5).address_family("IPv4");
    let made = made.entries(entry("192.0.2.0/24")).entries(entry("198.51.100.0/24")).send().await.unwrap();
    let id = made.prefix_list.unwrap().prefix_list_id.unwrap();

    let ec2 = door(&world).await;
    let lists = ec2.prefix_lists(std::slice::from_ref(&id), None).await.unwrap().items;
    let list = lists.first().unwrap();
    assert_eq!((list.prefix_list_name.as_str(), list.max_entries, lists.len()), ("offices", Some(5), 1));
    let all = ec2.prefix_lists(&[], None).await.unwrap().items;
    assert!(all.iter().any(|list| list.owner_id == "AWS"), "the lists of AWS are there, too: {all:?}");

    let entries = ec2.prefix_list_entries(&id, None).await.unwrap().items;
    let mut blocks: Vec<&str> = entries.iter().map(|entry| entry.cidr.as_str()).collect();
    blocks.sort_unstable();
    assert_eq!(blocks, ["192.0.2.0/24", "198.51.100.0/24"]);
    assert_eq!(entries.first().unwrap().description.as_deref(), Some("why"));
}

#[tokio::test]
async fn interfaces_are_found_by_their_groups() {
    let world = World::new().await;
    let vpc = world.vpc("10.1.0.0/16").await;
    let (used, unused) = (world.group(&vpc, "used").await, world.group(&vpc, "unused").await);
    let subnet = world.ec2().create_subnet().vpc_id(&vpc).cidr_block("10.1.1.0/24").send().await.unwrap();
    let subnet = subnet.subnet.unwrap().subnet_id.unwrap();
    world.ec2().create_network_interface().subnet_id(subnet).groups(&used).send().await.unwrap();

    let ec2 = door(&world).await;
    let found = ec2.interfaces(std::slice::from_ref(&used), None).await.unwrap().items;
    let interface = found.first().unwrap();
    assert_eq!((interface.groups.first().unwrap().group_id.as_str(), &interface.vpc_id), (used.as_str(), &vpc));
    assert!(interface.private_ip_addresses.first().unwrap().private_ip_address.starts_with("10.1.1."));
    assert_eq!(ec2.interfaces(&[unused], None).await.unwrap().items, []);
    assert_eq!(ec2.interfaces(&[], None).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn vpcs_come_with_their_blocks() {
    let world = World::new().await;
    let id = world.vpc("10.9.0.0/16").await;
    let vpcs = door(&world).await.vpcs(None).await.unwrap().items;
    let vpc = vpcs.iter().find(|vpc| vpc.vpc_id == id).unwrap();
    let block = vpc.cidr_block_association_set.first().unwrap();
    assert_eq!((block.cidr_block.as_str(), block.cidr_block_state.state.as_str()), ("10.9.0.0/16", "associated"));
    assert_eq!((vpc.is_default, &vpc.owner_id), (false, &world.account));
}

#[tokio::test]
async fn launch_templates_name_their_groups() {
    let world = World::new().await;
    let data = RequestLaunchTemplateData::builder().security_group_ids("sg-0123456789abcdef0").build();
    let request = world.ec2().create_launch_template().launch_template_name("workers").launch_template_data(data);
    request.send().await.unwrap();
    let versions = door(&world).await.launch_templates(None).await;
    let versions = versions.unwrap().items;
    let version = versions.first().unwrap();
    assert_eq!(version.launch_template_data.security_group_ids, ["sg-0123456789abcdef0"]);
    assert_eq!(version.launch_template_name, "workers");
}

#[tokio::test]
async fn stale_groups_and_references_are_asked_for() {
    let world = World::new().await;
    let vpc = world.vpc("10.1.0.0/16").await;
    let group = world.group(&vpc, "web").await;
    let ec2 = door(&world).await;
    // The server knows no stale rules, and of references that there are none: what matters is that it is asked well.
    match ec2.stale_groups(&vpc, None).await {
        Ok(page) => assert_eq!(page.items, []),
        Err(error) => assert_eq!(error.kind, Kind::Server, "{error}"),
    }
    match ec2.references(&[group]).await {
        Ok(references) => assert_eq!(references, []),
        Err(error) => assert_eq!(error.kind, Kind::Server, "{error}"),
    }
}
