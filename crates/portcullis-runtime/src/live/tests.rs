//! Plans applied and taken back on AWS in memory, through the ports of this module.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use portcullis_cloud::api::{Cloud, Objects};
use portcullis_cloud::error::Kind;
use portcullis_cloud::faults::{Fault, Faults};
use portcullis_cloud::model::{Place, World, prefix_list};
use portcullis_cloud::stores::{Backups, Folder, Journal, Lock};
use portcullis_core::evaluate::Options as Judging;
use portcullis_core::model::{GroupKey, Inventory, Rule, SecurityGroup};
use portcullis_core::remediation::{Change, Plan, Strategy, fingerprint, plan};
use portcullis_formats::policy::assemble::{Request, assemble};

use super::{Accesses, Handle, LiveBackups, LiveJournal, LiveLock, LiveRules};
use crate::ports::{Clock as _, Holder, Lock as _, NoObserver, Ports, RuleStore as _, SystemClock};
use crate::report::{Outcome, Report, RunOptions};
use crate::{apply, judge, rollback, select};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";

/// A world with a group of three rules, and the runtime on which its calls are made.
struct Live {
    handle: Handle,
    /// Dropped, it ends the thread that drives the runtime.
    world: World,
    faults: Arc<Faults>,
    key: GroupKey,
}

impl Live {
    fn new() -> Self {
        Self::in_world(World::new().with_pages_of(2))
    }

    fn in_world(world: World) -> Self {
        let mut place = Place::new(ACCOUNT, REGION);
        let group = place.add_group("web", "the shop");
        for line in
            ["ingress tcp 22 from 0.0.0.0/0", "ingress tcp 443 from 0.0.0.0/0", "ingress udp 53 from 10.0.0.0/8"]
        {
            place.add_rule(&group, line);
        }
        place.tag_group(&group, "Owner", "shop");
        world.add_place(place);
        world.add_bucket("bucket");
        let faults = Arc::new(Faults::around(Arc::new(world.clone()), []));
        let key = GroupKey { account_id: ACCOUNT.into(), region: REGION.into(), group_id: group.as_str().into() };
        Self { handle: Handle::paused(), world, faults, key }
    }

    fn rules(&self) -> LiveRules {
        let cloud: Arc<dyn Cloud> = Arc::clone(&self.faults) as _;
        LiveRules::new(cloud, self.handle.clone(), Accesses::default(), Duration::from_secs(60))
    }

    fn folder(&self) -> Folder {
        let objects: Arc<dyn Objects> = self.handle.block_on(self.faults.objects()).unwrap();
        Folder::new(objects, "s3://bucket/portcullis".parse().unwrap(), None, Duration::from_secs(60))
    }

    fn backups(&self) -> LiveBackups {
        LiveBackups::new(Backups::new(self.folder()), self.handle.clone())
    }

    fn lock(&self) -> LiveLock<'static> {
        LiveLock::new(Lock::new(self.folder()), self.handle.clone(), &SystemClock)
    }

    fn group(&self) -> SecurityGroup {
        self.rules().read(&self.key).unwrap().unwrap()
    }

    fn plan(&self) -> Plan {
        let policies = assemble(&Request { packs: vec!["recommended".to_owned()], ..Request::default() }).unwrap().set;
        let inventory = Inventory { groups: vec![self.group()], has_rule_ids: true, ..Inventory::default() };
        let now = SystemClock.now();
        let evaluation = judge(&inventory, &policies, now, Judging::default(), None);
        plan(&inventory, &policies, &evaluation, &Strategy::Narrow, now)
    }

    fn run(&self, run_id: &str, act: impl FnOnce(&Ports<'_>, &RunOptions) -> Report) -> Report {
        let (rules, backups, lock) = (self.rules(), self.backups(), self.lock());
        let journal = LiveJournal::new(Journal::new(self.folder()), self.handle.clone());
        let ports = Ports {
            store: &rules,
            backups: &backups,
            journal: &journal,
            clock: &SystemClock,
            observer: &NoObserver,
            lock: &lock,
            interrupt: &AtomicBool::new(false),
        };
        let options = RunOptions { run_id: run_id.to_owned(), tool_version: "0".to_owned(), ..RunOptions::default() };
        act(&ports, &options)
    }

    fn apply(&self, run_id: &str, plan: &Plan) -> Report {
        self.run(run_id, |ports, options| apply(plan, ports, options).unwrap())
    }
}

#[test]
fn a_plan_is_applied_and_taken_back() {
    let live = Live::new();
    let (before, plan) = (live.group(), live.plan());
    assert_eq!(before.rules.len(), 3);
    assert!(before.rules.iter().all(|rule| rule.id.starts_with("sgr-")));
    let lines = live.rules().calls(&before, &plan.groups[0].changes);
    assert!(lines.iter().any(|line| line.starts_with("ModifySecurityGroupRules sg-")), "{lines:?}");

    let report = live.apply("r1", &plan);
    assert!(report.is_complete(), "{report:?}");
    assert!(matches!(report.groups[0].outcome, Outcome::Changed { .. }));
    assert_ne!(fingerprint(&live.group()), fingerprint(&before));
    let again = live.apply("r2", &plan);
    assert_eq!(again.groups[0].outcome, Outcome::AlreadyDone);

    let found = live.backups().find("").unwrap();
    assert_eq!(found.len(), 1);
    let back = live.run("r3", |ports, options| rollback(&select(found), ports, options).unwrap());
    assert!(back.is_complete(), "{back:?}");
    assert_eq!(fingerprint(&live.group()), fingerprint(&before));
    assert!(!live.world.bucket("bucket").keys().any(|key| key.ends_with("lock.json")));
}

