//! Reading an organisation of 1,000 accounts × 17 Regions × 50 groups from a world in memory, by a turned clock: the time
//! that it would take beside the least that it could, and the memory that it really takes.
//!
//! `cargo bench -p portcullis-aws --bench organisation [-- ACCOUNTS CONCURRENCY]`

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::sync::Arc;
use std::time::{Duration, Instant as RealTime};

use portcullis_cloud::api::{AccountAccess, Role};
use portcullis_cloud::collect::{Collected, Event, Regions, Request, Want, collect};
use portcullis_cloud::model::{DEFAULT_REGIONS, Limits, Place, World, prefix_list};
use tokio::time::Instant;

const GROUPS: usize = 50;
const LATENCY: Duration = Duration::from_millis(80);

/// An account and Region as one is apt to find it: most groups on interfaces, one in ten idle, some with a prefix list.
fn place(account: &str, region: &str) -> Place {
    let mut place = Place::new(account, region);
    for number in 0..GROUPS - 1 {
        let id = format!("sg-{account}{number:05}");
        place.add_group_as(&id, &format!("service-{number}"), "a service of the shop");
        place.tag_group(&id, "team", "shop");
        for rule in [
            "ingress tcp 443 from 0.0.0.0/0 # customers",
            "ingress tcp 22 from 10.0.0.0/8 # offices",
            "ingress tcp 5432 from 172.31.0.0/16",
            "egress -1 to 0.0.0.0/0",
        ] {
            place.add_rule(&id, rule);
        }
        if number % 10 == 0 {
            place.add_rule(&id, "ingress tcp 80 from pl-cdn");
        } else {
            place.add_interface(&[&id]);
        }
    }
    let blocks: Vec<String> = (0..45).map(|number| format!("203.0.{number}.0/24")).collect();
    place.add_prefix_list(prefix_list("pl-cdn", "AWS", &blocks.iter().map(String::as_str).collect::<Vec<_>>()));
    place
}

/// The most memory that the process ever had, in kB (`VmHWM`, proc(5)).
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let accounts = arguments.next().unwrap_or(1000);
    let concurrency = arguments.next().and_then(std::num::NonZeroUsize::new);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(accounts, concurrency)),
        Err(error) => println!("no runtime: {error}"),
    }
}

async fn run(accounts: usize, concurrency: Option<std::num::NonZeroUsize>) {
    let world = World::new().with_latency(LATENCY).with_limits(Limits::default()).with_places(place);
    let role = Role { name: "audit".to_owned(), session_name: "portcullis".to_owned(), ..Role::default() };
    let access = |number| AccountAccess { account: format!("{number:012}"), role: Some(role.clone()) };
    let list: Vec<AccountAccess> = (0..accounts).map(access).collect();
    list.iter().for_each(|access| world.add_account(&access.account, "one of many"));
    let want = Want { interfaces: true, references: true, users: true };
    let mut request = Request { want, time_budget: Duration::from_secs(86_400), ..Request::new(list, Regions::All) };
    request.concurrency = concurrency.unwrap_or(request.concurrency);
    let limit = request.concurrency.get();

    let (real, started, before) = (RealTime::now(), Instant::now(), peak());
    let (mut bytes, mut partial) = (0usize, 0usize);
    // As the door does: the JSON of one unit, which is then read and dropped.
    let make = |unit: Collected| (unit.error.is_some(), serde_json::to_vec(&unit).map_or(0, |json| json.len()));
    let end = collect(Arc::new(world.clone()), request, make, |event| {
        if let Event::Unit((failed, size)) = event {
            partial += usize::from(failed);
            bytes += size;
        }
    })
    .await;
    let took = started.elapsed();

    // The least time. Each account: its role and its Regions, one after the other. Each unit: groups, rules, VPCs and
    // interfaces at once; then lists and users at once. No bucket is ever empty: no call is made more often than 100
    // times in one account and Region. `limit` units at a time.
    let units = accounts * DEFAULT_REGIONS.len();
    let rounds = (accounts * 2).div_ceil(limit) + (units * 2).div_ceil(limit);
    let ideal = LATENCY * u32::try_from(rounds).unwrap_or(u32::MAX);
    println!(
        "{accounts} accounts x {} Regions x {GROUPS} groups, {limit} at a time, {LATENCY:?} a call",
        DEFAULT_REGIONS.len()
    );
    println!(
        "  read       {} groups, {} units, {partial} of them not whole, {} MB of JSON",
        end.groups,
        end.units_done,
        bytes / 1_000_000
    );
    println!("  calls      {} ({} repeated, {} throttled)", end.calls, end.retries, world.throttled());
    println!(
        "  simulated  {:.1} s; ideal {:.1} s; {:.3} x",
        took.as_secs_f64(),
        ideal.as_secs_f64(),
        took.as_secs_f64() / ideal.as_secs_f64()
    );
    println!("  real       {:.1} s", real.elapsed().as_secs_f64());
    if let (Some(before), Some(after)) = (before, peak()) {
        println!("  memory     {} MB at most, {} MB before", after / 1000, before / 1000);
    }
}
