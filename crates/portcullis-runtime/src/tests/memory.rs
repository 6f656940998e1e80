//! Ports in memory that fail where they are told to, and a world that outlives the run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use portcullis_core::model::{GroupKey, Inventory, SecurityGroup};
use portcullis_core::remediation::{Change, Plan, simulate};
use portcullis_formats::backup::Backup;
use portcullis_formats::journal::{self, Past, Run};

use crate::ports::{
    BackupStore, Clock, Done, Holder, Journal, Lease, Lock, LockError, Observer, Place, PortError, Ports, RuleStore,
};
use crate::report::{Outcome, Report, RunError, RunOptions};
use crate::rollback::{FoundBackup, Selected, select};

/// What stays when a run is cut short. What was not made safe by then is gone.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    pub(super) inventory: Inventory,
    pub(super) backups: BTreeMap<String, Vec<u8>>,
    pub(super) journal: Vec<u8>,
    clock: i64,
}

impl World {
    pub(super) fn of(inventory: Inventory) -> Self {
        Self { inventory, ..Self::default() }
    }

    pub(super) fn group(&self, key: &GroupKey) -> &SecurityGroup {
        self.inventory.group(key).unwrap()
    }

    pub(super) fn past(&self) -> Past {
        journal::read(&self.journal)
    }

    /// How often a step was recorded for a group.
    pub(super) fn count(&self, step: &str, group: &GroupKey) -> usize {
        self.past().steps.iter().filter(|past| past.step == step && past.group == *group).count()
    }

    pub(super) fn found(&self) -> Vec<FoundBackup> {
        let read = |(key, bytes): (&String, &Vec<u8>)| FoundBackup {
            origin: key.clone(),
            backup: Backup::read(bytes).unwrap(),
        };
        self.backups.iter().map(read).collect()
    }

    pub(super) fn selected(&self) -> Selected {
        select(self.found())
    }
}

/// Where a run fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nowhere.
    #[default]
    None,
    /// At this call of a port, once.
    Once(usize),
    /// At this call and all that follow: the process is gone.
    From(usize),
}

/// How the world behaves during a run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Setting {
    /// Whether each change is made at once, as on AWS, or all of them when they are settled, as in a file.
    pub(super) immediate: bool,
    /// Where it fails.
    pub(super) fault: Fault,
    /// At which call somebody interrupts.
    pub(super) interrupt: Option<usize>,
    /// Whether backups read back as something else than was written.
    pub(super) forgetful: bool,
}

/// Counts the calls of all ports and says which fail.
#[derive(Debug, Default)]
struct Faults {
    setting: Setting,
    calls: AtomicUsize,
    interrupt: AtomicBool,
}

impl Faults {
    fn call(&self, what: &str) -> Result<(), PortError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        if self.setting.interrupt == Some(call) {
            self.interrupt.store(true, Ordering::SeqCst);
        }
        let fails = match self.setting.fault {
            Fault::None => false,
            Fault::Once(at) => call == at,
            Fault::From(from) => call >= from,
        };
        if fails { Err(PortError(format!("{what} failed"))) } else { Ok(()) }
    }
}

/// All ports in one. What is not made safe yet is in it; the world behind it outlives it.
struct Memory {
    world: Mutex<World>,
    faults: Faults,
    settling: Mutex<Option<Inventory>>,
    unsafe_backups: Mutex<BTreeMap<String, Vec<u8>>>,
    unsafe_lines: Mutex<Vec<u8>>,
    told: Mutex<Vec<(GroupKey, Outcome)>>,
}

impl Memory {
    fn call(&self, what: &str) -> Result<(), PortError> {
        self.faults.call(what)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    fn immediate(&self) -> bool {
        self.faults.setting.immediate
    }
}

impl RuleStore for Memory {
    fn caller(&self) -> Result<String, PortError> {
        self.call("caller").map(|()| "tester".to_owned())
    }

    fn read(&self, key: &GroupKey) -> Result<Option<SecurityGroup>, PortError> {
        self.call("read")?;
        let settling = self.settling.lock().unwrap();
        Ok(settling.as_ref().unwrap_or(&self.world().inventory).group(key).cloned())
    }

    fn change(&self, group: &SecurityGroup, changes: &[Change]) -> Result<(), PortError> {
        let immediate = self.immediate();
        let mut result = self.call("change");
        let mut settling = self.settling.lock().unwrap();
        let mut own = settling.as_ref().unwrap_or(&self.world().inventory).group(&group.key).unwrap().clone();
        for change in changes {
            // On AWS each kind of change is a request of its own, and any of them can fail.
            if immediate {
                result = result.and_then(|()| self.call("request"));
            }
            if result.is_err() {
                break;
            }
            own = simulate(&own, std::slice::from_ref(change)).unwrap();
        }
        let put = |inventory: &mut Inventory| {
            *inventory.groups.iter_mut().find(|group| group.key == own.key).unwrap() = own.clone();
        };
        if immediate {
            put(&mut self.world().inventory);
            // All was done, and nobody heard of it.
            result = result.and_then(|()| self.call("the answer"));
        } else if result.is_ok() {
            put(settling.get_or_insert_with(|| self.world().inventory.clone()));
        }
        result
    }

    fn batches(&self) -> bool {
        !self.immediate()
    }

