//! What lies in a folder: rules files, and repositories below it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use portcullis_formats::diagnostics::{Source, io_message};

use crate::error::Error;
use crate::settings::SETTINGS_FILE;

/// Whether a file of this name holds rules: `*.pysec` and `*.rules`, but no hidden ones, such as pysec-aws's state.
pub fn is_rules_file(name: &str) -> bool {
    let kept = |ending: &str| name.strip_suffix(ending).is_some_and(|stem| !stem.is_empty());
    !name.starts_with('.') && (kept(".pysec") || kept(".rules"))
}

/// A path as people know it: without the `./` of the current folder.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

fn cannot_read(name: &str, error: &std::io::Error) -> Error {
    Error::new(format!("`{name}` cannot be read: {}", io_message(error)))
}

/// The rules files of a folder by name, with their content. Folders below are repositories of their own.
pub(crate) fn rules_files(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let failed = |error: std::io::Error| cannot_read(&folder.display().to_string(), &error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        match name.to_str() {
            Some(name) if is_rules_file(name) => names.push(name.to_owned()),
            // State and table speak of files by name.
            None if name.to_string_lossy().ends_with(".pysec") || name.to_string_lossy().ends_with(".rules") => {
                return Err(Error::new(format!("the name of `{}` is no UTF-8: rename it", name.to_string_lossy())));
            }
            _ => {}
        }
    }
    names.sort();
    let mut files = Vec::new();
    for name in names {
        let path = folder.join(&name);
        if path.is_dir() {
            // A repository may be called like a file; anything else is a mistake, and rules that nobody reads.
            if path.join(SETTINGS_FILE).exists() {
                continue;
            }
            return Err(Error::new(format!("`{}` is a folder: rules files are files, so rename it", shown(&path))));
        }
        let content = content(&path)?;
        files.push((name, content));
    }
    Ok(files)
}

/// A file's content.
///
/// # Errors
///
/// When it is no file, cannot be read, or is too large to be read, of which only the size is looked at.
pub fn content(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error: std::io::Error| cannot_read(&shown(path), &error);
    let most = u64::try_from(Source::MAX_BYTES).unwrap_or(u64::MAX);
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Error::new(format!("`{}` is no file", shown(path))));
    }
    if metadata.len() > most {
        return Err(Error::new(format!(
            "`{}` is too large: {} bytes, at most {} MiB are read",
            shown(path),
            metadata.len(),
            most >> 20
        )));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    fs::File::open(path).map_err(failed)?.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Every repository in a folder and below it, sorted. Hidden folders and links to folders are passed over.
///
/// # Errors
///
/// When a folder cannot be read, or there is no repository at all.
pub fn repositories(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let failed = |error: std::io::Error| cannot_read(&folder.display().to_string(), &error);
        if folder.join(SETTINGS_FILE).is_file() {
            found.push(folder.clone());
        }
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if !hidden && entry.file_type().map_err(failed)?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(Error::new(format!(
            "there is no repository in `{}` or below it: no `{SETTINGS_FILE}`",
            folder.display()
        )));
    }
    Ok(found)
}
