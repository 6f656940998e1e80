//! An inventory that is read from one place and written to another.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portcullis_core::model::{GroupKey, Inventory, SecurityGroup};
use portcullis_core::remediation::{Change, needs_gap, simulate};
use portcullis_formats::diagnostics::io_message;
use portcullis_formats::inventory::{self, ReadOptions, Source, UNKNOWN_REGION};

use super::replace::{folder_of, put, written};
use crate::ports::{PortError, RuleStore};
use crate::report::RunError;

/// The output is written at most this often, and at most for this share of the time: writing it after each group would be
/// quadratic.
const LEAST_PAUSE: Duration = Duration::from_secs(2);
const PAUSE_FOR_EACH_WRITE: u32 = 8;

/// An inventory that is read from one place and written to another, or the same.
///
/// Changes are made in memory; when they are settled, the whole inventory is written to a file beside the output, read
/// back, compared, and moved into its place. So whenever the process is killed, the output is whole: as it was, or with all
/// changes of some groups. A run that is killed is continued by running it again: where the output is the input with some
/// of the groups as this very run would leave them, it goes on from there, else from the input.
#[derive(Debug)]
pub struct FileStore {
    output: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    inventory: Inventory,
    /// Whether the output is not what is in memory.
    stale: bool,
    /// What groups were when the output was last written.
    undo: Vec<(usize, SecurityGroup)>,
    settled: Instant,
    cost: Duration,
}

