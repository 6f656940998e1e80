//! Commits on AWS in memory. The binary's own tests do the same on an AWS-like server; here somebody else can come in
//! between at any point.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use portcullis_cloud::api::{AccountAccess, Objects, StackEvent};
use portcullis_cloud::error::Kind;
use portcullis_cloud::faults::{Fault, Faults};
use portcullis_cloud::model::{Place, World};
use portcullis_cloud::stores::{Backups, Folder, Journal, S3Location};
use portcullis_rules::{Repository, SettingsChange};

use super::*;
use crate::live::{Accesses, LiveBackups, LiveJournal, LiveRules};
use crate::ports::{NoLock, NoObserver, SystemClock};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";
const RULES: &str = "10.0.0.0/8:22^tcp\n10.0.0.0/8:443^tcp # web\n";

/// No time passes: the world in memory goes on whenever it is looked at.
struct AtOnce;

impl Wait for AtOnce {
    fn wait(&self, _: Duration) {}
}

type Meanwhile = Box<dyn FnOnce(&World)>;

/// A repository, its world, and what was said.
struct Scene {
    folder: tempfile::TempDir,
    world: World,
    faults: Arc<Faults>,
    handle: crate::live::Handle,
    said: RefCell<Vec<String>>,
    /// Done once, when somebody is asked.
    meanwhile: RefCell<Option<Meanwhile>>,
    agrees: bool,
}

impl Talk for Scene {
    fn info(&self, line: &str) {
        self.said.borrow_mut().push(line.to_owned());
    }
    fn warn(&self, line: &str) {
        self.said.borrow_mut().push(format!("warning: {line}"));
    }
    fn event(&self, event: &StackEvent) {
        self.said.borrow_mut().push(format!("{} {}", event.status, event.logical_id));
    }
    fn propose(&self, proposal: &Proposal) {
        let words = proposal.changes.iter().map(|change| format!("{} {}", change.action, change.logical_id));
        self.said.borrow_mut().extend(words);
    }
    fn agree(&self, what: &str) -> super::Result<()> {
        self.said.borrow_mut().push(format!("? {what}"));
        if let Some(meanwhile) = self.meanwhile.borrow_mut().take() {
            meanwhile(&self.world);
        }
        if self.agrees { Ok(()) } else { Err(Failure::Declined("nothing was done".to_owned())) }
    }
}

impl Workbench for Scene {
    fn run(&self, run: &Run<'_>) -> std::result::Result<Report, RunError> {
        let cloud = Arc::new(self.world.clone());
        let rules = LiveRules::new(cloud, self.handle.clone(), Accesses::default(), Duration::from_secs(60));
        let objects: Arc<dyn Objects> =
            self.handle.block_on(portcullis_cloud::api::Cloud::objects(&self.world)).unwrap();
        let place: S3Location = "s3://bucket/backups".parse().unwrap();
        let folder = Folder::new(objects, place, None, Duration::from_secs(60));
        let backups = LiveBackups::new(Backups::new(folder.clone()), self.handle.clone());
        let journal = LiveJournal::new(Journal::new(folder), self.handle.clone());
        let ports = Ports {
            store: &rules,
            backups: &backups,
            journal: &journal,
            clock: &SystemClock,
            observer: &NoObserver,
            lock: &NoLock,
            interrupt: &AtomicBool::new(false),
        };
        run(&ports, &RunOptions { run_id: crate::new_run_id(), ..RunOptions::default() })
    }
}

impl Scene {
    fn new(rules: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = World::new();
        world.add_place(Place::new(ACCOUNT, REGION));
        world.add_bucket("bucket");
        let faults = Arc::new(Faults::around(Arc::new(world.clone()), []));
        let handle = crate::live::Handle::paused();
        Repository::init(folder.path()).unwrap();
        let change = SettingsChange {
            vpc_id: Some("vpc-1".to_owned()),
            group_name: Some("Web".to_owned()),
            region: Some(REGION.to_owned()),
            ..SettingsChange::default()
        };
        let (said, meanwhile) = (RefCell::default(), RefCell::default());
        let scene = Self { folder, world, faults, handle, said, meanwhile, agrees: true };
        scene.open().configure(&change).unwrap();
        scene.write(rules);
        scene
    }

    fn committed(rules: &str) -> Self {
        let scene = Self::new(rules);
        scene.stage();
        assert_eq!(scene.commit(), Ok(Done::Created), "{:?}", scene.said.borrow());
        scene.said.borrow_mut().clear();
        scene
    }

    fn open(&self) -> Repository {
        Repository::open(self.folder.path()).unwrap()
    }

    fn write(&self, rules: &str) {
        std::fs::write(self.folder.path().join("rules.pysec"), rules).unwrap();
    }

    fn site(&self) -> Site {
        let cloud = Arc::clone(&self.faults) as _;
        Site::new(
            cloud,
            self.handle.clone(),
            AccountAccess::default(),
            REGION,
            Arc::new(AtOnce),
            Duration::from_secs(600),
        )
    }

