//! A repository: a folder with settings, state and rules files.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use portcullis_core::model::Inventory;
use portcullis_formats::cloudformation::Template;
use portcullis_formats::diagnostics::io_message;
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::files::{FileStatus, hash_of};
use crate::folder::{content, rules_files, shown};
use crate::pysec::PYSEC;
use crate::settings::{SETTINGS_FILE, Settings, SettingsChange};
use crate::state::{Committed, STATE_FILE, StackState, Staged, State};
use crate::template::{SecurityTemplate, no_files};

/// The file that a new repository begins with.
pub const FIRST_RULES_FILE: &str = "rules.pysec";

/// A folder with settings, state and rules files, as it was when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    folder: PathBuf,
    /// Which group, and where.
    pub settings: Settings,
    /// What was committed and staged.
    pub state: State,
    /// Rules files by name, with their content.
    files: Vec<(String, Vec<u8>)>,
}

impl Repository {
    /// Opens a repository. Its rules are not read yet, so that one with a mistake in them has a status all the same.
    ///
    /// # Errors
    ///
    /// When the folder is no repository, or settings, state or a rules file cannot be read.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let settings_file = folder.join(SETTINGS_FILE);
        if !settings_file.exists() {
            let is_pysec = folder.join(PYSEC).is_file();
            let how =
                if is_pysec { "init --from-pysec` takes over what pysec-aws left there" } else { "init` makes it one" };
            return Err(Error::new(format!(
                "`{}` is no repository, since it has no `{SETTINGS_FILE}`: `portcullis rules {how}",
                folder.display()
            )));
        }
        let settings = Settings::parse(&shown(&settings_file), &content(&settings_file)?)?;
        let state_file = folder.join(STATE_FILE);
        let state = if state_file.exists() {
            State::parse(&shown(&state_file), &content(&state_file)?)?
        } else {
            State::default()
        };
        Ok(Self { folder: folder.to_path_buf(), settings, state, files: rules_files(folder)? })
    }

    /// Makes a folder a repository: settings to be filled in, and a first rules file where there is none.
    ///
    /// # Errors
    ///
    /// When it is one already, or something cannot be written.
    pub fn init(folder: &Path) -> Result<(), Error> {
        Self::init_with(folder, &Settings::first_text(), None)
    }

    pub(crate) fn init_with(folder: &Path, settings: &str, state: Option<&State>) -> Result<(), Error> {
        let path = folder.join(SETTINGS_FILE);
        if path.exists() {
            return Err(Error::new(format!("`{}` is a repository already", folder.display())));
        }
        fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
        if rules_files(folder)?.is_empty() {
            write_file(&folder.join(FIRST_RULES_FILE), "")?;
        }
        if let Some(state) = state {
            write_file(&folder.join(STATE_FILE), &state.text()?)?;
        }
        // Last, since it is what makes the folder a repository.
        write_file(&path, settings)
    }

    /// Changes settings on disk, and here.
    ///
    /// # Errors
    ///
    /// When what is set is something that AWS refuses, or the file cannot be written.
    pub fn configure(&mut self, change: &SettingsChange) -> Result<(), Error> {
        let path = self.folder.join(SETTINGS_FILE);
        let name = shown(&path);
        let bytes = content(&path)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| Error::new(format!("`{name}` is no UTF-8")))?;
        let changed = Settings::changed(&name, text.trim_start_matches('\u{feff}'), change)?;
        let settings = Settings::parse(&name, changed.as_bytes())?;
        write_file(&path, &changed)?;
        self.settings = settings;
        Ok(())
    }

    /// The folder, as it was named.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder for people: `.` for the current one.
    pub fn name(&self) -> String {
        let name = shown(&self.folder);
        if name.is_empty() { ".".to_owned() } else { name }
    }

    /// A file of the repository as people know it, from where they stand.
    pub fn path_of(&self, file: &str) -> String {
        shown(&self.folder.join(file))
    }

    /// The name of the group, or a word for one that has none yet.
    pub fn group_name(&self) -> &str {
        self.settings.group_name.as_deref().unwrap_or("(not configured)")
    }

    /// The Region of the group: that of its stack, else that of the settings.
    pub fn region(&self) -> Option<&str> {
        self.state.stack.as_ref().and_then(StackState::region).or(self.settings.region.as_deref())
    }

    /// The stack: its ARN once there is one, else its name.
    pub fn stack_name(&self) -> String {
        let known = self.state.stack.as_ref().and_then(StackState::name);
        known.map_or_else(|| self.settings.stack_name(), str::to_owned)
    }

    /// Names of the rules files.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| name.as_str())
    }

    /// Reads the rules.
    ///
    /// # Errors
    ///
    /// When there is no rules file, and everything that is wrong with any of them.
    pub fn load(&self) -> Result<SecurityTemplate, Error> {
        if self.files.is_empty() {
            return Err(no_files(&self.folder));
        }
        SecurityTemplate::of(&self.folder, &self.files)
    }

    /// The hash of each rules file, by its path relative to the repository.
    pub fn hashes(&self) -> BTreeMap<String, String> {
        self.files.iter().map(|(name, content)| (name.clone(), hash_of(content))).collect()
    }

    /// Each rules file now and as it was committed, those that are gone included.
    pub fn status(&self) -> Vec<FileStatus> {
        let nothing = BTreeMap::new();
        let committed = self.state.committed.as_ref().map_or(&nothing, |committed| &committed.files);
        FileStatus::of(committed, &self.hashes())
    }

    /// The template of the rules, over as many groups as they need where `split` says so.
    ///
    /// # Errors
    ///
    /// When the repository is not configured.
    pub fn template(&self, rules: &SecurityTemplate, split: bool, inventory: &Inventory) -> Result<Template, Error> {
        let group = self.settings.group()?;
        Ok(if split { rules.generate_split_template(&group, inventory) } else { rules.generate_template(&group) })
    }

    /// Marks what the files say now for commit. `live` is a name for the live groups as they are now.
    ///
    /// # Errors
    ///
    /// When the state cannot be written.
    pub fn stage(&mut self, template: &Template, live: Option<String>) -> Result<(), Error> {
        self.state.staged = Some(Staged { live, ..self.staged_now(template) });
        self.save_state()
    }

    /// Takes the mark away.
    ///
    /// # Errors
    ///
    /// When the state cannot be written.
    pub fn unstage(&mut self) -> Result<(), Error> {
        if self.state.staged.take().is_some() { self.save_state() } else { Ok(()) }
    }

    fn staged_now(&self, template: &Template) -> Staged {
        let digest = Sha256::digest(template.to_compact_json().as_bytes());
        Staged {
            template: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            groups: template.logical_ids().len(),
            live: None,
            files: self.hashes(),
        }
    }

    /// The template that was staged, made again.
    ///
    /// # Errors
    ///
    /// When nothing was staged, or what would be committed is not what was staged: a file, the settings, or the size of a
    /// prefix list changed.
    pub fn staged_template(&self, rules: &SecurityTemplate, inventory: &Inventory) -> Result<Template, Error> {
        let Some(staged) = &self.state.staged else {
            return Err(Error::new("nothing is staged: `portcullis rules stage` shows what would change and marks it"));
        };
        let template = self.template(rules, staged.groups > 1, inventory)?;
        let now = self.staged_now(&template);
        if (Staged { live: None, ..staged.clone() }) == now {
            return Ok(template);
        }
        let changed = FileStatus::of(&staged.files, &now.files).into_iter().find(FileStatus::differs);
        let what = changed.map_or_else(|| "the settings".to_owned(), |file| format!("`{}`", self.path_of(&file.path)));
        Err(Error::new(format!("{what} changed since it was staged: run `portcullis rules stage` again")))
    }

    /// Remembers that the live groups hold what the files say, and forgets what was staged.
    ///
    /// # Errors
    ///
    /// When the state cannot be written.
    pub fn committed(&mut self, rules: &SecurityTemplate, stack: StackState) -> Result<(), Error> {
        self.state.stack = Some(stack);
        self.state.committed = Some(Committed::of(self.hashes(), rules.rules()));
        self.state.staged = None;
        self.save_state()
    }

    /// Forgets stack, commits and what was staged; the rules files stay.
    ///
    /// # Errors
    ///
    /// When the state cannot be removed.
    pub fn destroyed(&mut self) -> Result<(), Error> {
        self.state = State::default();
        let path = self.folder.join(STATE_FILE);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(cannot_write(&path, &error)),
            _ => Ok(()),
        }
    }

    /// Writes the state as it stands here.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn save_state(&self) -> Result<(), Error> {
        write_file(&self.folder.join(STATE_FILE), &self.state.text()?)
    }

    /// Writes a rules file in the place of an old one, and takes it up.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write_rules(&mut self, name: &str, text: &str) -> Result<(), Error> {
        write_file(&self.folder.join(name), text)?;
        self.files = rules_files(&self.folder)?;
        Ok(())
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    Error::new(format!("`{}` could not be written: {}", shown(path), io_message(error)))
}

/// Writes a whole file in the place of an old one, so that nobody sees half of it. One that says so already stays.
fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|present| present == text.as_bytes()) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        permit(&file, path)?;
        file.persist(path).map_err(|error| error.error)
    };
    written().map(drop).map_err(|error| cannot_write(path, &error))
}

/// A temporary file is its owner's alone; what lies in a repository is what it was, or what others may read.
#[cfg(unix)]
fn permit(file: &tempfile::NamedTempFile, path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let usual = || fs::Permissions::from_mode(0o644);
    file.as_file().set_permissions(fs::metadata(path).map_or_else(|_| usual(), |metadata| metadata.permissions()))
}

#[cfg(not(unix))]
fn permit(_: &tempfile::NamedTempFile, _: &Path) -> std::io::Result<()> {
    Ok(())
}
