//! The ports on files: an inventory in and out, a folder of backups, a journal beside them.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use portcullis_core::model::{GroupKey, Inventory, SecurityGroup};
use portcullis_core::remediation::{Change, simulate};
use portcullis_formats::inventory;

use crate::journal::Entry;
use crate::ports::{BackupStore, Clock, Journal, PortError, RuleStore};
use crate::run::same_rules_and_tags;

/// An inventory that is read from one place and written to another, or the same.
///
/// Changes are made in memory and written when they are committed, to a temporary file that takes the place of the old
/// one: whenever the process is killed, the old file stands there whole or the new one does.
#[derive(Debug)]
pub struct FileStore {
    inventory: Inventory,
    places: BTreeMap<GroupKey, usize>,
    output: PathBuf,
}

impl FileStore {
    /// A store that begins with `input` and writes to `output`.
    ///
    /// `finished` is what an earlier run may have written to `output` already, and `ends` how the groups end that it was to
    /// change: where each group of it stands as it does in `input` or as it should end, the store goes on from there.
    pub fn new(
        input: Inventory,
        finished: Option<Inventory>,
        ends: &BTreeMap<GroupKey, SecurityGroup>,
        output: PathBuf,
    ) -> Self {
        let inventory = match finished {
            Some(finished) if continues(&input, &finished, ends) => finished,
            _ => input,
        };
        let groups = inventory.groups.iter().enumerate();
        let places = groups.map(|(place, group)| (group.key.clone(), place)).collect();
        Self { inventory, places, output }
    }

    fn group(&mut self, key: &GroupKey) -> Result<&mut SecurityGroup, PortError> {
        let place = self.places.get(key).copied();
        let group = place.and_then(|place| self.inventory.groups.get_mut(place));
        group.ok_or_else(|| PortError(format!("the inventory has no group `{}`", key.group_id)))
    }
}

/// Whether `finished` is `input` with some of the groups at their end.
fn continues(input: &Inventory, finished: &Inventory, ends: &BTreeMap<GroupKey, SecurityGroup>) -> bool {
    let same = |(a, b): (&SecurityGroup, &SecurityGroup)| {
        a.key == b.key && (same_rules_and_tags(a, b) || ends.get(&a.key).is_some_and(|end| same_rules_and_tags(end, b)))
    };
    input.groups.len() == finished.groups.len() && input.groups.iter().zip(&finished.groups).all(same)
}

impl RuleStore for FileStore {
    fn read(&mut self, key: &GroupKey) -> Result<SecurityGroup, PortError> {
        let group = self.group(key)?;
        match &group.unreadable {
            Some(why) => Err(PortError(format!("group `{}` cannot be read: {why}", key.group_id))),
            None => Ok(group.clone()),
        }
    }

    fn change(&mut self, key: &GroupKey, changes: &[Change]) -> Result<(), PortError> {
        let group = self.group(key)?;
        *group = simulate(group, changes).map_err(|error| PortError(error.to_string()))?;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), PortError> {
        inventory::canonical(&mut self.inventory);
        self.places =
            self.inventory.groups.iter().enumerate().map(|(place, group)| (group.key.clone(), place)).collect();
        let gzip = self.output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        replace(&self.output, |out| {
            if gzip { inventory::write_gzip(&self.inventory, out) } else { inventory::write(&self.inventory, out) }
        })
        .map_err(|error| PortError(format!("`{}` could not be written: {error}", self.output.display())))
    }

    fn caller(&self) -> String {
        let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
        user.filter(|user| !user.is_empty()).unwrap_or_else(|| "unknown".to_owned())
    }
}

/// Writes a whole file beside its place, makes sure that it survives, and moves it there.
///
/// # Errors
/// Where a step fails; the old file then stands as it did.
pub fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".portcullis-");
    // Temporary files are for their owner alone; a result is for whom the user's umask says.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let temporary = builder.tempfile_in(folder)?;
    let mut out = BufWriter::new(temporary.reopen()?);
    write(&mut out)?;
    out.flush()?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// A name in a folder survives once the folder does.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Backups in a folder, one file each.
#[derive(Debug)]
pub struct FolderBackups {
    folder: PathBuf,
}

impl FolderBackups {
    /// In this folder, which is made when the first backup is.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

impl BackupStore for FolderBackups {
    fn write_new(&mut self, key: &str, bytes: &[u8]) -> Result<(), PortError> {
        let path = self.folder.join(key);
        let write = || -> io::Result<()> {
            let folder = path.parent().unwrap_or(&self.folder);
            fs::create_dir_all(folder)?;
            if path.exists() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            // Under a temporary name until it is whole: a backup that has its name is one that can be trusted.
            let mut temporary = tempfile::Builder::new().prefix(".portcullis-").tempfile_in(folder)?;
            temporary.write_all(bytes)?;
            temporary.as_file().sync_all()?;
            temporary.persist_noclobber(&path).map_err(|error| error.error)?;
            sync_folder(folder)
        };
        write().map_err(|error| PortError(format!("the backup `{}` could not be written: {error}", path.display())))
    }

    fn read(&self, key: &str) -> Result<Vec<u8>, PortError> {
        let path = self.folder.join(key);
        fs::read(&path)
            .map_err(|error| PortError(format!("the backup `{}` could not be read: {error}", path.display())))
    }

    fn place(&self, key: &str) -> String {
        format!("`{}`", self.folder.join(key).display())
    }
}

/// The journal as a file of JSON lines that only ever grows.
#[derive(Debug)]
pub struct FileJournal {
    path: PathBuf,
    file: Option<File>,
}

impl FileJournal {
    /// In this file, which is made when the first step is noted.
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }
}

impl Journal for FileJournal {
    fn note(&mut self, entry: &Entry<'_>) -> Result<(), PortError> {
        let mut write = || -> io::Result<()> {
            let file = match &mut self.file {
                Some(file) => file,
                none => {
                    if let Some(folder) = self.path.parent() {
                        fs::create_dir_all(folder)?;
                    }
                    none.insert(OpenOptions::new().create(true).append(true).open(&self.path)?)
                }
            };
            let mut line = serde_json::to_vec(entry)?;
            line.push(b'\n');
            file.write_all(&line)?;
            file.sync_data()
        };
        write()
            .map_err(|error| PortError(format!("the journal `{}` could not be written: {error}", self.path.display())))
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
