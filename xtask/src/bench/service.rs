//! The service: how soon `watch` and the function are ready, what an event costs, and a thousand of them in a minute.
//!
//! The server is one thread of Python in effect, so latencies are mostly its own: what counts of the program is the
//! processor's time and the memory that it takes, and which calls it makes.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use portcullis_testkit::{Proxy, World};
use serde_json::{Value, json};
use wait4::{ResourceUsage, Wait4 as _};

use super::table::{each, megabytes, table, time};
use super::whole::Bench;
use crate::moto::Server;

const EVENTS: u32 = 1_000;
const GROUPS: usize = 100;
const MINUTE: Duration = Duration::from_secs(60);
const STARTS: usize = 11;

pub(super) fn service(bench: &Bench) -> Result<String> {
    let server = Server::start()?;
    let world = World::on(&server.endpoint(), "111122223333");
    let vpc = world.vpc("10.0.0.0/16");
    let name = |number: usize| format!("web-{number}");
    let groups: Vec<String> = (0..=GROUPS).map(|number| open(&world, &vpc, &name(number))).collect();
    let (first, others) = groups.split_first().context("there is no group")?;

    let mut ready = vec![("watch", watch_is_ready(bench, &world)?)];
    if Path::new(&bench.function).exists() {
        ready.push(("the function", function_is_ready(bench, &world)?));
    } else {
        eprintln!("   `{}` is not there: the function is left out", bench.function);
    }
    let (calls, idle) = one(bench, &world, first)?;
    let many = many(bench, &world, others)?;

    let mut rows: Vec<[String; 2]> =
        ready.iter().map(|(what, took)| [format!("start of {what} to its first poll"), time(*took)]).collect();
    let spent = many.used.utime + many.used.stime;
    rows.push(["processor's time of a start and a stop".to_owned(), time(idle)]);
    rows.push([
        format!("processor's time of one event of {EVENTS}"),
        time(each(spent.saturating_sub(idle), EVENTS.into())),
    ]);
    rows.push(["peak memory".to_owned(), megabytes(many.used.maxrss)]);
    for (name, share) in [("p50", 0.50), ("p95", 0.95), ("p99", 0.99)] {
        rows.push([format!("from event to done, {name}"), time(at(&many.latencies, share))]);
    }
    rows.push(["narrowed groups".to_owned(), format!("{} of {GROUPS}", many.narrowed)]);
    let title = format!("The service: {EVENTS} events in a minute on {GROUPS} open groups, enforcing");
    let calls: Vec<[String; 2]> = calls.into_iter().map(|(call, count)| [call, count.to_string()]).collect();
    Ok(format!(
        "{}\n{}",
        table(&title, ["what", "figure"], &rows),
        table("One event that narrows a group", ["call", "times"], &calls)
    ))
}

fn open(world: &World, vpc: &str, name: &str) -> String {
    let group = world.group(vpc, name);
    world.authorise(&group, "ingress tcp 22 0.0.0.0/0", "");
    group
}

