//! The files that digests are measured on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::super::whole::Bench;
use crate::flows_data::VERSION;
use crate::process::run;

/// Records for the reader in Python, which takes ten seconds for a million.
const FEW: u64 = 200_000;

/// How flow logs lie on disk.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Text,
    Gzip,
    Forty,
    Parquet,
}

impl Form {
    const ALL: [Self; 4] = [Self::Text, Self::Gzip, Self::Forty, Self::Parquet];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Gzip => "gzip, one file",
            Self::Forty => "gzip, 40 files",
            Self::Parquet => "Parquet",
        }
    }

    /// How many times as long DuckDB should take at least.
    pub(super) fn target(self) -> f64 {
        match self {
            Self::Text => 2.0,
            Self::Gzip | Self::Forty => 1.5,
            Self::Parquet => 1.0,
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Text => ".log",
            Self::Gzip => ".log.gz",
            Self::Forty => "-40.d",
            Self::Parquet => ".parquet",
        }
    }
}

/// The same records in all forms.
pub(super) struct Files {
    folder: PathBuf,
    generator: PathBuf,
    pub(super) records: u64,
    pub(super) keys: u64,
}

impl Files {
    /// Makes those that an earlier run did not leave.
    pub(super) fn make(bench: &Bench, keys: u64, python: &str) -> Result<Self> {
        let files = Self {
            folder: bench.folder.clone(),
            generator: bench.generator.clone(),
            records: bench.flows.records,
            keys,
        };
        let parquet = files.script("convert.py", include_str!("convert.py"))?;
        for form in Form::ALL {
            let path = files.path(form);
            if path.exists() {
                continue;
            }
            eprintln!("   generating {}", path.display());
            let unfinished = path.with_extension("unfinished");
            let mut command = match form {
                Form::Text => files.generate(files.records, &unfinished, &[]),
                Form::Gzip => files.generate(files.records, &unfinished, &["--gzip"]),
                Form::Forty => files.generate(files.records, &unfinished, &["--gzip", "--files", "40"]),
                Form::Parquet => {
                    let mut command = Command::new(python);
                    command.arg(&parquet).arg(files.path(Form::Text)).arg(&unfinished);
                    command
                }
            };
            run(&mut command)?;
            fs::rename(&unfinished, &path).with_context(|| format!("cannot rename `{}`", unfinished.display()))?;
        }
        Ok(files)
    }

    fn generate(&self, records: u64, out: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(&self.generator);
        command.args(["flows-data", "--records", &records.to_string(), "--keys", &self.keys.to_string()]);
        command.args(more).arg("--out").arg(out);
        command
    }

    pub(super) fn path(&self, form: Form) -> PathBuf {
        self.named(self.records, form)
    }

    fn named(&self, records: u64, form: Form) -> PathBuf {
        self.folder.join(format!("flows-v{VERSION}-{records}-{}{}", self.keys, form.ending()))
    }

    pub(super) fn forms(&self) -> impl Iterator<Item = (Form, PathBuf)> {
        Form::ALL.into_iter().map(|form| (form, self.path(form)))
    }

    pub(super) fn few_records(&self) -> u64 {
        self.records.min(FEW)
    }

    /// A part of the text.
    pub(super) fn few(&self) -> Result<PathBuf> {
        let path = self.named(self.few_records(), Form::Text);
        if !path.exists() {
            run(&mut self.generate(self.few_records(), &path, &[]))?;
        }
        Ok(path)
    }

    /// Writes a script where Python can run it.
    pub(super) fn script(&self, name: &str, text: &str) -> Result<String> {
        let path = self.folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(path.display().to_string())
    }

    pub(super) fn remove(self) -> Result<()> {
        let paths =
            Form::ALL.map(|form| self.path(form)).into_iter().chain([self.named(self.few_records(), Form::Text)]);
        for path in paths.filter(|path| path.exists()) {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.with_context(|| format!("cannot remove `{}`", path.display()))?;
        }
        Ok(())
    }
}
