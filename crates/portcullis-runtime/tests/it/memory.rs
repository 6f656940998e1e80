//! Ports in memory. Every call is counted, and one of them can be made to fail.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;
use portcullis_core::model::{GroupKey, Inventory, SecurityGroup};
use portcullis_core::remediation::{Change, simulate};
use portcullis_runtime::{BackupStore, Clock, Entry, Journal, PortError, RuleStore};

/// Fails the call with this number, once.
#[derive(Clone, Default)]
pub(crate) struct Fault {
    left: Rc<Cell<Option<usize>>>,
}

impl Fault {
    pub(crate) fn at(call: usize) -> Self {
        Self { left: Rc::new(Cell::new(Some(call))) }
    }

    /// From here on nothing fails.
    pub(crate) fn disarm(&self) {
        self.left.set(None);
    }

    /// Whether it has struck.
    pub(crate) fn is_spent(&self) -> bool {
        self.left.get().is_none()
    }

    fn strike(&self) -> Result<(), PortError> {
        match self.left.get() {
            Some(0) => {
                self.left.set(None);
                Err(PortError("the fault struck".to_owned()))
            }
            Some(left) => {
                self.left.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Groups that change one change at a time, as on AWS: a fault leaves some of them made.
pub(crate) struct Rules {
    pub(crate) inventory: Inventory,
    pub(crate) fault: Fault,
}

impl Rules {
    fn group(&mut self, key: &GroupKey) -> &mut SecurityGroup {
        self.inventory.groups.iter_mut().find(|group| group.key == *key).unwrap()
    }
}

impl RuleStore for Rules {
    fn read(&mut self, key: &GroupKey) -> Result<SecurityGroup, PortError> {
        self.fault.strike()?;
        Ok(self.group(key).clone())
    }

    fn change(&mut self, key: &GroupKey, changes: &[Change]) -> Result<(), PortError> {
        for change in changes {
            self.fault.strike()?;
            let group = self.group(key);
            *group = simulate(group, std::slice::from_ref(change)).map_err(|error| PortError(error.to_string()))?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), PortError> {
        Ok(())
    }

    fn caller(&self) -> String {
        "tester".to_owned()
    }
}

#[derive(Default)]
pub(crate) struct Backups {
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
    pub(crate) fault: Fault,
}

impl BackupStore for Backups {
    fn write_new(&mut self, key: &str, bytes: &[u8]) -> Result<(), PortError> {
        self.fault.strike()?;
        assert!(self.objects.insert(key.to_owned(), bytes.to_vec()).is_none(), "{key} was overwritten");
        Ok(())
    }

    fn read(&self, key: &str) -> Result<Vec<u8>, PortError> {
        self.fault.strike()?;
        Ok(self.objects[key].clone())
    }

    fn place(&self, key: &str) -> String {
        key.to_owned()
    }
}

#[derive(Default)]
pub(crate) struct Lines {
    pub(crate) count: usize,
    pub(crate) fault: Fault,
}

impl Journal for Lines {
    fn note(&mut self, _: &Entry<'_>) -> Result<(), PortError> {
        self.fault.strike()?;
        self.count += 1;
        Ok(())
    }
}

/// A clock that goes on by a second whenever it is looked at.
#[derive(Default)]
pub(crate) struct Ticking(Cell<i64>);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        self.0.set(self.0.get() + 1);
        Timestamp::from_second(1_800_000_000 + self.0.get()).unwrap()
    }
}
