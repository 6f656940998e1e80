//! Tools that do not come with Rust: used when present, installed when asked for.

use std::process::Stdio;

use anyhow::Result;

use crate::process::run;
use crate::workspace::cargo;

/// A cargo subcommand that stands in a crate of its own.
#[derive(Clone, Copy)]
pub(crate) struct Tool {
    /// As in `cargo nextest`.
    subcommand: &'static str,
    /// As in `cargo install cargo-nextest`.
    pub(crate) package: &'static str,
}

pub(crate) const NEXTEST: Tool = Tool { subcommand: "nextest", package: "cargo-nextest" };
pub(crate) const DENY: Tool = Tool { subcommand: "deny", package: "cargo-deny" };
/// Links for other machines, and for an older C library than this one's, by the Zig compiler.
pub(crate) const ZIGBUILD: Tool = Tool { subcommand: "zigbuild", package: "cargo-zigbuild" };
pub(crate) const FUZZ: Tool = Tool { subcommand: "fuzz", package: "cargo-fuzz" };

impl Tool {
    pub(crate) fn is_present(self) -> bool {
        let mut probe = cargo();
        probe.args([self.subcommand, "--version"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    }

    /// Whether the tool is there, after installing it if that was wanted.
    pub(crate) fn ensure(self, install: bool) -> bool {
        self.is_present() || (install && self.install().is_ok() && self.is_present())
    }

    fn install(self) -> Result<()> {
        eprintln!("   installing {} (takes a few minutes)", self.package);
        run(cargo().args(["install", "--locked", self.package]))
    }
}
