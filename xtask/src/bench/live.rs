//! A live scan of an organisation, behind a proxy that makes every call take 50 ms more: what counts is how well the calls
//! are kept under way at once.
//!
//! The server is one thread of Python in effect and would be the slowest part by far, so the proxy answers from memory
//! what it was asked before: the first run, which does not count, fills it. The server's own rate is printed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use portcullis_testkit::{Call, Proxy, World};

use super::table::{table, time};
use super::whole::Bench;
use crate::moto::Server;
use crate::process::shown;

const DELAY: Duration = Duration::from_millis(50);
const REGIONS: &str = "eu-west-1,eu-central-1,us-east-1,us-west-2";
const GROUPS: usize = 100;
/// As `tests/aws/awslike/many.py` counts them.
const FIRST: u64 = 100_000_000_001;
const ROLE: &str = "portcullis";

const NO_CUSTODIAN: &str = "c7n-org is not in PATH, so nothing stands beside the scan: \
                            python3 -m venv V && V/bin/pip install c7n-org==0.6.52 && PATH=$PWD/V/bin:$PATH cargo xtask bench live";

/// What runs on the organisation, and how it did.
struct Outcome {
    wall: Duration,
    calls: Vec<Call>,
}

pub(super) fn organisation(bench: &Bench) -> Result<String> {
    let accounts = if bench.quick { 4 } else { 40 };
    eprintln!("   making {accounts} accounts × 4 Regions × {GROUPS} groups on the server (a second or less each)");
    let server = Server::start_with(&["--many", &format!("{accounts}:{REGIONS}:{GROUPS}")])?;
    let world = World::on(&server.endpoint(), &FIRST.to_string());
    let rate = server_rate(&world);

    let proxy = Proxy::start(&server.endpoint());
    proxy.delay(DELAY);
    proxy.replay();
    let behind = world.behind(&proxy);

    let mut rows = vec![row("portcullis scan", &best(bench, &proxy, || scan(bench, &behind, accounts))?)];
    match custodian(bench, &behind, accounts) {
        Ok(command) => {
            let run = || Ok(shallow_copy(&command));
            rows.push(row("c7n-org run", &best(bench, &proxy, run)?));
        }
        Err(_) => eprintln!("   {NO_CUSTODIAN}"),
    }
    let title = format!("Live: {accounts} accounts × 4 Regions × {GROUPS} groups, {} more for each call", time(DELAY));
    let head = ["program", "wall time", "calls", "at once", "bound", "wall / bound"];
    Ok(format!(
        "{}\nBound: the time of all calls shared by as many as were under way at once, or the longest chain of pages after \
         its role was assumed, whichever is more. The server alone takes {rate:.0} DescribeSecurityGroups of {GROUPS} groups \
         a second; answers came from the proxy's memory.\n",
        table(&title, head, &rows)
    ))
}

fn row(name: &str, outcome: &Outcome) -> [String; 6] {
    let (at_once, bound) = (at_once(&outcome.calls), bound(&outcome.calls));
    let factor = outcome.wall.as_secs_f64() / bound.as_secs_f64();
    let calls = outcome.calls.len().to_string();
    [name.to_owned(), time(outcome.wall), calls, at_once.to_string(), time(bound), format!("{factor:.2} ×")]
}

/// The run of median wall time, after one that fills the proxy's memory.
fn best(bench: &Bench, proxy: &Proxy, command: impl Fn() -> Result<Command>) -> Result<Outcome> {
    let mut outcomes = Vec::new();
    for turn in 0..=bench.runs {
        proxy.forget_calls();
        let mut command = command()?;
        let stderr = bench.folder.join("live-stderr.txt");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&stderr)?);
        let start = Instant::now();
        let status = command.status().with_context(|| format!("cannot run `{}`", shown(&command)))?;
        let wall = start.elapsed();
        let said = fs::read_to_string(&stderr).unwrap_or_default();
        ensure!(matches!(status.code(), Some(0 | 1)), "`{}`: {status}\n{said}", shown(&command));
        ensure!(!proxy.calls().is_empty(), "`{}` asked nothing of the server:\n{said}", shown(&command));
        if turn > 0 {
            outcomes.push(Outcome { wall, calls: proxy.calls() });
        }
    }
    outcomes.sort_by_key(|o| o.wall);
    let middle = outcomes.len() / 2;
    outcomes.into_iter().nth(middle).context("no run: --runs must be at least 1")
}

fn scan(bench: &Bench, world: &World, accounts: u64) -> Result<Command> {
    let file = bench.folder.join("live-accounts.txt");
    let ids: String = (FIRST..FIRST + accounts).map(|id| format!("{id}\n")).collect();
    fs::write(&file, ids)?;
    let mut command = Command::new(&bench.portcullis);
    world.lend_to(&mut command).args(["scan", "--format", "json", "--role-name", ROLE, "--accounts-from"]).arg(file);
    for region in REGIONS.split(',') {
        command.args(["--region", region]);
    }
    Ok(command)
}

