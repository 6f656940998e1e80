//! Reads inventories and prints what they hold and how long it took: `read_inventory INPUT…`, or `--serde INPUT` for
//! what a bare typed parse of one file takes.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its purpose is to print")]

use std::process::ExitCode;
use std::time::Instant;

use portcullis_formats::inventory::{ReadOptions, Source, read};

/// The shape that a program would give to serde, were it to do nothing else.
mod typed {
    use serde::Deserialize;

    macro_rules! shape {
        ($name:ident { $($field:ident: $kind:ty),* $(,)? }) => {
            #[derive(Deserialize)]
            #[serde(rename_all = "PascalCase", default)]
            #[derive(Default)]
            pub(crate) struct $name { $($field: $kind),* }
        };
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub(crate) struct Document {
        pub(crate) security_groups: Vec<Group>,
    }

    shape!(Group {
        description: String, group_name: String, group_id: String, owner_id: String, vpc_id: Option<String>,
        security_group_arn: Option<String>, tags: Vec<Tag>, ip_permissions: Vec<Permission>,
        ip_permissions_egress: Vec<Permission>,
    });
    shape!(Tag { key: String, value: String });
    shape!(Permission {
        ip_protocol: String, from_port: Option<i32>, to_port: Option<i32>, ip_ranges: Vec<Range>,
        ipv6_ranges: Vec<Range6>, prefix_list_ids: Vec<List>, user_id_group_pairs: Vec<Pair>,
    });
    shape!(Range { cidr_ip: String, description: Option<String> });
    shape!(Range6 { cidr_ipv6: String, description: Option<String> });
    shape!(List { prefix_list_id: String, description: Option<String> });
    shape!(Pair {
        user_id: Option<String>, group_id: Option<String>, group_name: Option<String>, description: Option<String>,
    });
}

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let started = Instant::now();
    if arguments.first().is_some_and(|first| first == "--serde") {
        let bytes = arguments.get(1).map(std::fs::read).transpose().ok().flatten().unwrap_or_default();
        let parsing = Instant::now();
        return match serde_json::from_slice::<typed::Document>(&bytes) {
            Ok(document) => {
                println!(
                    "{} groups, parsed in {:.3?}, with reading the file {:.3?}",
                    document.security_groups.len(),
                    parsing.elapsed(),
                    started.elapsed()
                );
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    let sources = arguments.drain(..).map(|name| match name.as_str() {
        "-" => Source::reader("-", std::io::stdin()),
        _ => Source::path(name),
    });
    match read(sources, &ReadOptions::default()) {
        Ok(inventory) => {
            let rules: usize = inventory.groups.iter().map(|group| group.rules.len()).sum();
            let unreadable = inventory.groups.iter().filter(|group| group.unreadable.is_some()).count();
            println!(
                "{} groups ({unreadable} unreadable), {rules} rules, {} prefix lists, {} VPCs, {} interfaces in {:.3?}",
                inventory.groups.len(),
                inventory.prefix_lists.len(),
                inventory.vpcs.len(),
                inventory.interfaces.as_ref().map_or(0, Vec::len),
                started.elapsed(),
            );
            // A program that ends here need not take it apart first.
            std::mem::forget(inventory);
            ExitCode::SUCCESS
        }
        Err(errors) => {
            eprintln!("{errors}");
            ExitCode::FAILURE
        }
    }
}
