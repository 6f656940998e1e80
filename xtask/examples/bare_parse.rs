//! A yardstick for `portcullis scan`: reads a file and parses it with serde_json into typed owned structs that hold
//! everything the file does. Nothing is judged.

#![expect(clippy::print_stdout, reason = "prints a count, so that no work can be left out")]
#![expect(dead_code, reason = "the fields are there to be parsed")]

use std::error::Error;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inventory {
    security_groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Group {
    group_id: String,
    ip_permissions_egress: Vec<Permission>,
    #[serde(default)]
    tags: Vec<Tag>,
    vpc_id: String,
    security_group_arn: String,
    owner_id: String,
    group_name: String,
    description: String,
    ip_permissions: Vec<Permission>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Permission {
    ip_protocol: String,
    from_port: Option<i32>,
    to_port: Option<i32>,
    user_id_group_pairs: Vec<GroupPair>,
    ip_ranges: Vec<IpRange>,
    ipv6_ranges: Vec<Ipv6Range>,
    prefix_list_ids: Vec<PrefixList>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GroupPair {
    description: Option<String>,
    user_id: Option<String>,
    group_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IpRange {
    description: Option<String>,
    cidr_ip: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ipv6Range {
    description: Option<String>,
    cidr_ipv6: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PrefixList {
    description: Option<String>,
    prefix_list_id: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("which file?")?;
    let inventory: Inventory = serde_json::from_slice(&std::fs::read(path)?)?;
    let permissions: usize = inventory.security_groups.iter().map(|group| group.ip_permissions.len()).sum();
    println!("{} groups, {permissions} permissions", inventory.security_groups.len());
    Ok(())
}
