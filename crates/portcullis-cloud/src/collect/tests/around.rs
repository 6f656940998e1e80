//! Prefix lists, stale rules, and what else uses a group.

use super::*;
use crate::shapes::{SecurityGroupReference, StaleSecurityGroup};

const ENTRIES: &str = "ec2:GetManagedPrefixListEntries";
const REFERENCES: &str = "ec2:DescribeSecurityGroupReferences";

fn list_ids(unit: &Collected) -> Vec<String> {
    let line = |list: &crate::shapes::PrefixList| {
        format!("{} {} {}", list.prefix_list_id, list.owner_id, list.entries.as_ref().map_or(0, Vec::len))
    };
    unit.documents.prefix_lists.iter().map(line).collect()
}

/// The same account and Region with rules that name these lists, of which it can see all.
fn with_lists(account: &str, region: &str, ids: &[&str]) -> Place {
    let mut place = Place::new(account, region);
    let web = place.add_group("web", "");
    for id in ids {
        place.add_rule(&web, &format!("ingress tcp 443 from {id}"));
    }
    place.add_prefix_list(prefix_list("pl-cdn", "AWS", &["203.0.113.0/24", "198.51.100.0/24"]));
    place.add_prefix_list(prefix_list("pl-office", OTHER, &["192.0.2.0/24"]));
    place
}