    fn is_due(&self, waiting: usize) -> bool {
        waiting >= 2
    }

    fn settle(&self) -> Result<(), PortError> {
        if self.immediate() {
            return Ok(());
        }
        let settled = self.settling.lock().unwrap().take();
        self.call("settle")?;
        if let Some(inventory) = settled {
            self.world().inventory = inventory;
        }
        Ok(())
    }
}

impl BackupStore for Memory {
    fn write_new(&self, key: &str, bytes: &[u8]) -> Result<(), PortError> {
        self.call("backup")?;
        assert!(!self.world().backups.contains_key(key), "{key} would be overwritten");
        let before = self.unsafe_backups.lock().unwrap().insert(key.to_owned(), bytes.to_vec());
        assert!(before.is_none(), "{key} would be overwritten");
        Ok(())
    }

    fn read(&self, key: &str) -> Result<Vec<u8>, PortError> {
        self.call("reading the backup")?;
        let found = self.unsafe_backups.lock().unwrap().get(key).cloned();
        let found = found.or_else(|| self.world().backups.get(key).cloned());
        let mut bytes = found.ok_or_else(|| PortError("no such backup".to_owned()))?;
        if self.faults.setting.forgetful {
            bytes.pop();
        }
        Ok(bytes)
    }

    fn sync(&self) -> Result<(), PortError> {
        self.call("syncing backups")?;
        self.world().backups.append(&mut self.unsafe_backups.lock().unwrap());
        Ok(())
    }
}

impl Journal for Memory {
    fn record(&self, _: &Run, _: Timestamp, line: &[u8]) -> Result<(), PortError> {
        self.call("journal")?;
        assert!(line.ends_with(b"\n") && !line[..line.len() - 1].contains(&b'\n'));
        self.unsafe_lines.lock().unwrap().extend(line);
        Ok(())
    }

    fn sync(&self) -> Result<(), PortError> {
        self.call("syncing the journal")?;
        self.world().journal.append(&mut self.unsafe_lines.lock().unwrap());
        Ok(())
    }

    fn past(&self, _: &str) -> Result<Vec<u8>, PortError> {
        self.call("reading the journal")?;
        Ok(self.world().journal.clone())
    }
}

/// A clock that goes on by a second whenever it is looked at.
impl Clock for Memory {
    fn now(&self) -> Timestamp {
        let mut world = self.world();
        world.clock += 1;
        super::world::now() + SignedDuration::from_secs(world.clock)
    }
}

impl Observer for Memory {
    fn group_done(&self, done: &Done<'_>) -> Result<(), PortError> {
        self.call("notice")?;
        self.told.lock().unwrap().push((done.group.clone(), done.outcome.clone()));
        Ok(())
    }
}

impl Lock for Memory {
    fn take(&self, _: &Holder, _: Option<&Place>) -> Result<Box<dyn Lease + '_>, LockError> {
        Ok(Box::new(Held(self)))
    }
}

struct Held<'m>(&'m Memory);

impl Lease for Held<'_> {
    fn renew(&self) -> Result<(), PortError> {
        self.0.call("renewing the lock")
    }
}

/// What came of a run.
pub(super) struct Ran {
    pub(super) result: Result<Report, RunError>,
    /// How many calls of ports it took.
    pub(super) calls: usize,
    /// What the observer was told.
    pub(super) told: Vec<(GroupKey, Outcome)>,
}

/// Runs something on a world.
pub(super) fn on(world: &mut World, setting: Setting, run: impl FnOnce(&Ports<'_>) -> Result<Report, RunError>) -> Ran {
    let memory = Memory {
        world: Mutex::new(std::mem::take(world)),
        faults: Faults { setting, ..Faults::default() },
        settling: Mutex::default(),
        unsafe_backups: Mutex::default(),
        unsafe_lines: Mutex::default(),
        told: Mutex::default(),
    };
    let result = run(&Ports {
        store: &memory,
        backups: &memory,
        journal: &memory,
        clock: &memory,
        observer: &memory,
        lock: &memory,
        interrupt: &memory.faults.interrupt,
    });
    *world = memory.world.into_inner().unwrap();
    Ran { result, calls: memory.faults.calls.into_inner(), told: memory.told.into_inner().unwrap() }
}

/// Nothing fails, and every change is made at once.
pub(super) const CALM: Setting = Setting { immediate: true, fault: Fault::None, interrupt: None, forgetful: false };

pub(super) fn options() -> RunOptions {
    RunOptions {
        run_id: crate::new_run_id(),
        tool_version: "0.1.0".to_owned(),
        allow_gap: true,
        ..RunOptions::default()
    }
}

/// Applies a plan where nothing fails.
pub(super) fn apply(world: &mut World, plan: &Plan, options: &RunOptions) -> Result<Report, RunError> {
    on(world, CALM, |ports| crate::apply(plan, ports, options)).result
}

/// Rolls back to what backups hold where nothing fails.
pub(super) fn rollback(world: &mut World, selected: &Selected) -> Report {
    on(world, CALM, |ports| crate::rollback(selected, ports, &options())).result.unwrap()
}

/// The outcomes of a run, a line for each group.
pub(super) fn outcomes(report: &Report) -> Vec<String> {
    report.groups.iter().map(|group| format!("{}: {}", group.group.group_id, group.outcome)).collect()
}
