//! What is read of a world in memory, with and without faults. The clock is turned, never waited for.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may end where it fails")]

mod around;
mod faults;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::*;
use crate::api::Role;
use crate::faults::{Fault, Faults};
use crate::model::{Limits, Place, World, prefix_list};

const HOME: &str = "111122223333";
const OTHER: &str = "444455556666";
const REGION: &str = "eu-west-1";

/// Everything that is told of a reading.
#[derive(Debug, Default)]
struct Told {
    units: Vec<Collected>,
    regions: Vec<String>,
    end: Progress,
}

impl Told {
    fn unit(&self, account: &str, region: &str) -> &Collected {
        let mut of_place = self.units.iter().filter(|unit| unit.account == account && unit.region == region);
        match (of_place.next(), of_place.next()) {
            (Some(unit), None) => unit,
            _ => panic!("{account} {region} is not told once: {:?}", self.statuses()),
        }
    }

    /// `ACCOUNT REGION STATUS GROUPS: ERROR`, sorted.
    fn statuses(&self) -> Vec<String> {
        let line = |unit: &Collected| {
            let Collected { account, region, status, error, documents, .. } = unit;
            let error = error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            format!("{account} {region} {status:?} {}{error}", documents.groups.len())
        };
        let mut lines: Vec<String> = self.units.iter().map(line).collect();
        lines.sort();
        lines
    }
}

async fn told(cloud: impl Cloud + 'static, request: Request) -> Told {
    let mut told = Told::default();
    let end = collect(Arc::new(cloud), request, std::convert::identity, |event| match event {
        Event::Progress(_) => {}
        Event::Unit(unit) => told.units.push(unit),
        Event::Region(region) => told.regions.push(region),
    })
    .await;
    Told { end, ..told }
}

/// The environment's own account.
fn home() -> AccountAccess {
    AccountAccess { account: HOME.to_owned(), role: None }
}

/// An account by the role `audit`.
fn by_role(account: &str) -> AccountAccess {
    let role = Role { name: "audit".to_owned(), session_name: "portcullis".to_owned(), ..Role::default() };
    AccountAccess { account: account.to_owned(), role: Some(role) }
}

fn named(regions: &[&str]) -> Regions {
    Regions::Named(regions.iter().map(|&region| region.to_owned()).collect())
}

/// The home account's `eu-west-1` with a group `web` that a load balancer's interface carries.
fn place() -> Place {
    let mut place = Place::new(HOME, REGION);
    let web = place.add_group("web", "the shop");
    place.add_rule(&web, "ingress tcp 443 from 0.0.0.0/0");
    place.add_interface(&["sg-web"]);
    place
}

fn world(places: impl IntoIterator<Item = Place>) -> World {
    let world = World::new();
    places.into_iter().for_each(|place| world.add_place(place));
    world
}

fn own(regions: &[&str]) -> Request {
    Request::new(vec![home()], named(regions))
}

/// The calls that were made, with their number where it is not one.
fn calls(world: &World) -> Vec<String> {
    let line = |(call, count): (&str, u64)| if count == 1 { call.to_owned() } else { format!("{call} {count}") };
    world.calls().into_iter().map(line).collect()
}

const ALL: Want = Want { interfaces: true, references: true, users: true };

#[tokio::test(start_paused = true)]
async fn a_small_account_takes_no_call_more_than_needed() {
    let world = world([place()]);
    let told = told(world.clone(), own(&[REGION])).await;
    assert_eq!(told.statuses(), ["111122223333 eu-west-1 Complete 2"]);
    let expected = ["ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups", "ec2:DescribeVpcs"];
    assert_eq!(calls(&world), expected);
    let documents = &told.unit(HOME, REGION).documents;
    assert_eq!(documents.rules.as_ref().unwrap().len(), 1);
    assert_eq!((documents.vpcs.as_ref().unwrap().len(), documents.interfaces.is_none()), (1, true));
    assert_eq!((told.end.calls, told.end.groups, told.end.units_done, told.end.accounts_done), (3, 2, 1, 1));
    assert_eq!(told.regions, [REGION]);
}

#[tokio::test(start_paused = true)]
async fn pages_are_read_to_the_last() {
    let mut place = place();
    for number in 0..7 {
        let id = place.add_group(&format!("g{number}"), "");
        place.add_rule(&id, "ingress tcp 22 from 10.0.0.0/8");
    }
    let world = world([place]).with_pages_of(3);
    let told = told(world.clone(), own(&[REGION])).await;
    assert_eq!(told.statuses(), ["111122223333 eu-west-1 Complete 9"]);
    let rules = told.unit(HOME, REGION).documents.rules.as_ref().unwrap();
    assert_eq!(rules.len(), 8);
    assert_eq!(world.calls()["ec2:DescribeSecurityGroups"], 3);
}

