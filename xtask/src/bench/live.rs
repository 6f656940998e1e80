//! A live scan of an organisation, behind a proxy that makes every call take 50 ms more: what counts is how well the calls
//! are kept under way at once.
//!
//! The server is one thread of Python in effect and would be the slowest part by far, so the proxy answers from memory
//! what it was asked before: the first run, which does not count, fills it. The server's own rate is printed. Proxy and
//! program share the machine's processors, so what both need of them is measured and printed too.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use portcullis_testkit::{Call, Proxy, World};
use wait4::Wait4 as _;

use super::measure::own_processor;
use super::schedule::{calls_alone, under_way};
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
/// How many accounts and Regions the program reads at once.
const UNITS: u32 = 32;

const NO_CUSTODIAN: &str = "c7n-org is not in PATH, so nothing stands beside the scan: \
                            python3 -m venv V && V/bin/pip install c7n-org==0.6.52 && PATH=$PWD/V/bin:$PATH cargo xtask bench live";

/// What runs on the organisation, and how it did.
struct Outcome {
    wall: Duration,
    /// The processor's time of the program, and of the proxy meanwhile.
    processor: [Duration; 2],
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

    let ours = best(bench, &proxy, || scan(bench, &behind, accounts))?;
    let mut rows = vec![row("portcullis scan", &ours)];
    match custodian(bench, &behind, accounts) {
        Ok(command) => {
            let run = || Ok(shallow_copy(&command));
            rows.push(row("c7n-org run", &best(bench, &proxy, run)?));
        }
        Err(_) => eprintln!("   {NO_CUSTODIAN}"),
    }
    let title = format!("Live: {accounts} accounts × 4 Regions × {GROUPS} groups, {} more for each call", time(DELAY));
    let head = ["program", "wall time", "calls", "under way at once", "processor: program", "proxy"];
    Ok(format!(
        "{}\n{}\nThe server alone takes {rate:.0} DescribeSecurityGroups of {GROUPS} groups a second; answers came from the \
         proxy's memory.\n",
        table(&title, head, &rows),
        bounds(&ours)
    ))
}

fn row(name: &str, outcome: &Outcome) -> [String; 6] {
    let [program, proxy] = outcome.processor.map(time);
    let [calls, at_once] = [outcome.calls.len(), under_way(&outcome.calls)].map(|count| count.to_string());
    [name.to_owned(), time(outcome.wall), calls, at_once, program, proxy]
}

/// What no run could fall below, and how far above it the program is. Neither bound has the other in it: a run that kept
/// all calls under way and all processors busy would still have to wait for the first answers before it can read any.
fn bounds(outcome: &Outcome) -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let spent: Duration = outcome.processor.iter().sum();
    let processors = spent.div_f64(u32::try_from(cores).map_or(1.0, f64::from));
    let calls = calls_alone(&outcome.calls, DELAY, UNITS);
    let row = |name: &str, bound: Duration| {
        let factor = outcome.wall.as_secs_f64() / bound.as_secs_f64();
        [name.to_owned(), time(bound), format!("{factor:.2} ×")]
    };
    let rows = [
        row("the calls alone", calls),
        row("the processors alone", processors),
        row("the greater", calls.max(processors)),
    ];
    format!(
        "{}\nThe calls alone: who one is, then a role, then {UNITS} accounts and Regions at a time, shared evenly, of which \
         each waits for the pages of its lists and, once groups, rules, VPCs and interfaces are there, for what they make \
         it ask; a call takes the {} and nothing else. The processors alone: what program and proxy need of them, as if \
         the {cores} had nothing else to do and none ever waited for an answer.\n",
        table("What no scan could fall below", ["bound", "time", "wall / bound"], &rows),
        time(DELAY)
    )
}

/// The run of median wall time, after one that fills the proxy's memory.
fn best(bench: &Bench, proxy: &Proxy, command: impl Fn() -> Result<Command>) -> Result<Outcome> {
    let mut outcomes = Vec::new();
    for turn in 0..=bench.runs {
        proxy.forget_calls();
        let mut command = command()?;
        let stderr = bench.folder.join("live-stderr.txt");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&stderr)?);
        let (start, before) = (Instant::now(), own_processor());
        let child = command.spawn().with_context(|| format!("cannot run `{}`", shown(&command)))?;
        let used = child.wait4()?;
        let (wall, own) = (start.elapsed(), own_processor().saturating_sub(before));
        let said = fs::read_to_string(&stderr).unwrap_or_default();
        ensure!(matches!(used.status.code(), Some(0 | 1)), "`{}`: {}\n{said}", shown(&command), used.status);
        ensure!(!proxy.calls().is_empty(), "`{}` asked nothing of the server:\n{said}", shown(&command));
        if turn > 0 {
            let processor = [used.rusage.utime + used.rusage.stime, own];
            outcomes.push(Outcome { wall, processor, calls: proxy.calls() });
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
    world.lend_to(&mut command).args(["scan", "--format", "json", "--concurrency", &UNITS.to_string()]);
    command.args(["--role-name", ROLE, "--accounts-from"]).arg(file);
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
