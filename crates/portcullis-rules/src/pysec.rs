//! What pysec-aws leaves in a folder: `.pysec` (which group and stack) and `.hashes` (which files were committed).
//!
//! Both are written by Python's `ConfigParser`: sections, `key = value`, keys in lower case, `None` for nothing. Paths of
//! `.hashes` are absolute, from the machine that wrote them. Source: the package pysec-aws 0.3, `pysec.py`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::Error;
use crate::files::hash_of;
use crate::folder::{content, rules_files, shown};
use crate::repository::Repository;
use crate::settings::{Settings, SettingsChange};
use crate::state::{Committed, StackState, State};
use crate::template::SecurityTemplate;

/// The file that names group and stack.
pub const PYSEC: &str = ".pysec";
/// The file that holds the hashes of committed files.
pub const HASHES: &str = ".hashes";

/// What was taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenOver {
    /// The stack's name, where the repository was committed.
    pub stack: Option<String>,
    /// Committed files that are gone.
    pub missing: Vec<String>,
}

/// Makes a folder with `.pysec` and `.hashes` a repository of ours. Both files stay as they are.
///
/// Its group keeps the name that CloudFormation made up and its description, since changing them would replace it.
///
/// # Errors
///
/// When the folder is a repository of ours already, `.pysec` is not there or not what pysec-aws writes, or something
/// cannot be written.
pub fn take_over(folder: &Path) -> Result<TakenOver, Error> {
    let path = folder.join(PYSEC);
    if !path.is_file() {
        return Err(Error::new(format!("there is no `{}` to take over", shown(&path))));
    }
    let state = section(&path, "pysec-state")?;
    let value = |key: &str| state.get(key).filter(|value| !value.is_empty() && *value != "None").cloned();
    let committed = value("stack").is_some() || value("stackname").is_some();
    let group_name = value("groupname");
    let change = SettingsChange {
        vpc_id: value("vpc"),
        group_name: group_name.clone(),
        region: value("region"),
        profile: value("defaultprofile"),
        stack: value("stackname"),
        description: group_name
            .filter(|_| committed)
            .map(|name| format!("Security group created by PySec-AWS - {name}")),
        generated_name: committed.then_some(true),
        ..SettingsChange::default()
    };
    let settings = Settings::changed(&shown(&path), &Settings::first_text(), &change)?;

    let mut taken = TakenOver { stack: value("stackname").filter(|_| committed), ..TakenOver::default() };
    let hashes = folder.join(HASHES);
    let hashes = if hashes.is_file() { section(&hashes, "hashes")? } else { BTreeMap::new() };
    let state = committed.then(|| {
        let files = rules_files(folder)?;
        let mut known = BTreeMap::new();
        for (path, hash) in &hashes {
            // Keys are in lower case, whatever the file was called; only its name means something here.
            let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
            match files.iter().find(|(file, _)| file.to_lowercase() == name) {
                Some((file, _)) => drop(known.insert(file.clone(), hash.clone())),
                None => taken.missing.push(name.to_owned()),
            }
        }
        // What was committed is known only where every file is what it was then.
        let unchanged = taken.missing.is_empty()
            && !files.is_empty()
            && files.iter().all(|(name, content)| known.get(name).is_some_and(|hash| *hash == hash_of(content)));
        let rules = if unchanged { SecurityTemplate::of(folder, &files).ok() } else { None };
        let committed = match rules {
            Some(rules) => Committed::of(known, rules.rules()),
            None => Committed { rules: None, files: known },
        };
        let stack = value("stack").map(|id| StackState { id, ..StackState::default() });
        Ok::<_, Error>(State { stack, committed: Some(committed), ..State::default() })
    });
    Repository::init_with(folder, &settings, state.transpose()?.as_ref())?;
    Ok(taken)
}

/// The keys of one section.
fn section(path: &Path, name: &str) -> Result<BTreeMap<String, String>, Error> {
    let bytes = content(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let wrong = |number: usize, line: &str| {
        Error::new(format!("{}:{number}: `{}` is nothing that pysec-aws writes", shown(path), line.trim()))
    };
    let (mut keys, mut current, mut found) = (BTreeMap::new(), None, false);
    for (number, line) in (1..).zip(text.lines()) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            found |= section == name;
            current = Some(section);
        } else if current == Some(name) {
            // ConfigParser writes ` = `; a path may hold either sign.
            let pair = trimmed.split_once(" = ").or_else(|| trimmed.split_once('='));
            let (key, value) = pair.ok_or_else(|| wrong(number, line))?;
            keys.insert(key.trim().to_lowercase(), value.trim().to_owned());
        } else if current.is_none() {
            return Err(wrong(number, line));
        }
    }
    if found {
        Ok(keys)
    } else {
        Err(Error::new(format!("`{}` has no section `[{name}]`: pysec-aws did not write it", shown(path))))
    }
}

#[cfg(test)]
mod tests;
