//! A tree of a thousand repositories of rules, as a monorepo of many services has it.

use std::fmt::Write as _;
use std::fs;

use anyhow::Result;

use super::measure::Cost;
use super::table::{each, megabytes, table, time};
use super::whole::Bench;

const REPOSITORIES: u64 = 1_000;
const RULES: u64 = 60;

/// What parsing and comparing cost apart from reading files is measured by the crate itself: `bench crates`.
pub(super) fn repositories(bench: &Bench) -> Result<String> {
    let tree = bench.folder.join(format!("v1-{REPOSITORIES}-repositories"));
    let inventory = tree.join("inventory.json");
    if !inventory.exists() {
        eprintln!("   writing {}", tree.display());
        let mut groups = Vec::new();
        for number in 0..REPOSITORIES {
            let folder = tree.join(format!("service-{number:04}"));
            fs::create_dir_all(&folder)?;
            let settings =
                format!("vpc_id = \"vpc-12345678\"\ngroup_name = \"service-{number:04}\"\nregion = \"us-east-1\"\n");
            fs::write(folder.join(".portcullis.toml"), settings)?;
            fs::write(folder.join("rules.pysec"), lines(number))?;
            groups.push(group(number));
        }
        fs::write(&inventory, format!("{{\"SecurityGroups\": [{}]}}", groups.join(",\n")))?;
    }
    let (tree, inventory) = (tree.display().to_string(), inventory.display().to_string());
    let place = [bench.portcullis.as_str(), "rules", "--recursive", "-C", &tree];
    let status = [&place[..], &["status"]].concat();
    let stage = [&place[..], &["stage", "--quiet", "--format", "json", "--inventory", &inventory]].concat();
    let [status, stage] = bench.by_turns(bench.runs, [&status, &stage])?;
    let row = |name: &str, cost: Cost| {
        [name.to_owned(), time(cost.wall), time(each(cost.wall, REPOSITORIES)), megabytes(cost.peak)]
    };
    Ok(table(
        &format!("{REPOSITORIES} repositories with {RULES} rules each"),
        ["command", "wall time", "a repository", "peak memory"],
        &[row("rules status --recursive", status), row("rules stage --recursive --inventory", stage)],
    ))
}

fn lines(number: u64) -> String {
    let mut text = String::new();
    for rule in 0..RULES {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "10.{}.{rule}.0/24:443^tcp  # office {rule}", number % 250);
    }
    text
}

fn group(number: u64) -> String {
    let ranges: Vec<String> = (0..RULES)
        .map(|rule| format!("{{\"CidrIp\": \"10.{}.{rule}.0/24\", \"Description\": \"office {rule}\"}}", number % 250))
        .collect();
    format!(
        "{{\"GroupId\": \"sg-{number:017x}\", \"GroupName\": \"service-{number:04}\", \"Description\": \"a service\", \
         \"OwnerId\": \"111122223333\", \"VpcId\": \"vpc-12345678\", \
         \"SecurityGroupArn\": \"arn:aws:ec2:us-east-1:111122223333:security-group/sg-{number:017x}\", \
         \"IpPermissions\": [{{\"IpProtocol\": \"tcp\", \"FromPort\": 443, \"ToPort\": 443, \"IpRanges\": [{}]}}], \
         \"IpPermissionsEgress\": [{{\"IpProtocol\": \"-1\", \"IpRanges\": [{{\"CidrIp\": \"0.0.0.0/0\"}}]}}]}}",
        ranges.join(", ")
    )
}
