//! Putting a whole file in the place of another.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

/// How names of files that are not whole yet begin. Names that begin with a dot are no inventories and no backups.
pub(super) const PREFIX: &str = ".portcullis-";

/// Writes a whole file beside its place, makes sure that it survives, and moves it there: whenever the process is killed,
/// the old file stands there whole or the new one does.
///
/// What is there and no file, such as `/dev/null` or a pipe, is written into: it must not become a file. A link stays a link.
///
/// # Errors
/// Where a step fails; the old file then stands as it did.
pub fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        let mut out = BufWriter::new(OpenOptions::new().write(true).open(path)?);
        write(&mut out)?;
        return out.flush();
    }
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    put(written(path, PREFIX, write)?, path)
}

/// A whole file beside the place that it is meant for, and safe.
pub(super) fn written(
    path: &Path,
    prefix: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<NamedTempFile> {
    let temporary = beside(path, prefix)?;
    let mut out = BufWriter::with_capacity(1 << 16, temporary.reopen()?);
    write(&mut out)?;
    out.flush()?;
    temporary.as_file().sync_all()?;
    Ok(temporary)
}

/// An empty file beside a place, readable by whoever may read what stands there now.
pub(super) fn beside(path: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // What a plain new file would get, after the user's mask.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let temporary = builder.tempfile_in(folder_of(path))?;
    if let Ok(old) = fs::metadata(path) {
        fs::set_permissions(temporary.path(), old.permissions())?;
    }
    Ok(temporary)
}

/// Moves a whole file to its place.
pub(super) fn put(temporary: NamedTempFile, path: &Path) -> io::Result<()> {
    temporary.persist(path).map_err(|error| error.error)?;
    sync_folder(folder_of(path))
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A name in a folder survives once the folder does.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