    fn stage(&self) {
        let mut repository = self.open();
        let inventory = self.site().inventory(&repository, false).unwrap();
        let groups = portcullis_rules::find_groups(&repository, &inventory);
        let rules = repository.load().unwrap();
        let template = repository.template(&rules, false, &inventory).unwrap();
        repository.stage(&template, Some(live_mark(&groups))).unwrap();
    }

    fn commit(&self) -> super::Result<Done> {
        commit(&mut self.open(), &self.site(), self, CommitOptions::default(), self)
    }

    fn is_committed(&self) -> bool {
        let repository = self.open();
        repository.state.committed.is_some() && !repository.status().iter().any(|file| file.differs())
    }

    fn group(&self) -> String {
        let place = self.world.place(ACCOUNT, REGION);
        place.groups.values().find(|group| group.group_name == "Web").unwrap().group_id.clone()
    }

    fn ingress(&self) -> Vec<String> {
        let lines = self.world.place(ACCOUNT, REGION).lines(&self.group());
        lines.into_iter().filter_map(|line| line.strip_prefix("ingress ").map(str::to_owned)).collect()
    }

    fn change(&self, change: impl FnOnce(&mut Place)) {
        self.world.change(ACCOUNT, REGION, change);
    }

    fn said(&self, words: &str) -> bool {
        self.said.borrow().iter().any(|line| line.contains(words))
    }
}

#[test]
fn what_was_staged_is_rolled_out_and_then_remembered() {
    let scene = Scene::new(RULES);
    assert!(matches!(scene.commit(), Err(Failure::Input(_))));
    scene.stage();
    assert!(!scene.is_committed());
    assert_eq!(scene.commit(), Ok(Done::Created), "{:?}", scene.said.borrow());
    assert_eq!(scene.ingress(), ["tcp 22-22 10.0.0.0/8", "tcp 443-443 10.0.0.0/8 # web"]);
    assert!(scene.is_committed() && scene.said("Creating Stack arn:") && scene.said("CREATE_COMPLETE Web"));
    assert_eq!(scene.commit(), Ok(Done::Nothing));
    scene.write("10.0.0.0/8:22^tcp\n");
    scene.stage();
    assert_eq!(scene.commit(), Ok(Done::Updated));
    assert_eq!(scene.ingress(), ["tcp 22-22 10.0.0.0/8"]);
}

#[test]
fn who_says_no_leaves_nothing_behind() {
    let scene = Scene { agrees: false, ..Scene::new(RULES) };
    scene.stage();
    assert!(matches!(scene.commit(), Err(Failure::Declined(_))));
    let place = scene.world.place(ACCOUNT, REGION);
    assert!(place.stacks.iter().all(|kept| kept.stack.is_gone()), "{:?}", place.stacks);
    assert_eq!(place.groups.len(), 1);
}

#[test]
fn drift_is_put_right_though_the_template_is_the_same() {
    let scene = Scene::committed(RULES);
    let group = scene.group();
    scene.change(|place| drop(place.add_rule(&group, "ingress tcp 3389 from 0.0.0.0/0")));
    assert_eq!(scene.commit(), Ok(Done::Repaired(1)), "{:?}", scene.said.borrow());
    assert_eq!(scene.ingress(), ["tcp 22-22 10.0.0.0/8", "tcp 443-443 10.0.0.0/8 # web"]);
    assert_eq!(scene.group(), group);
    assert!(scene.world.bucket("bucket").keys().any(|key| key.contains(&group)));
    // Staged beside drift, both are done.
    scene.change(|place| place.rules.retain(|_, rule| rule.from_port != Some(443)));
    scene.write(&format!("{RULES}10.0.0.0/8:80^tcp\n"));
    scene.stage();
    assert_eq!(scene.commit(), Ok(Done::Updated));
    assert_eq!(scene.ingress().len(), 3);
}

#[test]
fn a_rule_of_the_console_that_the_file_takes_over_is_in_nobody_s_way() {
    let scene = Scene::committed(RULES);
    let group = scene.group();
    scene.change(|place| drop(place.add_rule(&group, "ingress tcp 80 from 10.0.0.0/8")));
    let mut repository = scene.open();
    let inventory = scene.site().inventory(&repository, false).unwrap();
    let live = portcullis_rules::find_groups(&repository, &inventory);
    assert_eq!(take_over(&mut repository, &live).unwrap(), 1);
    scene.stage();
    assert_eq!(scene.commit(), Ok(Done::Updated), "{:?}", scene.said.borrow());
    assert!(scene.said("taken away for a moment"));
    assert_eq!(scene.ingress().len(), 3);
}

