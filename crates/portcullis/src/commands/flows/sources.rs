//! From what was typed to inputs: files, folders, standard input, buckets, log groups.

use std::io;
use std::path::Path;

use portcullis_cloud::error::{Error, Kind};
use portcullis_cloud::stores::S3Location;
use portcullis_flows::{Input, Selection};
use portcullis_report::sanitise::neutral;
use portcullis_runtime::flows::{GroupLocation, Wanted, events, find, inputs};

use crate::cli::AwsArgs;
use crate::cli::flows::InputArgs;
use crate::exit::{Failure, Result};
use crate::live::{Live, Purpose};

/// The inputs of all arguments, and AWS as it was opened for those that are there.
pub(super) fn open(args: &InputArgs, selection: &Selection) -> Result<(Vec<Input>, Option<Live>)> {
    let is_remote = |input: &String| input.starts_with("s3:") || input.starts_with("cwl:");
    let live = if args.inputs.iter().any(is_remote) {
        Some(Live::open(&AwsArgs { profile: args.profile.clone(), ..AwsArgs::default() }, Purpose::Read)?)
    } else {
        None
    };
    let wanted = Wanted {
        since: selection.since,
        until: selection.until,
        accounts: args.reading.account.clone(),
        regions: args.region.clone(),
    };
    let mut all = Vec::new();
    for argument in &args.inputs {
        match &live {
            Some(live) if argument.starts_with("s3:") => all.extend(bucket(live, argument, &wanted)?),
            Some(live) if argument.starts_with("cwl:") => all.push(group(live, argument, &wanted)?),
            _ if argument == "-" => all.push(Input::stdin()),
            _ => all.extend(file(argument)?),
        }
    }
    Ok((all, live))
}

fn file(argument: &str) -> Result<Vec<Input>> {
    let path = Path::new(argument);
    if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Err(Failure::input(format!("there is no file or folder `{}`", neutral(argument))));
    }
    Ok(Input::below(path))
}

fn bucket(live: &Live, argument: &str, wanted: &Wanted) -> Result<Vec<Input>> {
    let location: S3Location = argument.parse().map_err(Failure::input)?;
    let handle = live.handle();
    let found = handle.block_on(find(live.cloud(), &location, wanted)).map_err(|error| refused(argument, &error))?;
    handle.block_on(inputs(live.cloud(), found, handle.runtime())).map_err(|error| refused(argument, &error))
}

fn group(live: &Live, argument: &str, wanted: &Wanted) -> Result<Input> {
    let location: GroupLocation = argument.parse().map_err(Failure::input)?;
    let region = wanted.regions.first().map(String::as_str);
    let handle = live.handle();
    let input = handle.block_on(events(live.cloud(), &location, region, wanted, handle.runtime()));
    input.map_err(|error| refused(argument, &error))
}

/// What is not there was named wrongly; what may not be read, or not now, is another matter.
fn refused(argument: &str, error: &Error) -> Failure {
    let message = format!("`{}` could not be read: {}", neutral(argument), neutral(&error.to_string()));
    match error.kind {
        Kind::NotFound | Kind::Invalid => Failure::Input(message),
        _ => Failure::Incomplete(message),
    }
}
