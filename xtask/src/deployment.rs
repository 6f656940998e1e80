//! The tests of `deploy/`: Terraform's modules and SAM's template, deployed to the AWS-like server.
//!
//! Terraform spends most of a minute waiting, between looks at what it made. So they run beside other steps, and what they
//! say is shown when their turn comes.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Child;

use anyhow::{Context, Result, ensure};

use crate::moto::Server;
use crate::process::shown;
use crate::test::python_tests;
use crate::workspace::Workspace;

/// Tests that are under way. They end when this is dropped.
pub(crate) struct Deployment {
    child: Child,
    log: PathBuf,
}

impl Deployment {
    /// Starts them. The programs must be built, since what is deployed is also run; the check of generated files does that.
    pub(crate) fn start(server: &Server) -> Result<Self> {
        let workspace = Workspace::load()?;
        let log = workspace.target_directory.join("moto/deployment.log");
        let output = File::create(&log).with_context(|| format!("cannot write `{}`", log.display()))?;
        let mut command = python_tests("tests/deploy");
        server.lend_to(&mut command).env("PORTCULLIS_TEST_PROGRAMS", workspace.target_directory.join("debug"));
        command.stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("cannot run `{}`", shown(&command)))?;
        Ok(Self { child, log })
    }

    /// Waits for them, and shows what they said.
    pub(crate) fn finish(mut self) -> Result<()> {
        let status = self.child.wait()?;
        eprint!("{}", fs::read_to_string(&self.log).unwrap_or_default());
        ensure!(status.success(), "the tests in `tests/deploy` failed");
        Ok(())
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