#[tokio::test(start_paused = true)]
async fn all_regions_are_the_enabled_ones_of_each_account() {
    let world = world([place(), Place::new(OTHER, "me-south-1")]);
    world.set_regions(HOME, &[REGION]);
    world.set_regions(OTHER, &["us-east-1", "me-south-1"]);
    let told = told(world.clone(), Request::new(vec![home(), by_role(OTHER)], Regions::All)).await;
    assert_eq!(
        told.statuses(),
        [
            "111122223333 eu-west-1 Complete 2",
            "444455556666 me-south-1 Complete 1",
            "444455556666 us-east-1 Complete 1"
        ]
    );
    assert_eq!((world.calls()["ec2:DescribeRegions"], world.calls()["sts:AssumeRole"]), (3, 1));
    assert_eq!(told.regions.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_account_of_the_environment_is_asked_for_its_id() {
    let request = Request::new(vec![AccountAccess::default()], named(&[REGION]));
    let told = told(world([place()]), request).await;
    assert_eq!(told.statuses(), ["111122223333 eu-west-1 Complete 2"]);
}

#[tokio::test(start_paused = true)]
async fn regions_are_read_one_after_another_and_never_more_units_than_allowed() {
    let world = World::new().with_latency(Duration::from_millis(40));
    let accounts: Vec<AccountAccess> = (0..20).map(|number| by_role(&format!("{number:012}"))).collect();
    accounts.iter().for_each(|access| world.add_account(&access.account, ""));
    let regions = ["us-east-1", "eu-west-1", "ap-south-1"];
    let request = Request { concurrency: NonZeroUsize::new(7).unwrap(), ..Request::new(accounts, named(&regions)) };
    let started = Instant::now();
    let told = told(world.clone(), request).await;
    assert_eq!((told.units.len(), told.end.units, told.end.accounts_done), (60, 60, 20));
    assert_eq!(world.most_at_once(), 7);
    // A unit takes one round of calls, in the first Region also one for the role: nobody waits without need.
    let rounds = (20 * 2 + 40_u32).div_ceil(7) + 1;
    assert!(started.elapsed() <= Duration::from_millis(40) * rounds, "{:?}", started.elapsed());
    assert_eq!(told.regions, regions);
    let order: Vec<usize> =
        told.units.iter().map(|unit| regions.iter().position(|region| *region == unit.region).unwrap()).collect();
    // Pipelined: a Region begins while the last units of the one before end, which are no more than were under way.
    let behind = |place: usize| order[place..].iter().filter(|region| **region < order[place]).count();
    assert!((0..order.len()).all(|place| behind(place) <= 7), "{order:?}");
    assert!((0..order.len()).any(|place| behind(place) > 0), "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn the_next_unit_is_under_way_before_the_last_is_told() {
    let request = Request { concurrency: NonZeroUsize::MIN, ..own(&[REGION, "us-east-1"]) };
    let mut under_way = Vec::new();
    collect(Arc::new(world([place()])), request, std::convert::identity, |event| {
        if let Event::Unit(_) = event {
            under_way.push(Handle::current().metrics().num_alive_tasks());
        }
    })
    .await;
    assert_eq!(under_way, [1, 0]);
}

#[tokio::test(start_paused = true)]
async fn only_the_wanted_groups_are_asked_for() {
    let mut place = place();
    let db = place.add_group("db", "");
    place.add_rule(&db, "ingress tcp 5432 from 10.0.0.0/8");
    place.tag_group(&db, "team", "data");
    let world = world([place]);
    let check = async |filter: GroupFilter, expected: &[&str]| {
        let told = told(world.clone(), Request { filter, ..own(&[REGION]) }).await;
        let unit = told.unit(HOME, REGION);
        let ids: Vec<&str> = unit.documents.groups.iter().map(|group| group.group_id.as_str()).collect();
        assert_eq!((ids.as_slice(), unit.status), (expected, CoverageStatus::Complete), "{:?}", unit.error);
        let rules = unit.documents.rules.as_deref().unwrap_or_default();
        assert!(rules.iter().all(|rule| ids.contains(&rule.group_id.as_str())));
        assert_eq!(rules.len(), ids.iter().filter(|id| **id != "sg-default").count());
    };
    let text = |text: &str| vec![text.to_owned()];
    check(GroupFilter { ids: text("sg-db"), ..GroupFilter::default() }, &["sg-db"]).await;
    check(GroupFilter { names: text("web"), ..GroupFilter::default() }, &["sg-web"]).await;
    let either = GroupFilter { ids: text("sg-db"), names: text("web"), ..GroupFilter::default() };
    check(either, &["sg-db", "sg-web"]).await;
    let tag = vec![("team".to_owned(), "data".to_owned())];
    check(GroupFilter { tags: tag, ..GroupFilter::default() }, &["sg-db"]).await;
    check(GroupFilter { vpcs: text("vpc-9"), ..GroupFilter::default() }, &[]).await;
    // An id that is of another account or Region is no fault, nor does it hide those that are here.
    check(GroupFilter { ids: text("sg-elsewhere"), ..GroupFilter::default() }, &[]).await;
    let ids = vec!["sg-elsewhere".to_owned(), "sg-db".to_owned()];
    check(GroupFilter { ids, ..GroupFilter::default() }, &["sg-db"]).await;
}

#[tokio::test(start_paused = true)]
async fn where_nothing_fits_nothing_more_is_asked() {
    let world = world([place()]);
    let filter = GroupFilter { names: vec!["nowhere".to_owned()], ..GroupFilter::default() };
    told(world.clone(), Request { filter, ..own(&[REGION]) }).await;
    assert_eq!(calls(&world), ["ec2:DescribeSecurityGroups"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_read_is_what_the_aws_cli_prints() {
    let told =
        told(world([place()]), Request { want: Want { interfaces: true, ..Want::default() }, ..own(&[REGION]) }).await;
    let value: serde_json::Value = serde_json::to_value(told.unit(HOME, REGION)).unwrap();
    let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["NetworkInterfaces", "SecurityGroupRules", "SecurityGroups", "Vpcs", "coverage"]);
    let group = &value["SecurityGroups"][1];
    assert_eq!(group["SecurityGroupArn"], "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-web");
    // Rules of this group stand in `SecurityGroupRules`; that the other has none must be said.
    assert!(group.get("IpPermissions").is_none());
    assert_eq!(value["SecurityGroups"][0]["IpPermissions"], serde_json::json!([]));
    assert_eq!(
        value["coverage"],
        serde_json::json!([{"account_id": HOME, "region": REGION, "status": "complete", "groups": 2, "error": null}])
    );
}