impl FileStore {
    /// Opens it for a run; whoever means to write holds the [`FileLock`](super::FileLock) of the output. `goal` says what
    /// the run would make of a group as it stands in the input, if it changes it.
    ///
    /// # Errors
    /// Where the input cannot be read, or the output cannot be written or holds something that is no inventory.
    pub fn open(
        input: &Path,
        output: &Path,
        goal: &dyn Fn(&SecurityGroup) -> Option<SecurityGroup>,
    ) -> Result<Self, RunError> {
        check_places(input, output)?;
        // A link stays a link; what it points to is replaced.
        let output = fs::canonicalize(output).unwrap_or_else(|_| output.to_owned());
        let in_place = fs::canonicalize(input).is_ok_and(|input| input == output);
        let mut given = read(input)?;
        let written = if in_place { None } else { earlier(&output)? };
        let (inventory, stale) = match written {
            Some(written) if continues(&given, &written, goal) => (written, false),
            _ => (std::mem::take(&mut given), !in_place),
        };
        let (undo, settled, cost) = (Vec::new(), Instant::now(), Duration::ZERO);
        Ok(Self { output, state: Mutex::new(State { inventory, stale, undo, settled, cost }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, inventory: &mut Inventory) -> Result<(), PortError> {
        inventory::canonical(inventory);
        let output = self.output.display();
        let failed = |what: &str| {
            let message = format!("`{output}` could not be {what}");
            move |error: io::Error| PortError::io(message, &error)
        };
        let temporary = written(&self.output, &leftover_prefix(&self.output), |out| {
            inventory::write_as(&self.output, inventory, out)
        });
        let temporary = temporary.map_err(failed("written"))?;
        let read = read(temporary.path()).map_err(|error| PortError(error.to_string()))?;
        if let Some(what) = first_difference(inventory, &read) {
            return Err(PortError(format!("`{output}` was not written: {what} does not read back as it should")));
        }
        put(temporary, &self.output).map_err(failed("put in its place"))
    }
}

impl State {
    fn place(&self, key: &GroupKey) -> Option<usize> {
        let groups = &self.inventory.groups;
        let found = groups.binary_search_by(|group| group.key.cmp(key));
        found.ok().or_else(|| {
            // A plan knows the Region where the user told it; the input itself may not.
            let untold = GroupKey { region: UNKNOWN_REGION.into(), ..key.clone() };
            groups.binary_search_by(|group| group.key.cmp(&untold)).ok()
        })
    }

    /// What could not be kept did not happen: memory must not run ahead of the file.
    fn take_back(&mut self) {
        for (place, group) in std::mem::take(&mut self.undo).into_iter().rev() {
            if let Some(own) = self.inventory.groups.get_mut(place) {
                *own = group;
            }
        }
    }
}

impl RuleStore for FileStore {
    fn caller(&self) -> Result<String, PortError> {
        Ok(user())
    }

    fn read(&self, key: &GroupKey) -> Result<Option<SecurityGroup>, PortError> {
        let state = self.state();
        Ok(state.place(key).and_then(|place| state.inventory.groups.get(place)).map(|group| {
            // The plan's own name for it.
            SecurityGroup { key: key.clone(), ..group.clone() }
        }))
    }

    fn change(&self, group: &SecurityGroup, changes: &[Change]) -> Result<(), PortError> {
        let mut state = self.state();
        let place = state.place(&group.key);
        let found = place.and_then(|place| Some((place, state.inventory.groups.get_mut(place)?)));
        let (place, own) = found.ok_or_else(|| PortError("the group does not exist any more".to_owned()))?;
        let changed = simulate(own, changes).map_err(|error| PortError(error.to_string()))?;
        let before = std::mem::replace(own, changed);
        state.undo.push((place, before));
        state.stale = true;
        Ok(())
    }

    fn needs_gap(&self, group: &SecurityGroup, changes: &[Change]) -> bool {
        needs_gap(group, &self.state().inventory, changes)
    }

    fn batches(&self) -> bool {
        true
    }

    fn is_due(&self, waiting: usize) -> bool {
        let state = self.state();
        waiting > 0 && state.settled.elapsed() >= LEAST_PAUSE.max(state.cost * PAUSE_FOR_EACH_WRITE)
    }

    fn settle(&self) -> Result<(), PortError> {
        let mut state = self.state();
        if !state.stale {
            return Ok(());
        }
        let began = Instant::now();
        let written = self.write(&mut state.inventory);
        match &written {
            Ok(()) => {
                state.undo.clear();
                state.stale = false;
                (state.settled, state.cost) = (Instant::now(), began.elapsed());
            }
            Err(_) => state.take_back(),
        }
        written
    }
}

/// On files nobody can be asked who the user is; what the session calls itself is written down.
pub(super) fn user() -> String {
    let name = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

/// Reads an inventory without what belongs to the file that it stood in.
fn read(path: &Path) -> Result<Inventory, RunError> {
    let read = inventory::read([Source::path(path)], &ReadOptions::default());
    let mut read = read.map_err(|errors| RunError::Input(errors.to_string()))?;
    for group in &mut read.groups {
        (group.source, group.line) = (0, 0);
        group.rules.iter_mut().for_each(|rule| rule.line = 0);
    }
    read.sources.clear();
    inventory::canonical(&mut read);
    Ok(read)
}

/// What an earlier run may have written. An empty file is nothing; a file of another kind is not overwritten.
fn earlier(output: &Path) -> Result<Option<Inventory>, RunError> {
    match fs::metadata(output) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(RunError::Input(format!("`{}` cannot be written: {}", output.display(), io_message(&error)))),
        Ok(metadata) if metadata.len() == 0 => Ok(None),
        Ok(_) => read(output).map(Some).map_err(|error| {
            let output = output.display();
            RunError::Input(format!(
                "`{output}` exists and is no inventory: choose another name for `--write`, or take it away ({error})"
            ))
        }),
    }
}

/// An output must be a file in a folder that exists, and not part of its own input.
pub(super) fn check_places(input: &Path, output: &Path) -> Result<(), RunError> {
    let shown = output.display();
    if output.is_dir() {
        return Err(RunError::Input(format!("`{shown}` is a folder: name the file to write")));
    }
    let folder = folder_of(output);
    if !folder.is_dir() {
        return Err(RunError::Input(format!("`{shown}` cannot be written: there is no folder `{}`", folder.display())));
    }
    let inside = fs::canonicalize(input).and_then(|input| Ok((input.is_dir(), input, fs::canonicalize(folder)?)));
    if inside.is_ok_and(|(is_folder, input, folder)| is_folder && folder.starts_with(&input)) {
        return Err(RunError::Input(format!(
            "`{shown}` is in the folder `{}` that is read: it would be read beside what it replaces; write it elsewhere",
            input.display()
        )));
    }
    Ok(())
}

/// Whether an output is its input with some of the groups as this run leaves them.
fn continues(input: &Inventory, output: &Inventory, goal: &dyn Fn(&SecurityGroup) -> Option<SecurityGroup>) -> bool {
    let reached = |input: &SecurityGroup, output: &SecurityGroup| {
        let sorted = |mut group: SecurityGroup| {
            group.rules.sort();
            group.tags.sort();
            group
        };
        goal(input).is_some_and(|goal| sorted(goal) == *output)
    };
    surroundings_differ(input, output).is_none()
        && input.groups.len() == output.groups.len()
        && input.groups.iter().zip(&output.groups).all(|(a, b)| a == b || reached(a, b))
}

/// What of two inventories differs first, in words.
fn first_difference(wanted: &Inventory, found: &Inventory) -> Option<String> {
    if let Some(what) = surroundings_differ(wanted, found) {
        return Some(what.to_owned());
    }
    if wanted.groups.len() != found.groups.len() {
        return Some("the list of groups".to_owned());
    }
    let differ = wanted.groups.iter().zip(&found.groups).find(|(a, b)| a != b);
    differ.map(|(group, _)| format!("group `{}`", group.key.group_id))
}

fn surroundings_differ(a: &Inventory, b: &Inventory) -> Option<&'static str> {
    let parts = [
        (a.prefix_lists != b.prefix_lists, "a prefix list"),
        (a.vpcs != b.vpcs, "a VPC"),
        (a.interfaces != b.interfaces, "an interface"),
        (a.coverage != b.coverage, "the coverage"),
    ];
    parts.into_iter().find(|(differs, _)| *differs).map(|(_, what)| what)
}

/// How the names of files begin that are to become this output.
fn leftover_prefix(output: &Path) -> String {
    format!(".{}.portcullis-", output.file_name().unwrap_or_default().to_string_lossy())
}

/// Takes away what a killed run left half written. Only a run that holds the lock may.
pub(super) fn clear_leftovers(output: &Path) {
    let output = &fs::canonicalize(output).unwrap_or_else(|_| output.to_owned());
    let prefix = leftover_prefix(output);
    for entry in fs::read_dir(folder_of(output)).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(&prefix) && name.ends_with(".tmp") {
            // One that cannot be taken away is no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}
