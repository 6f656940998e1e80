//! `cargo xtask dist`: the Lambda function as AWS takes it, a zip with the program called `bootstrap`.
//!
//! The same program gives the same zip, byte for byte: Terraform then sees a change only where there is one.

use std::env::consts;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::process::run as run_command;
use crate::tools::ZIGBUILD;
use crate::workspace::{Workspace, cargo, root};

/// The C library of Amazon Linux 2023, on which `provided.al2023` rests. Source: AL2023 Release Notes, "glibc".
const GLIBC: (u32, u32) = (2, 34);

/// What the zip should weigh at most: a function starts the sooner the less there is to fetch.
const MOST_BYTES: u64 = 12 * 1024 * 1024;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// For which processors; all that can be built for here unless given
    #[arg(long, value_enum, value_name = "ARCH")]
    arch: Vec<Arch>,
    /// Where the zips go, `dist` in this repository unless given
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// A processor, as Lambda calls it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Arch {
    /// AWS Graviton
    #[value(name = "arm64")]
    Arm64,
    /// Intel and AMD
    #[value(name = "x86_64")]
    X86,
}

impl Arch {
    /// As Terraform's `lambda_architecture` and SAM's `Architecture` have it.
    const fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86 => "x86_64",
        }
    }

    const fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86 => "x86_64-unknown-linux-gnu",
        }
    }

    fn is_host(self) -> bool {
        let host = match self {
            Self::Arm64 => "aarch64",
            Self::X86 => "x86_64",
        };
        consts::OS == "linux" && consts::ARCH == host
    }

    /// What is missing to build for it here, and how to get it.
    fn missing(self) -> Option<String> {
        let mut rustc = Command::new("rustc");
        rustc.current_dir(root()).args(["--print", "target-libdir", "--target", self.target()]);
        let folder = rustc.output().ok().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        if !folder.is_some_and(|folder| !folder.is_empty() && Path::new(&folder).is_dir()) {
            return Some(format!("the target is not installed: rustup target add {}", self.target()));
        }
        let linked = self.is_host() || ZIGBUILD.is_present();
        (!linked).then(|| "nothing links for it: pip install cargo-zigbuild ziglang".to_owned())
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let folder = args.out.clone().unwrap_or_else(|| root().join("dist"));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let wanted = if args.arch.is_empty() { Arch::value_variants() } else { &args.arch };
    let mut made = 0;
    for arch in wanted {
        if let Some(missing) = arch.missing() {
            ensure!(args.arch.is_empty(), "cannot build for {}: {missing}", arch.name());
            eprintln!("   {}: left out, {missing}", arch.name());
            continue;
        }
        let program = build(*arch)?;
        let bytes = fs::read(&program).with_context(|| format!("cannot read `{}`", program.display()))?;
        check_library(&bytes)?;
        let path = folder.join(format!("portcullis-lambda-{}.zip", arch.name()));
        let file = File::create(&path).with_context(|| format!("cannot write `{}`", path.display()))?;
        pack(file, &bytes)?;
        report(&path)?;
        made += 1;
    }
    ensure!(made > 0, "nothing was built: see above what is missing");
    Ok(())
}

/// Builds the function and says where it is.
fn build(arch: Arch) -> Result<PathBuf> {
    let mut command = cargo();
    let (verb, target) = match ZIGBUILD.is_present() {
        true => ("zigbuild", format!("{}.{}.{}", arch.target(), GLIBC.0, GLIBC.1)),
        false => ("build", arch.target().to_owned()),
    };
    command.args([verb, "--package", "portcullis-lambda", "--profile", "dist", "--locked", "--target", &target]);
    // A panic ends the program, so nobody reads the tables that lead back through its functions: 6 % of the zip. A profile
    // cannot say so.
    let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", arch.target().to_uppercase().replace('-', "_"));
    command.env(flags, "-C force-unwind-tables=no");
    run_command(&mut command)?;
    Ok(Workspace::load()?.target_directory.join(arch.target()).join("dist/portcullis-lambda"))
}

/// Fails where the program asks for a newer C library than Lambda has: it would not start there.
fn check_library(program: &[u8]) -> Result<()> {
    let Some(newest) = versions(program).max().filter(|newest| *newest > GLIBC) else { return Ok(()) };
    bail!(
        "the program needs glibc {}.{}, and Lambda has {}.{}: pip install cargo-zigbuild ziglang, and build again",
        newest.0,
        newest.1,
        GLIBC.0,
        GLIBC.1
    )
}

/// The versions of the C library that a program names, as `GLIBC_2.34`.
fn versions(program: &[u8]) -> impl Iterator<Item = (u32, u32)> {
    const MARK: &[u8] = b"GLIBC_";
    let marks = program.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    marks.filter_map(|(at, _)| {
        let rest = program.get(at + MARK.len()..)?;
        let text: String =
            rest.iter().take(8).map(|byte| char::from(*byte)).take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        let mut parts = text.split('.').map(str::parse::<u32>);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    })
}

/// The zip: one file that may be run, without a time of its own.
fn pack(to: impl Write + std::io::Seek, program: &[u8]) -> Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut archive = ZipWriter::new(to);
    archive.start_file("bootstrap", options)?;
    archive.write_all(program)?;
    archive.finish()?;
    Ok(())
}

fn report(path: &Path) -> Result<()> {
    let bytes = fs::read(path)?;
    let size = u64::try_from(bytes.len())?;
    #[expect(clippy::cast_precision_loss, reason = "a size that people read")]
    let megabytes = size as f64 / 1_048_576.0;
    println!("{}  {megabytes:.1} MB  sha256 {:x}", path.display(), Sha256::digest(&bytes));
    if size > MOST_BYTES {
        eprintln!("   heavier than the {} MB that it should weigh at most", MOST_BYTES / 1_048_576);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use zip::ZipArchive;

    use super::*;

    #[test]
    fn the_same_program_gives_the_same_zip_and_comes_out_ready_to_run() -> Result<()> {
        let zip = || -> Result<Vec<u8>> {
            let mut bytes = Cursor::new(Vec::new());
            pack(&mut bytes, b"a program")?;
            Ok(bytes.into_inner())
        };
        assert_eq!(zip()?, zip()?);
        let mut archive = ZipArchive::new(Cursor::new(zip()?))?;
        assert_eq!(archive.len(), 1);
        let mut file = archive.by_name("bootstrap")?;
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        let mut program = Vec::new();
        file.read_to_end(&mut program)?;
        assert_eq!(program, b"a program");
        Ok(())
    }

    #[test]
    fn a_program_for_a_newer_library_is_refused() {
        assert!(check_library(b"\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_PRIVATE\0").is_ok());
        assert!(check_library(b"\0GLIBC_2.34\0GLIBC_2.36\0").is_err());
    }
}
