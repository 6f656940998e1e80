//! `cargo xtask generate`: an inventory of realistic shape and any size, the same for the same seed.
//!
//! Streams: a group is made, written and forgotten. Every group depends on the seed and its own number alone, so a
//! reference to another group needs no memory of it.

pub(crate) mod rng;
mod shape;
mod wire;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use shape::Fleet;

/// Raise it when the same seed no longer gives the same file: the benchmarks keep their files by it.
pub(crate) const VERSION: u32 = 1;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many security groups
    #[arg(long)]
    groups: u64,
    /// Give every group this many ingress rules instead of what its role would have
    #[arg(long)]
    rules: Option<u32>,
    /// Another seed, another fleet
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The file, as `aws ec2 describe-security-groups` prints it, compact
    #[arg(long)]
    out: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let fleet = Fleet { seed: args.seed, groups: args.groups, rules: args.rules };
    write_file(&fleet, &args.out).with_context(|| format!("cannot write `{}`", args.out.display()))
}

fn write_file(fleet: &Fleet, path: &Path) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    write(fleet, &mut out)?;
    out.flush()?;
    Ok(())
}

fn write(fleet: &Fleet, out: &mut impl Write) -> Result<()> {
    out.write_all(b"{\"SecurityGroups\": [")?;
    for index in 0..fleet.groups {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, &fleet.group(index))?;
    }
    out.write_all(b"\n]}\n")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn text(seed: u64, groups: u64, rules: Option<u32>) -> Vec<u8> {
        let mut out = Vec::new();
        write(&Fleet { seed, groups, rules }, &mut out).map_or_else(|_| Vec::new(), |()| out)
    }

    fn groups(text: &[u8]) -> Vec<serde_json::Value> {
        let document: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
        document.get("SecurityGroups").and_then(|g| g.as_array()).cloned().unwrap_or_default()
    }

    /// Every value of `key` anywhere below.
    fn values<'a>(value: &'a serde_json::Value, key: &str, found: &mut Vec<&'a str>) {
        match value {
            serde_json::Value::Object(map) => {
                found.extend(map.get(key).and_then(|v| v.as_str()));
                map.values().for_each(|v| values(v, key, found));
            }
            serde_json::Value::Array(list) => list.iter().for_each(|v| values(v, key, found)),
            _ => {}
        }
    }

    #[test]
    fn same_seed_same_bytes() {
        assert_eq!(text(7, 300, None), text(7, 300, None));
        assert_ne!(text(7, 300, None), text(8, 300, None));
    }

    #[test]
    fn a_group_does_not_depend_on_how_many_there_are() {
        let (few, many) = (groups(&text(1, 40, None)), groups(&text(1, 400, None)));
        assert_eq!(few.iter().take(20).collect::<Vec<_>>(), many.iter().take(20).collect::<Vec<_>>());
    }

    #[test]
    fn documents_are_whole_and_ids_are_unique() {
        let groups = groups(&text(1, 600, None));
        let ids: HashSet<_> = groups.iter().filter_map(|g| g.get("GroupId")?.as_str()).collect();
        assert_eq!(ids.len(), 600);
    }

    #[test]
    fn shape_is_realistic() {
        let text = text(1, 2_000, None);
        let per_group = text.len() / 2_000;
        assert!((800..1_300).contains(&per_group), "{per_group} bytes a group, about 1 KB wanted");

        let groups = groups(&text);
        let defaults = groups.iter().filter(|g| g.get("GroupName").and_then(|n| n.as_str()) == Some("default"));
        assert!(defaults.count() >= 50, "every VPC has its default group");
        for key in ["CidrIp", "CidrIpv6", "PrefixListId"] {
            let mut found = Vec::new();
            groups.iter().for_each(|g| values(g, key, &mut found));
            assert!(!found.is_empty(), "no {key}");
        }
        let mut accounts = Vec::new();
        groups.iter().for_each(|g| values(g, "OwnerId", &mut accounts));
        assert!(accounts.iter().collect::<HashSet<_>>().len() > 3);
    }

    #[test]
    fn rules_can_be_fixed() {
        let groups = groups(&text(1, 1, Some(1_000)));
        let ingress = groups.first().and_then(|g| g.get("IpPermissions"));
        let mut peers = Vec::new();
        ingress.iter().for_each(|i| values(i, "CidrIp", &mut peers));
        assert_eq!(peers.len(), 1_000);
    }
}