#[test]
fn a_failed_change_set_says_why_and_puts_everything_back() {
    let scene = Scene::committed(RULES);
    let group = scene.group();
    scene.change(|place| drop(place.add_rule(&group, "ingress tcp 80 from 10.0.0.0/8")));
    scene.write(&format!("{RULES}10.0.0.0/8:80^tcp\nsg-0123456789abcdef0:1^tcp\n"));
    scene.stage();
    let Err(Failure::World(why)) = scene.commit() else { unreachable!("{:?}", scene.said.borrow()) };
    assert!(why.contains("UPDATE_ROLLBACK_COMPLETE") && why.contains("sg-0123456789abcdef0"), "{why}");
    assert!(!scene.is_committed());
    assert_eq!(scene.ingress().len(), 3);
}

#[test]
fn stacks_in_all_conditions() {
    let scene = Scene::new("sg-0123456789abcdef0:1^tcp\n");
    scene.stage();
    assert!(matches!(scene.commit(), Err(Failure::World(_))));
    scene.write(RULES);
    scene.stage();
    assert_eq!(scene.commit(), Ok(Done::Created), "{:?}", scene.said.borrow());
    assert!(scene.said("made anew"));

    scene.change(|place| "UPDATE_IN_PROGRESS".clone_into(&mut place.stacks.last_mut().unwrap().stack.status));
    let Err(Failure::World(why)) = scene.commit() else { unreachable!() };
    assert!(why.contains("UPDATE_IN_PROGRESS"), "{why}");

    let group = scene.group();
    scene.change(|place| {
        place.stacks.clear();
        place.groups.remove(&group);
        place.rules.retain(|_, rule| rule.group_id != group);
    });
    assert_eq!(scene.commit(), Ok(Done::Created), "{:?}", scene.said.borrow());
    assert!(scene.said("is gone"));
}

#[test]
fn what_happens_while_one_is_asked_is_seen() {
    let scene = Scene::committed(RULES);
    let group = scene.group();
    scene.write("10.0.0.0/8:22^tcp\n");
    scene.stage();
    let other = group.clone();
    *scene.meanwhile.borrow_mut() = Some(Box::new(move |world: &World| {
        world.change(ACCOUNT, REGION, |place| drop(place.add_rule(&other, "ingress tcp 1 from 10.0.0.0/8")));
    }));
    let Err(Failure::World(why)) = scene.commit() else { unreachable!("{:?}", scene.said.borrow()) };
    assert!(why.contains("changed meanwhile"), "{why}");
    assert_eq!(scene.ingress().len(), 3);
    // Done by hand, it is taken back by the next one.
    assert_eq!(scene.commit(), Ok(Done::Updated));
    assert!(scene.said("changed by hand"));
    assert_eq!(scene.ingress(), ["tcp 22-22 10.0.0.0/8"]);
}

#[test]
fn a_group_in_use_is_neither_replaced_nor_destroyed() {
    let scene = Scene::committed(RULES);
    let group = scene.group();
    scene.change(|place| place.add_interface(&[&group]));
    let change = SettingsChange { group_name: Some("Shop".to_owned()), ..SettingsChange::default() };
    scene.open().configure(&change).unwrap();
    scene.stage();
    let Err(Failure::World(why)) = scene.commit() else { unreachable!("{:?}", scene.said.borrow()) };
    assert!(why.contains("eni-1"), "{why}");
    let described = SettingsChange {
        group_name: Some("Web".to_owned()),
        description: Some("another".to_owned()),
        ..SettingsChange::default()
    };
    scene.open().configure(&described).unwrap();
    scene.stage();
    assert!(matches!(scene.commit(), Err(Failure::Input(why)) if why.contains("description")));
    let Err(Failure::World(why)) = destroy(&mut scene.open(), &scene.site(), &scene) else { unreachable!() };
    assert!(why.contains("eni-1"), "{why}");
    scene.change(|place| place.interfaces.clear());
    assert_eq!(destroy(&mut scene.open(), &scene.site(), &scene), Ok(true));
    assert!(scene.open().state.stack.is_none());
    assert_eq!(scene.world.place(ACCOUNT, REGION).groups.len(), 1);
}

#[test]
fn calls_that_fail_for_a_moment_are_made_again_and_others_are_told() {
    let scene = Scene::committed(RULES);
    scene.write("10.0.0.0/8:22^tcp\n");
    scene.stage();
    scene.faults.add(Fault::fail("cloudformation:DescribeStacks", Kind::Throttled).first(3));
    scene.faults.add(Fault::fail("cloudformation:DescribeStackEvents", Kind::Unreachable).first(2));
    assert_eq!(scene.commit(), Ok(Done::Updated));
    scene.write(RULES);
    scene.stage();
    scene.faults.add(Fault::fail("cloudformation:ExecuteChangeSet", Kind::Denied));
    let Err(Failure::World(why)) = scene.commit() else { unreachable!() };
    assert!(why.contains("cloudformation:ExecuteChangeSet") && why.contains("deploy/iam"), "{why}");
    assert!(!scene.is_committed());
}