/// Cloud Custodian's runner for many accounts, with the policy nearest to one control of ours.
fn custodian(bench: &Bench, world: &World, accounts: u64) -> Result<Command> {
    let present = Command::new("c7n-org").arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(present.is_ok_and(|status| status.success()), NO_CUSTODIAN);
    let folder = bench.folder.join("live-custodian");
    fs::create_dir_all(&folder)?;
    let entries = (FIRST..FIRST + accounts).map(|id| {
        let role = format!("arn:aws:iam::{id}:role/{ROLE}");
        format!("- {{account_id: '{id}', name: 'a{id}', regions: [{REGIONS}], role: '{role}'}}\n")
    });
    fs::write(folder.join("accounts.yaml"), format!("accounts:\n{}", entries.collect::<String>()))?;
    let filter = "{type: ingress, Ports: [22], Cidr: {value: 0.0.0.0/0}}";
    let policy = format!("policies:\n- name: ssh\n  resource: aws.security-group\n  filters: [{filter}]\n");
    fs::write(folder.join("policy.yaml"), policy)?;
    let mut command = Command::new("c7n-org");
    world.lend_to(&mut command).current_dir(&folder);
    command.args(["run", "-c", "accounts.yaml", "-u", "policy.yaml", "-s", "out", "--cache-period", "0"]);
    for region in REGIONS.split(',') {
        command.args(["-r", region]);
    }
    Ok(command)
}

/// The same program, arguments, environment and folder again: a `Command` cannot be cloned.
fn shallow_copy(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => copy.env(name, value),
            None => copy.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        copy.current_dir(folder);
    }
    copy
}

/// Calls a second that the server answers when asked by several at once.
fn server_rate(world: &World) -> f64 {
    let start = Instant::now();
    let calls: u32 = thread::scope(|scope| {
        let asking: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut calls = 0;
                    while start.elapsed() < Duration::from_secs(5) {
                        world.query("ec2", "DescribeSecurityGroups", &[("MaxResults", "1000")]);
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        asking.into_iter().filter_map(|thread| thread.join().ok()).sum()
    });
    f64::from(calls) / start.elapsed().as_secs_f64()
}

/// The most calls that were under way at once.
fn at_once(calls: &[Call]) -> usize {
    let mut changes: Vec<_> = calls.iter().flat_map(|c| [(c.at, 1_isize), (c.at + c.took, -1)]).collect();
    changes.sort_unstable();
    let running = changes.into_iter().scan(0, |now, (_, change)| {
        *now += change;
        Some(*now)
    });
    running.max().unwrap_or(0).unsigned_abs()
}

/// No schedule can be quicker, given these calls and how many were under way at once.
fn bound(calls: &[Call]) -> Duration {
    let all: Duration = calls.iter().map(|c| c.took).sum();
    let shared = all.div_f64(u32::try_from(at_once(calls).max(1)).map_or(1.0, f64::from));
    // Pages of one list follow one another; so do the role and the first call in its account.
    let mut chains: BTreeMap<_, Duration> = BTreeMap::new();
    for call in calls.iter().filter(|c| c.action != "AssumeRole") {
        let list = call.body.split("NextToken").next().unwrap_or_default();
        let chain = chains.entry((&call.account, &call.region, &call.service, &call.action, list)).or_default();
        *chain += call.took;
    }
    let role = calls.iter().filter(|c| c.action == "AssumeRole").map(|c| c.took).min().unwrap_or_default();
    shared.max(role + chains.into_values().max().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the proxy writes down, where only these matter.
    fn call(action: &str, body: &str, at: u64, took: u64) -> Call {
        let mut call = Call::example(action);
        (call.body, call.at, call.took) = (body.to_owned(), Duration::from_millis(at), Duration::from_millis(took));
        call
    }

    #[test]
    fn the_bound_is_the_longer_of_the_share_and_the_chain() {
        let role = call("AssumeRole", "", 0, 50);
        let pages =
            [call("DescribeVpcs", "MaxResults=5", 50, 60), call("DescribeVpcs", "MaxResults=5NextToken=x", 110, 60)];
        let side_by_side = [call("DescribeRegions", "", 60, 50), call("DescribeSubnets", "", 60, 50)];
        let calls = [[role].as_slice(), &pages, &side_by_side].concat();
        assert_eq!(at_once(&calls), 3);
        assert_eq!(bound(&calls), Duration::from_millis(170));
        let many: Vec<_> = (0..8).map(|i| call("DescribeVpcs", &i.to_string(), i / 2 * 50, 50)).collect();
        assert_eq!((at_once(&many), bound(&many)), (2, Duration::from_millis(200)));
    }
}
