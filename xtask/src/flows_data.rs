//! `cargo xtask flows-data`: flow logs of realistic shape and any size, the same for the same seed.
//!
//! How many different keys (source, destination, action) there are decides how hard a digest is, so it can be chosen:
//! sources and destinations are drawn from as many addresses as asked for, each pair with both actions.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::generate::rng::Rng;

/// Raise it when the same seed no longer gives the same files: the benchmarks keep theirs by it.
pub(crate) const VERSION: u32 = 1;

/// The first second of the logs.
const BEGIN: u64 = 1_770_000_000;

const HEADER: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end \
                      action log-status";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many records
    #[arg(long)]
    pub(crate) records: u64,
    /// How many different keys there can be: pairs of addresses times two actions
    #[arg(long, default_value_t = 7_000)]
    pub(crate) keys: u64,
    /// Share them out to so many files
    #[arg(long, default_value_t = 1)]
    pub(crate) files: u64,
    /// Pack each file
    #[arg(long)]
    pub(crate) gzip: bool,
    /// Another seed, other records
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The file, `-` for stdout, or with --files the folder
    #[arg(long)]
    pub(crate) out: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    ensure!(args.files > 0, "--files must be at least 1");
    if args.files == 1 {
        return write_file(args, 0, args.records, &args.out);
    }
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make `{}`", args.out.display()))?;
    let share = args.records.div_ceil(args.files);
    for file in 0..args.files {
        let name = format!("{file:03}.log{}", if args.gzip { ".gz" } else { "" });
        let first = (file * share).min(args.records);
        write_file(args, first, (first + share).min(args.records), &args.out.join(name))?;
    }
    Ok(())
}

fn write_file(args: &Args, first: u64, end: u64, path: &Path) -> Result<()> {
    let write = || -> Result<()> {
        let out: Box<dyn Write> =
            if path == Path::new("-") { Box::new(io::stdout().lock()) } else { Box::new(File::create(path)?) };
        let file = BufWriter::with_capacity(1 << 20, out);
        if args.gzip {
            let mut out = BufWriter::with_capacity(1 << 16, GzEncoder::new(file, Compression::default()));
            write_records(args, first, end, &mut out)?;
            out.into_inner().map_err(|error| error.into_error())?.finish()?.flush()?;
            return Ok(());
        }
        let mut out = file;
        write_records(args, first, end, &mut out)?;
        Ok(out.flush()?)
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

fn write_records(args: &Args, first: u64, end: u64, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{HEADER}")?;
    for number in first..end {
        record(args, number, out)?;
    }
    Ok(())
}

/// A record depends on the seed and its own number alone.
fn record(args: &Args, number: u64, out: &mut impl Write) -> Result<()> {
    let mut rng = Rng::new(args.seed, number);
    let start = BEGIN + number / 1_000;
    let interface = rng.below(200);
    if rng.below(500) == 0 {
        let status = if rng.below(10) == 0 { "SKIPDATA" } else { "NODATA" };
        let end = start + 60;
        writeln!(out, "2 111122223333 eni-{interface:017x} - - - - - - - {start} {end} - {status}")?;
        return Ok(());
    }
    let pair = rng.below((args.keys / 2).max(1));
    // A source talks to about seventy destinations.
    let (source, destination) = (address(10, pair / 70), address(172, pair));
    let (source_port, port) = (rng.between(1_024, 65_535), rng.pick(&[443, 443, 443, 80, 22, 5432, 3306, 53]));
    let protocol = if port == 53 { 17 } else { 6 };
    let most = 1 << rng.below(12);
    let packets = 1 + rng.below(most);
    let bytes = packets * rng.between(40, 1_500);
    let end = start + rng.between(1, 600);
    let action = if rng.percent(50) { "ACCEPT" } else { "REJECT" };
    writeln!(
        out,
        "2 111122223333 eni-{interface:017x} {source} {destination} {source_port} {port} {protocol} {packets} {bytes} \
         {start} {end} {action} OK"
    )?;
    Ok(())
}

/// Addresses that do not follow one another, within a /8.
fn address(network: u8, number: u64) -> Ipv4Addr {
    // Odd, so that no two of 2^24 numbers give the same.
    let spread = number.wrapping_mul(0x9e_3779).to_be_bytes();
    let [.., b, c, d] = spread;
    Ipv4Addr::new(network, b, c, d)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn text(records: u64, keys: u64) -> String {
        let args = Args { records, keys, files: 1, gzip: false, seed: 1, out: PathBuf::new() };
        let mut out = Vec::new();
        let written = write_records(&args, 0, records, &mut out);
        written.map(|()| String::from_utf8_lossy(&out).into_owned()).unwrap_or_default()
    }

    #[test]
    fn records_are_the_same_each_time_and_of_the_default_format() {
        let text = text(2_000, 700);
        assert_eq!(text, self::text(2_000, 700));
        assert!(text.lines().all(|line| line.split(' ').count() == 14));
        assert!(text.contains("NODATA"));
    }

    #[test]
    fn there_are_as_many_keys_as_asked_for() {
        let text = text(20_000, 700);
        let key = |line: &str| {
            let fields: Vec<&str> = line.split(' ').collect();
            [3, 4, 12].map(|field| fields.get(field).map(|field| (*field).to_owned()))
        };
        let keys: HashSet<_> = text.lines().filter(|line| line.ends_with(" OK")).map(key).collect();
        assert_eq!(keys.len(), 700);
    }
}
