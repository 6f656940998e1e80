//! What cargo knows of this workspace.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The part of `cargo metadata` that the tasks ask for.
#[derive(Deserialize)]
pub(crate) struct Workspace {
    pub(crate) workspace_root: PathBuf,
    pub(crate) target_directory: PathBuf,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
    #[cfg(test)]
    dependencies: Vec<Dependency>,
}

#[cfg(test)]
#[derive(Deserialize)]
struct Dependency {
    name: String,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self> {
        let output =
            cargo().args(["metadata", "--no-deps", "--format-version=1"]).output().context("cannot run cargo")?;
        ensure!(output.status.success(), "cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).context("cannot read the answer of cargo metadata")
    }

    /// The names of one package's targets of one kind (`bin`, `bench`, …), sorted.
    pub(crate) fn targets(&self, package: &str, kind: &str) -> Vec<&str> {
        self.named(kind, |p| p.name == package)
    }

    /// Whether any package has a target of this kind.
    pub(crate) fn has_any(&self, kind: &str) -> bool {
        !self.named(kind, |_| true).is_empty()
    }

    fn named(&self, kind: &str, wanted: impl Fn(&Package) -> bool) -> Vec<&str> {
        let targets = self.packages.iter().filter(|p| wanted(p)).flat_map(|p| &p.targets);
        let mut names: Vec<_> = targets.filter(|t| t.kind.iter().any(|k| k == kind)).map(|t| t.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// Where cargo leaves a binary of the dev profile.
    pub(crate) fn debug(&self, name: &str) -> PathBuf {
        self.target_directory.join("debug").join(name).with_extension(env::consts::EXE_EXTENSION)
    }

    /// Where cargo leaves a release binary or, below `examples`, a release example.
    pub(crate) fn release(&self, name: &str) -> PathBuf {
        self.target_directory.join("release").join(name).with_extension(env::consts::EXE_EXTENSION)
    }
}

/// The cargo that runs this task, at the workspace's root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    as_from_a_shell(&mut command);
    command
}

/// Takes from a command's environment what cargo told this task about itself. Build scripts look at it (ring's does), and
/// would run again, with everything above them, the AWS SDK too, whenever a build from a shell follows one from here.
pub(crate) fn as_from_a_shell(command: &mut Command) {
    let own = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    let names = env::vars_os().map(|(name, _)| name).filter(|name| name.to_str().is_some_and(own));
    names.for_each(|name| _ = command.env_remove(name));
}

/// The workspace's root. Asked of the environment first: a target folder shared by two checkouts may hold an xtask
/// that was compiled in the other.
pub(crate) fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What deny.toml cannot say, for want of patterns, and what holds where cargo-deny is absent.
    #[test]
    fn one_crate_sees_the_aws_sdk() -> Result<()> {
        let sdk = ["aws-config", "aws-sdk-", "aws-smithy-", "aws-types"];
        for package in Workspace::load()?.packages {
            let mut used = package.dependencies.iter().filter(|d| sdk.iter().any(|prefix| d.name.starts_with(prefix)));
            let found = used.next().map(|d| d.name.as_str());
            assert!(found.is_none() || package.name == "portcullis-aws", "{} depends on {found:?}", package.name);
        }
        Ok(())
    }
}