#[tokio::test(start_paused = true)]
async fn lists_that_rules_name_are_read_once_in_a_region() {
    let world = world([
        with_lists(HOME, REGION, &["pl-cdn"]),
        with_lists(OTHER, REGION, &["pl-cdn", "pl-office"]),
        with_lists(HOME, "us-east-1", &["pl-cdn"]),
        with_lists(OTHER, "us-east-1", &[]),
    ]);
    let request = Request::new(vec![home(), by_role(OTHER)], named(&[REGION, "us-east-1"]));
    let told = told(world.clone(), request).await;
    assert_eq!(list_ids(told.unit(HOME, REGION)), ["pl-cdn AWS 2"]);
    assert_eq!(list_ids(told.unit(OTHER, REGION)), ["pl-cdn AWS 2", "pl-office 444455556666 1"]);
    assert_eq!(list_ids(told.unit(HOME, "us-east-1")), ["pl-cdn AWS 2"]);
    assert!(list_ids(told.unit(OTHER, "us-east-1")).is_empty());
    assert_eq!((world.calls()[ENTRIES], world.calls()["ec2:DescribeManagedPrefixLists"]), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_read_is_a_remark_and_another_account_may_read_it() {
    let mut blind = with_lists(HOME, REGION, &["pl-office", "pl-gone"]);
    blind.prefix_lists.clear();
    let world = world([blind, with_lists(OTHER, REGION, &["pl-office"])]);
    let mut request = Request::new(vec![home(), by_role(OTHER)], named(&[REGION]));
    request.concurrency = NonZeroUsize::MIN;
    let told = told(world, request).await;
    let unit = told.unit(HOME, REGION);
    assert_eq!((unit.status, list_ids(unit).len(), unit.remarks.len()), (CoverageStatus::Complete, 0, 2));
    let remark = "the entries of `pl-gone` are not known: ec2:GetManagedPrefixListEntries failed with \
                  InvalidPrefixListID.NotFound: The prefix list 'pl-gone' does not exist";
    assert_eq!(unit.remarks[0], remark);
    assert_eq!(list_ids(told.unit(OTHER, REGION)), ["pl-office 444455556666 1"]);
}

#[tokio::test(start_paused = true)]
async fn entries_count_even_where_the_list_itself_is_denied() {
    let fault = Fault::fail("ec2:DescribeManagedPrefixLists", Kind::Denied);
    let told =
        told(Faults::around(Arc::new(world([with_lists(HOME, REGION, &["pl-cdn"])])), [fault]), own(&[REGION])).await;
    assert_eq!(list_ids(told.unit(HOME, REGION)), ["pl-cdn  2"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_more_is_looked_up_where_every_group_is_used() {
    let mut place = place();
    let api = place.add_group("api", "");
    place.add_rule("sg-web", "egress tcp 443 to sg-api");
    place.add_rule(&api, "ingress tcp 443 from sg-web");
    let world = world([place]);
    let told = told(world.clone(), Request { want: ALL, ..own(&[REGION]) }).await;
    assert_eq!(told.statuses(), ["111122223333 eu-west-1 Complete 3"]);
    assert_eq!(told.end.calls, 4, "{:?}", calls(&world));
}

fn with_idle_groups() -> Place {
    let mut place = place();
    for name in ["template", "balancer", "function", "database", "peered", "idle"] {
        let id = place.add_group(name, "");
        place.add_rule(&id, &format!("ingress tcp 22 from {id}")); // its own rule is no use of it
    }
    place.add_launch_template("fleet", &["sg-template"]);
    place.add_load_balancer("front", &["sg-balancer"]);
    place.add_function("job", &["sg-function"]);
    place.add_database("orders", &["sg-database"]);
    place.references.push(SecurityGroupReference {
        group_id: "sg-peered".to_owned(),
        referencing_vpc_id: "vpc-9".to_owned(),
        vpc_peering_connection_id: Some("pcx-1".to_owned()),
    });
    place
}

#[tokio::test(start_paused = true)]
async fn what_may_use_an_idle_group_is_looked_up() {
    let world = world([with_idle_groups()]);
    let told = told(world.clone(), Request { want: Want { users: true, ..Want::default() }, ..own(&[REGION]) }).await;
    let documents = &told.unit(HOME, REGION).documents;
    assert_eq!(told.unit(HOME, REGION).status, CoverageStatus::Complete);
    assert_eq!(documents.launch_templates.as_ref().unwrap().len(), 1);
    assert_eq!(documents.load_balancers.as_ref().unwrap().len(), 1);
    assert_eq!(documents.functions.as_ref().unwrap().len(), 1);
    assert_eq!(documents.databases.as_ref().unwrap().len(), 1);
    assert_eq!(documents.references.as_ref().unwrap().len(), 1);
    assert!(documents.stale.is_none());
    assert!(world.calls().values().all(|count| *count == 1), "{:?}", calls(&world));
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_fails_makes_the_unit_partial_and_is_named() {
    let lookups = [
        "ec2:DescribeLaunchTemplateVersions",
        "elasticloadbalancing:DescribeLoadBalancers",
        "lambda:ListFunctions",
        "rds:DescribeDBInstances",
        REFERENCES,
    ];
    for call in lookups {
        let cloud = Faults::around(Arc::new(world([with_idle_groups()])), [Fault::fail(call, Kind::Denied)]);
        let told = told(cloud, Request { want: ALL, ..own(&[REGION]) }).await;
        let unit = told.unit(HOME, REGION);
        assert_eq!(unit.status, CoverageStatus::Partial, "{call}");
        assert!(unit.error.as_ref().unwrap().starts_with(&format!("{call} failed with UnauthorizedOperation")));
    }
}

#[tokio::test(start_paused = true)]
async fn many_candidates_are_asked_about_in_batches() {
    let mut place = Place::new(HOME, REGION);
    (0..450).for_each(|number| _ = place.add_group(&format!("g{number:03}"), ""));
    let world = world([place]);
    told(world.clone(), Request { want: ALL, ..own(&[REGION]) }).await;
    assert_eq!((world.calls()[REFERENCES], world.calls()["lambda:ListFunctions"]), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn all_groups_are_read_where_references_count() {
    let filter = GroupFilter { names: vec!["web".to_owned()], ..GroupFilter::default() };
    let want = Want { references: true, ..Want::default() };
    let told = told(world([place()]), Request { filter, want, ..own(&[REGION]) }).await;
    assert_eq!(told.unit(HOME, REGION).documents.groups.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn stale_rules_are_looked_for_only_in_vpcs_that_look_over_a_peering() {
    let mut place = place();
    place.add_vpc("vpc-2", "10.2.0.0/16");
    let world = world([place]);
    let want = Want { references: true, ..Want::default() };
    let told_of = async || told(world.clone(), Request { want, ..own(&[REGION]) }).await;
    assert!(told_of().await.unit(HOME, REGION).documents.stale.is_none());
    world.change(HOME, REGION, |place| {
        let id = place.add_rule("sg-web", "ingress tcp 22 from sg-theirs");
        let reference = place.rules.get_mut(&id).unwrap().referenced_group_info.as_mut().unwrap();
        reference.vpc_peering_connection_id = Some("pcx-1".to_owned());
        place.stale.push(StaleSecurityGroup {
            group_id: "sg-web".to_owned(),
            vpc_id: Some("vpc-1".to_owned()),
            ..StaleSecurityGroup::default()
        });
    });
    assert_eq!(told_of().await.unit(HOME, REGION).documents.stale.as_ref().unwrap().len(), 1);
    assert_eq!(world.calls()["ec2:DescribeStaleSecurityGroups"], 1);
}

#[tokio::test(start_paused = true)]
async fn an_organization_is_its_active_accounts() {
    use crate::accounts::accounts_of_organization;

    let world = World::new().with_pages_of(2);
    for (id, parent) in [
        ("000000000001", "ou-prod"),
        ("000000000002", "ou-shops"),
        ("000000000003", "ou-shops"),
        ("000000000004", "ou-dev"),
    ] {
        world.put_account(id, parent);
    }
    world.set_status("000000000003", "SUSPENDED");
    world.add_unit("ou-prod", "r-root");
    world.add_unit("ou-shops", "ou-prod");
    world.add_unit("ou-dev", "r-root");
    let check = async |units: &[&str], expected: &[&str]| {
        let units: Vec<String> = units.iter().map(|&unit| unit.to_owned()).collect();
        let accounts = accounts_of_organization(&world, &units, Duration::from_secs(60), 0).await.unwrap();
        assert_eq!(accounts.iter().map(|account| account.id.as_str()).collect::<Vec<_>>(), expected, "{units:?}");
    };
    check(&[], &["000000000001", "000000000002", "000000000004", HOME]).await;
    check(&["ou-prod"], &["000000000001", "000000000002"]).await;
    check(&["ou-shops", "ou-prod", "ou-dev"], &["000000000001", "000000000002", "000000000004"]).await;
    check(&["r-root"], &["000000000001", "000000000002", "000000000004", HOME]).await;
    let unknown = accounts_of_organization(&world, &["ou-x".to_owned()], Duration::from_secs(60), 0).await;
    assert!(matches!(unknown, Err(Stop::Failed(error)) if error.kind == Kind::NotFound));
}