#[test]
fn a_storm_of_faults_changes_nothing_about_the_end() {
    let calm = Live::new();
    let (before, plan) = (calm.group(), calm.plan());
    calm.apply("r1", &plan);
    let authorize = "ec2:AuthorizeSecurityGroupIngress";
    let revoke = "ec2:RevokeSecurityGroupIngress";
    for call in [authorize, revoke, "ec2:ModifySecurityGroupRules", "s3:PutObject"] {
        let live = Live::new();
        live.faults.add(Fault::lose(call).first(1));
        live.faults.add(Fault::fail(call, Kind::Throttled).first(2));
        let report = live.apply("r1", &plan);
        assert!(report.is_complete(), "{call}: {report:?}");
        assert_eq!(fingerprint(&live.group()), fingerprint(&calm.group()), "{call}");
        live.faults.add(Fault::fail("ec2:DescribeSecurityGroupRules", Kind::Unreachable).first(1));
        let found = live.backups().find("").unwrap();
        let back = live.run("r2", |ports, options| rollback(&select(found), ports, options).unwrap());
        assert!(back.is_complete(), "{call}: {back:?}");
        assert_eq!(fingerprint(&live.group()), fingerprint(&before), "{call}");
        assert!(live.faults.done() >= 3, "{call}");
    }
}

#[test]
fn nothing_changes_without_a_backup() {
    let live = Live::new();
    let (before, plan) = (live.group(), live.plan());
    live.faults.add(Fault::fail("s3:PutObject", Kind::Denied).after(1));
    let journal = LiveJournal::new(Journal::new(live.folder()), live.handle.clone());
    let (rules, backups) = (live.rules(), live.backups());
    let ports = Ports {
        store: &rules,
        backups: &backups,
        journal: &journal,
        clock: &SystemClock,
        observer: &NoObserver,
        lock: &crate::NoLock,
        interrupt: &AtomicBool::new(false),
    };
    live.faults.clear();
    live.faults.add(Fault::fail("s3:PutObject", Kind::Denied));
    let options = RunOptions { run_id: "r1".into(), tool_version: "0".into(), ..RunOptions::default() };
    let said = apply(&plan, &ports, &options).map(|report| report.groups[0].outcome.to_string());
    let said = said.unwrap_or_else(|error| error.to_string());
    assert!(said.contains("s3:PutObject"), "{said}");
    assert_eq!(fingerprint(&live.group()), fingerprint(&before));
}

#[test]
fn a_group_that_is_gone_and_one_that_cannot_be_read_are_told_apart() {
    let live = Live::new();
    let gone = GroupKey { group_id: "sg-00000000000000000".into(), ..live.key.clone() };
    assert_eq!(live.rules().read(&gone), Ok(None));
    live.faults.add(Fault::fail("ec2:DescribeSecurityGroups", Kind::Denied));
    let error = live.rules().read(&live.key).unwrap_err().to_string();
    assert!(error.contains("ec2:DescribeSecurityGroups"), "{error}");
    let elsewhere = GroupKey { account_id: "444455556666".into(), ..live.key.clone() };
    live.faults.clear();
    assert!(live.rules().read(&elsewhere).is_err());
}

#[test]
fn a_group_without_rules_is_read() {
    let live = Live::new();
    live.world.change(ACCOUNT, REGION, |place| place.rules.clear());
    assert!(live.group().rules.is_empty());
}

#[test]
fn the_loser_of_a_lock_is_told_who_has_it() {
    let live = Live::new();
    let (first, second) = (live.lock(), live.lock());
    let holder =
        |run_id: &str| Holder { who: "ada".into(), run_id: run_id.into(), since: SystemClock.now(), until: None };
    let lease = first.take(&holder("r1"), None).unwrap();
    lease.renew().unwrap();
    let error = second.take(&holder("r2"), None).map(drop).unwrap_err().to_string();
    assert!(error.starts_with("another run (ada, run r1, since "), "{error}");
    drop(lease);
    assert!(second.take(&holder("r2"), None).is_ok());
}

#[test]
fn a_change_that_is_not_shown_yet_is_waited_for() {
    let calm = Live::new();
    let plan = calm.plan();
    calm.apply("r1", &plan);
    // A look at the group is one page of groups and two of rules.
    let live = Live::in_world(World::new().with_pages_of(2).with_lag(7));
    let report = live.apply("r1", &plan);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(fingerprint(&live.group()), fingerprint(&calm.group()));
}

#[test]
fn a_prefix_list_takes_as_much_of_the_quota_as_it_may_hold() {
    let live = Live::new();
    let entries: Vec<String> = (0..57).map(|n| format!("10.{n}.0.0/16")).collect();
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    live.world.change(ACCOUNT, REGION, |place| {
        place.prefix_lists.insert("pl-1".into(), prefix_list("pl-1", ACCOUNT, &entries));
    });
    let with = |peer: &str| Rule { peer: peer.parse().unwrap(), ..live.group().rules[0].clone() };
    let mut group = live.group();
    let more = [Change::Authorize(with("192.0.2.1/32"))];
    assert!(!live.rules().needs_gap(&group, &more));
    group.rules.push(with("pl-1"));
    assert!(live.rules().needs_gap(&group, &more));
}