/// `watch` on a queue, behind a proxy, with its state and backups in a folder.
fn watch(bench: &Bench, world: &World, queue: &str) -> Result<Command> {
    let folder = bench.folder.join("service");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let mut command = Command::new(&bench.portcullis);
    world.lend_to(&mut command).current_dir(&folder);
    command.args(["watch", "--queue", queue, "--strategy", "narrow", "--enforce", "--format", "json"]);
    command.args(["--state", "state.redb", "--backup", "backups"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    Ok(command)
}

/// Until the first poll arrives: the median.
fn watch_is_ready(bench: &Bench, world: &World) -> Result<Duration> {
    let (queue, mut all) = (world.queue("ready"), Vec::new());
    for _ in 0..STARTS {
        let proxy = Proxy::start(world.endpoint());
        let mut command = watch(bench, &world.behind(&proxy), &queue)?;
        let start = Instant::now();
        let child = command.spawn()?;
        proxy.await_calls("ReceiveMessage", 1);
        all.push(start.elapsed());
        stop(child)?;
    }
    Ok(median(all))
}

/// Until the function asks for its first call.
fn function_is_ready(bench: &Bench, world: &World) -> Result<Duration> {
    let mut all = Vec::new();
    for _ in 0..STARTS {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut command = Command::new(&bench.function);
        world.lend_to(&mut command).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string());
        command.env("AWS_LAMBDA_FUNCTION_NAME", "f").env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
        command.env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        let start = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot run `{}`", bench.function))?;
        listener.accept()?;
        all.push(start.elapsed());
        child.kill()?;
        child.wait()?;
    }
    Ok(median(all))
}

/// The calls that one event takes, and the processor's time of a `watch` that is started, stopped and answers nothing more.
fn one(bench: &Bench, world: &World, group: &str) -> Result<(BTreeMap<String, usize>, Duration)> {
    let idle = {
        let proxy = Proxy::start(world.endpoint());
        let child = watch(bench, &world.behind(&proxy), &world.queue("idle"))?.spawn()?;
        proxy.await_calls("ReceiveMessage", 1);
        let used = stop(child)?;
        used.utime + used.stime
    };
    // A queue of its own: a poll that was given up still takes the next message, as far as the server knows.
    let queue = world.queue("one");
    let proxy = Proxy::start(world.endpoint());
    let child = watch(bench, &world.behind(&proxy), &queue)?.spawn()?;
    proxy.await_calls("ReceiveMessage", 1);
    proxy.forget_calls();
    world.send_message(&queue, &event(world, "one", group).to_string());
    proxy.await_calls("DeleteMessageBatch", 1);
    let mut calls = BTreeMap::new();
    for call in proxy.calls() {
        *calls.entry(call.action).or_insert(0) += 1;
    }
    stop(child)?;
    Ok((calls, idle))
}

/// How a thousand events went.
struct Many {
    used: ResourceUsage,
    /// From event to done, sorted.
    latencies: Vec<Duration>,
    narrowed: usize,
}

fn many(bench: &Bench, world: &World, groups: &[String]) -> Result<Many> {
    let queue = world.queue("many");
    let mut child = watch(bench, world, &queue)?.spawn()?;
    let out = BufReader::new(child.stdout.take().context("no output")?);
    let done: Arc<Mutex<BTreeMap<String, Instant>>> = Arc::default();
    let noted = Arc::clone(&done);
    let reader = thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            let answer: Value = serde_json::from_str(&line).unwrap_or_default();
            let events = answer.get("events").and_then(Value::as_array).into_iter().flatten();
            let ids = events.filter_map(|event| event.get("id").and_then(Value::as_str));
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.extend(ids.map(|id| (id.to_owned(), Instant::now())));
        }
    });
    let (start, mut sent) = (Instant::now(), Vec::new());
    for (number, group) in (0..EVENTS).zip(groups.iter().cycle()) {
        let due = start + MINUTE.mul_f64(f64::from(number) / f64::from(EVENTS));
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let id = format!("many-{number}");
        sent.push((id.clone(), Instant::now()));
        world.send_message(&queue, &event(world, &id, group).to_string());
    }
    let count = || done.lock().unwrap_or_else(PoisonError::into_inner).len();
    let limit = Instant::now() + MINUTE;
    while count() < sent.len() && Instant::now() < limit {
        thread::sleep(Duration::from_millis(50));
    }
    let used = stop(child)?;
    let _ = reader.join();
    let done = done.lock().unwrap_or_else(PoisonError::into_inner);
    let mut latencies = Vec::new();
    for (id, sent) in &sent {
        let done = done.get(id).with_context(|| format!("the event `{id}` was not answered"))?;
        latencies.push(done.saturating_duration_since(*sent));
    }
    latencies.sort_unstable();
    let closed = |group: &&String| !world.shapes(group).iter().any(|rule| rule == "ingress tcp 22 0.0.0.0/0");
    Ok(Many { used, latencies, narrowed: groups.iter().filter(closed).count() })
}

/// Ends a `watch` as an operator does, and says what it took.
fn stop(child: Child) -> Result<ResourceUsage> {
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
    ensure!(status.success(), "`watch` had ended already");
    let used = child.wait4()?;
    ensure!(used.status.success(), "`watch`: {}", used.status);
    Ok(used.rusage)
}

fn event(world: &World, id: &str, group: &str) -> Value {
    json!({
        "version": "0", "id": format!("envelope-{id}"), "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2",
        "account": world.account(), "region": world.region(),
        "detail": {
            "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress", "eventID": id,
            "awsRegion": world.region(), "recipientAccountId": world.account(),
            "userIdentity": { "type": "IAMUser", "arn": format!("arn:aws:iam::{}:user/somebody", world.account()) },
            "requestParameters": { "groupId": group },
        },
    })
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    at(&all, 0.5)
}

/// The value that this share of all do not exceed.
fn at(sorted: &[Duration], share: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place among a thousand"
    )]
    let place = ((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let all: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        let share = |share| at(&all, share);
        assert_eq!([share(0.5), share(0.95), share(0.99), share(1.0)].map(|d| d.as_millis()), [50, 95, 99, 100]);
        assert_eq!(at(&[Duration::from_secs(1)], 0.5), Duration::from_secs(1));
        assert_eq!(at(&[], 0.5), Duration::ZERO);
    }
}
